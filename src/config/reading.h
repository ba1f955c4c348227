// What one reading knows while it goes from line to line: the drafts of proxies, what `defaults`
// preset, and the cursor that a keyword's parse function moves over its line.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lexer.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/config/diagnostics.h"
#include "penstock/config/model.h"

namespace penstock::config {

enum class SectionKind {
  None,
  Cache,
  Global,
  Defaults,
  Frontend,
  Backend,
  Listen,
  HttpErrors,
  Mailers,
  Peers,
  Resolvers,
  Ring,
  UserList,
  Skipped
};

// `errorfiles <name> [<code>...]`, resolved when all `http-errors` sections are known.
struct ErrorFilesUse {
  Word name;
  std::vector<std::uint32_t> codes;  // Empty: all.
};

// When a line of old words acted, in its section.
enum class OldOrder {
  Here,         // As any line of its new words does.
  BeforeRules,  // Ahead of all http-request rules.
  BehindRules,  // Behind all of them: first what changes and deletes,
  Last,         // then what adds.
};

struct OldRule {
  Rule rule;
  OldOrder order = OldOrder::Here;
  std::size_t complaint = 0;  // Which one shows the line to write now.
};

// A proxy being written, or what a `defaults` section presets, with all that a Config does not
// keep.
struct Draft {
  Proxy proxy;
  SectionKind kind = SectionKind::Frontend;
  Place name_place;
  Server default_server;          // What each `server` line starts from.
  std::optional<Address> source;  // `source` of the section.
  // `dispatch`, or `option transparent`: where who belongs to no server goes.
  std::optional<Address> dispatch;
  Place dispatch_place;
  std::vector<Rule> redirects;  // `redirect` lines: they act behind all http-request lines.
  std::vector<OldRule> old_rules;
  std::vector<ErrorFilesUse> error_files;
  enum class Names { Any, Deleted, Refused };
  Names odd_names = Names::Any;  // `option http-restrict-req-hdr-names`
  Place odd_names_place;
  bool own_steps = false;                    // The section began its own health check; inherited steps are gone.
  bool broken = false;                       // A line was refused: what the section lacks may have stood there.
  bool own_stats = false;                    // The section began its own page of statistics.
  std::set<std::string, std::less<>> given;  // Settings of this very section that may be given once.
  std::set<std::string, std::less<>> said;   // Complaints of this section that are made once.
  std::vector<Word> caches;                  // Of `filter cache` lines.
  std::optional<Place> compresses_at;        // `filter compression` stands there.
  bool used_by_name = false;
  bool used_as_last = false;
};

struct ErrorGroup {
  std::vector<ErrorReply> files;
  Place place;
  bool used = false;
};

// A group of a `userlist`, and whom its own line names.
struct UserGroup {
  std::size_t list = 0;
  std::string name;
  std::vector<Word> members;
};

class Line;

struct Reading {
  Config& config;
  Diagnostics& diagnostics;
  Environment environment;
  Bind unix_bind;           // `unix-bind`: what bind lines of unix sockets begin with,
  std::string unix_prefix;  // and what their paths do.
  bool zero_warning = false;
  SectionKind kind = SectionKind::None;
  std::string section;       // Its name, or its type.
  std::deque<Draft> drafts;  // In order of the file; addresses stay.
  std::deque<Draft> defaults;
  Draft* draft = nullptr;  // The proxy or defaults being written.
  std::unordered_map<std::string, ErrorGroup> error_groups;
  ErrorGroup* error_group = nullptr;
  std::optional<Ring> ring;            // Being written, or refused.
  std::optional<Resolvers> resolvers;  // Likewise.
  std::optional<PeerSection> peers;    // Likewise.
  std::optional<Mailers> mailers;      // Likewise.
  std::optional<Cache> cache;          // Likewise.
  std::vector<UserGroup> user_groups;
  std::optional<std::size_t> user_list;     // Being written; none: its beginning was refused.
  std::set<std::string, std::less<>> said;  // Complaints about `global` that are made once.
};

// Where a keyword of a proxy may stand (manual section 4.1). kStrict makes it an error, not a
// warning, elsewhere; kNamedDefaults: in `defaults` only if it has a name.
enum Where : unsigned {
  kInDefaults = 1,
  kInFrontend = 2,
  kInBackend = 4,
  kStrict = 8,
  kNamedDefaults = 16,
  kNegatable = 32,  // `no ...`
  kProxies = kInFrontend | kInBackend,
  kAnywhere = kInDefaults | kProxies,
};

// One row of a keyword table: tables are sorted by name. Rows whose parse function is one of those
// below, which say that a line has no effect, say why in `help`.
template <class T>
struct Keyword {
  std::string_view name;
  void (*parse)(Line& line, T& target);
  std::string_view help;
  unsigned where = kAnywhere;
};

template <class T, std::size_t N>
constexpr bool is_sorted(const Keyword<T> (&table)[N]) {
  for (std::size_t i = 1; i < N; ++i) {
    if (!(table[i - 1].name < table[i].name)) return false;
  }
  return true;
}

template <class T>
const Keyword<T>* find_keyword(std::span<const Keyword<T>> table, std::string_view name) {
  std::size_t low = 0, high = table.size();
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (table[middle].name < name)
      low = middle + 1;
    else
      high = middle;
  }
  return low < table.size() && table[low].name == name ? &table[low] : nullptr;
}

template <class T>
std::vector<std::string_view> names_of(std::span<const Keyword<T>> table) {
  std::vector<std::string_view> names;
  for (const Keyword<T>& keyword : table) names.push_back(keyword.name);
  return names;
}

// A cursor over the words of one line. After the first complaint of kind error failed() holds, and
// the rest of the line is passed over.
class Line {
 public:
  Line(Reading& reading, std::span<const Word> words, std::string_view text)
      : reading(reading), words_(words), text_(text) {}

  Reading& reading;
  std::string subject;    // What the line is about, as complaints call it: "timeout connect".
  Place place;            // Of the keyword.
  std::string_view help;  // Of the keyword's row.
  bool negated = false;   // `no` stood before it, or `default`.
  Place prefix_place;     // Of that word.

  bool failed() const { return failed_; }
  bool more() const { return at_ < words_.size() && !failed_; }
  std::string_view text() const { return text_; }
  // The next word; there must be one.
  const Word& peek() const { return words_[at_]; }
  std::string_view peek_text() const { return more() ? std::string_view(words_[at_].text) : std::string_view(); }
  const Word& pop() { return words_[at_++]; }
  // Takes the next word if it is `word`.
  bool accept(std::string_view word);
  // The next word, or null after a complaint that `what` was expected.
  const Word* take(std::string_view what);
  // Its text, which must not be empty.
  std::string take_text(std::string_view what);
  // The next word, which must not be empty; null after a complaint.
  const Word* take_filled(std::string_view what);
  std::vector<Word> take_rest();
  void skip_rest() { at_ = words_.size(); }
  void step_back() { --at_; }
  // A complaint when words are left.
  void end();

  // The next word as a value within bounds; `fallback`, which the caller may ignore, after a
  // complaint.
  std::uint64_t take_number(std::string_view what, std::uint64_t low, std::uint64_t high);
  std::uint64_t take_ms(std::string_view what = "a time such as 10s", TimeUnit unit = TimeUnit::Millisecond);
  std::uint64_t take_size(std::string_view what = "a size such as 16k");
  // The number of the choice taken from `choices`, or nothing after a complaint that lists them.
  std::optional<std::size_t> take_choice(std::span<const std::string_view> choices);

  void complain(Place place, std::string text);
  void complain(std::string text) { complain(place, std::move(text)); }
  void warn(Place place, std::string text) { reading.diagnostics.warn(place, std::move(text)); }
  void warn(std::string text) { warn(place, std::move(text)); }
  // Behind the line's last word.
  Place end_place() const;

  // The keyword that now rules what follows.
  template <class T>
  void start(const Keyword<T>& keyword, const Word& word, std::string_view prefix = {}) {
    subject = prefix.empty() ? word.text : format("{} {}", prefix, word.text);
    place = word.place;
    help = keyword.help;
  }

 private:
  std::span<const Word> words_;
  std::string_view text_;
  std::size_t at_ = 0;
  bool failed_ = false;
};

// Rows that are known and not carried out. Each takes the whole rest of the line but for the
// parameters below.
void complain_obsolete(Line& line);  // Error: `help` names the successor.
void complain_refused(Line& line);   // Error: running without it would do harm.
void warn_no_effect(Line& line);     // Warning: it cannot change anything here.
void warn_not_yet(Line& line);       // Warning: comes later.

template <class T>
void obsolete(Line& line, T&) {
  complain_obsolete(line);
}
template <class T>
void refused(Line& line, T&) {
  complain_refused(line);
}
template <class T>
void no_effect(Line& line, T&) {
  warn_no_effect(line);
  line.skip_rest();
}
// What is never done: `no` before it says what holds.
template <class T>
void never_done(Line& line, T& target) {
  if (line.negated) return;
  no_effect(line, target);
}
template <class T>
void not_yet(Line& line, T&) {
  warn_not_yet(line);
  line.skip_rest();
}
// Parameters among others on a line, said once a section. `Arguments` words belong to them.
void warn_parameter(Line& line, std::string_view verdict, int arguments);
template <class T, int Arguments>
void no_effect_parameter(Line& line, T&) {
  warn_parameter(line, "has no effect", Arguments);
}
template <class T, int Arguments>
void not_yet_parameter(Line& line, T&) {
  warn_parameter(line, "is not offered yet and has no effect", Arguments);
}

}  // namespace penstock::config
