// Converters of texts and bytes (manual section 7.3.1).
#include <algorithm>

#include "expression.h"
#include "hex.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/net/hashing.h"
#include "stopwatch.h"

namespace penstock::rules {

namespace {

constexpr char kUpperDigits[] = "0123456789ABCDEF";

// Null if there is no room for that much, which is trouble of the subject's.
char* space_for(Subject& subject, std::size_t size) {
  return subject.has_room(size) ? static_cast<char*>(subject.arena.allocate(size + 1, 1)) : nullptr;
}

template <char (*change)(char)>
bool convert_each(const Call&, Subject& subject, Value& value) {
  char* to = space_for(subject, value.text.size());
  if (to == nullptr) return false;
  std::transform(value.text.begin(), value.text.end(), to, change);
  value.set_text({to, value.text.size()});
  return true;
}

bool convert_length(const Call&, Subject&, Value& value) {
  return value.set_integer(static_cast<std::int64_t>(value.text.size())), true;
}

void put_hex(std::string_view bytes, char*& at) {
  for (const char c : bytes) {
    *at++ = kUpperDigits[static_cast<unsigned char>(c) >> 4];
    *at++ = kUpperDigits[static_cast<unsigned char>(c) & 15];
  }
}

bool convert_hex(const Call&, Subject& subject, Value& value) {
  char* to = space_for(subject, 2 * value.text.size());
  if (to == nullptr) return false;
  char* at = to;
  put_hex(value.text, at);
  value.set_text({to, static_cast<std::size_t>(at - to)});
  return true;
}

bool convert_hex_to_integer(const Call&, Subject&, Value& value) {
  std::uint64_t number = 0;
  for (const char c : value.text) {
    const int digit = hex_digit(c);
    if (digit < 0) return false;
    number = (number << 4) | static_cast<std::uint64_t>(digit);
  }
  value.set_integer(static_cast<std::int64_t>(number));
  return true;
}

// Chunks of bytes as numbers or hex, a separator between them.
struct Chunks {
  std::string_view separator;
  std::size_t size;
  bool truncate;

  std::size_t count(std::string_view bytes) const { return bytes.size() / size + 1; }
};

template <class Put>
void each_chunk(std::string_view bytes, const Chunks& chunks, Put put) {
  for (bool first = true; !bytes.empty(); first = false) {
    const std::string_view chunk = bytes.substr(0, chunks.size);
    if (chunk.size() < chunks.size && chunks.truncate) return;
    put(first ? std::string_view() : chunks.separator, chunk);
    bytes.remove_prefix(chunk.size());
  }
}

bool convert_chunks_to_hex(const Call& call, Subject& subject, Value& value) {
  const std::size_t size =
      call.has(1) ? static_cast<std::size_t>(call.arguments[1].integer) : std::max<std::size_t>(1, value.text.size());
  const Chunks chunks{call.text(0), size, call.integer(2, 0) != 0};
  char* to = space_for(subject, 2 * value.text.size() + chunks.count(value.text) * chunks.separator.size());
  if (to == nullptr) return false;
  char* at = to;
  each_chunk(value.text, chunks, [&](std::string_view separator, std::string_view chunk) {
    at = std::copy(separator.begin(), separator.end(), at);
    put_hex(chunk, at);
  });
  value.set_text({to, static_cast<std::size_t>(at - to)});
  return true;
}

bool convert_chunks_to_numbers(const Call& call, Subject& subject, Value& value) {
  const Chunks chunks{call.text(0), static_cast<std::size_t>(call.arguments[1].integer), call.integer(2, 0) != 0};
  // Three digits for a byte at most, and room for a whole number behind them.
  char* to = space_for(subject, 3 * value.text.size() + chunks.count(value.text) * chunks.separator.size() + 20);
  if (to == nullptr) return false;
  char* at = to;
  each_chunk(value.text, chunks, [&](std::string_view separator, std::string_view chunk) {
    std::uint64_t number = 0;
    for (const char c : chunk) number = (number << 8) | static_cast<unsigned char>(c);
    at = std::copy(separator.begin(), separator.end(), at);
    at += format_into({at, 20}, "{}", number).size();
  });
  value.set_text({to, static_cast<std::size_t>(at - to)});
  return true;
}

// RFC 4648 sections 4 and 5.
template <Base64 form>
bool convert_to_base64(const Call&, Subject& subject, Value& value) {
  char* to = space_for(subject, base64_space(value.text.size()));
  if (to == nullptr) return false;
  value.set_text({to, static_cast<std::size_t>(write_base64(value.text, form, to) - to)});
  return true;
}

template <Base64 form>
bool convert_from_base64(const Call&, Subject& subject, Value& value) {
  char* to = space_for(subject, value.text.size());
  const auto size = to == nullptr ? std::nullopt : read_base64(value.text, to, form);
  if (size) value.set_binary({to, *size});
  return size.has_value();
}

bool convert_bytes(const Call& call, Subject&, Value& value) {
  const std::int64_t offset = call.arguments[0].integer;
  if (offset < 0 || static_cast<std::size_t>(offset) > value.text.size()) return value.set_binary({}), true;
  std::string_view rest = value.text.substr(static_cast<std::size_t>(offset));
  if (call.has(1)) {
    const std::int64_t length = call.arguments[1].integer;
    if (length < 0) return value.set_binary({}), true;
    rest = rest.substr(0, static_cast<std::size_t>(length));
  }
  value.set_binary(rest);
  return true;
}

bool convert_cut(const Call&, Subject&, Value& value) {
  return value.set_text(value.text.substr(0, value.text.find_first_of("\r\n"))), true;
}

bool convert_trim_left(const Call& call, Subject&, Value& value) {
  const std::size_t begin = value.text.find_first_not_of(call.text(0));
  value.set_text(begin == std::string_view::npos ? value.text.substr(value.text.size()) : value.text.substr(begin));
  return true;
}

bool convert_trim_right(const Call& call, Subject&, Value& value) {
  const std::size_t last = value.text.find_last_not_of(call.text(0));
  value.set_text(value.text.substr(0, last == std::string_view::npos ? 0 : last + 1));
  return true;
}

// Fields stand between delimiters; words are fields that are not empty. Index 1 is the first, -1 the
// last; `count` of them are taken towards the other end, 0 for all.
template <bool words>
bool convert_part(const Call& call, Subject&, Value& value) {
  const std::string_view text = value.text;
  const std::string_view delimiters = call.text(1);
  const std::int64_t index = call.arguments[0].integer, count = call.integer(2, 1);
  const auto is_delimiter = [&](std::size_t at) { return delimiters.find(text[at]) != std::string::npos; };
  const std::int64_t from = index < 0 ? -index : index;
  std::int64_t number = 0;
  std::size_t begin = 0, end = 0;
  bool found = false;
  // Walks fields from the front or, mirrored, from the back.
  for (std::size_t at = 0; at <= text.size();) {
    std::size_t stop = at;
    const auto position = [&](std::size_t i) { return index < 0 ? text.size() - 1 - i : i; };
    while (stop < text.size() && !is_delimiter(position(stop))) ++stop;
    if (!words || stop != at) {
      ++number;
      if (number == from) begin = at, found = true;
      if (number >= from) end = stop;
      if (found && count != 0 && number == from + count - 1) break;
    }
    at = stop + 1;
  }
  if (!found) {
    value.set_text(text.substr(0, 0));
    return words;
  }
  value.set_text(index < 0 ? text.substr(text.size() - end, end - begin) : text.substr(begin, end - begin));
  return true;
}

bool convert_url_decode(const Call& call, Subject& subject, Value& value) {
  const std::string_view text = value.text;
  bool plus_is_blank = call.integer(0, 0) != 0;
  char* to = space_for(subject, text.size());
  if (to == nullptr) return false;
  char* at = to;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return false;
      *at++ = static_cast<char>(high * 16 + low);
      i += 2;
      continue;
    }
    if (text[i] == '?') plus_is_blank = true;
    *at++ = text[i] == '+' && plus_is_blank ? ' ' : text[i];
  }
  value.set_text({to, static_cast<std::size_t>(at - to)});
  return true;
}

// RFC 3986 section 2.3: unreserved characters stay.
bool convert_url_encode(const Call&, Subject& subject, Value& value) {
  char* to = space_for(subject, 3 * value.text.size());
  if (to == nullptr) return false;
  char* at = to;
  for (const char c : value.text) {
    const bool stays = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (stays) {
      *at++ = c;
      continue;
    }
    *at++ = '%';
    put_hex({&c, 1}, at);
  }
  value.set_text({to, static_cast<std::size_t>(at - to)});
  return true;
}

// The host of "host:port", whose IPv6 form stands in brackets.
std::string_view host_part(std::string_view authority) {
  const std::size_t colon = authority.rfind(':');
  const std::size_t bracket = authority.rfind(']');
  const bool in_brackets = bracket != std::string_view::npos && (colon == std::string_view::npos || colon < bracket);
  return in_brackets ? authority : authority.substr(0, colon);
}

bool convert_host(const Call& call, Subject& subject, Value& value) {
  value.text = host_part(value.text);
  return convert_each<to_lower>(call, subject, value);
}

bool convert_port(const Call&, Subject&, Value& value) {
  const std::string_view host = host_part(value.text);
  value.set_integer(host.size() == value.text.size() ? 0 : leading_integer(value.text.substr(host.size() + 1)));
  return true;
}

// sed's s/regex/replacement/, once or for all matches.
bool convert_substitute(const Call& call, Subject& subject, Value& value) {
  const std::string_view text = value.text;
  const Regex& regex = *call.arguments[0].regex;
  const bool all = call.integer(2, 0) != 0;
  Stopwatch stopwatch(matching_ns(text.size()));
  TextBuilder done(subject);
  std::size_t at = 0;
  RegexGroups groups;
  while (at <= text.size() && regex.find(subject, text, at, groups)) {
    const std::size_t begin = groups.offsets[0], end = groups.offsets[1];
    if (!done.put(text.substr(at, begin - at)) || !put_groups(done, call.text(1), text, groups)) return false;
    at = end;
    if (begin == end) {
      // An empty match moves on by one character, which stays.
      if (!done.put(text.substr(end, 1))) return false;
      ++at;
    }
    if (!all) break;
    if (stopwatch.over()) subject.trouble = Trouble::Match;
    if (subject.trouble != Trouble::None) return false;
  }
  if (at == 0) return true;
  if (at < text.size() && !done.put(text.substr(at))) return false;
  value.set_text(done.text());
  return true;
}

// Thousandths (RFC 9110 section 12.4.2); what is none, or has more digits, is 1.
int quality(std::string_view text) {
  constexpr int kMost = 1000;
  const auto digit = [&text](std::size_t at) {
    return at < text.size() && text[at] >= '0' && text[at] <= '9' ? text[at] - '0' : -1;
  };
  if (digit(0) < 0) return kMost;
  int found = digit(0) * kMost;
  if (text.size() > 1 && text[1] == '.') {
    int weight = kMost / 10;
    std::size_t at = 2;
    for (; at < 5 && digit(at) >= 0; ++at, weight /= 10) found += digit(at) * weight;
    if (digit(at) >= 0) return kMost;
  }
  return std::min(found, kMost);
}

// Of the languages that a client can read the one it likes best, of those in a list.
bool convert_language(const Call& call, Subject&, Value& value) {
  // The first of the list that it is, or that it is a variant of.
  const auto listed = [&call](std::string_view language) {
    const std::string_view without_variant = language.substr(0, language.find('-'));
    for (std::string_view rest = call.text(0); !rest.empty();) {
      const std::string_view one = cut(rest, ';');
      if (!one.empty() && (one == language || one == without_variant)) return one;
    }
    return std::string_view();
  };
  std::string_view best;
  int most = 0;
  for (std::string_view rest = value.text; !rest.empty();) {
    std::string_view parameters = trim(cut(rest, ','));
    const std::string_view language = trim(cut(parameters, ';'));
    parameters = trim(parameters);
    const int found = parameters.starts_with("q=") ? quality(parameters.substr(2)) : 1000;
    if (found <= most) continue;
    const std::string_view name = listed(language);
    if (name.empty()) continue;
    best = name;
    most = found;
  }
  if (best.empty()) best = call.text(1);
  return !best.empty() && (value.set_text(best), true);
}

constexpr Converter kConverters[] = {
    {"b64dec", Type::Text, Type::Binary, "", convert_from_base64<Base64::Plain>},
    {"base64", Type::Binary, Type::Text, "", convert_to_base64<Base64::Plain>},
    {"be2dec", Type::Binary, Type::Text, "ti|i", convert_chunks_to_numbers},
    {"be2hex", Type::Binary, Type::Text, "|tii", convert_chunks_to_hex},
    {"bytes", Type::Binary, Type::Binary, "i|i", convert_bytes},
    {"cut_crlf", Type::Text, Type::Text, "", convert_cut},
    {"field", Type::Text, Type::Text, "it|i", convert_part<false>},
    {"hex", Type::Binary, Type::Text, "", convert_hex},
    {"hex2i", Type::Text, Type::Integer, "", convert_hex_to_integer},
    {"host_only", Type::Text, Type::Text, "", convert_host},
    {"language", Type::Text, Type::Text, "t|t", convert_language},
    {"length", Type::Text, Type::Integer, "", convert_length},
    {"lower", Type::Text, Type::Text, "", convert_each<to_lower>},
    {"ltrim", Type::Text, Type::Text, "t", convert_trim_left},
    {"port_only", Type::Text, Type::Integer, "", convert_port},
    {"regsub", Type::Text, Type::Text, "tt|t", convert_substitute},
    {"rtrim", Type::Text, Type::Text, "t", convert_trim_right},
    {"ub64dec", Type::Text, Type::Binary, "", convert_from_base64<Base64::ForUrls>},
    {"ub64enc", Type::Binary, Type::Text, "", convert_to_base64<Base64::ForUrls>},
    {"upper", Type::Text, Type::Text, "", convert_each<to_upper>},
    {"url_dec", Type::Text, Type::Text, "|i", convert_url_decode},
    {"url_enc", Type::Text, Type::Text, "|t", convert_url_encode},
    {"word", Type::Text, Type::Text, "it|i", convert_part<true>},
};

}  // namespace

std::span<const Converter> text_converters() { return kConverters; }

bool finish_text_converter(Compiling& compiling, Call& call, config::Place place) {
  const std::string_view name = call.converter->name;
  const auto complain = [&](std::string text) {
    compiling.diagnostics.add(place, std::move(text));
    return false;
  };
  if (name == "regsub") {
    const std::string_view flags = call.text(2);
    if (flags.find_first_not_of("gi") != std::string::npos)
      return complain(format("'{}' are no flags of regsub: g, i or both were expected", flags));
    if (call.has(2)) call.arguments[2].integer = flags.find('g') != std::string::npos ? 1 : 0;
    std::string error;
    call.arguments[0].regex = Regex::compile(call.text(0), flags.find('i') != std::string::npos, error);
    return call.arguments[0].regex != nullptr ||
           complain(format("'{}' is no regular expression: {}", call.text(0), error));
  }
  if ((name == "field" || name == "word") && call.arguments[0].integer == 0)
    return complain(format("index 0 of '{}' does not exist: 1 is the first, -1 the last", name));
  if ((name == "field" || name == "word") && call.text(1).empty())
    return complain(format("'{}' needs a delimiter", name));
  if (name == "be2dec" || name == "be2hex") {
    const std::int64_t size = call.integer(1, 1);
    if (size < 1 || (name == "be2dec" && size > 8))
      return complain(format("a chunk of '{}' has 1 to {} bytes", name, name == "be2dec" ? "8" : "any number of"));
  }
  if (name == "url_enc" && call.has(0) && !call.text(0).empty() && call.text(0) != "query")
    return complain("the only kind of url_enc is 'query'");
  return true;
}

}  // namespace penstock::rules
