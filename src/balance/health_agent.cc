#include "health_agent.h"

#include <algorithm>

#include "penstock/base/format.h"
#include "penstock/base/text.h"

namespace penstock {
namespace {

constexpr std::string_view kBlanks = " \t,";
constexpr std::uint32_t kMostWeight = 256;

class Reader {
 public:
  Reader(const ServerSpec& server, bool fixed_weights) : server_(server), fixed_weights_(fixed_weights) {}

  AgentSays read(std::string_view line) {
    while (!line.empty()) {
      const std::size_t begin = line.find_first_not_of(kBlanks);
      if (begin == std::string_view::npos) break;
      line.remove_prefix(begin);
      // The rest explains.
      if (line.front() == '#') {
        note_ = line.substr(1);
        break;
      }
      const std::string_view word = line.substr(0, line.find_first_of(kBlanks));
      line.remove_prefix(word.size());
      take(word);
    }
    says_.text = text();
    return std::move(says_);
  }

 private:
  void take(std::string_view word) {
    // A reason may follow at once: "down#disk full".
    const std::string_view bare = word.substr(0, word.find('#'));
    if (equal_nocase(word, "ready")) {
      says_.change.administration = Administration::Ready;
    } else if (equal_nocase(word, "drain")) {
      says_.change.administration = Administration::Drain;
    } else if (equal_nocase(word, "maint")) {
      says_.change.administration = Administration::Maintenance;
    } else if (equal_nocase(bare, "up")) {
      take_state(word, bare, true);
    } else if (equal_nocase(bare, "down") || equal_nocase(bare, "stopped") || equal_nocase(bare, "fail")) {
      take_state(word, bare, false);
    } else if (word.size() > 1 && word.ends_with('%') && is_digit(word.front())) {
      take_weight(word);
    } else if (word.size() >= 8 && equal_nocase(word.substr(0, 8), "maxconn:")) {
      take_maxconn(word.substr(8));
    } else if (unknown_.empty()) {
      unknown_ = word;
    }
  }

  static bool is_digit(char c) { return c >= '0' && c <= '9'; }

  void take_state(std::string_view word, std::string_view bare, bool up) {
    says_.up = up;
    state_ = bare;
    if (word.size() > bare.size()) note_ = word.substr(bare.size() + 1);
  }

  void take_weight(std::string_view word) {
    const auto percent = parse_unsigned(word.substr(0, word.size() - 1));
    if (!percent) return warn("Trailing garbage in weight string");
    const std::uint64_t whole = std::min<std::uint64_t>(*percent, 25600);
    const auto weight = static_cast<std::uint32_t>(std::min<std::uint64_t>(server_.weight * whole / 100, kMostWeight));
    if (fixed_weights_ && weight != 0 && weight != server_.weight)
      return warn("Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.");
    says_.change.weight = weight;
  }

  void take_maxconn(std::string_view text) {
    const auto number = parse_unsigned(text);
    if (!number) return warn("maxconn string empty or preceded by garbage");
    if (*number > INT32_MAX) return warn("Value out of range.");
    says_.change.maxconn = static_cast<std::uint32_t>(*number);
  }

  void warn(std::string_view text) {
    if (warning_.empty()) warning_ = text;
  }

  std::string text() const {
    if (!state_.empty()) {
      const std::string_view more = !note_.empty() ? note_ : unknown_;
      return more.empty() ? format("via agent : {}", state_) : format("via agent : {} ({})", state_, more);
    }
    if (!unknown_.empty()) return format("agent reports an error : {}", unknown_);
    return warning_.empty() ? std::string() : format("agent warns : {}", warning_);
  }

  const ServerSpec& server_;
  const bool fixed_weights_;
  AgentSays says_;
  std::string_view state_, note_, unknown_, warning_;
};

}  // namespace

AgentSays read_agent_line(std::string_view line, const ServerSpec& server, bool fixed_weights) {
  return Reader(server, fixed_weights).read(line);
}

}  // namespace penstock
