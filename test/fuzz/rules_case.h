// Rules and messages made together: lines for a configuration, what a client says on each of its
// connections, and what a server answers. Made from any bytes, or read from text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace penstock::test {

struct RulesCase {
  std::string lines;                  // "${server}" is where the server is.
  std::vector<std::string> requests;  // One after the other on one connection.
  std::vector<std::string> answers;   // To each request that reaches the server; the last goes on for all.
};

// The same bytes make the same case. Most of them are valid configurations.
RulesCase make_rules_case(std::string_view bytes);

// As text, to be kept and read: messages behind lines "---- request" and "---- answer"; "\r" stands
// for CR. False if `text` does not begin with a section.
bool read_rules_case(std::string_view text, RulesCase& out);
std::string text_of(const RulesCase& one);
// What goes over the wire for one of its messages.
std::string on_the_wire(std::string_view message);

}  // namespace penstock::test
