// Rows of the table of actions: what one action's compile function works with, and each family's rows.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>

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

// A cursor over the words of a rule's action.
class RuleWords {
 public:
  // `end`: where a word that is missing would stand.
  RuleWords(Compiling& compiling, std::span<const config::Word> words, std::string subject, config::Place end)
      : compiling_(compiling), words_(words), subject_(std::move(subject)), end_(end) {}

  bool more() const { return at_ < words_.size(); }
  const config::Word& peek() const { return words_[at_]; }
  const config::Word& pop() { return words_[at_++]; }
  bool accept(std::string_view word) {
    if (!more() || words_[at_].text != word) return false;
    ++at_;
    return true;
  }
  // The next word, or null after a complaint that `what` was expected; take_any: it may be empty.
  const config::Word* take(std::string_view what);
  const config::Word* take_any(std::string_view what);
  config::Place place() const { return at_ < words_.size() ? words_[at_].place : end_; }
  std::nullptr_t complain(config::Place place, std::string text) const {
    compiling_.diagnostics.add(place, std::move(text));
    return nullptr;
  }
  const std::string& subject() const { return subject_; }

 private:
  Compiling& compiling_;
  std::span<const config::Word> words_;
  std::string subject_;
  config::Place end_;
  std::size_t at_ = 0;
};

// What one action's compile function works with.
struct Work {
  Compiling& compiling;
  const config::Rule& rule;
  RuleWords& words;
  const Slots& slots;
  std::string_view argument;  // Between the parentheses of the action's word, if it has them.
  Side side;
  unsigned available;

  std::nullptr_t complain(config::Place place, std::string text) const {
    return words.complain(place, std::move(text));
  }
  // A `redirect` line of its own, not behind http-request: its texts are no formats (manual section 4.2).
  bool is_redirect_line() const;
  // Each takes the next word and gives nothing after a complaint about it.
  std::optional<Format> take_format(std::string_view what, FormatUse use = FormatUse::Http) const;
  std::unique_ptr<Expression> take_expression(std::string_view what = "a sample") const;
  std::unique_ptr<Regex> take_regex() const;
  // The name of a field that rules may change.
  const config::Word* take_field_name() const;
  std::optional<std::uint16_t> take_status(unsigned low, unsigned high) const;
};

// Rule sets, as bits of ActionRow::sets.
constexpr unsigned in(config::Rule::Set set) { return 1u << static_cast<unsigned>(set); }
constexpr unsigned kConnection = in(config::Rule::Set::TcpConnection), kWelcomed = in(config::Rule::Set::TcpSession),
                   kContent = in(config::Rule::Set::TcpContent);
constexpr unsigned kTcpResponse = in(config::Rule::Set::TcpResponse), kRequest = in(config::Rule::Set::HttpRequest),
                   kResponse = in(config::Rule::Set::HttpResponse);
constexpr unsigned kAfter = in(config::Rule::Set::HttpAfterResponse);
constexpr unsigned kTcp = kConnection | kWelcomed | kContent | kTcpResponse;
constexpr unsigned kHttp = kRequest | kResponse | kAfter;

// What stands in parentheses behind an action's word; an example of it. Some may be left out.
struct Parentheses {
  std::string_view what, example;
  bool optional = false;
};
constexpr Parentheses kVariable = {"a variable", "txn.name"},
                      kVariableAndSection = {"a variable and a section 'resolvers'", "txn.ip,dns"},
                      kCounter = {"the number of a counter", "0", true},
                      kElementAndCounter = {"an element and the number of a counter", "0,0"},
                      kFile = {"a file", "/etc/penstock/a.map"};

struct ActionRow {
  std::string_view name;
  unsigned sets;  // Where it may stand.
  // Reads the action's words up to the condition; null after a complaint.
  std::unique_ptr<Action> (*compile)(Work&);
  Parentheses parentheses = {};
};

// The families, each in a file of its own.
std::span<const ActionRow> message_actions();  // rule_message.cc
std::span<const ActionRow> reply_actions();    // rule_reply.cc
std::span<const ActionRow> other_actions();    // rule_other.cc
std::span<const ActionRow> track_actions();    // rule_track.cc
std::span<const ActionRow> client_actions();   // rule_client.cc
std::span<const ActionRow> name_actions();     // rule_name.cc
std::span<const ActionRow> cache_actions();    // rule_cache.cc

}  // namespace penstock::rules
