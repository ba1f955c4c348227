// Sections `userlist` in canonical text.
#pragma once

#include <string>

#include "penstock/config/model.h"

namespace penstock::config {

std::string user_list_text(const UserList& list);

}  // namespace penstock::config
