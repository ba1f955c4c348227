// Text to words (configuration manual sections 2.2 and 2.3): blanks part words, '#' begins a
// comment, quotes, escapes and, inside double quotes only, environment variables are resolved.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/config/model.h"

namespace penstock::config {

// The variables a configuration sees: those of the process when reading began, as changed by
// `setenv` and its kin. The process's own stay as they are.
class Environment {
 public:
  Environment();
  const std::string* find(std::string_view name) const;
  void set(std::string_view name, std::string value);
  void unset(std::string_view name);
  void keep_only(const std::vector<std::string>& names);

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

// What the pseudo-variables .FILE, .LINE and .SECTION say, and all others.
struct Variables {
  const Environment& environment;
  std::string_view file;
  std::uint32_t line = 0;
  std::string_view section;
};

struct LexError {
  std::uint32_t column = 0;
  std::string text;
};

// Appends the words of `text`, one line without its end, to `words`. After an error the words are
// of no use.
std::optional<LexError> split_words(std::string_view text, const Variables& variables, Place line,
                                    std::vector<Word>& words);

// The canonical writing of a word: split_words() makes the same word of it again.
std::string quoted(std::string_view word);

}  // namespace penstock::config
