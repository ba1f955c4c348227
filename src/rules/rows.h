// All rows of the tables that rules are made of, for listings.
#pragma once

#include <string_view>
#include <vector>

namespace penstock::rules {

struct ActionRow;

std::vector<const ActionRow*> all_actions();      // rule_compiler.cc
std::vector<std::string_view> converter_names();  // expression_parse.cc
std::vector<std::string_view> log_variables();    // format_compile.cc
std::vector<std::string_view> predefined_acls();  // acl.cc

}  // namespace penstock::rules
