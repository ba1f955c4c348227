#include "normalize_uri.h"

#include <algorithm>

#include "penstock/base/text.h"

namespace penstock::rules {
namespace {

// A text that is made in the arena, of a size known to be enough.
class Maker {
 public:
  Maker(Arena& arena, std::size_t size) : begin_(static_cast<char*>(arena.allocate(size + 2, 1))) {}
  void put(char c) { begin_[size_++] = c; }
  void put(std::string_view text) {
    for (const char c : text) put(c);
  }
  void cut(std::size_t size) { size_ = size; }
  std::string_view text() const { return {begin_, size_}; }

 private:
  char* begin_;
  std::size_t size_ = 0;
};

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

// Each "%XX", to its character if that needs no such writing or to capital letters.
std::optional<std::string_view> rewrite_percent(std::string_view text, bool decode, bool strict, Arena& arena) {
  if (text.find('%') == std::string_view::npos) return text;
  Maker made(arena, text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      made.put(text[i]);
      continue;
    }
    const bool is_whole = i + 2 < text.size() && digit_of(text[i + 1]) >= 0 && digit_of(text[i + 2]) >= 0;
    if (!is_whole) {
      if (strict) return std::nullopt;
      made.put('%');
      continue;
    }
    const char meant = static_cast<char>(digit_of(text[i + 1]) * 16 + digit_of(text[i + 2]));
    if (decode && is_unreserved(meant)) {
      made.put(meant);
    } else {
      made.put('%');
      made.put(decode ? text[i + 1] : upper(text[i + 1]));
      made.put(decode ? text[i + 2] : upper(text[i + 2]));
    }
    i += 2;
  }
  return made.text();
}

std::string_view encode_fragment(std::string_view text, Arena& arena) {
  const auto marks = static_cast<std::size_t>(std::count(text.begin(), text.end(), '#'));
  if (marks == 0) return text;
  Maker made(arena, text.size() + 2 * marks);
  for (const char c : text) {
    if (c == '#')
      made.put("%23");
    else
      made.put(c);
  }
  return made.text();
}

std::string_view merge_slashes(std::string_view path, Arena& arena) {
  Maker made(arena, path.size());
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (i == 0 || path[i] != '/' || path[i - 1] != '/') made.put(path[i]);
  }
  return made.text();
}

// Calls `take(segment, is_last)` for what stands behind each slash.
template <class Take>
void each_segment(std::string_view path, Take take) {
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    take(segment, path.empty());
  }
}

std::string_view strip_dot(std::string_view path, Arena& arena) {
  Maker made(arena, path.size());
  each_segment(path, [&](std::string_view segment, bool is_last) {
    if (segment == ".") {
      if (is_last) made.put('/');
      return;
    }
    made.put('/');
    made.put(segment);
  });
  return made.text();
}

std::string_view strip_dot_dot(std::string_view path, bool full, Arena& arena) {
  Maker made(arena, path.size());
  each_segment(path, [&](std::string_view segment, bool is_last) {
    const std::size_t slash = made.text().rfind('/');
    const bool has_parent = slash != std::string_view::npos && made.text().substr(slash + 1) != "..";
    if (segment != "..") {
      made.put('/');
      return made.put(segment);
    }
    if (has_parent)
      made.cut(slash);
    else if (!full)
      made.put("/..");
    if (is_last) made.put('/');
  });
  return made.text();
}

std::string_view sort_query(std::string_view path, std::string_view query, Arena& arena) {
  const auto marks = static_cast<std::size_t>(std::count(query.begin(), query.end(), '&'));
  if (marks == 0) return {};
  // Nothing stands behind the last one: that is no parameter.
  const std::size_t count = marks + (query.back() == '&' ? 0 : 1);
  auto* const items =
      static_cast<std::string_view*>(arena.allocate(count * sizeof(std::string_view), alignof(std::string_view)));
  std::string_view rest = query;
  for (std::size_t i = 0; i < count; ++i) items[i] = cut(rest, '&');
  // Those of one name in the order in which they stand.
  std::sort(items, items + count, [](std::string_view a, std::string_view b) {
    const int order = a.substr(0, a.find('=')).compare(b.substr(0, b.find('=')));
    return order != 0 ? order < 0 : a.data() < b.data();
  });
  Maker made(arena, path.size() + 1 + query.size());
  made.put(path);
  for (std::size_t i = 0; i < count; ++i) {
    made.put(i == 0 ? '?' : '&');
    made.put(items[i]);
  }
  return made.text();
}

}  // namespace

std::optional<std::string_view> normalize(Normalizer normalizer, std::string_view path_and_query, bool strict,
                                          Arena& arena) {
  const std::size_t mark = std::min(path_and_query.find('?'), path_and_query.size());
  const std::string_view path = path_and_query.substr(0, mark);
  const std::string_view rest = path_and_query.substr(mark);
  const auto with_query = [&](std::string_view changed) {
    return changed == path ? path_and_query : arena.concat({changed, rest});
  };
  switch (normalizer) {
    case Normalizer::FragmentEncode:
      return encode_fragment(path_and_query, arena);
    case Normalizer::FragmentStrip:
      return path_and_query.substr(0, path_and_query.find('#'));
    case Normalizer::MergeSlashes:
      return with_query(merge_slashes(path, arena));
    case Normalizer::StripDot:
      return with_query(strip_dot(path, arena));
    case Normalizer::StripDotDot:
    case Normalizer::StripDotDotFull:
      return with_query(strip_dot_dot(path, normalizer == Normalizer::StripDotDotFull, arena));
    case Normalizer::DecodeUnreserved:
    case Normalizer::UpperCase:
      return rewrite_percent(path_and_query, normalizer == Normalizer::DecodeUnreserved, strict, arena);
    case Normalizer::SortQuery: {
      if (rest.empty()) return path_and_query;
      const std::string_view sorted = sort_query(path, rest.substr(1), arena);
      return sorted.empty() ? path_and_query : sorted;
    }
  }
  return path_and_query;
}

}  // namespace penstock::rules
