// What an administrator writes on one line of the runtime socket, taken apart: commands with ';' between them, words
// with blanks between them, '\' before what is meant as it stands; a last word "<<" says that a payload follows on
// lines of its own, up to an empty one. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace penstock {

struct WrittenLine {
  std::vector<std::vector<std::string>> commands;  // At least one, which may have no word.
  bool has_payload = false;                        // Of the last command.
};

WrittenLine read_command_line(std::string_view line);

// The first line of a request: who sends it is a browser, or somebody who makes one send it.
bool looks_like_http(std::string_view line);

// Words of a table's row, such as "show servers state", and how they compare with what was written: all of them, or
// how many letters off the nearest reading of both is.
unsigned letters_between(std::string_view words, const std::vector<std::string>& written);

}  // namespace penstock
