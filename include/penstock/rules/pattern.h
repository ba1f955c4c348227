// A regular expression on its own, for rooms that match text without rules: health checks.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace penstock::rules {

class Regex;

class Pattern {
 public:
  // Null, with the reason in `error`, if `text` is none.
  static std::unique_ptr<Pattern> compile(std::string_view text, std::string& error);
  ~Pattern();
  bool matches(std::string_view text) const;

 private:
  explicit Pattern(std::unique_ptr<Regex> regex);
  std::unique_ptr<Regex> regex_;
};

}  // namespace penstock::rules
