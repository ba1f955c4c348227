// `log` lines (configuration manual, section 4.2 "log").
#include <iterator>

#include "keywords.h"

namespace penstock::config {

namespace {

constexpr std::string_view kFormats[] = {"rfc3164", "rfc5424", "local", "priority", "short", "timed", "iso", "raw"};
constexpr std::string_view kFacilities[] = {
    "kern", "user",  "mail",  "daemon", "auth",   "syslog", "lpr",    "news",   "uucp",   "cron",   "auth2",  "ftp",
    "ntp",  "audit", "alert", "cron2",  "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"};
constexpr std::string_view kLevels[] = {"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"};
constexpr std::uint64_t kShortest = 80, kLongest = 65535;

bool set_target(Line& line, const Word& word, LogTarget& target) {
  if (word.text == "stdout" || word.text == "stderr") {
    target.kind = word.text == "stdout" ? LogTarget::Kind::Stdout : LogTarget::Kind::Stderr;
    return true;
  }
  if (word.text.starts_with("ring@")) {
    target.kind = LogTarget::Kind::Ring;
    target.ring = word.text.substr(5);
    return true;
  }
  if (word.text.starts_with("tcp")) {
    line.complain(word.place,
                  "logs go over TCP by a ring: write 'log ring@<name>', and a section 'ring' with a server");
    return false;
  }
  const auto text = address_word(line, word);
  if (!text) return false;
  std::string error;
  const auto address = parse_address(*text, AddressUse::Log, error);
  if (!address) {
    line.complain(word.place, format("'log': {}", error));
    return false;
  }
  target.address = *address;
  switch (address->kind) {
    case Address::Kind::Fd:
      target.kind = LogTarget::Kind::Fd;
      target.fd = address->fd;
      return true;
    case Address::Kind::Unix:
      target.kind = LogTarget::Kind::Unix;
      return true;
    case Address::Kind::Ip4:
    case Address::Kind::Ip6:
    case Address::Kind::Name:
      target.kind = LogTarget::Kind::Udp;
      return true;
    case Address::Kind::Any:
    case Address::Kind::Abstract:
      break;
  }
  line.complain(word.place,
                format("'log' cannot send to '{}'; expected address:port, a unix path, stdout or stderr", word.text));
  return false;
}

void set_words(Line& line, LogTarget& target) {
  while (line.more()) {
    if (line.accept("len")) {
      target.length = static_cast<std::uint32_t>(line.take_number("a length", kShortest, kLongest));
    } else if (line.accept("format")) {
      if (const auto choice = line.take_choice(kFormats)) target.format = static_cast<LogTarget::Format>(*choice);
    } else if (line.accept("sample")) {
      line.warn(line.peek_text().empty() ? line.place : line.peek().place,
                "'log ... sample' is not offered: this target gets every line");
      line.take("ranges and a size, such as 1:10");
    } else {
      return;
    }
  }
}

}  // namespace

std::span<const std::string_view> log_formats() { return kFormats; }
std::span<const std::string_view> log_facilities() { return kFacilities; }
std::span<const std::string_view> log_levels() { return kLevels; }

std::optional<LogTarget> take_log_target(Line& line) {
  const Word* word = line.take("a target: address:port, a unix path, stdout, stderr or 'global'");
  if (word == nullptr) return std::nullopt;
  LogTarget target;
  target.place = word->place;
  if (!set_target(line, *word, target)) return std::nullopt;
  set_words(line, target);
  if (target.kind == LogTarget::Kind::Ring && target.format)
    line.warn(word->place, format("'format' has no effect here: 'ring {}' says how its lines look", target.ring));
  if (const auto facility = line.take_choice(kFacilities)) target.facility = static_cast<int>(*facility);
  if (line.more()) {
    if (const auto level = line.take_choice(kLevels)) target.level = static_cast<Level>(*level);
  }
  if (line.more()) {
    if (const auto level = line.take_choice(kLevels)) target.min_level = static_cast<Level>(*level);
  }
  if (line.failed()) return std::nullopt;
  return target;
}

}  // namespace penstock::config
