// Lines of checks whose word has something in parentheses: "set-var(check.a)".
#pragma once

#include "reading.h"

namespace penstock::config {

// False: the next word is none of them. `prefix`: "http-check" or "tcp-check".
bool parse_check_variable(Line& line, Draft& draft, std::string_view prefix);

}  // namespace penstock::config
