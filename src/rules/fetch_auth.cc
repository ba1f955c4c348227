// Samples about who a client says it is (manual section 7.3.6, http_auth*; RFC 7617).
#include <algorithm>

#include "expression.h"
#include "penstock/base/format.h"
#include "penstock/base/password.h"
#include "penstock/base/text.h"
#include "penstock/config/model.h"
#include "penstock/net/digest.h"
#include "penstock/net/hashing.h"
#include "penstock/rules/passwords.h"

namespace penstock::rules {

struct Users {
  std::vector<config::User> sorted;
  std::vector<std::string> groups;
};

namespace {

struct Credentials {
  std::string_view scheme, user, password;
};

// What says who the client is: its scheme, and of Basic a user and a password.
bool credentials_of(Subject& subject, Credentials& out) {
  if ((subject.available & kNeedsRequest) == 0 || subject.request == nullptr) return false;
  const Field* field = subject.request->find(subject.to_proxy ? "proxy-authorization" : "authorization");
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

bool knows_password(const config::User& user, std::string_view password, Subject& subject) {
  if (user.password.empty()) return false;
  if (!user.hashed) return is_same_secret(user.password, password);
  if (subject.passwords == nullptr) return password_fits(std::string(password), user.password);
  const Passwords::Answer answer = subject.passwords->ask(password, user.password);
  if (answer == Passwords::Answer::Unknown) {
    subject.password = {password, user.password};
    subject.trouble = Trouble::Password;
  }
  return answer == Passwords::Answer::Right;
}

// The user that the client has shown to be; null: none of these.
const config::User* user_of(const Users& users, Subject& subject) {
  Credentials shown;
  if (!credentials_of(subject, shown) || shown.scheme != "Basic") return nullptr;
  const auto by_name = [](const config::User& user, std::string_view name) { return user.name < name; };
  const auto at = std::lower_bound(users.sorted.begin(), users.sorted.end(), shown.user, by_name);
  const bool is_there = at != users.sorted.end() && at->name == shown.user;
  return is_there && knows_password(*at, shown.password, subject) ? &*at : nullptr;
}

bool fetch_is_user(const Call& call, Subject& subject, Cursor&, Value& out) {
  Credentials shown;
  if (!credentials_of(subject, shown) || shown.scheme != "Basic") return false;
  return out.set_bool(user_of(*call.arguments[0].users, subject) != nullptr), true;
}

// The name of the user, or each of its groups.
bool fetch_group(const Call& call, Subject& subject, Cursor& cursor, Value& out) {
  const config::User* user = user_of(*call.arguments[0].users, subject);
  if (user == nullptr) return false;
  const bool of_groups = call.arguments[0].integer != 0;
  if (!of_groups) return out.set_text(user->name), true;
  if (cursor.field >= user->groups.size()) return false;
  out.set_text(user->groups[cursor.field++]);
  cursor.more = cursor.all;
  return true;
}

constexpr Fetch kFetches[] = {
    {"http_auth", Type::Bool, "t", kNeedsRequest, kOnFields, fetch_is_user},
    {"http_auth_group", Type::Text, "t", kNeedsRequest, kOnFields, fetch_group},
    {"http_auth_pass", Type::Text, "", kNeedsRequest, kOnFields, fetch_part<&Credentials::password>},
    {"http_auth_type", Type::Text, "", kNeedsRequest, kOnFields, fetch_scheme},
    {"http_auth_user", Type::Text, "", kNeedsRequest, kOnFields, fetch_part<&Credentials::user>},
};

}  // namespace

std::span<const Fetch> auth_fetches() { return kFetches; }

bool knows_users(std::span<const std::shared_ptr<const Users>> all, Subject& subject) {
  for (const auto& users : all) {
    user_of(*users, subject);
    if (subject.trouble != Trouble::None) return false;
  }
  return true;
}

void ask_groups(Call& call) { call.arguments[0].integer = 1; }

bool has_group(const Call& call, const std::string& group) {
  const std::vector<std::string>& groups = call.arguments[0].users->groups;
  return std::find(groups.begin(), groups.end(), group) != groups.end();
}

bool finish_auth(Compiling& compiling, Call& call, config::Place place) {
  const std::string& name = call.arguments[0].text;
  const config::UserList* list = compiling.config == nullptr ? nullptr : compiling.config->find_users(name);
  if (list == nullptr) {
    std::vector<std::string_view> names;
    for (const config::UserList& known : compiling.config->global.user_lists) names.push_back(known.name);
    compiling.diagnostics.add(place, format("there is no section 'userlist {}'{}", name, hint(name, names)));
    return false;
  }
  std::shared_ptr<const Users>& users = compiling.users[name];
  if (users == nullptr) {
    Users made{list->users, list->groups};
    std::sort(made.sorted.begin(), made.sorted.end(),
              [](const config::User& a, const config::User& b) { return a.name < b.name; });
    users = std::make_shared<const Users>(std::move(made));
  }
  call.arguments[0].users = users;
  compiling.asked_users.push_back(users);
  return true;
}

}  // namespace penstock::rules
