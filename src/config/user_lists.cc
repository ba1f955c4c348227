#include "user_lists.h"

#include <algorithm>

#include "keywords.h"
#include "penstock/base/password.h"

namespace penstock::config {
namespace {

// "a,b,c", each with its place.
std::vector<Word> take_list(Line& line) {
  std::vector<Word> names;
  if (!line.more()) return names;
  const Word* word = line.take("names with commas between");
  for (std::string_view rest = word->text; !rest.empty();) {
    const std::string_view name = cut(rest, ',');
    if (!name.empty()) names.push_back({std::string(name), word->place});
  }
  return names;
}

void add_group(User& user, const std::string& group) {
  const auto at = std::lower_bound(user.groups.begin(), user.groups.end(), group);
  if (at == user.groups.end() || *at != group) user.groups.insert(at, group);
}

User* find_user(UserList& list, const std::string& name) {
  for (User& user : list.users) {
    if (user.name == name) return &user;
  }
  return nullptr;
}

void take_group(Line& line, Reading& reading) {
  UserList& list = reading.config.global.user_lists[*reading.user_list];
  const Word* name = line.take("the name of a group");
  if (name == nullptr) return;
  UserGroup group{*reading.user_list, name->text, {}};
  if (line.more()) {
    constexpr std::string_view kUsers[] = {"users"};
    if (!line.take_choice(kUsers)) return;
    group.members = take_list(line);
  }
  if (std::find(list.groups.begin(), list.groups.end(), group.name) != list.groups.end())
    return line.warn(name->place, format("the group '{}' is there already: this line has no effect", group.name));
  list.groups.push_back(group.name);
  reading.user_groups.push_back(std::move(group));
}

void take_user(Line& line, Reading& reading) {
  UserList& list = reading.config.global.user_lists[*reading.user_list];
  const Word* name = line.take("the name of a user");
  if (name == nullptr) return;
  User user;
  user.name = name->text;
  user.place = name->place;
  constexpr std::string_view kOptions[] = {"groups", "insecure-password", "password"};
  std::vector<Word> groups;
  while (line.more() && !line.failed()) {
    const auto option = line.take_choice(kOptions);
    if (!option) return;
    if (*option == 0) {
      groups = take_list(line);
      continue;
    }
    const Word* password = line.take("a password");
    if (password == nullptr) return;
    user.password = password->text;
    user.hashed = kOptions[*option] == "password";
    if (user.hashed && !is_password_hash(user.password))
      line.warn(password->place,
                "this is no password as crypt(3) writes one: nobody can be this user; one that is not "
                "hashed stands behind 'insecure-password'");
  }
  if (user.password.empty()) line.warn(name->place, format("'{}' has no password: nobody can be this user", user.name));
  if (find_user(list, user.name) != nullptr)
    return line.warn(name->place, format("the user '{}' is there already: this line has no effect", user.name));
  for (const Word& group : groups)
    reading.user_groups.push_back({*reading.user_list, group.text, {{user.name, group.place}}});
  list.users.push_back(std::move(user));
}

constexpr Keyword<Reading> kUserListKeywords[] = {
    {"group", take_group, "A name for some of the users: <name> [users <user>,...]."},
    {"user", take_user,
     "Who may come in: <name> [password <hash>|insecure-password <text>] [groups <group>,...]. A hash is as crypt(3) "
     "writes it ('$5$...', '$6$...', bcrypt and what else the system knows), and is made on a thread of its own, so "
     "that "
     "nobody waits for it but its client; of each password shown the answer stands for a minute, and 8 at most are "
     "hashed at once, 4 of them for clients of one address (of IPv6, of one /64): who comes then gets status 503. Who "
     "has no password cannot come in."},
};

}  // namespace

void begin_user_list(Line& line, Reading& reading) {
  const Word* name = line.take("a name");
  reading.user_list.reset();
  if (name == nullptr) return;
  std::vector<UserList>& lists = reading.config.global.user_lists;
  const auto known =
      std::find_if(lists.begin(), lists.end(), [&](const auto& list) { return list.name == name->text; });
  reading.user_list = static_cast<std::size_t>(known - lists.begin());
  if (known != lists.end())
    line.warn(name->place, format("there is a section 'userlist {}' already: these lines are added to it", name->text));
  else
    lists.emplace_back().name = name->text;
}

std::span<const Keyword<Reading>> user_list_keywords() { return kUserListKeywords; }

void finish_user_lists(Reading& reading) {
  for (const UserGroup& group : reading.user_groups) {
    UserList& list = reading.config.global.user_lists[group.list];
    const bool is_known = std::find(list.groups.begin(), list.groups.end(), group.name) != list.groups.end();
    for (const Word& member : group.members) {
      User* user = find_user(list, member.text);
      if (!is_known)
        reading.diagnostics.add(member.place, format("'userlist {}' has no group '{}'", list.name, group.name));
      else if (user == nullptr)
        reading.diagnostics.add(member.place, format("'userlist {}' has no user '{}'", list.name, member.text));
      else
        add_group(*user, group.name);
    }
  }
}

}  // namespace penstock::config
