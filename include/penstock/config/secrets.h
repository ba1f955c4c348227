// Which words of a line are secret, and the line without them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace penstock::config {

// Words of a line, quotes left on.
std::vector<std::string_view> raw_words(std::string_view line);
// The value of a field or variable of this name is secret.
bool is_credential(std::string_view name);
// What the line takes from a message may be a credential.
bool asks_credential(std::string_view line);
// Those of them that nobody but the file's reader must see.
std::vector<std::string_view> secret_words(std::string_view line);
// The line as it may be shown: "(hidden)" for what is secret.
std::string without_secrets(std::string_view line);
// The same as wide as it was, with a '*' for each byte.
std::string blotted(std::string_view line);
// What is said about the line, without what is secret in it.
std::string without_secrets_of(std::string_view line, std::string text);

}  // namespace penstock::config
