// Words of one rule to a Step: the table of actions and their arguments.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "action.h"
#include "expression.h"
#include "format_compile.h"

namespace penstock::rules {

// Slots that `capture` lines and actions of a frontend make, by the place of the line.
using SlotPlace = std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>;
struct Slots {
  std::map<SlotPlace, std::size_t> by_place;
  std::size_t request = 0, response = 0;
  bool is_frontend = false;  // A backend's rules use the slots of whichever frontend sent the request.
};
inline SlotPlace slot_place(config::Place place) { return {place.file, place.line, place.column}; }

// Samples that rules of this set may use.
unsigned available_to(config::Rule::Set set, config::Mode mode);

// Nothing after a complaint, and nothing without one for a rule that has no effect (it was warned about).
std::optional<Step> compile_rule(Compiling& compiling, const config::Rule& rule, const Slots& slots);
// `status 404 content-type ...`: words of http-error behind its status.
std::optional<ReplyTemplate> compile_error_reply(Compiling& compiling, std::uint16_t status,
                                                 std::span<const config::Word> words);
// A whole HTTP answer as a file holds it.
std::optional<ReplyTemplate> parse_error_file(Compiling& compiling, const std::string& path, config::Place place,
                                              std::uint16_t status);
// True for an action that makes a slot of its own (`capture ... len`).
bool makes_slot(const config::Rule& rule);
std::uint32_t length_of_slot(const config::Rule& rule);
// Files that a rule's words name, and those of an answer.
void collect_rule_files(const config::Rule& rule, std::vector<NamedFile>& files);
void collect_reply_files(std::span<const config::Word> words, std::vector<NamedFile>& files);

// A cursor over the words of a rule's action.
class RuleWords {
 public:
  RuleWords(Compiling& compiling, std::span<const config::Word> words, std::string subject)
      : compiling_(compiling), words_(words), subject_(std::move(subject)) {}

  bool more() const { return at_ < words_.size(); }
  const config::Word& peek() const { return words_[at_]; }
  const config::Word& pop() { return words_[at_++]; }
  bool accept(std::string_view word) {
    if (!more() || words_[at_].text != word) return false;
    ++at_;
    return true;
  }
  // The next word whatever it is, or null after a complaint that `what` was expected.
  const config::Word* take(std::string_view what);
  config::Place place() const {
    return at_ < words_.size() ? words_[at_].place : words_.empty() ? config::Place{} : words_.back().place;
  }
  std::nullptr_t complain(config::Place place, std::string text) const {
    compiling_.diagnostics.add(place, std::move(text));
    return nullptr;
  }
  const std::string& subject() const { return subject_; }

 private:
  Compiling& compiling_;
  std::span<const config::Word> words_;
  std::string subject_;
  std::size_t at_ = 0;
};

}  // namespace penstock::rules
