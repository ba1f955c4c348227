// Passwords kept as crypt(3) writes them.
#pragma once

#include <string>

namespace penstock {

// Whether it is one of the forms that this system knows ("$6$...").
bool is_password_hash(const std::string& hash);
// Takes as long as whoever made the hash wished, some milliseconds mostly. Any thread may ask.
bool password_fits(const std::string& password, const std::string& hash);

}  // namespace penstock
