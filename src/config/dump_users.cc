#include "dump_users.h"

#include "dump_words.h"
#include "penstock/base/format.h"

namespace penstock::config {

std::string user_list_text(const UserList& list) {
  std::string text = format("\nuserlist {}\n", quoted(list.name));
  for (const std::string& group : list.groups) append_format(text, "    group {}\n", quoted(group));
  for (const User& user : list.users) {
    std::string words;
    add_word(words, user.hashed ? "password" : "insecure-password", user.password);
    add_word(words, "groups", joined(user.groups));
    append_format(text, "    user {}{}\n", quoted(user.name), words);
  }
  return text;
}

}  // namespace penstock::config
