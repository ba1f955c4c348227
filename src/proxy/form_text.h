// Texts as forms and queries have them: blanks as '+', other bytes as %XX.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace penstock {

// None: something behind a '%' is no number.
std::optional<std::string> decoded_form_text(std::string_view text);

}  // namespace penstock
