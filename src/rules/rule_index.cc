#include "rule_index.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "penstock/base/text.h"

namespace penstock::rules {

// Running.

std::size_t RuleIndex::Folding::operator()(std::string_view text) const {
  std::size_t hash = 0xcbf29ce484222325ull;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(to_lower(c))) * 0x100000001b3ull;
  return hash;
}

bool RuleIndex::EqualFolded::operator()(std::string_view a, std::string_view b) const { return equal_nocase(a, b); }

bool RuleIndex::Walk::next(std::uint32_t& rule) {
  if (found_.empty() && always_.empty()) return false;
  auto& from = always_.empty() || (!found_.empty() && found_.front() < always_.front()) ? found_ : always_;
  rule = from.front();
  from = from.subspan(1);
  return true;
}

void RuleIndex::find(const Sampled& sampled, std::string_view text, Subject& subject,
                     ArenaVector<std::uint32_t>& found) const {
  const auto take = [&](const RulesByText& rules, std::string_view key) {
    const auto at = rules.find(key);
    if (at == rules.end()) return;
    for (const std::uint32_t rule : at->second) found.push_back(subject.arena, rule);
  };
  if (!sampled.whole.empty()) take(sampled.whole, text);
  for (const std::size_t length : sampled.lengths) {
    if (length > text.size()) break;
    take(sampled.beginnings, text.substr(0, length));
  }
}

RuleIndex::Walk RuleIndex::may_hold(Subject& subject) const {
  prepare(subject, acls_, available_);
  ArenaVector<std::uint32_t> found;
  for (const Sampled& sampled : samples_) {
    if (!offered(sampled.expression->needs, subject.available)) continue;
    Cursor cursor;
    cursor.all = true;
    do {
      Value value;
      if (evaluate(*sampled.expression, subject, cursor, value)) find(sampled, value.text, subject, found);
    } while (cursor.more);
  }
  std::sort(found.begin(), found.end());
  return Walk({found.begin(), std::unique(found.begin(), found.end())}, always_);
}

// Building.

namespace {

// Each is asked for every subject.
constexpr std::size_t kSamplesAtMost = 8;

// Converters whose result depends on what they are given alone.
constexpr std::string_view kPlainConverters[] = {"field",     "host_only", "lower", "ltrim",
                                                 "port_only", "rtrim",     "upper", "word"};

bool is_plain(const Argument& argument) {
  return !argument.is_variable && argument.regex == nullptr && argument.map == nullptr;
}

bool is_plain(const Call& call) {
  return std::all_of(call.arguments.begin(), call.arguments.end(),
                     [](const Argument& argument) { return is_plain(argument); });
}

// Worth asking once for all rules, and sure to say the same when the rule itself is asked.
bool is_plain(const Expression& expression) {
  if (expression.type != Type::Text || !is_plain(expression.fetch)) return false;
  if ((expression.depends & (kOnMoment | kOnVariables)) != 0) return false;
  return std::all_of(expression.converters.begin(), expression.converters.end(), [](const Call& call) {
    const auto name = std::find(std::begin(kPlainConverters), std::end(kPlainConverters), call.converter->name);
    return name != std::end(kPlainConverters) && is_plain(call);
  });
}

// Asking it changes something: it must be asked whenever asking all rules would.
bool has_effect(const Expression& expression) {
  const std::string_view name = expression.fetch.fetch->name;
  const auto sets = [](const Call& call) { return call.converter->name.find("set-var") != std::string_view::npos; };
  return name.find("_inc_") != std::string_view::npos || name.find("_clr_") != std::string_view::npos ||
         std::any_of(expression.converters.begin(), expression.converters.end(), sets);
}

bool same(const Argument& a, const Argument& b) {
  return a.given == b.given && a.text == b.text && a.integer == b.integer && a.second == b.second && a.ip == b.ip;
}

bool same(const Call& a, const Call& b) {
  return a.fetch == b.fetch && a.converter == b.converter &&
         std::equal(a.arguments.begin(), a.arguments.end(), b.arguments.begin(), b.arguments.end(),
                    [](const Argument& one, const Argument& other) { return same(one, other); });
}

bool same(const Expression& a, const Expression& b) {
  return same(a.fetch, b.fetch) &&
         std::equal(a.converters.begin(), a.converters.end(), b.converters.begin(), b.converters.end(),
                    [](const Call& one, const Call& other) { return same(one, other); });
}

}  // namespace

class RuleIndexBuilder {
 public:
  RuleIndexBuilder(RuleIndex& index, const AclTable* acls) : index_(index), acls_(acls) {}

  void build(std::span<const ConditionCode* const> conditions) {
    for (const ConditionCode* condition : conditions) count(condition);
    for (std::size_t i = 0; i < conditions.size(); ++i) place(conditions[i], static_cast<std::uint32_t>(i));
    for (RuleIndex::Sampled& sampled : index_.samples_) {
      for (const auto& [text, rules] : sampled.beginnings) sampled.lengths.push_back(text.size());
      std::sort(sampled.lengths.begin(), sampled.lengths.end());
      sampled.lengths.erase(std::unique(sampled.lengths.begin(), sampled.lengths.end()), sampled.lengths.end());
    }
    std::erase_if(index_.samples_,
                  [](const auto& sampled) { return sampled.whole.empty() && sampled.beginnings.empty(); });
  }

 private:
  // A text that must be the sample, or its beginning.
  struct Key {
    std::size_t sample;
    bool whole;
    std::string text;
    auto operator<=>(const Key&) const = default;
  };
  using Keys = std::vector<Key>;

  std::span<const Test> tests_of(const ConditionCode& code, const Term& term) const {
    if (term.acl >= 0) return acls_->acls[static_cast<std::size_t>(term.acl)].tests;
    return {&code.tests[static_cast<std::size_t>(term.test)], 1};
  }

  std::optional<std::size_t> sample_of(const Expression& expression) {
    if (!is_plain(expression)) return std::nullopt;
    for (std::size_t i = 0; i < index_.samples_.size(); ++i) {
      if (same(*index_.samples_[i].expression, expression)) return i;
    }
    if (index_.samples_.size() == kSamplesAtMost) return std::nullopt;
    index_.samples_.push_back({&expression, {}, {}, {}});
    return index_.samples_.size() - 1;
  }

  // Of which one must be there for the term to hold; empty if that cannot be said.
  Keys keys_of(const ConditionCode& code, const Term& term) {
    Keys keys;
    if (term.negated) return keys;
    for (const Test& test : tests_of(code, term)) {
      const Match match = test.matcher.match();
      if (match != Match::Str && match != Match::Beg) return {};
      const auto sample = sample_of(*test.expression);
      if (!sample) return {};
      std::vector<std::string> texts;
      for (const auto& set : test.matcher.sets()) {
        for (std::string& text : set->keys(index_.stale_))
          texts.push_back(match == Match::Beg ? std::string(trim(text)) : text);
      }
      for (std::string& folded : texts) {
        if (folded.empty()) return {};
        std::transform(folded.begin(), folded.end(), folded.begin(), to_lower);
        keys.push_back({*sample, match == Match::Str, std::move(folded)});
      }
    }
    return keys;
  }

  bool has_effects(const ConditionCode& code) const {
    return std::any_of(code.terms.begin(), code.terms.end(), [&](const Term& term) {
      const auto tests = tests_of(code, term);
      return std::any_of(tests.begin(), tests.end(), [](const Test& test) { return has_effect(*test.expression); });
    });
  }

  void count(const ConditionCode* code) {
    if (code == nullptr || code->unless) return;
    for (const Term& term : code->terms) {
      for (const Key& key : keys_of(*code, term)) ++popularity_[key];
    }
  }

  // Of each alternative the term that fewest rules share; nothing if one has no keys.
  std::optional<Keys> keys_of(const ConditionCode& code) {
    Keys all, best;
    std::size_t best_popularity = SIZE_MAX;
    for (const Term& term : code.terms) {
      Keys keys = keys_of(code, term);
      std::size_t popularity = 0;
      for (const Key& key : keys) popularity = std::max(popularity, popularity_[key]);
      if (!keys.empty() && popularity < best_popularity) {
        best_popularity = popularity;
        best = std::move(keys);
      }
      if (!term.ends_group) continue;
      if (best.empty()) return std::nullopt;
      all.insert(all.end(), best.begin(), best.end());
      best.clear();
      best_popularity = SIZE_MAX;
    }
    return all;
  }

  void place(const ConditionCode* code, std::uint32_t rule) {
    std::optional<Keys> keys;
    if (code != nullptr && !code->unless && !has_effects(*code)) keys = keys_of(*code);
    if (!keys) return index_.always_.push_back(rule);
    std::sort(keys->begin(), keys->end());
    keys->erase(std::unique(keys->begin(), keys->end()), keys->end());
    for (const Key& key : *keys) {
      RuleIndex::Sampled& sampled = index_.samples_[key.sample];
      (key.whole ? sampled.whole : sampled.beginnings)[key.text].push_back(rule);
    }
  }

  RuleIndex& index_;
  const AclTable* acls_;
  std::map<Key, std::size_t> popularity_;
};

RuleIndex::RuleIndex(std::span<const ConditionCode* const> conditions, const AclTable* acls, unsigned available)
    : acls_(acls), available_(available) {
  RuleIndexBuilder(*this, acls).build(conditions);
}

}  // namespace penstock::rules
