#define PCRE2_CODE_UNIT_WIDTH 8
#include "regex.h"

#include <pcre2.h>

#include "penstock/base/require.h"
#include "penstock/base/text.h"

namespace penstock::rules {

namespace {

// Enough for any pattern meant seriously; about 10 ms at worst.
constexpr std::uint32_t kMatchLimit = 500000;
constexpr std::uint32_t kDepthLimit = 50000;
constexpr std::uint32_t kHeapLimitKib = 1024;
// Groups that can be referred to: \0 to \9.
constexpr std::uint32_t kGroups = 10;

void* allocate_in_arena(std::size_t size, void* arena) { return static_cast<Arena*>(arena)->allocate(size); }
void leave_in_arena(void*, void*) {}

pcre2_match_data* space_of(Subject& subject) {
  if (subject.regex_space == nullptr) {
    pcre2_general_context* memory = pcre2_general_context_create(allocate_in_arena, leave_in_arena, &subject.arena);
    subject.regex_space = pcre2_match_data_create(kGroups, memory);
  }
  return static_cast<pcre2_match_data*>(subject.regex_space);
}

}  // namespace

std::unique_ptr<Regex> Regex::compile(std::string_view pattern, bool ignore_case, std::string& error) {
  int number = 0;
  std::size_t offset = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                   ignore_case ? PCRE2_CASELESS : 0, &number, &offset, nullptr);
  if (code == nullptr) {
    unsigned char words[128];
    pcre2_get_error_message(number, words, sizeof(words));
    error = format("{} at character {}", reinterpret_cast<const char*>(words), offset + 1);
    return nullptr;
  }
  // Without JIT the interpreter does the same, only slower.
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  pcre2_match_context* limits = pcre2_match_context_create(nullptr);
  require(limits != nullptr);
  pcre2_set_match_limit(limits, kMatchLimit);
  pcre2_set_depth_limit(limits, kDepthLimit);
  pcre2_set_heap_limit(limits, kHeapLimitKib);
  std::unique_ptr<Regex> regex(new Regex);
  regex->code_ = code;
  regex->limits_ = limits;
  return regex;
}

Regex::~Regex() {
  pcre2_match_context_free(static_cast<pcre2_match_context*>(limits_));
  pcre2_code_free(static_cast<pcre2_code*>(code_));
}

bool Regex::find(Subject& subject, std::string_view text, std::size_t from, RegexGroups& groups) const {
  pcre2_match_data* space = space_of(subject);
  const auto* code = static_cast<const pcre2_code*>(code_);
  auto* limits = static_cast<pcre2_match_context*>(limits_);
  const char* data = text.data() == nullptr ? "" : text.data();
  const auto* bytes = reinterpret_cast<PCRE2_SPTR>(data);
  int count = pcre2_match(code, bytes, text.size(), from, 0, space, limits);
  // The machine stack that JIT uses is small; the interpreter has room on the heap limit's terms.
  if (count == PCRE2_ERROR_JIT_STACKLIMIT) count = pcre2_match(code, bytes, text.size(), from, PCRE2_NO_JIT, space, limits);
  if (count < 0) return false;
  groups.offsets = pcre2_get_ovector_pointer(space);
  groups.count = count == 0 ? kGroups : static_cast<std::size_t>(count);
  return true;
}

std::string_view expand_groups(Subject& subject, std::string_view replacement, std::string_view text, const RegexGroups& groups) {
  if (replacement.find('\\') == std::string_view::npos) return replacement;
  const auto each_part = [&](auto&& take) {
    for (std::size_t i = 0; i < replacement.size(); ++i) {
      if (replacement[i] != '\\' || i + 1 == replacement.size()) {
        take(replacement.substr(i, 1));
        continue;
      }
      const char next = replacement[++i];
      if (next >= '0' && next <= '9') take(groups.group(text, static_cast<std::size_t>(next - '0')));
      else take(replacement.substr(i, 1));
    }
  };
  std::size_t size = 0;
  each_part([&](std::string_view part) { size += part.size(); });
  char* to = static_cast<char*>(subject.arena.allocate(size + 1, 1));
  char* at = to;
  each_part([&](std::string_view part) {
    if (part.empty()) return;
    std::memcpy(at, part.data(), part.size());
    at += part.size();
  });
  return {to, size};
}

}  // namespace penstock::rules
