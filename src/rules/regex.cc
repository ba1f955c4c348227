#define PCRE2_CODE_UNIT_WIDTH 8
#include "regex.h"

#include <pcre2.h>

#include "penstock/base/format.h"
#include "stopwatch.h"

namespace penstock::rules {

namespace {

// A text of this size is matched from at most as many places, each within the match limit, and no
// step looks at more than the text: a few milliseconds if all of it comes together.
constexpr std::size_t kShortText = 256;
constexpr std::uint32_t kMatchLimit = 256;
constexpr std::uint32_t kWatchedMatchLimit = 100'000'000;
constexpr std::int64_t kWatchedNs = 5'000'000;
// Of the interpreter, which is used where the machine stack is too small for JIT.
constexpr std::uint32_t kDepthLimit = 50000;
constexpr std::uint32_t kHeapLimitKib = 1024;
// Groups that can be referred to: \0 to \9.
constexpr std::uint32_t kGroups = 10;

void* allocate_in_arena(std::size_t size, void* arena) { return static_cast<Arena*>(arena)->allocate(size); }
void leave_in_arena(void*, void*) {}

int look_at_time(pcre2_callout_block*, void* stopwatch) {
  return static_cast<Stopwatch*>(stopwatch)->over() ? PCRE2_ERROR_MATCHLIMIT : 0;
}

// What matching needs; one for each subject, made when it first matches something.
struct Space {
  pcre2_match_data* data;
  pcre2_match_context* limits;
  pcre2_match_context* watched_limits;
};

pcre2_match_context* limits_of(pcre2_general_context* memory, std::uint32_t match_limit) {
  pcre2_match_context* limits = pcre2_match_context_create(memory);
  pcre2_set_match_limit(limits, match_limit);
  pcre2_set_depth_limit(limits, kDepthLimit);
  pcre2_set_heap_limit(limits, kHeapLimitKib);
  return limits;
}

Space& space_of(Subject& subject) {
  if (subject.regex_space == nullptr) {
    pcre2_general_context* memory = pcre2_general_context_create(allocate_in_arena, leave_in_arena, &subject.arena);
    subject.regex_space =
        subject.arena.make<Space>(pcre2_match_data_create(kGroups, memory), limits_of(memory, kMatchLimit),
                                  limits_of(memory, kWatchedMatchLimit));
  }
  return *static_cast<Space*>(subject.regex_space);
}

pcre2_code* compile_as(std::string_view pattern, std::uint32_t options, int& number, std::size_t& offset) {
  pcre2_code* code =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), options, &number, &offset, nullptr);
  // Without JIT the interpreter does the same, only slower.
  if (code != nullptr) pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  return code;
}

struct Text {
  PCRE2_SPTR bytes;
  std::size_t size;
  std::size_t from;
};

int match(const void* code, const Text& text, std::uint32_t options, pcre2_match_data* data,
          pcre2_match_context* limits) {
  return pcre2_match(static_cast<const pcre2_code*>(code), text.bytes, text.size, text.from, options, data, limits);
}

int match_watched(const void* code, const Text& text, const Space& space) {
  Stopwatch stopwatch(kWatchedNs);
  pcre2_set_callout(space.watched_limits, look_at_time, &stopwatch);
  const int count = match(code, text, 0, space.data, space.watched_limits);
  // The machine stack that JIT uses is small; the interpreter has room on the heap limit's terms.
  if (count != PCRE2_ERROR_JIT_STACKLIMIT) return count;
  return match(code, text, PCRE2_NO_JIT, space.data, space.watched_limits);
}

bool is_limit(int count) { return count == PCRE2_ERROR_MATCHLIMIT || count == PCRE2_ERROR_JIT_STACKLIMIT; }

}  // namespace

std::unique_ptr<Regex> Regex::compile(std::string_view pattern, bool ignore_case, std::string& error) {
  int number = 0;
  std::size_t offset = 0;
  const std::uint32_t options = ignore_case ? PCRE2_CASELESS : 0;
  pcre2_code* code = compile_as(pattern, options, number, offset);
  if (code == nullptr) {
    unsigned char words[128];
    pcre2_get_error_message(number, words, sizeof(words));
    error = format("{} at character {}", reinterpret_cast<const char*>(words), offset + 1);
    return nullptr;
  }
  std::unique_ptr<Regex> regex(new Regex);
  regex->code_ = code;
  if (pattern.find_first_of("*+?{|(\\") == std::string_view::npos) return regex;
  regex->watched_ = compile_as(pattern, options | PCRE2_AUTO_CALLOUT, number, offset);
  if (regex->watched_ == nullptr) return error = "it is too long", nullptr;
  return regex;
}

Regex::~Regex() {
  pcre2_code_free(static_cast<pcre2_code*>(watched_));
  pcre2_code_free(static_cast<pcre2_code*>(code_));
}

bool Regex::find(Subject& subject, std::string_view text, std::size_t from, RegexGroups& groups) const {
  const Space& space = space_of(subject);
  const char* data = text.data() == nullptr ? "" : text.data();
  const Text of{reinterpret_cast<PCRE2_SPTR>(data), text.size(), from};
  const bool at_once = watched_ == nullptr || text.size() - from <= kShortText;
  int count = at_once ? match(code_, of, 0, space.data, space.limits) : match_watched(watched_, of, space);
  if (at_once && watched_ != nullptr && is_limit(count)) count = match_watched(watched_, of, space);
  if (count < 0) {
    if (count != PCRE2_ERROR_NOMATCH) subject.trouble = Trouble::Match;
    return false;
  }
  groups.offsets = pcre2_get_ovector_pointer(space.data);
  groups.count = count == 0 ? kGroups : static_cast<std::size_t>(count);
  return true;
}

bool put_groups(TextBuilder& to, std::string_view replacement, std::string_view text, const RegexGroups& groups) {
  while (!replacement.empty()) {
    const std::size_t mark = replacement.find('\\');
    if (!to.put(replacement.substr(0, mark))) return false;
    if (mark == std::string_view::npos) return true;
    replacement.remove_prefix(mark + 1);
    // One at the end stands for itself.
    if (replacement.empty()) return to.put("\\");
    const char next = replacement[0];
    const bool is_group = next >= '0' && next <= '9';
    if (!to.put(is_group ? groups.group(text, static_cast<std::size_t>(next - '0')) : replacement.substr(0, 1)))
      return false;
    replacement.remove_prefix(1);
  }
  return true;
}

std::string_view expand_groups(Subject& subject, std::string_view replacement, std::string_view text,
                               const RegexGroups& groups) {
  if (replacement.find('\\') == std::string_view::npos) return replacement;
  TextBuilder expanded(subject, replacement.size() + text.size());
  put_groups(expanded, replacement, text, groups);
  return expanded.text();
}

}  // namespace penstock::rules
