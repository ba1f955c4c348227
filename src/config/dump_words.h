// Words of a line as the canonical text has them: each is written if it says what the standard does not.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "keywords.h"
#include "lexer.h"

namespace penstock::config {

inline std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ",") + part;
  return text;
}
inline void add_word(std::string& words, std::string_view keyword, std::string_view value) {
  if (!value.empty()) append_format(words, " {} {}", keyword, quoted(value));
}
inline void add_number(std::string& words, std::string_view keyword, std::int64_t value, std::int64_t standard = 0) {
  if (value != standard) append_format(words, " {} {}", keyword, value);
}
inline void add_flag(std::string& words, std::string_view keyword, bool on) {
  if (on) append_format(words, " {}", keyword);
}
inline void add_time(std::string& words, std::string_view keyword, std::uint64_t ms, std::uint64_t standard = 0) {
  if (ms != standard) append_format(words, " {} {}", keyword, duration_text(ms));
}
inline std::string init_addr_text(const Server& server) {
  static constexpr const char* kWays[] = {"last", "libc", "none"};
  std::vector<std::string> ways;
  for (const InitAddr& way : server.init_addr)
    ways.push_back(way.way == InitAddr::Way::Ip ? way.ip : kWays[static_cast<std::size_t>(way.way)]);
  return joined(ways);
}

// Of TLS; towards a server with how it is called and what it is shown. What the process's defaults say is left out.
void add_tls(std::string& words, const Tls& tls, const Tls& standard, bool is_bind);
void add_server_tls(std::string& words, const Server& server, const Tls& standard);

// Behind `cookie`, `option forwardfor` or `option originalto`, `hash-type` and `balance`; empty: as by default.
std::string cookie_text(const Cookie& cookie);
std::string forward_words(const ForwardFor& forward, std::string_view usual_header);
std::string hash_type_text(const Balance& balance);
std::string balance_text(const Balance& balance);

// What kind of check it is, behind `option`; empty: connecting is all.
std::string check_option(const Health& health);
// Of a step of a health check that is no comment, behind `http-check` or `tcp-check`.
std::string step_words(bool http, const CheckStep& step);

}  // namespace penstock::config
