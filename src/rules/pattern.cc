#include "penstock/rules/pattern.h"

#include "regex.h"

namespace penstock::rules {

Pattern::Pattern(std::unique_ptr<Regex> regex) : regex_(std::move(regex)) {}

Pattern::~Pattern() = default;

std::unique_ptr<Pattern> Pattern::compile(std::string_view text, std::string& error) {
  std::unique_ptr<Regex> regex = Regex::compile(text, false, error);
  if (!regex) return nullptr;
  return std::unique_ptr<Pattern>(new Pattern(std::move(regex)));
}

bool Pattern::matches(std::string_view text) const {
  Arena arena;
  Subject subject(arena);
  return regex_->matches(subject, text);
}

}  // namespace penstock::rules
