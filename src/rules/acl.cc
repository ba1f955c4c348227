#include "acl.h"

#include <algorithm>

#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/config/model.h"
#include "penstock/config/not_offered.h"
#include "penstock/config/rule_words.h"
#include "penstock/config/secrets.h"
#include "rows.h"

namespace penstock::rules {

namespace {

// Manual section 7.4.
struct Predefined {
  std::string_view name;
  std::string_view words;
};
constexpr Predefined kPredefined[] = {
    {"FALSE", "always_false"},
    {"HTTP", "req.proto_http"},
    {"HTTP_1.0", "req.ver 1.0"},
    {"HTTP_1.1", "req.ver 1.1"},
    {"HTTP_2.0", "req.ver 2.0"},
    {"HTTP_CONTENT", "req.hdr_val(content-length) gt 0"},
    {"HTTP_URL_ABS", "url_reg ^[^/:]*://"},
    {"HTTP_URL_SLASH", "url_beg /"},
    {"HTTP_URL_STAR", "url *"},
    {"LOCALHOST", "src 127.0.0.1/8 ::1"},
    {"METH_CONNECT", "method CONNECT"},
    {"METH_DELETE", "method DELETE"},
    {"METH_GET", "method GET HEAD"},
    {"METH_HEAD", "method HEAD"},
    {"METH_OPTIONS", "method OPTIONS"},
    {"METH_POST", "method POST"},
    {"METH_PUT", "method PUT"},
    {"METH_TRACE", "method TRACE"},
    {"RDP_COOKIE", "req_rdp_cookie_cnt gt 0"},
    {"REQ_CONTENT", "req.len gt 0"},
    {"TRUE", "always_true"},
    {"WAIT_END", "wait_end"},
};

constexpr std::string_view kComparisons[] = {"eq", "ge", "gt", "le", "lt"};

bool is_comparison(std::string_view word) {
  return std::find(std::begin(kComparisons), std::end(kComparisons), word) != std::end(kComparisons);
}

// Table of manual section 7.1: what can be matched which way.
bool suits(const Expression& expression, Match match) {
  const Type type = expression.type;
  switch (match) {
    case Match::Bool:
    case Match::Int:
      return type != Type::Binary && !is_method(expression);
    case Match::Ip:
      return type != Type::Bool && type != Type::Binary && !is_method(expression);
    case Match::Found:
    case Match::Bin:
    case Match::Len:
    case Match::Str:
    case Match::Beg:
    case Match::End:
    case Match::Sub:
    case Match::Dir:
    case Match::Dom:
    case Match::Reg:
      return true;
  }
  return false;
}

// None where the type is known only when it is asked for.
std::optional<Match> default_match(const Expression& expression) {
  if (!expression.converters.empty() && expression.converters.back().converter->out == Type::None) return std::nullopt;
  if (expression.converters.empty() && expression.fetch.fetch->name == "meth") return std::nullopt;
  const std::string_view name = expression.fetch.fetch->name;
  if (expression.converters.empty() && (name == "payload" || name == "payload_lv")) return Match::Bin;
  switch (expression.type) {
    case Type::Bool:
      return Match::Bool;
    case Type::Integer:
      return Match::Int;
    case Type::Address:
      return Match::Ip;
    case Type::Text:
      return Match::Str;
    case Type::None:
    case Type::Binary:
      return std::nullopt;
  }
  return std::nullopt;
}

bool is_of_groups(const Expression& expression) {
  return expression.converters.empty() && expression.fetch.fetch->name == "http_auth_group";
}

// A name that may be looked up: no address.
bool is_host(std::string_view text) {
  const bool fits = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  });
  const bool has_letter =
      std::any_of(text.begin(), text.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
  return fits && has_letter;
}

// Whether the values of a test are addresses: its sample, behind all converters, is one, or `-m ip`
// says so.
bool compares_addresses(std::string_view criterion, const config::TestFlags& flags) {
  if (flags.method != nullptr) return flags.method->text == "ip";
  return result_type(criterion) == Type::Address;
}

// One ACL line: criterion, flags, operator, values.
class TestCompiler {
 public:
  TestCompiler(Compiling& compiling, std::span<const config::Word> words, config::Place place)
      : compiling_(compiling), words_(words), place_(place) {}

  bool compile(Test& test) {
    if (words_.empty()) return complain(place_, "a criterion such as path_beg was expected");
    std::string_view text = words_[0].text;
    std::string_view derived;
    test.expression = parse_expression(compiling_, text, words_[0].place, &derived);
    if (test.expression == nullptr) return false;
    if (!text.empty())
      return complain(place_inside(words_[0].text.size() - text.size()),
                      format("'{}' behind '{}' is not understood", text, test.expression->name));
    // Behind a converter, its result decides (manual section 7.1).
    if (!derived.empty() && test.expression->converters.empty()) match_ = match_named(derived);
    if (!match_) match_ = default_match(*test.expression);
    at_ = 1;
    const std::optional<Match> usual = std::exchange(match_, std::nullopt);
    if (!take_flags()) return false;
    if (!match_ && is_of_groups(*test.expression) && !take_groups(test.expression->fetch)) return false;
    if (!match_) match_ = usual;
    if (!match_)
      return complain(
          words_[0].place,
          format("'{}' may be of any kind: say by '-m' how it is to be matched, as in '-m str'", words_[0].text));
    if (!suits(*test.expression, *match_))
      return complain(words_[0].place, format("'{}' cannot be matched that way", words_[0].text));
    way_.match = *match_;
    way_.decimal = test.expression->fetch.fetch->name.ends_with("ssl_ver");
    test.matcher = Matcher(*match_);
    return add_files(test.matcher) && add_values(test.matcher) && check_count(test);
  }

 private:
  struct File {
    config::Word path;
    bool ignore_case;
    bool two_columns;
  };

  bool complain(config::Place place, std::string text) {
    compiling_.diagnostics.add(place, std::move(text));
    return false;
  }

  // Of the criterion's byte `offset`.
  config::Place place_inside(std::size_t offset) const {
    const config::Word& criterion = words_[0];
    if (compiling_.config == nullptr) return criterion.place;
    return config::inside(*compiling_.config, criterion.place, std::string_view(criterion.text).substr(0, offset));
  }

  // Whoever misspells one would have nobody in it.
  bool take_groups(Call& call) {
    ask_groups(call);
    const auto unknown = std::find_if(words_.begin() + static_cast<std::ptrdiff_t>(at_), words_.end(),
                                      [&](const config::Word& word) { return !has_group(call, word.text); });
    return unknown == words_.end() ||
           complain(unknown->place, format("'userlist {}' has no group '{}'", call.text(0), unknown->text));
  }

  const config::Word* value_of_flag() {
    if (at_ + 1 < words_.size()) return &words_[++at_];
    complain(words_[at_].place, format("'{}' must be followed by its value", words_[at_].text));
    return nullptr;
  }

  bool take_flags() {
    bool as_map = false;
    for (; at_ < words_.size() && words_[at_].text.starts_with('-'); ++at_) {
      const std::string& flag = words_[at_].text;
      if (flag == "--") return ++at_, after_flags_ = true;
      if (flag == "-i") {
        ignore_case_ = true;
      } else if (flag == "-n") {
        no_names_ = true;
      } else if (flag == "-M") {
        as_map = true;
      } else if (flag == "-u") {
        if (!take_id()) return false;
      } else if (flag == "-f") {
        const config::Word* path = value_of_flag();
        if (path == nullptr) return false;
        files_.push_back({*path, ignore_case_, as_map});
      } else if (flag == "-m") {
        const config::Place place = words_[at_].place;
        const config::Word* name = value_of_flag();
        if (name == nullptr) return false;
        if (!files_.empty()) return complain(place, "'-m' must stand before '-f'");
        match_ = match_named(name->text);
        if (!match_)
          return complain(name->place, format("'{}' is no way of matching{}", name->text, match_hint(name->text)));
      } else {
        return complain(words_[at_].place,
                        format("'{}' is no flag of an ACL{}; a value that begins so is written behind '--'", flag,
                               flag_hint(flag)));
      }
    }
    return true;
  }

  static constexpr std::string_view kFlags[] = {"-f", "-i", "-M", "-m", "-n", "-u"};
  static bool is_flag(std::string_view word) {
    return std::find(std::begin(kFlags), std::end(kFlags), word) != std::end(kFlags);
  }

  // By the first letter: '-I', '-ignore' and '--i' stand for '-i'.
  static std::string flag_hint(std::string_view word) {
    const std::size_t letter = word.find_first_not_of('-');
    for (const std::string_view flag : kFlags) {
      if (letter != std::string_view::npos && to_lower(word[letter]) == to_lower(flag[1]))
        return format(" (did you mean '{}'?)", flag);
    }
    return ": -f, -i, -M, -m, -n and -u are";
  }

  static std::string match_hint(std::string_view word) {
    std::vector<std::string_view> names;
    for (auto match = Match::Found;; match = static_cast<Match>(static_cast<int>(match) + 1)) {
      names.push_back(match_name(match));
      if (match == Match::Reg) break;
    }
    return hint(word, names);
  }

  // A number of one's own for the values of this line.
  bool take_id() {
    const config::Word* word = value_of_flag();
    if (word == nullptr) return false;
    const auto id = parse_unsigned(word->text);
    if (!id || *id > INT32_MAX) return complain(word->place, format("'{}' is no number for an ACL", word->text));
    id_ = static_cast<std::int64_t>(*id);
    return true;
  }

  bool add_files(Matcher& matcher) {
    for (const File& file : files_) {
      const std::string& path = file.path.text;
      const std::string* content = compiling_.environment.content(path);
      if (content == nullptr) return complain(file.path.place, format("the file '{}' could not be read", path));
      const auto set = patterns_of_file(compiling_, path, *content, file.two_columns);
      if (set == nullptr)
        return complain(file.path.place,
                        format("the file '{}' is read with {} column elsewhere: '-M' must stand before "
                               "each '-f' of it, or before none",
                               path, file.two_columns ? "one" : "more than one"));
      PatternWay way = way_;
      way.ignore_case = file.ignore_case;
      std::string error;
      const PatternIndex* index = set->asked_by(way, error);
      if (index == nullptr) {
        return complain(
            file.path.place,
            format("{}:{}{}", path, error,
                   way.match == Match::Ip && names_host(error) ? "; names in files are not looked up" : ""));
      }
      matcher.add(set, *index);
      note(set, !file.two_columns);
    }
    return true;
  }

  static bool names_host(std::string_view error) {
    const std::size_t open = error.find('\'');
    return open != std::string_view::npos && is_host(error.substr(open + 1, error.rfind("' is") - open - 1));
  }

  // Those of a file are numbered in their order, those of the line come last.
  void note(const std::shared_ptr<PatternSet>& set, bool as_acl) {
    PatternUse use{set, {}, ++uses_, set->file().empty() ? id_ : -1, as_acl, {}};
    static_cast<config::Place&>(use.place) = use_place();
    use.place.part = compiling_.part();
    use.criterion = criterion();
    use.secret = config::asks_credential(words_[0].text);
    compiling_.environment.note_patterns(use);
  }

  // The criterion as it was written, without arguments and converters.
  std::string criterion() const {
    const std::string& text = words_[0].text;
    return text.substr(0, text.find_first_of("(,"));
  }

  config::Place use_place() const { return words_[0].place.line != 0 ? words_[0].place : place_; }

  // The set of the values on the line: there is one, if for nothing else than to be added to.
  std::shared_ptr<PatternSet> set_of_values(const PatternIndex*& index) {
    PatternBook* book = compiling_.environment.patterns();
    const auto set = book == nullptr ? std::make_shared<PatternSet>("", false, std::make_shared<PatternBin>())
                                     : book->of_values(use_place(), uses_);
    PatternWay way = way_;
    way.ignore_case = ignore_case_;
    std::string error;
    index = set->asked_by(way, error);
    return set;
  }

  bool add_values(Matcher& matcher) {
    const PatternIndex* index = nullptr;
    const std::shared_ptr<PatternSet> set = set_of_values(index);
    // Where it is inherited it may be there already.
    const bool made = set->made();
    if (!add_values(*set, matcher.match(), made)) return false;
    if (!made) set->finish();
    matcher.add(set, *index);
    note(set, true);
    return true;
  }

  bool add_values(PatternSet& set, Match match, bool made) {
    const bool is_integer = match == Match::Int || match == Match::Len;
    std::string comparison;
    for (; at_ < words_.size(); ++at_) {
      const config::Word& word = words_[at_];
      if (is_integer && is_comparison(word.text)) {
        comparison = word.text;
        if (at_ + 1 == words_.size())
          return complain(word.place, format("'{}' must be followed by a number", comparison));
        continue;
      }
      if (is_flag(word.text) && !after_flags_)
        compiling_.diagnostics.warn(
            word.place, format("'{}' behind a value is a value too: flags stand before the first one", word.text));
      if (word.text.empty()) {
        compiling_.diagnostics.warn(
            word.place,
            format("an empty value of '{}' never matches; '-m len 0' asks for an empty text", words_[0].text));
        warned_ = true;
        continue;
      }
      std::string error;
      const std::string text = match == Match::Ip ? address_in(word.text) : word.text;
      if (!made && !set.add_value(text, comparison, error)) return complain(word.place, error);
    }
    return true;
  }

  // The address of a name that was looked up, with the mask behind it; what is no such name stays.
  std::string address_in(const std::string& text) const {
    const std::string host = text.substr(0, text.find('/'));
    const auto address = no_names_ || !is_host(host) ? std::nullopt : compiling_.environment.address_of(host);
    return address ? *address + text.substr(host.size()) : text;
  }

  // An ACL without values never matches: surely not what was meant.
  bool check_count(const Test& test) {
    const Match match = test.matcher.match();
    if (match == Match::Found || match == Match::Bool || !test.matcher.empty() || !files_.empty() || warned_)
      return true;
    compiling_.diagnostics.warn(
        words_[0].place,
        format("'{}' is compared with no value and never matches; '-m found' asks whether there is one",
               words_[0].text));
    return true;
  }

  Compiling& compiling_;
  std::span<const config::Word> words_;
  config::Place place_;
  std::size_t at_ = 0;
  bool ignore_case_ = false;
  bool after_flags_ = false;  // Behind '--'.
  bool no_names_ = false;
  bool warned_ = false;
  std::int64_t id_ = -1;
  std::uint32_t uses_ = 0;
  std::optional<Match> match_;
  PatternWay way_;
  std::vector<File> files_;
};

bool is_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.' || c == ':';
  });
}

void note_dependence(AclTable& table, std::size_t index, const Expression& expression) {
  if (index >= 64) return;
  const std::uint64_t bit = std::uint64_t{1} << index;
  if ((expression.depends & kOnTarget) != 0) table.dependence.on_target |= bit;
  if ((expression.depends & kOnFields) != 0) table.dependence.on_fields |= bit;
  if ((expression.depends & kOnVariables) != 0) table.dependence.on_variables |= bit;
  if ((expression.depends & kOnMoment) != 0) table.dependence.on_moment |= bit;
}

std::size_t add_test(AclTable& table, const std::string& name, config::Place place, Test test) {
  const auto [at, is_new] = table.by_name.try_emplace(name, table.acls.size());
  if (is_new) table.acls.push_back(Acl{name, {}, place});
  const std::size_t index = at->second;
  if (test.expression != nullptr) {
    note_dependence(table, index, *test.expression);
    table.acls[index].tests.push_back(std::move(test));
  }
  return index;
}

// The index of a predefined ACL, compiled when first used; -1: there is none of that name.
std::int32_t use_predefined(Compiling& compiling, std::string_view name, config::Place place) {
  for (const Predefined& row : kPredefined) {
    if (row.name != name) continue;
    std::vector<config::Word> words;
    std::string_view rest = row.words;
    while (!rest.empty()) words.push_back({std::string(cut(rest, ' ')), {}});
    Test test;
    TestCompiler(compiling, words, place).compile(test);
    return static_cast<std::int32_t>(add_test(*compiling.acls, std::string(name), {}, std::move(test)));
  }
  return -1;
}

class ConditionCompiler {
 public:
  ConditionCompiler(Compiling& compiling, std::span<const config::Word> words, unsigned available)
      : compiling_(compiling), words_(words), available_(available) {}

  std::unique_ptr<ConditionCode> compile() {
    auto code = std::make_unique<ConditionCode>();
    code->unless = words_[0].text == "unless";
    code_ = code.get();
    bool negated = false;
    for (at_ = 1; at_ < words_.size(); ++at_) {
      const config::Word& word = words_[at_];
      if (word.text == "||" || equal_nocase(word.text, "or")) {
        if (negated || !end_group()) return complain(word.place, format("an ACL was expected before '{}'", word.text));
        continue;
      }
      std::string_view text = word.text;
      while (text.starts_with('!')) {
        negated = !negated;
        text.remove_prefix(1);
      }
      if (text.empty()) {
        open_negation_ = true;
        continue;
      }
      open_negation_ = false;
      Term term;
      term.negated = std::exchange(negated, false);
      if (!(text == "{" ? take_braces(term) : take_name(text, word, term))) return nullptr;
      code->terms.push_back(term);
    }
    const config::Place end = words_.back().place;
    if (open_negation_) return complain(end, "an ACL was expected behind '!'");
    if (code->terms.empty()) return complain(end, format("an ACL was expected behind '{}'", words_.back().text));
    if (code->terms.back().ends_group)
      return complain(end, format("an ACL was expected behind '{}'", words_.back().text));
    code->terms.back().ends_group = true;
    return code;
  }

 private:
  std::nullptr_t complain(config::Place place, std::string text) {
    compiling_.diagnostics.add(place, std::move(text));
    return nullptr;
  }

  bool end_group() {
    if (code_->terms.empty() || code_->terms.back().ends_group) return false;
    code_->terms.back().ends_group = true;
    return true;
  }

  bool take_braces(Term& term) {
    const std::size_t open = at_;
    while (at_ < words_.size() && words_[at_].text != "}") ++at_;
    if (at_ == words_.size()) {
      complain(words_[open].place, "'{' is not closed: a '}' between blanks was expected");
      return false;
    }
    Test test;
    if (!TestCompiler(compiling_, words_.subspan(open + 1, at_ - open - 1), words_[open].place).compile(test))
      return false;
    warn_if_never({&test, 1}, words_[open + 1].place, format("'{}'", words_[open + 1].text));
    term.test = static_cast<std::int32_t>(code_->tests.size());
    code_->tests.push_back(std::move(test));
    return true;
  }

  bool take_name(std::string_view name, const config::Word& word, Term& term) {
    const AclTable& table = *compiling_.acls;
    const auto at = table.by_name.find(name);
    term.acl = at != table.by_name.end() ? static_cast<std::int32_t>(at->second)
                                         : use_predefined(compiling_, name, word.place);
    if (term.acl < 0) {
      const auto said = config::not_offered(config::NotOffered::Kind::Acl, name);
      complain(word.place, said ? format("the ACL '{}' {}", name, *said)
                                : format("there is no ACL '{}' in this section{}", name, acl_hint(name)));
      return false;
    }
    warn_if_never(table.acls[static_cast<std::size_t>(term.acl)].tests, word.place, format("the ACL '{}'", name));
    return true;
  }

  void warn_if_never(std::span<const Test> tests, config::Place place, std::string what) {
    if (tests.empty()) return;
    for (const Test& test : tests) {
      if (offered(test.expression->needs, available_)) return;
    }
    const unsigned missing = tests[0].expression->needs & ~available_;
    compiling_.diagnostics.warn(place, format("{} never matches here: it needs {}", what, needs_text(missing)));
  }

  std::string acl_hint(std::string_view name) {
    std::vector<std::string_view> names;
    for (const Acl& acl : compiling_.acls->acls) names.push_back(acl.name);
    for (const Predefined& row : kPredefined) names.push_back(row.name);
    return hint(name, names);
  }

  Compiling& compiling_;
  std::span<const config::Word> words_;
  unsigned available_;
  ConditionCode* code_ = nullptr;
  std::size_t at_ = 0;
  bool open_negation_ = false;
};

}  // namespace

void compile_acls(Compiling& compiling, const std::vector<config::Acl>& acls) {
  for (const config::Acl& acl : acls) {
    const std::string& name = acl.name.text;
    if (!is_name(name) || equal_nocase(name, "or")) {
      compiling.diagnostics.add(
          acl.name.place,
          format("'{}' is no name for an ACL: letters, digits, '-', '_', '.' and ':' can be used", name));
      continue;
    }
    Test test;
    // After a complaint the name is known all the same: its uses are no second error.
    if (!TestCompiler(compiling, acl.words, acl.name.place).compile(test)) test.expression = nullptr;
    add_test(*compiling.acls, name, acl.name.place, std::move(test));
  }
}

std::unique_ptr<ConditionCode> compile_condition(Compiling& compiling, std::span<const config::Word> words,
                                                 unsigned available) {
  return ConditionCompiler(compiling, words, available).compile();
}

void collect_acl_hosts(std::span<const config::Word> words, std::vector<config::Word>& hosts) {
  if (words.empty()) return;
  const config::TestFlags flags = config::flags_of(words);
  if (flags.no_names || !compares_addresses(words[0].text, flags)) return;
  for (const config::Word& word : words.subspan(flags.values)) {
    const std::string host = word.text.substr(0, word.text.find('/'));
    if (is_host(host)) hosts.push_back({host, word.place});
  }
}

void collect_acl_files(std::span<const config::Word> words, std::vector<NamedFile>& files) {
  for (const config::Word* file : config::flags_of(words).files) files.push_back({file->text, file->place});
}

std::vector<std::string_view> predefined_acls() {
  std::vector<std::string_view> names;
  for (const Predefined& row : kPredefined) names.push_back(row.name);
  return names;
}

}  // namespace penstock::rules
