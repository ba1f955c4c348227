#include "condition.h"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "penstock/base/format.h"
#include "penstock/base/text.h"

namespace penstock::config {

namespace {

// major, minor, patch, and the number behind -dev; a release is newer than any of its -dev.
using Version = std::array<std::uint64_t, 4>;
constexpr std::uint64_t kRelease = UINT64_MAX;

// The grammar that is covered.
constexpr Version kGrammar = {2, 6, 0, kRelease};
// BoringSSL names itself compatible with this OpenSSL.
constexpr Version kTlsLibrary = {1, 1, 1, kRelease};
constexpr std::string_view kTlsLibraryName = "BoringSSL";

constexpr std::string_view kFeatures[] = {"ACCEPT4", "EPOLL",  "GETADDRINFO", "OPENSSL", "PCRE2", "PCRE2_JIT",
                                          "POLL",    "PROMEX", "SLZ",         "SYSTEMD", "THREAD"};
constexpr std::string_view kEnabled[] = {"EPOLL", "GETADDRINFO", "REUSEPORT"};

template <std::size_t N>
bool contains(const std::string_view (&list)[N], std::string_view word) {
  return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

// Digits at the start of `text`, which they leave.
std::optional<std::uint64_t> take_digits(std::string_view& text) {
  std::size_t count = 0;
  while (count < text.size() && text[count] >= '0' && text[count] <= '9') ++count;
  const auto number = parse_unsigned(text.substr(0, count));
  text.remove_prefix(count);
  return number;
}

// "2.6", "2.6.1", "2.6-dev3", "1.1.1k", "3.0.0-beta2", "2.6.12-1+deb12u4".
std::optional<Version> parse_version(std::string_view text) {
  Version version = {0, 0, 0, kRelease};
  for (std::size_t part = 0; part < 3; ++part) {
    const auto number = take_digits(text);
    if (!number) return std::nullopt;
    version[part] = *number;
    if (!text.starts_with('.')) break;
    if (part == 2) return std::nullopt;
    text.remove_prefix(1);
  }
  for (const std::string_view before_release : {"-dev", "-beta", "-alpha", "-pre"}) {
    if (!text.starts_with(before_release)) continue;
    text.remove_prefix(before_release.size());
    version[3] = take_digits(text).value_or(0);
    return version;
  }
  const bool known_tail = text.empty() || text.starts_with('-') || text.starts_with('+') ||
                          (text.size() == 1 && text[0] >= 'a' && text[0] <= 'z');
  if (!known_tail) return std::nullopt;
  return version;
}

struct Predicate {
  std::string_view name;
  std::size_t arguments;
  // Nothing when an argument cannot be understood.
  std::optional<bool> (*answer)(const std::vector<std::string>&, const Environment&);
};

std::optional<bool> compare_versions(const std::string& text, const Version& ours, bool at_least) {
  const auto asked = parse_version(text);
  if (!asked) return std::nullopt;
  return at_least ? ours >= *asked : ours < *asked;
}

using Arguments = const std::vector<std::string>&;
constexpr Predicate kPredicates[] = {
    {"awslc_api_atleast", 1, [](Arguments, const Environment&) -> std::optional<bool> { return false; }},
    {"defined", 1, [](Arguments a, const Environment& e) -> std::optional<bool> { return e.find(a[0]) != nullptr; }},
    {"enabled", 1, [](Arguments a, const Environment&) -> std::optional<bool> { return contains(kEnabled, a[0]); }},
    {"feature", 1, [](Arguments a, const Environment&) -> std::optional<bool> { return contains(kFeatures, a[0]); }},
    {"fips_mode", 0, [](Arguments, const Environment&) -> std::optional<bool> { return false; }},
    {"openssl_version_atleast", 1,
     [](Arguments a, const Environment&) { return compare_versions(a[0], kTlsLibrary, true); }},
    {"openssl_version_before", 1,
     [](Arguments a, const Environment&) { return compare_versions(a[0], kTlsLibrary, false); }},
    {"ssllib_name_startswith", 1,
     [](Arguments a, const Environment&) -> std::optional<bool> { return kTlsLibraryName.starts_with(a[0]); }},
    {"streq", 2, [](Arguments a, const Environment&) -> std::optional<bool> { return a[0] == a[1]; }},
    {"strneq", 2, [](Arguments a, const Environment&) -> std::optional<bool> { return a[0] != a[1]; }},
    {"version_atleast", 1, [](Arguments a, const Environment&) { return compare_versions(a[0], kGrammar, true); }},
    {"version_before", 1, [](Arguments a, const Environment&) { return compare_versions(a[0], kGrammar, false); }},
};

// Deeper nesting is no condition that anybody wrote.
constexpr int kDeepest = 100;

class Judge {
 public:
  Judge(std::string_view text, const Environment& environment, ConditionError& error)
      : text_(text), environment_(environment), error_(error) {}

  std::optional<bool> run() {
    skip_blanks();
    if (at_ == text_.size()) return false;
    const bool value = either();
    if (!failed_ && at_ < text_.size()) fail(at_, "unexpected text behind the condition");
    if (failed_) return std::nullopt;
    return value;
  }

 private:
  // Both sides are always read: a mistake in the second must not hide behind the first.
  bool either() {
    bool value = both();
    while (!failed_ && take("||")) {
      const bool second = both();
      value = value || second;
    }
    return value;
  }
  bool both() {
    bool value = one();
    while (!failed_ && take("&&")) {
      const bool second = one();
      value = value && second;
    }
    return value;
  }
  bool one() {
    bool negated = false;
    while (take("!")) negated = !negated;
    if (++depth_ > kDeepest) return fail(at_, "the condition is nested too deeply");
    const bool value = plain();
    --depth_;
    return value != negated;
  }
  bool plain() {
    const std::size_t start = at_;
    if (take("(")) {
      const bool value = either();
      if (!failed_ && !take(")")) return fail(start, "this parenthesis is not closed");
      return value;
    }
    while (at_ < text_.size() && std::string_view("()!&| \t").find(text_[at_]) == std::string_view::npos) ++at_;
    const std::string_view word = text_.substr(start, at_ - start);
    if (word.empty()) return fail(start, "expected a number, a predicate or '('");
    if (at_ < text_.size() && text_[at_] == '(') return predicate(word, start);
    const auto number = parse_integer(word);
    if (!number) return fail(start, unknown(word, "expected a number or a predicate such as defined(NAME)"));
    skip_blanks();
    return *number != 0;
  }

  bool predicate(std::string_view name, std::size_t start) {
    const auto* known = std::find_if(std::begin(kPredicates), std::end(kPredicates),
                                     [&](const Predicate& p) { return p.name == name; });
    if (known == std::end(kPredicates)) return fail(start, unknown(name, "this predicate is not known"));
    const std::size_t arguments_at = at_;
    const std::vector<std::string> arguments = take_arguments();
    if (failed_) return false;
    const std::size_t count = arguments.size() == 1 && arguments[0].empty() ? 0 : arguments.size();
    if (count != known->arguments && !(known->arguments == 1 && arguments.size() == 1)) {
      return fail(arguments_at, format("'{}' takes {} argument{}, not {}", name, known->arguments,
                                       known->arguments == 1 ? "" : "s", count));
    }
    const std::optional<bool> value = known->answer(arguments, environment_);
    if (!value) return fail(arguments_at + 1, format("'{}' is not a version", arguments[0]));
    skip_blanks();
    return *value;
  }

  // "(a,b)", where quotes and backslashes once more protect commas and parentheses.
  std::vector<std::string> take_arguments() {
    const std::size_t start = at_++;
    std::vector<std::string> arguments(1);
    char quote = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (quote == 0 && c == ')') return arguments;
      if (quote == 0 && c == ',') {
        arguments.emplace_back();
      } else if (quote == 0 && (c == '"' || c == '\'')) {
        quote = c;
      } else if (quote != 0 && c == quote) {
        quote = 0;
      } else if (c == '\\' && quote != '\'' && at_ < text_.size()) {
        arguments.back().push_back(text_[at_++]);
      } else {
        arguments.back().push_back(c);
      }
    }
    fail(start, "this parenthesis is not closed");
    return arguments;
  }

  std::string unknown(std::string_view word, std::string_view expected) const {
    std::vector<std::string_view> names;
    for (const Predicate& predicate : kPredicates) names.push_back(predicate.name);
    const std::string_view near = nearest(word, names);
    if (near.empty()) return std::string(expected);
    return format("{}; did you mean '{}'?", expected, near);
  }

  bool take(std::string_view sign) {
    if (!text_.substr(at_).starts_with(sign)) return false;
    at_ += sign.size();
    skip_blanks();
    return true;
  }
  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }
  bool fail(std::size_t at, std::string text) {
    if (!failed_) error_ = {at, std::move(text)};
    failed_ = true;
    return false;
  }

  const std::string_view text_;
  const Environment& environment_;
  ConditionError& error_;
  std::size_t at_ = 0;
  int depth_ = 0;
  bool failed_ = false;
};

}  // namespace

std::optional<bool> judge_condition(std::string_view text, const Environment& environment, ConditionError& error) {
  return Judge(text, environment, error).run();
}

}  // namespace penstock::config
