#include "lexer.h"

#include <unistd.h>

#include <algorithm>

#include "penstock/base/format.h"
#include "penstock/base/text.h"

namespace penstock::config {

Environment::Environment() {
  for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
    std::string_view value = *at;
    const std::string_view name = cut(value, '=');
    values_.insert_or_assign(std::string(name), std::string(value));
  }
}

const std::string* Environment::find(std::string_view name) const {
  const auto at = values_.find(name);
  return at == values_.end() ? nullptr : &at->second;
}

void Environment::set(std::string_view name, std::string value) {
  values_.insert_or_assign(std::string(name), std::move(value));
}

void Environment::unset(std::string_view name) {
  const auto at = values_.find(name);
  if (at != values_.end()) values_.erase(at);
}

void Environment::keep_only(const std::vector<std::string>& names) {
  std::erase_if(values_,
                [&](const auto& entry) { return std::find(names.begin(), names.end(), entry.first) == names.end(); });
}

namespace {

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_plain(char c) {
  return static_cast<unsigned char>(c) > ' ' && c != '\\' && c != '"' && c != '\'' && c != '$' && c != '#';
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

class Splitter {
 public:
  Splitter(std::string_view text, const Variables& variables, Place line, std::vector<Word>& words)
      : text_(text), variables_(variables), line_(line), words_(words) {}

  std::optional<LexError> run() {
    while (at_ < text_.size() && !error_) {
      if (!step()) break;
    }
    if (!error_ && quote_ != 0) fail(quote_at_, "this quote is not closed");
    end_word();
    return std::move(error_);
  }

 private:
  // False at a comment, which ends the line.
  bool step() {
    const char c = text_[at_];
    if (quote_ == '\'') {
      if (c != '\'') return put(c);
      quote_ = 0;
      ++at_;
      return true;
    }
    if (c == '\\') return escape();
    if (c == '"' && quote_ == '"') {
      quote_ = 0;
      ++at_;
      return true;
    }
    if (c == '$' && quote_ == '"') return variable();
    if (quote_ == '"') return put(c);
    if (c == '#') return false;
    if (c == '"' || c == '\'') return open_quote(c);
    if (is_blank(c)) {
      end_word();
      ++at_;
      return true;
    }
    return put(c);
  }

  bool put(char c) {
    begin_word();
    if (c == '\0') return fail(at_, "a NUL byte cannot stand here");
    // Plain bytes come in runs: what means something anywhere ends one.
    std::size_t end = at_ + 1;
    while (end < text_.size() && is_plain(text_[end])) ++end;
    word_.append(text_, at_, end - at_);
    at_ = end;
    return true;
  }

  bool open_quote(char c) {
    begin_word();
    quote_ = c;
    quote_at_ = at_++;
    return true;
  }

  // What is no known escape keeps its backslash, so that regular expressions need no doubling.
  // HAProxy reads "\$" as an escape only where a bare '$' would mean something.
  bool escape() {
    begin_word();
    const char next = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
    switch (next) {
      case ' ':
      case '\t':
      case '\\':
      case '#':
      case '"':
      case '\'':
        return take_escape(next, 2);
      case 'n':
        return take_escape('\n', 2);
      case 'r':
        return take_escape('\r', 2);
      case 't':
        return take_escape('\t', 2);
      case 'x':
        return hex_escape();
      case '$':
        if (quote_ == '"') return take_escape('$', 2);
        break;
      default:
        break;
    }
    return put('\\');
  }

  bool take_escape(char c, std::size_t length) {
    word_.push_back(c);
    at_ += length;
    return true;
  }

  bool hex_escape() {
    const int high = at_ + 2 < text_.size() ? hex_value(text_[at_ + 2]) : -1;
    const int low = at_ + 3 < text_.size() ? hex_value(text_[at_ + 3]) : -1;
    if (high < 0 || low < 0) return fail(at_, "'\\x' needs two hexadecimal digits");
    if (high == 0 && low == 0) return fail(at_, "a NUL byte cannot be written");
    return take_escape(static_cast<char>(high * 16 + low), 4);
  }

  // "$NAME", "${NAME}", "${NAME-default}", "${NAME[*]}".
  bool variable() {
    const std::size_t start = at_++;
    const bool braced = at_ < text_.size() && text_[at_] == '{';
    if (braced) ++at_;
    const std::size_t name_at = at_;
    if (at_ < text_.size() && text_[at_] == '.') ++at_;
    if (at_ >= text_.size() || !is_name(text_[at_]) || is_digit(text_[at_])) {
      return fail(at_, "a variable's name must begin with a letter or '_'; write \"\\$\" for a dollar sign");
    }
    while (at_ < text_.size() && is_name(text_[at_])) ++at_;
    const std::string_view name = text_.substr(name_at, at_ - name_at);
    if (!braced) return expand(name, {}, false);
    bool apart = false;
    if (text_.substr(at_).starts_with("[*]")) {
      apart = true;
      at_ += 3;
    }
    std::string_view fallback;
    if (at_ < text_.size() && text_[at_] == '-') {
      const std::size_t end = text_.find('}', at_);
      fallback = text_.substr(at_ + 1, end == std::string_view::npos ? end : end - at_ - 1);
      at_ = std::min(end, text_.size());
    }
    if (at_ >= text_.size() || text_[at_] != '}') {
      return fail(start, "this variable's brace is not closed");
    }
    ++at_;
    return expand(name, fallback, apart);
  }

  bool expand(std::string_view name, std::string_view fallback, bool apart) {
    const std::string value = value_of(name, fallback);
    if (!apart) {
      word_ += value;
      return true;
    }
    // Blanks around the list part nothing: the quote alone makes no word of its own.
    if (word_.empty() && !value.empty() && is_blank(value[0])) in_word_ = false;
    for (const char c : value) {
      if (!is_blank(c)) {
        begin_word();
        word_.push_back(c);
      } else {
        end_word();
      }
    }
    return true;
  }

  std::string value_of(std::string_view name, std::string_view fallback) const {
    if (name == ".FILE") return std::string(variables_.file);
    if (name == ".LINE") return format("{}", variables_.line);
    if (name == ".SECTION") return std::string(variables_.section);
    const std::string* value = variables_.environment.find(name);
    return value != nullptr ? *value : std::string(fallback);
  }

  void begin_word() {
    if (in_word_) return;
    in_word_ = true;
    word_at_ = at_;
  }
  void end_word() {
    if (!in_word_) return;
    words_.push_back({std::move(word_), {line_.file, line_.line, static_cast<std::uint32_t>(word_at_ + 1)}});
    word_.clear();
    in_word_ = false;
  }
  bool fail(std::size_t at, std::string text) {
    if (!error_) error_ = LexError{static_cast<std::uint32_t>(at + 1), std::move(text)};
    return false;
  }

  const std::string_view text_;
  const Variables& variables_;
  const Place line_;
  std::vector<Word>& words_;
  std::size_t at_ = 0;
  char quote_ = 0;
  std::size_t quote_at_ = 0;
  std::string word_;
  std::size_t word_at_ = 0;
  bool in_word_ = false;
  std::optional<LexError> error_;
};

}  // namespace

std::optional<LexError> split_words(std::string_view text, const Variables& variables, Place line,
                                    std::vector<Word>& words) {
  return Splitter(text, variables, line, words).run();
}

std::string quoted(std::string_view word) {
  const auto stands_bare = [](char c) { return (is_plain(c) || c == '$') && c != 0x7f; };
  if (!word.empty() && std::all_of(word.begin(), word.end(), stands_bare)) return std::string(word);
  const bool fits_quotes = std::all_of(
      word.begin(), word.end(), [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != '\'' && c != 0x7f; });
  if (fits_quotes) return format("'{}'", word);
  std::string out;
  for (const char c : word) {
    if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else if (static_cast<unsigned char>(c) < ' ' || c == 0x7f)
      append_format(out, "\\x{:02x}", static_cast<unsigned char>(c));
    else if (!stands_bare(c))
      (out += '\\') += c;
    else
      out += c;
  }
  return out;
}

}  // namespace penstock::config
