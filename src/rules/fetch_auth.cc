// Samples about who a client says it is (manual section 7.3.6, http_auth*; RFC 7617).
#include "expression.h"
#include "penstock/base/text.h"
#include "penstock/net/hashing.h"

namespace penstock::rules {

namespace {

struct Credentials {
  std::string_view scheme, user, password;
};

// What stands in Authorization: its scheme, and of Basic a user and a password.
bool credentials_of(Subject& subject, Credentials& out) {
  if ((subject.available & kNeedsRequest) == 0 || subject.request == nullptr) return false;
  const Field* field = subject.request->find("authorization");
  if (field == nullptr) return false;
  std::string_view rest = field->value;
  const std::string_view scheme = cut(rest, ' ');
  rest = trim(rest);
  if (equal_nocase(scheme, "bearer")) return out.scheme = "Bearer", !rest.empty();
  if (!equal_nocase(scheme, "basic") || !subject.has_room(rest.size())) return false;
  char* const to = static_cast<char*>(subject.arena.allocate(rest.size() + 1, 1));
  const auto size = read_base64(rest, to);
  if (!size) return false;
  const std::string_view pair(to, *size);
  const std::size_t colon = pair.find(':');
  if (colon == std::string_view::npos) return false;
  out = {"Basic", pair.substr(0, colon), pair.substr(colon + 1)};
  return true;
}

bool fetch_scheme(const Call&, Subject& subject, Cursor&, Value& out) {
  Credentials found;
  if (!credentials_of(subject, found)) return false;
  return out.set_text(found.scheme), true;
}

template <std::string_view Credentials::*part>
bool fetch_part(const Call&, Subject& subject, Cursor&, Value& out) {
  Credentials found;
  if (!credentials_of(subject, found) || found.scheme != "Basic") return false;
  return out.set_text(found.*part), true;
}

constexpr Fetch kFetches[] = {
    {"http_auth_pass", Type::Text, "", kNeedsRequest, kOnFields, fetch_part<&Credentials::password>},
    {"http_auth_type", Type::Text, "", kNeedsRequest, kOnFields, fetch_scheme},
    {"http_auth_user", Type::Text, "", kNeedsRequest, kOnFields, fetch_part<&Credentials::user>},
};

}  // namespace

std::span<const Fetch> auth_fetches() { return kFetches; }

}  // namespace penstock::rules
