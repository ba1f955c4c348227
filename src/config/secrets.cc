#include "penstock/config/secrets.h"

#include <algorithm>

#include "penstock/base/text.h"

namespace penstock::config {

namespace {

using Words = std::vector<std::string_view>;

bool is_secret_criterion(std::string_view word) {
  return is_credential(word) || word.find("cook") != std::string_view::npos || word.starts_with("http_auth");
}

// What a text carries with it: a user before a host, a secret in a query, fields behind a version.
bool holds_secret(std::string_view word) {
  if (const std::size_t scheme = word.find("://"); scheme != std::string_view::npos) {
    const std::string_view authority = word.substr(scheme + 3);
    if (authority.substr(0, authority.find_first_of("/?")).find('@') != std::string_view::npos) return true;
  }
  const std::size_t tail = std::min(word.find('?'), word.find("\\r\\n"));
  return tail != std::string_view::npos && is_credential(word.substr(tail));
}

// A converter that is given a key.
bool takes_key(std::string_view word) {
  constexpr std::string_view kConverters[] = {"hmac(", "aes_gcm_dec(", "jwt_verify("};
  return std::any_of(std::begin(kConverters), std::end(kConverters),
                     [word](std::string_view name) { return word.find(name) != std::string_view::npos; });
}

// Of a condition, or what was meant for one, or of an answer or a check.
bool ends_value(std::string_view word) {
  constexpr std::string_view kWords[] = {"hdr",       "body",       "body-lf",      "uri",   "uri-lf",    "meth",
                                         "ver",       "comment",    "string",       "file",  "lf-string", "lf-file",
                                         "errorfile", "errorfiles", "content-type", "status"};
  return (word.size() < 8 && (word.starts_with("if") || word.starts_with("unl"))) ||
         std::find(std::begin(kWords), std::end(kWords), word) != std::end(kWords);
}

class Finder {
 public:
  explicit Finder(const Words& words) : words_(words), secret_(words.size()) {}

  const std::vector<bool>& find() {
    if (words_.empty()) return secret_;
    find_by_keyword();
    for (std::size_t i = 0; i < words_.size(); ++i) find_by_word(i);
    return secret_;
  }

 private:
  std::string_view word(std::size_t at) const { return at < words_.size() ? words_[at] : std::string_view(); }
  void hide(std::size_t at) {
    if (at < secret_.size()) secret_[at] = true;
  }
  void hide_from(std::size_t at) {
    for (; at < secret_.size(); ++at) hide(at);
  }
  // A value, of which a blank without quotes made several words. The first is one whatever it is called.
  void hide_value(std::size_t at) {
    do hide(at++);
    while (at < secret_.size() && !ends_value(words_[at]));
  }

  // Flags, and the file or the way of matching behind one, are no secret.
  void hide_patterns(std::size_t at) {
    for (; at < words_.size() && words_[at] != "}"; ++at) {
      const bool is_flag = words_[at].size() == 2 && words_[at][0] == '-';
      if (!is_flag) hide(at);
      if (words_[at] == "-f" || words_[at] == "-m") ++at;
    }
  }

  // Its first word may be misspelled.
  void find_by_keyword() {
    const std::string_view keyword = word(0);
    const auto says = [keyword](std::string_view part) { return keyword.find(part) != std::string_view::npos; };
    if (says("cookie-key")) hide_from(1);
    const bool takes_names = keyword == "unsetenv" || keyword == "resetenv";
    if ((says("env") && !takes_names) || (says("stat") && word(1) == "auth")) hide_from(2);
    // A conversation may log in.
    if (keyword == "tcp-check" && word(1).starts_with("send")) hide_from(2);
    for (std::size_t i = 2; i < words_.size(); ++i) {
      if (words_[i].ends_with("password")) hide(i + 1);
    }
    // Old words, whose first word is a whole field.
    if ((keyword.starts_with("req") || keyword.starts_with("rsp")) && is_credential(word(1))) hide_from(1);
    if (says("acl") && is_secret_criterion(word(2))) hide_patterns(3);
  }

  void find_by_word(std::size_t i) {
    const std::string_view one = words_[i];
    if (holds_secret(one) || takes_key(one)) hide(i);
    if (one == "ca-sign-pass") hide(i + 1);
    if ((one.ends_with("-header") || one == "replace-value") && is_credential(word(i + 1))) hide_value(i + 2);
    if (one == "hdr" && is_credential(word(i + 1))) hide_value(i + 2);
    if (one.starts_with("set-var") && is_credential(one)) hide_value(i + 1);
    if (word(0) == "http-check" && one.starts_with("body")) hide(i + 1);
    if ((one == "{" || one == "!{") && is_secret_criterion(word(i + 1))) hide_patterns(i + 2);
  }

  const Words& words_;
  std::vector<bool> secret_;
};

}  // namespace

bool is_credential(std::string_view field) {
  const std::string name = lower(field);
  for (const std::string_view part :
       {"authorization", "cookie", "token", "secret", "passw", "api-key", "apikey", "api_key"}) {
    if (name.find(part) != std::string::npos) return true;
  }
  return false;
}

bool asks_credential(std::string_view line) {
  const Words words = raw_words(line);
  return std::any_of(words.begin(), words.end(), is_secret_criterion);
}

Words raw_words(std::string_view line) {
  Words words;
  std::size_t start = std::string_view::npos;
  char quote = 0;
  for (std::size_t i = 0; i <= line.size(); ++i) {
    const bool ends = i == line.size() || ((line[i] == ' ' || line[i] == '\t') && quote == 0);
    if (!ends && quote != 0 && line[i] == quote)
      quote = 0;
    else if (!ends && quote == 0 && (line[i] == '\'' || line[i] == '"'))
      quote = line[i];
    if (!ends && start == std::string_view::npos) start = i;
    if (!ends && line[i] == '\\' && quote != '\'') ++i;
    if (!ends || start == std::string_view::npos) continue;
    words.push_back(line.substr(start, std::min(i, line.size()) - start));
    start = std::string_view::npos;
  }
  // It ends within quotes, or with a lonely backslash.
  if (start != std::string_view::npos) words.push_back(line.substr(start));
  return words;
}

std::vector<std::string_view> secret_words(std::string_view line) {
  const Words words = raw_words(line);
  const std::vector<bool> secret = Finder(words).find();
  Words found;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (secret[i]) found.push_back(words[i]);
  }
  return found;
}

std::string without_secrets(std::string_view line) {
  const Words words = raw_words(line);
  const std::vector<bool> secret = Finder(words).find();
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (secret[i] && i > 0 && secret[i - 1]) continue;
    if (i > 0) text += ' ';
    text += secret[i] ? std::string_view("(hidden)") : words[i];
  }
  return text;
}

std::string blotted(std::string_view line) {
  std::string text(line);
  for (const std::string_view word : secret_words(line)) {
    const auto at = static_cast<std::size_t>(word.data() - line.data());
    std::fill_n(text.begin() + static_cast<std::ptrdiff_t>(at), word.size(), '*');
  }
  return text;
}

std::string without_secrets_of(std::string_view line, std::string text) {
  constexpr std::size_t kTooShort = 3;  // To be told from other words.
  for (std::string_view word : secret_words(line)) {
    while (!word.empty() && (word.front() == '\'' || word.front() == '"')) word.remove_prefix(1);
    while (!word.empty() && (word.back() == '\'' || word.back() == '"')) word.remove_suffix(1);
    if (word.size() < kTooShort) continue;
    for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at)) {
      text.replace(at, word.size(), "(hidden)");
      at += 8;
    }
  }
  return text;
}

}  // namespace penstock::config
