// A log-format string (manual section 8.2.6), compiled. Used for log lines, unique ids, header values,
// redirects and replies alike; they differ in how values are escaped.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "penstock/rules/subject.h"

namespace penstock::rules {

struct FormatNode;

class Format {
 public:
  Format();
  explicit Format(std::vector<FormatNode> nodes);
  Format(Format&&) noexcept;
  Format& operator=(Format&&) noexcept;
  ~Format();

  bool empty() const { return empty_; }
  // What must be fetched or counted for it beforehand: %bi and %bp; %lc.
  bool asks_back_address() const { return asks_back_address_; }
  bool asks_log_counter() const { return asks_log_counter_; }
  // The whole text if no part depends on the subject, else nothing.
  std::optional<std::string_view> constant() const;
  // Writes into `space` and returns what was written, cut if it did not fit. No heap; what samples
  // compute goes to the subject's arena.
  std::string_view write(Subject& subject, std::span<char> space) const;
  // The same into the subject's arena, not cut but in trouble; a constant format is not copied.
  std::string_view expand(Subject& subject) const;

 private:
  std::vector<FormatNode> nodes_;
  bool empty_ = true;
  bool asks_back_address_ = false, asks_log_counter_ = false;
};

// The formats of `option httplog` and its kin, exactly as the manual prints them. The default format
// of a proxy without any ("Connect from ...") is `%ci`-based too, see kDefaultLogFormat*.
extern const std::string_view kHttpLogFormat;
extern const std::string_view kRefusalFormat;
extern const std::string_view kTcpLogFormat;
extern const std::string_view kHttpsLogFormat;
extern const std::string_view kClfLogFormat;
extern const std::string_view kDefaultLogFormatTcp;   // "Connect from %ci:%cp to %fi:%fp (%f/TCP)"
extern const std::string_view kDefaultLogFormatHttp;  // ... "(%f/HTTP)"

}  // namespace penstock::rules
