#include "command_line.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "penstock/base/text.h"

namespace penstock {
namespace {

constexpr std::string_view kPayloadMark = "<<";
constexpr std::size_t kMostWords = 64;

unsigned distance(std::string_view a, std::string_view b) {
  std::vector<unsigned> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0u);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    unsigned diagonal = std::exchange(row[0], static_cast<unsigned>(i));
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const unsigned changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

constexpr std::size_t kLongestKey = 256;

bool is_blank(char c) { return c == ' ' || c == '\t'; }

}  // namespace

WrittenLine read_command_line(std::string_view line) {
  WrittenLine out;
  out.commands.emplace_back();
  std::string word;
  bool in_word = false;
  const auto end_word = [&] {
    if (in_word && out.commands.back().size() < kMostWords) out.commands.back().push_back(std::move(word));
    word.clear();
    in_word = false;
  };
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == ';') {
      end_word();
      out.commands.emplace_back();
    } else if (is_blank(c)) {
      end_word();
    } else {
      // At the end of a line it escapes nothing, and is nothing.
      if (c == '\\' && i + 1 == line.size()) break;
      // A key does not leave pieces of itself behind as it grows.
      if (word.empty()) word.reserve(kLongestKey);
      word += c == '\\' ? line[++i] : c;
      in_word = true;
    }
  }
  end_word();
  std::vector<std::string>& last = out.commands.back();
  if (!last.empty() && last.back() == kPayloadMark) {
    last.pop_back();
    out.has_payload = true;
  }
  return out;
}

bool looks_like_http(std::string_view line) {
  const std::string_view method = cut(line, ' ');
  const bool named = !method.empty() && std::all_of(method.begin(), method.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
  });
  const std::size_t version = line.rfind(' ');
  return named && version != std::string_view::npos && line.substr(version + 1).starts_with("HTTP/");
}

unsigned letters_between(std::string_view words, const std::vector<std::string>& written) {
  unsigned sum = 0;
  std::size_t at = 0;
  while (!words.empty()) {
    const std::string_view word = cut(words, ' ');
    sum += distance(word, at < written.size() ? std::string_view(written[at]) : std::string_view());
    ++at;
  }
  return sum;
}

}  // namespace penstock
