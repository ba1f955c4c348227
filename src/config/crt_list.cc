#include "penstock/config/crt_list.h"

#include <algorithm>
#include <utility>

#include "finish.h"
#include "keywords.h"

namespace penstock::config {

namespace {

constexpr std::string_view kWords[] = {"allow-0rtt",   "alpn",        "ca-file",     "ca-verify-file", "ciphers",
                                       "ciphersuites", "crl-file",    "curves",      "ecdhe",          "no-ca-names",
                                       "npn",          "ssl-max-ver", "ssl-min-ver", "verify"};

// Of one line: words parted by blanks, and brackets, which stand for themselves.
std::vector<Word> words_of(std::string_view text, std::uint32_t line) {
  std::vector<Word> words;
  std::size_t begin = 0;
  bool in_word = false;
  const auto add = [&](std::size_t from, std::size_t end) {
    words.push_back({std::string(text.substr(from, end - from)), {0, line, static_cast<std::uint32_t>(from + 1)}});
  };
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const char c = i < text.size() ? text[i] : ' ';
    const bool parts = c == ' ' || c == '\t' || c == '[' || c == ']';
    if (parts && std::exchange(in_word, false)) add(begin, i);
    if (c == '[' || c == ']') add(i, i + 1);
    if (parts || in_word) continue;
    in_word = true;
    begin = i;
  }
  return words;
}

class ListReader {
 public:
  ListReader(Config& list, const Bind& bind, bool is_http, Diagnostics& diagnostics)
      : reading_{.config = list, .diagnostics = diagnostics}, bind_(bind), is_http_(is_http) {}

  std::vector<CrtListLine> read() {
    std::vector<CrtListLine> out;
    const std::vector<std::string>& lines = reading_.config.lines[0];
    for (std::uint32_t i = 0; i < lines.size(); ++i) {
      const std::vector<Word> words = words_of(lines[i], i + 1);
      if (words.empty() || words.front().text.starts_with('#')) continue;
      CrtListLine line;
      line.line = i + 1;
      if (read_line(lines[i], words, line)) out.push_back(std::move(line));
    }
    return out;
  }

 private:
  bool complain(const Word& word, std::string text) {
    reading_.diagnostics.add(word.place, std::move(text));
    return false;
  }

  bool read_line(std::string_view text, const std::vector<Word>& words, CrtListLine& out) {
    const auto is = [](std::string_view wanted) { return [wanted](const Word& word) { return word.text == wanted; }; };
    if (words.front().text == "[" || words.front().text == "]")
      return complain(words.front(), format("a certificate's file is expected before '{}'", words.front().text));
    out.certificate = based(reading_.config.global.crt_base, words.front().text);
    out.tls = bind_.tls;
    auto at = words.begin() + 1;
    if (at != words.end() && at->text == "[") {
      const auto end = std::find_if(at, words.end(), is("]"));
      if (end == words.end()) return complain(*at, "this bracket is not closed");
      const std::size_t from = at->place.column, to = end->place.column - 1;
      out.words = text.substr(from, to - from);
      if (!read_words({at + 1, end}, text, out.tls)) return false;
      at = end + 1;
    }
    for (; at != words.end(); ++at) {
      if (at->text == "[" || at->text == "]") return complain(*at, format("'{}' has no place here", at->text));
      out.filters.push_back(at->text);
    }
    return true;
  }

  bool read_words(std::span<const Word> words, std::string_view text, Tls& tls) {
    Bind bind = bind_;
    Line line(reading_, words, text);
    while (line.more()) {
      const Word& word = line.pop();
      if (std::find(std::begin(kWords), std::end(kWords), word.text) == std::end(kWords)) {
        complain_unknown(line, word, "a line of a crt-list", kWords);
        return false;
      }
      const Keyword<Bind>& keyword = *find_keyword(bind_keywords(), word.text);
      line.start(keyword, word);
      bind.tls.place = word.place;
      keyword.parse(line, bind);
    }
    if (line.failed()) return false;
    finish_bind_tls(bind.tls, is_http_, reading_.diagnostics);
    tls = std::move(bind.tls);
    return true;
  }

  Reading reading_;
  const Bind& bind_;
  const bool is_http_;
};

}  // namespace

std::vector<CrtListLine> read_crt_list(const std::string& path, std::string_view text, const Config& config,
                                       const Bind& bind, bool is_http, Diagnostics& diagnostics) {
  Config list;
  list.files = {path};
  list.lines.emplace_back();
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    list.lines[0].emplace_back(line);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  list.global.crt_base = config.global.crt_base;
  list.global.ca_base = config.global.ca_base;
  diagnostics.set_source(&list);
  std::vector<CrtListLine> out = ListReader(list, bind, is_http, diagnostics).read();
  diagnostics.set_source(&config);
  return out;
}

}  // namespace penstock::config
