#include "penstock/proxy/persistence.h"

#include <algorithm>
#include <iterator>

#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/base/xxhash.h"
#include "penstock/http/cookies.h"

namespace penstock::persistence {
namespace {

using Kind = config::Cookie::Kind;

constexpr char kPrefixEnd = '~';
constexpr char kStampMark = '|';
constexpr std::int64_t kDay = 86400;

bool is_past(std::int64_t stamp_s, std::uint64_t limit_s, std::int64_t now_s) {
  if (limit_s == 0 || stamp_s == 0) return false;
  // A clock may be wrong, or have been put right, by a day.
  return now_s - stamp_s > static_cast<std::int64_t>(limit_s) || stamp_s - now_s > kDay;
}

// Reads one cookie after the other until one names a server that may be had.
class Reader {
 public:
  Reader(const CookieSpec& spec, std::span<const ServerSpec> servers, Power power, std::int64_t now_s)
      : line_(spec.line), servers_(servers), power_(power), now_s_(now_s) {}

  void read(std::string_view list) {
    cookies::Cookie cookie;
    for (std::size_t at = 0; claim_.server < 0 && cookies::next(list, at, cookie);) {
      if (cookie.is_pair && cookie.name == line_.name) judge(cookie.value);
    }
  }
  const Claim& claim() const { return claim_; }

 private:
  void judge(std::string_view value) {
    if (line_.kind == Kind::Prefix) return look_up(value.substr(0, value.find(kPrefixEnd)));
    const std::string_view name = cut(value, kStampMark);
    claim_.last_s = cookies::read_stamp(cut(value, kStampMark));
    claim_.first_s = cookies::read_stamp(value);
    if (!is_past(claim_.last_s, line_.maxidle_s, now_s_) && !is_past(claim_.first_s, line_.maxlife_s, now_s_)) {
      return look_up(name);
    }
    claim_.letter = is_past(claim_.first_s, line_.maxlife_s, now_s_) ? 'O' : 'E';
    claim_.last_s = claim_.first_s = 0;
  }

  // Servers may share a value: the first that may be had.
  void look_up(std::string_view value) {
    bool known = false;
    for (std::size_t i = 0; power_ != Power::None && i < servers_.size() && !value.empty(); ++i) {
      if (servers_[i].cookie != value) continue;
      known = true;
      const bool up = servers_[i].state->keeps_traffic();
      if (!up && power_ != Power::Anyhow) continue;
      claim_.letter = up ? 'V' : 'D';
      claim_.server = static_cast<int>(i);
      return;
    }
    if (known) claim_.letter = 'D';
    if (claim_.letter == 'N') claim_.letter = power_ == Power::None ? 'U' : 'I';
  }

  const config::Cookie& line_;
  std::span<const ServerSpec> servers_;
  Power power_;
  std::int64_t now_s_;
  Claim claim_;
};

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> names) {
  return std::any_of(names.begin(), names.end(), [&](std::string_view name) { return equal_nocase(text, name); });
}

// What RFC 9111 section 3 asks before a shared cache keeps an answer, as far as `nocache` needs it:
// a method and a status that allow it, something to judge its age by, and no word against it.
class Cacheability {
 public:
  bool judge(const Head& request, const Head& response) {
    constexpr std::uint16_t kStatuses[] = {200, 203, 204, 206, 300, 301, 404, 405, 410, 414, 501};
    const std::string_view method = request.method;
    const bool usual = (method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "TRACE") &&
                       std::find(std::begin(kStatuses), std::end(kStatuses), response.status) != std::end(kStatuses);
    for (const Field& field : response.fields) read(field);
    return (usual || public_) && dated_ && !refused_;
  }

 private:
  void read(const Field& field) {
    if (is_one_of(field.name, {"etag", "last-modified", "expires"})) dated_ = true;
    if (equal_nocase(field.name, "pragma") && equal_nocase(field.value, "no-cache")) refused_ = true;
    if (!equal_nocase(field.name, "cache-control")) return;
    for (std::string_view rest = field.value; !rest.empty();) {
      const std::string_view word = trim(cut(rest, ','));
      if (is_one_of(word, {"no-cache", "no-store", "private", "max-age=0", "s-maxage=0"})) refused_ = true;
      if (starts_with_nocase(word, "max-age=") || starts_with_nocase(word, "s-maxage=")) dated_ = true;
      if (equal_nocase(word, "public")) public_ = true;
    }
  }
  bool public_ = false;  // Said to be kept, whatever method and status.
  bool dated_ = false;
  bool refused_ = false;
};

// What stands before the value, its quotes included.
std::string_view before_value(const Field& field, const cookies::Cookie& cookie) {
  return field.value.substr(0, static_cast<std::size_t>(cookie.value.data() - field.value.data()));
}

// The server's own cookie: stays, goes, or says which server it is. Null letter: it is another.
char treat(Field& field, const CookieSpec& spec, const Visit& visit, Arena& arena) {
  const auto cookie = cookies::set_by(field.value);
  const std::string_view value = visit.server.cookie;
  if (!cookie || cookie->name != spec.line.name) return 0;
  if (spec.line.preserve) return 'P';
  if (spec.line.kind == Kind::Insert || (spec.line.indirect && visit.direct)) return 'D';
  if (spec.line.kind == Kind::Passive || value.empty()) return 'P';
  const std::string_view head = before_value(field, *cookie);
  std::string_view rest = field.value.substr(head.size());
  if (spec.line.kind == Kind::Rewrite) {
    field.value = arena.concat({head, value, rest.substr(cookie->value.size())});
  } else {
    field.value = arena.concat({head, value, std::string_view(&kPrefixEnd, 1), rest});
  }
  return 'R';
}

// The client's cookie is right but for its dates.
bool is_stale(const config::Cookie& line, const Claim& claim, std::int64_t now_s) {
  if ((line.maxlife_s != 0) != (claim.first_s != 0)) return true;
  return (line.maxidle_s != 0 || claim.last_s != 0) && claim.last_s < now_s;
}

std::string_view inserted(const CookieSpec& spec, const Visit& visit, Arena& arena) {
  const config::Cookie& line = spec.line;
  if (visit.server.cookie.empty()) {
    return arena.concat({line.name, "=; Expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/", spec.attributes});
  }
  char stamps[2 * (1 + cookies::kStampSize)];
  std::size_t size = 0;
  const auto stamp = [&](std::int64_t seconds) {
    stamps[size] = kStampMark;
    cookies::write_stamp(seconds, stamps + size + 1);
    size += 1 + cookies::kStampSize;
  };
  // Rounded up: a cookie just given is not stale at once.
  const std::int64_t now_s = visit.now_s + 3;
  if (line.maxidle_s != 0 || line.maxlife_s != 0) stamp(now_s);
  if (line.maxlife_s != 0) stamp(visit.claim.first_s != 0 ? visit.claim.first_s : now_s);
  return arena.concat(
      {line.name, "=", visit.server.cookie, std::string_view(stamps, size), "; path=/", spec.attributes});
}

}  // namespace

CookieSpec compile(const config::Cookie& line) {
  CookieSpec spec{line, {}};
  for (const std::string& domain : line.domains) spec.attributes += "; domain=" + domain;
  if (line.httponly) spec.attributes += "; HttpOnly";
  if (line.secure) spec.attributes += "; Secure";
  for (const std::string& attribute : line.attributes) spec.attributes += "; " + attribute;
  return spec;
}

std::string dynamic_value(std::string_view key, const SocketAddress& address) {
  if (key.empty() || address.empty() || address.is_unix()) return {};
  std::string bytes(key);
  bytes += address.ip_bytes();
  const std::uint16_t port = address.port();
  bytes += {'\0', '\0', static_cast<char>(port >> 8), static_cast<char>(port & 255)};
  return format("{:016x}", xxh64(bytes));
}

Claim read(Head& request, const CookieSpec& spec, std::span<const ServerSpec> servers, Power power, std::int64_t now_s,
           Arena& arena) {
  Reader reader(spec, servers, power, now_s);
  const config::Cookie& line = spec.line;
  const bool hides = line.kind == Kind::Insert && line.indirect;
  for (std::size_t i = 0; i < request.fields.size(); ++i) {
    Field& field = request.fields[i];
    if (!equal_nocase(field.name, "cookie")) continue;
    reader.read(field.value);
    if (hides) field.value = cookies::without(field.value, line.name, arena);
    if (line.kind == Kind::Prefix) field.value = cookies::without_prefix(field.value, line.name, kPrefixEnd, arena);
    if (hides && field.value.empty()) request.fields.erase(i--);
  }
  return reader.claim();
}

char write(Head& response, const CookieSpec& spec, const Visit& visit, Arena& arena) {
  // The server's own cookie then means nothing to us.
  if (visit.ignored) return 'N';
  char letter = 'N';
  for (std::size_t i = 0; i < response.fields.size(); ++i) {
    Field& field = response.fields[i];
    if (!equal_nocase(field.name, "set-cookie")) continue;
    const char treated = treat(field, spec, visit, arena);
    if (treated != 0) letter = treated;
    if (treated == 'D') response.fields.erase(i--);
  }
  const config::Cookie& line = spec.line;
  if (line.kind != Kind::Insert || letter == 'P') return letter;
  if (line.postonly && visit.request.method != "POST") return letter;
  if (visit.direct && !is_stale(line, visit.claim, visit.now_s)) return letter;
  const bool caches = line.nocache && Cacheability().judge(visit.request, response);
  response.fields.push_back(arena, {"Set-Cookie", inserted(spec, visit, arena)});
  if (caches) response.fields.push_back(arena, {"Cache-Control", "private"});
  return visit.direct && !visit.server.cookie.empty() ? 'U' : 'I';
}

}  // namespace penstock::persistence
