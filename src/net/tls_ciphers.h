// Lists of ciphers and curves as administrators write them, for OpenSSL, in words this library knows.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "penstock/base/result.h"

namespace penstock {

// The list without what the library does not have. Each word left out is named in `warnings`; none
// that excludes ("!aNULL"), since what is not there is excluded. Error: nothing remains.
Result<std::string> known_ciphers(std::string_view list, std::vector<std::string>& warnings);

// The list in the library's names. An unknown curve is an error, as it is for HAProxy.
Result<std::string> known_curves(std::string_view list);

}  // namespace penstock
