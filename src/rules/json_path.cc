#include "json_path.h"

#include <algorithm>
#include <utility>

#include "hex.h"
#include "penstock/base/text.h"

namespace penstock::rules {

namespace {

// How deep lists and objects may lie in one another.
constexpr int kMostDepth = 20;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Reads values off the front of a text. What cannot be read leaves it broken, and nothing is found any more.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  JsonFound find(const JsonPath& path) {
    for (const JsonStep& step : path) {
      if (!(step.name.empty() ? enter_element(step.element) : enter_member(step.name))) return {};
    }
    return value();
  }

 private:
  char next() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
      ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }

  bool take(char wanted) {
    if (next() != wanted) return false;
    ++at_;
    return true;
  }

  // What stands between quotes, escapes and all.
  std::optional<std::string_view> quoted() {
    if (!take('"')) return std::nullopt;
    const std::size_t begin = at_;
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == '"') return text_.substr(begin, at_++ - begin);
      if (text_[at_] == '\\') ++at_;
    }
    return std::nullopt;
  }

  JsonFound number() {
    const std::size_t begin = at_;
    if (text_[at_] == '-') ++at_;
    if (at_ == text_.size() || !is_digit(text_[at_])) return {};
    const auto digits = [this] {
      while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
    };
    digits();
    if (at_ < text_.size() && text_[at_] == '.') ++at_, digits();
    if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      ++at_;
      if (at_ < text_.size() && (text_[at_] == '-' || text_[at_] == '+')) ++at_;
      digits();
    }
    return {JsonFound::Kind::Number, text_.substr(begin, at_ - begin)};
  }

  bool word(std::string_view wanted) {
    if (!text_.substr(at_).starts_with(wanted)) return false;
    at_ += wanted.size();
    return true;
  }

  JsonFound value() {
    const char first = next();
    if (first == '"') {
      const auto text = quoted();
      return text ? JsonFound{JsonFound::Kind::Text, *text} : JsonFound{};
    }
    if (word("true")) return {JsonFound::Kind::True, {}};
    if (word("false")) return {JsonFound::Kind::False, {}};
    return first == '-' || is_digit(first) ? number() : JsonFound{};
  }

  bool skip_plain() {
    next();
    return word("null") || value().kind != JsonFound::Kind::None;
  }

  bool skip(int depth) {
    const char first = next();
    if (first != '{' && first != '[') return skip_plain();
    if (depth == kMostDepth) return false;
    const char end = first == '{' ? '}' : ']';
    ++at_;
    if (take(end)) return true;
    do {
      if (first == '{' && (!quoted() || !take(':'))) return false;
      if (!skip(depth + 1)) return false;
    } while (take(','));
    return take(end);
  }

  // To where its value begins.
  bool enter_member(std::string_view name) {
    if (++depth_ > kMostDepth || !take('{')) return false;
    do {
      const auto found = quoted();
      if (!found || !take(':')) return false;
      if (*found == name) return true;
      if (!skip(depth_)) return false;
    } while (take(','));
    return false;
  }

  bool enter_element(std::uint32_t element) {
    if (++depth_ > kMostDepth || !take('[')) return false;
    for (; element > 0; --element) {
      if (!skip(depth_) || !take(',')) return false;
    }
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

// RFC 3629 section 3.
char* put_utf8(std::uint32_t code, char* to) {
  if (code < 0x80) return *to++ = static_cast<char>(code), to;
  const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  constexpr unsigned kFirst[] = {0, 0xc0, 0xe0, 0xf0};
  *to++ = static_cast<char>(kFirst[more] | code >> (6 * more));
  for (int i = more; i-- > 0;) *to++ = static_cast<char>(0x80 | (code >> (6 * i) & 0x3f));
  return to;
}

// Four digits at the front of a text, which they leave.
std::optional<std::uint32_t> take_code(std::string_view& text) {
  if (text.size() < 4) return std::nullopt;
  std::uint32_t code = 0;
  for (const char c : text.substr(0, 4)) {
    const int digit = hex_digit(c);
    if (digit < 0) return std::nullopt;
    code = code << 4 | static_cast<std::uint32_t>(digit);
  }
  text.remove_prefix(4);
  return code;
}

bool is_low_half(std::uint32_t code) { return code >= 0xdc00 && code < 0xe000; }
bool is_high_half(std::uint32_t code) { return code >= 0xd800 && code < 0xdc00; }

// A letter beyond 16 bits is two escapes; one of them alone is nothing.
bool take_letter(std::string_view& text, char*& to) {
  auto code = take_code(text);
  if (!code || is_low_half(*code)) return false;
  if (is_high_half(*code)) {
    if (!text.starts_with("\\u")) return false;
    text.remove_prefix(2);
    const auto low = take_code(text);
    if (!low || !is_low_half(*low)) return false;
    *code = 0x10000 + ((*code - 0xd800) << 10) + (*low - 0xdc00);
  }
  to = put_utf8(*code, to);
  return true;
}

}  // namespace

std::optional<JsonPath> parse_json_path(std::string_view text) {
  if (!text.starts_with('$')) return std::nullopt;
  text.remove_prefix(1);
  JsonPath path;
  while (!text.empty()) {
    JsonStep step;
    if (text[0] == '[') {
      const std::size_t end = text.find(']');
      if (end == std::string_view::npos) return std::nullopt;
      const auto number = parse_unsigned(text.substr(1, end - 1));
      if (!number || *number > UINT32_MAX) return std::nullopt;
      step.element = static_cast<std::uint32_t>(*number);
      text.remove_prefix(end + 1);
    } else if (text[0] == '.') {
      std::size_t at = 1;
      for (; at < text.size() && text[at] != '.' && text[at] != '['; ++at) {
        if (text[at] == '\\' && at + 1 < text.size()) ++at;
        step.name += text[at];
      }
      text.remove_prefix(at);
      if (step.name.empty()) return std::nullopt;
    } else {
      return std::nullopt;
    }
    path.push_back(std::move(step));
  }
  return path;
}

JsonFound find_json(std::string_view text, const JsonPath& path) { return Reader(text).find(path); }

std::optional<std::size_t> unescape_json(std::string_view text, char* to) {
  constexpr std::string_view kLetters = "\"\\/bfnrt", kMeant = "\"\\/\b\f\n\r\t";
  char* at = to;
  while (!text.empty()) {
    const std::size_t plain = std::min(text.find('\\'), text.size());
    at = std::copy_n(text.data(), plain, at);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const char letter = text.size() > 1 ? text[1] : '\0';
    text.remove_prefix(std::min<std::size_t>(2, text.size()));
    if (letter == 'u') {
      if (!take_letter(text, at)) return std::nullopt;
    } else if (const std::size_t which = kLetters.find(letter); which != std::string_view::npos) {
      *at++ = kMeant[which];
    } else {
      return std::nullopt;
    }
  }
  return static_cast<std::size_t>(at - to);
}

}  // namespace penstock::rules
