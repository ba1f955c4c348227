// Levels and the sink of the process's own log: what an administrator reads at 3 a.m. Access logs
// are the proxy's.
#pragma once

#include <atomic>
#include <cstdint>
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

// At most once in a while, whichever thread asks. Times are Unix time in microseconds; a clock that
// steps back by more than the interval does not silence it.
class AtMostEvery {
 public:
  explicit AtMostEvery(std::int64_t interval_us = 10'000'000) : interval_us_(interval_us) {}
  // True for one of those who ask when the interval has passed, and at the first time.
  bool due(std::int64_t now_us);
  // The same; tells how often it was not since the last time that it was.
  bool due(std::int64_t now_us, std::uint32_t& passed_over);

 private:
  const std::int64_t interval_us_;
  std::atomic<std::int64_t> last_us_{INT64_MIN / 2};
  std::atomic<std::uint32_t> passed_over_{0};
};

}  // namespace penstock
