// Cookies as they stand in fields (RFC 6265 sections 4.1.1 and 4.2.1), read as browsers and servers
// write them: blanks around names and values, quoted values, pairs without '='. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "penstock/base/arena.h"
#include "penstock/http/head.h"

namespace penstock::cookies {

// One piece of a field, as views into it.
struct Cookie {
  std::string_view name, value;  // Without blanks around; quotes are part of the value.
  std::size_t begin = 0;         // Of all of the piece, blanks and the separator behind it included.
  std::size_t end = 0;
  bool is_pair = false;  // It has a '='.
};

// Takes the pieces of a Cookie field one by one; `at` moves on. False behind the last. What stands
// between quotes is not taken apart; a comma separates too, as in RFC 2965.
bool next(std::string_view list, std::size_t& at, Cookie& out);

// The cookie that a Set-Cookie field sets; none if it is no pair.
std::optional<Cookie> set_by(std::string_view field);

// The field without the cookies of that name (and what RFC 2965 says of them, "$Path"). The list
// itself if there are none; empty if nothing is left.
std::string_view without(std::string_view list, std::string_view name, Arena& arena);

// The field with what stands before the first `mark` of these cookies' values gone, `mark` too.
std::string_view without_prefix(std::string_view list, std::string_view name, char mark, Arena& arena);

// An answer that sets cookies, and that caches on its way may keep and give to others (`option checkcache`).
bool may_be_cached(const Head& request, const Head& answer);

// A moment in a cookie: seconds since 1970, to four, as five letters of base64.
constexpr std::size_t kStampSize = 5;
void write_stamp(std::int64_t seconds, char* out);
// 0 if `text` does not begin with a stamp.
std::int64_t read_stamp(std::string_view text);

}  // namespace penstock::cookies
