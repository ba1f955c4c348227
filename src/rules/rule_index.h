// Finds among many rules those that may hold, without asking each.
//
// A rule is found by texts if each alternative of its condition compares some sample with exact
// texts or with beginnings: it cannot hold unless one of these stands in the subject. All other
// rules are asked always. A rule found is asked itself all the same, in its order: the answer is
// that of asking all.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "acl.h"
#include "penstock/base/arena.h"

namespace penstock::rules {

class RuleIndex {
 public:
  // Numbers of rules that may hold, ascending.
  class Walk {
   public:
    Walk(std::span<const std::uint32_t> found, std::span<const std::uint32_t> always)
        : found_(found), always_(always) {}
    // False: there is none left.
    bool next(std::uint32_t& rule);

   private:
    std::span<const std::uint32_t> found_, always_;
  };

  // Conditions in the order of their rules, null where there is none; they and the ACLs outlive the
  // index. `available` (Needs) is what the place of the rules offers.
  RuleIndex(std::span<const ConditionCode* const> conditions, const AclTable* acls, unsigned available);
  // What is found lives in the subject's arena.
  Walk may_hold(Subject& subject) const;
  // The ACLs are no longer those it was made of: all rules are to be asked.
  bool stale() const { return stale_->load(std::memory_order_relaxed); }

 private:
  friend class RuleIndexBuilder;
  struct Folding {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const;
  };
  struct EqualFolded {
    using is_transparent = void;
    bool operator()(std::string_view a, std::string_view b) const;
  };
  using Rules = std::vector<std::uint32_t>;
  using RulesByText = std::unordered_map<std::string, Rules, Folding, EqualFolded>;
  // What is compared with one sample. Case is judged when the rule is asked.
  struct Sampled {
    const Expression* expression;
    RulesByText whole, beginnings;
    std::vector<std::size_t> lengths;  // Of beginnings, each once, ascending.
  };

  void find(const Sampled& sampled, std::string_view text, Subject& subject, ArenaVector<std::uint32_t>& found) const;

  const AclTable* acls_;
  unsigned available_;
  std::vector<Sampled> samples_;
  Rules always_;
  std::shared_ptr<std::atomic<bool>> stale_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace penstock::rules
