// Levels and the sink of the process's own log: what an administrator reads at 3 a.m. Access logs
// are the proxy's.
#pragma once

#include <string_view>

namespace penstock {

// Syslog severities (RFC 5424 section 6.2.1).
enum class Level : int { Emerg = 0, Alert, Crit, Err, Warning, Notice, Info, Debug };

std::string_view level_name(Level level);

// Takes one line without line end. May be called from any thread; never waits.
class LogSink {
 public:
  virtual void write(Level level, std::string_view line) = 0;

 protected:
  ~LogSink() = default;
};

}  // namespace penstock
