#include "penstock/http/caching.h"

#include <algorithm>
#include <cstring>
#include <ctime>

#include "penstock/base/text.h"
#include "penstock/base/xxhash.h"

namespace penstock::caching {
namespace {

// Codings by their bits. The registry of RFC 9110 section 18.6; those of one bit are one.
struct CodingName {
  std::string_view name;
  std::uint32_t bit;
};
constexpr std::uint32_t kIdentity = 1, kAnyKnown = 0x1ff;
constexpr CodingName kCodings[] = {
    {"identity", kIdentity}, {"gzip", 2},        {"x-gzip", 2}, {"deflate", 4}, {"br", 8},
    {"compress", 16},        {"x-compress", 16}, {"zstd", 32},  {"exi", 64},    {"aes128gcm", 128},
    {"pack200-gzip", 256}};
// No request names one: it is that of an answer to who said nothing of codings.
constexpr std::uint32_t kUnsaid = 1u << 31;

std::uint32_t bit_of(std::string_view name) {
  for (const CodingName& coding : kCodings) {
    if (equal_nocase(coding.name, name)) return coding.bit;
  }
  return 0;
}

// The next element of a list, past commas in quotes.
std::string_view next_element(std::string_view& list) {
  bool quoted = false;
  std::size_t end = 0;
  for (; end < list.size() && (quoted || list[end] != ','); ++end) {
    if (list[end] == '"') quoted = !quoted;
    if (list[end] == '\\' && quoted && end + 1 < list.size()) ++end;
  }
  const std::string_view element = list.substr(0, end);
  list.remove_prefix(std::min(list.size(), end + 1));
  return trim(element);
}

template <class Visit>
void each_element(const Head& head, std::string_view name, Visit visit) {
  for (const Field& field : head.fields) {
    if (!equal_nocase(field.name, name)) continue;
    for (std::string_view list = field.value; !list.empty();) {
      const std::string_view element = next_element(list);
      if (!element.empty()) visit(element);
    }
  }
}

// A directive's seconds; nothing: it has none that can be read.
std::optional<std::uint64_t> seconds_of(std::string_view value) {
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
  if (value.empty() || !std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; }))
    return std::nullopt;
  // More than anybody keeps anything (RFC 9111 section 1.2.2).
  constexpr std::uint64_t kMost = 2147483648;
  return value.size() > 10 ? kMost : std::min(kMost, *parse_unsigned(value));
}

// What Cache-Control and Pragma of an answer say.
struct Says {
  bool forbids = false;
  bool is_public = false;
  std::optional<std::uint64_t> shared_s, any_s;
};

void take_directive(std::string_view directive, Says& says) {
  const std::string_view name = trim(cut(directive, '='));
  const std::string_view value = trim(directive);
  if (equal_nocase(name, "no-store") || equal_nocase(name, "private") || equal_nocase(name, "no-cache"))
    says.forbids = true;
  if (equal_nocase(name, "public")) says.is_public = true;
  const bool is_shared = equal_nocase(name, "s-maxage");
  if (!is_shared && !equal_nocase(name, "max-age")) return;
  const std::uint64_t seconds = seconds_of(value).value_or(0);
  if (seconds == 0) says.forbids = true;
  (is_shared ? says.shared_s : says.any_s) = seconds;
}

Says said_by(const Head& answer) {
  Says says;
  each_element(answer, "cache-control", [&](std::string_view element) { take_directive(element, says); });
  each_element(answer, "pragma",
               [&](std::string_view element) { says.forbids = says.forbids || equal_nocase(element, "no-cache"); });
  return says;
}

// Which fields Vary names; nothing: others too.
std::optional<unsigned> vary_of(const Head& answer) {
  unsigned vary = kVaryNothing;
  bool others = false;
  for (const Field& field : answer.fields) {
    if (!equal_nocase(field.name, "vary")) continue;
    std::string_view list = field.value;
    do {
      const std::string_view name = next_element(list);
      if (equal_nocase(name, "accept-encoding")) {
        vary |= kVaryCoding;
      } else if (equal_nocase(name, "referer")) {
        vary |= kVaryReferer;
      } else {
        others = true;
      }
    } while (!list.empty());
  }
  return others ? std::nullopt : std::optional(vary);
}

// Which codings a client must read; nothing: one that nobody knows.
std::optional<std::uint32_t> needed_codings(const Head& answer, const Asked& asked) {
  std::uint32_t needed = 0;
  bool known = true;
  each_element(answer, "content-encoding", [&](std::string_view name) {
    const std::uint32_t bit = bit_of(name);
    known = known && bit != 0;
    needed |= bit;
  });
  if (!known) return std::nullopt;
  if (needed == 0 || needed == kIdentity) return kIdentity;
  // Who said nothing got something that most could not read: it is for his like alone.
  return (asked.codings & kUnsaid) != 0 ? kUnsaid : needed & ~kIdentity;
}

// Nothing: it cannot be read.
std::optional<std::uint64_t> age_of(const Head& answer) {
  const Field* age = answer.find("age");
  if (age == nullptr) return 0;
  return seconds_of(age->value);
}

// For how long it is fresh from now on; 0: not at all.
std::uint64_t freshness_of(const Head& answer, const Says& says, std::uint64_t age_s, std::uint64_t most_s,
                           std::int64_t now_s) {
  const auto without_age = [&](std::uint64_t seconds) { return seconds > age_s ? seconds - age_s : 0; };
  if (says.shared_s || says.any_s) return std::min(most_s, without_age(says.shared_s ? *says.shared_s : *says.any_s));
  if (const Field* expires = answer.find("expires")) {
    const std::optional<std::int64_t> at_s = parse_date(expires->value);
    return at_s && *at_s > now_s ? std::min(most_s, static_cast<std::uint64_t>(*at_s - now_s)) : 0;
  }
  const bool has_cookie = answer.find("set-cookie") != nullptr || answer.find("set-cookie2") != nullptr;
  const bool has_validator = answer.find("etag") != nullptr || answer.find("last-modified") != nullptr;
  // Nobody said for how long, or that it is for others too.
  if (!has_validator || age_s != 0 || (has_cookie && !says.is_public)) return 0;
  return most_s;
}

std::string_view opaque(std::string_view tag) { return tag.starts_with("W/") ? tag.substr(2) : tag; }

bool accepts(std::string_view parameters) {
  while (!parameters.empty()) {
    const std::string_view parameter = trim(cut(parameters, ';'));
    if (!starts_with_nocase(parameter, "q=")) continue;
    const std::string_view weight = parameter.substr(2);
    return weight.empty() || weight.find_first_not_of("0.") != std::string_view::npos;
  }
  return true;
}

}  // namespace

bool names_somebody(const Head& request) { return request.find("authorization") != nullptr; }

Request judge(const Head& request) {
  Request out;
  constexpr std::string_view kHarmless[] = {"GET", "HEAD", "OPTIONS", "TRACE"};
  out.changes = std::find(std::begin(kHarmless), std::end(kHarmless), request.method) == std::end(kHarmless);
  const bool reads = request.method == "GET" || request.method == "HEAD";
  // What stands in a body may change the answer, and is no part of what it is known by.
  if (!reads || request.version != HttpVersion::Http11 || request.body.kind != BodyLength::Kind::None ||
      names_somebody(request))
    return out;
  out.asks = true;
  out.stores = request.method == "GET";
  bool has_control = false;
  for (const Field& field : request.fields) {
    if (equal_nocase(field.name, "cache-control")) has_control = true;
  }
  // Who has a wish about ages is sent to a server.
  constexpr std::string_view kWishes[] = {"no-cache", "max-age", "max-stale", "min-fresh"};
  each_element(request, "cache-control", [&](std::string_view element) {
    const std::string_view name = trim(cut(element, '='));
    const auto is_it = [&](std::string_view wish) { return equal_nocase(name, wish); };
    if (std::any_of(std::begin(kWishes), std::end(kWishes), is_it)) out.asks = false;
    if (equal_nocase(name, "no-store")) out.stores = false;
  });
  if (!has_control) {
    each_element(request, "pragma",
                 [&](std::string_view element) { out.asks = out.asks && !equal_nocase(element, "no-cache"); });
  }
  return out;
}

Asked asked_by(const Head& request) {
  Asked asked;
  if (const Field* referer = request.find("referer")) asked.referer = xxh3(referer->value) | 1;
  if (request.find("accept-encoding") == nullptr) {
    asked.codings = kIdentity | kUnsaid;
    return asked;
  }
  std::uint32_t accepted = 0, refused = 0;
  bool any = false, none_else = false;
  each_element(request, "accept-encoding", [&](std::string_view element) {
    const std::string_view name = trim(cut(element, ';'));
    const bool yes = accepts(element);
    if (name == "*") {
      (yes ? any : none_else) = true;
    } else {
      (yes ? accepted : refused) |= bit_of(name);
    }
  });
  if (any) accepted |= kAnyKnown & ~refused;
  // It needs no naming.
  if ((refused & kIdentity) == 0 && !none_else) accepted |= kIdentity;
  asked.codings = accepted;
  return asked;
}

std::optional<Keeping> judge(const Head& answer, const Asked& asked, std::uint64_t most_s, bool varies,
                             std::int64_t now_s) {
  if (answer.status != 200 || answer.find("content-range") != nullptr) return std::nullopt;
  const Says says = said_by(answer);
  const std::optional<std::uint64_t> age_s = age_of(answer);
  if (says.forbids || !age_s) return std::nullopt;
  Keeping keeping;
  keeping.age_s = *age_s;
  keeping.seconds = freshness_of(answer, says, *age_s, most_s, now_s);
  if (keeping.seconds == 0) return std::nullopt;
  const std::optional<unsigned> vary = vary_of(answer);
  if (!vary || (*vary != kVaryNothing && !varies)) return std::nullopt;
  keeping.variant.vary = *vary;
  if ((*vary & kVaryCoding) != 0) {
    const std::optional<std::uint32_t> codings = needed_codings(answer, asked);
    if (!codings) return std::nullopt;
    keeping.variant.codings = *codings;
  }
  if ((*vary & kVaryReferer) != 0) keeping.variant.referer = asked.referer;
  return keeping;
}

bool has_it(const Head& request, std::string_view tag, std::int64_t modified_s) {
  bool asks_by_tag = false, found = false;
  each_element(request, "if-none-match", [&](std::string_view element) {
    asks_by_tag = true;
    found = found || element == "*" || (!tag.empty() && opaque(element) == opaque(tag));
  });
  if (asks_by_tag) return found;
  const Field* since = request.find("if-modified-since");
  if (since == nullptr) return false;
  const std::optional<std::int64_t> since_s = parse_date(since->value);
  return since_s && modified_s <= *since_s;
}

std::optional<std::int64_t> parse_date(std::string_view text) {
  constexpr const char* kForms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"};
  char copy[40];
  if (text.size() >= sizeof(copy)) return std::nullopt;
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  for (const char* form : kForms) {
    std::tm parts{};
    const char* end = ::strptime(copy, form, &parts);
    if (end != nullptr && *end == '\0') return ::timegm(&parts);
  }
  return std::nullopt;
}

}  // namespace penstock::caching
