#include "penstock/http/cookies.h"

#include <algorithm>
#include <cstring>

#include "penstock/base/text.h"

namespace penstock::cookies {
namespace {

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// The end of the piece that begins at `at`. A quote that is never closed is a letter like others.
std::size_t end_of_piece(std::string_view text, std::size_t at, std::string_view separators) {
  for (; at < text.size(); ++at) {
    if (separators.find(text[at]) != std::string_view::npos) return at;
    if (text[at] != '"') continue;
    const std::size_t closing = text.find('"', at + 1);
    if (closing != std::string_view::npos) at = closing;
  }
  return text.size();
}

void split(std::string_view piece, Cookie& out) {
  const std::size_t equals = piece.find('=');
  out.is_pair = equals != std::string_view::npos;
  out.name = trim(piece.substr(0, equals));
  out.value = out.is_pair ? trim(piece.substr(equals + 1)) : std::string_view();
}

// A text without some of its ranges. It is copied when the first goes, and once.
class Cutting {
 public:
  Cutting(std::string_view text, Arena& arena) : text_(text), arena_(arena) {}

  // In order of the text.
  void drop(std::size_t begin, std::size_t end) {
    if (copy_ == nullptr) copy_ = static_cast<char*>(arena_.allocate(text_.size(), 1));
    keep(begin);
    from_ = end;
  }
  std::string_view rest() {
    if (copy_ == nullptr) return text_;
    keep(text_.size());
    return {copy_, size_};
  }

 private:
  void keep(std::size_t end) {
    std::memcpy(copy_ + size_, text_.data() + from_, end - from_);
    size_ += end - from_;
  }
  std::string_view text_;
  Arena& arena_;
  char* copy_ = nullptr;
  std::size_t size_ = 0;
  std::size_t from_ = 0;
};

}  // namespace

bool next(std::string_view list, std::size_t& at, Cookie& out) {
  if (at >= list.size()) return false;
  const std::size_t end = end_of_piece(list, at, ";,");
  split(list.substr(at, end - at), out);
  out.begin = at;
  out.end = end == list.size() ? end : end + 1;
  at = out.end;
  return true;
}

std::optional<Cookie> set_by(std::string_view field) {
  Cookie cookie;
  split(field.substr(0, end_of_piece(field, 0, ";")), cookie);
  return cookie.is_pair ? std::optional(cookie) : std::nullopt;
}

std::string_view without(std::string_view list, std::string_view name, Arena& arena) {
  Cutting cutting(list, arena);
  Cookie cookie;
  bool dropped = false;
  for (std::size_t at = 0; next(list, at, cookie);) {
    dropped = cookie.is_pair && (cookie.name == name || (dropped && cookie.name.starts_with('$')));
    if (dropped) cutting.drop(cookie.begin, cookie.end);
  }
  std::string_view rest = cutting.rest();
  if (rest.data() == list.data()) return list;
  rest = trim(rest);
  // The separator before what went, if that was the last.
  if (dropped && (rest.ends_with(';') || rest.ends_with(','))) rest = trim(rest.substr(0, rest.size() - 1));
  return rest;
}

std::string_view without_prefix(std::string_view list, std::string_view name, char mark, Arena& arena) {
  Cutting cutting(list, arena);
  Cookie cookie;
  for (std::size_t at = 0; next(list, at, cookie);) {
    if (!cookie.is_pair || cookie.name != name) continue;
    const std::size_t found = cookie.value.find(mark);
    if (found == std::string_view::npos) continue;
    const std::size_t begin = static_cast<std::size_t>(cookie.value.data() - list.data());
    cutting.drop(begin, begin + found + 1);
  }
  return cutting.rest();
}

bool may_be_cached(const Head& request, const Head& answer) {
  constexpr std::string_view kPlainMethods[] = {"GET", "HEAD", "OPTIONS", "TRACE"};
  constexpr std::uint16_t kKeptStatuses[] = {200, 203, 204, 206, 300, 301, 404, 405, 410, 414, 501};
  constexpr std::string_view kForbids[] = {"private", "no-cache", "no-store", "max-age=0", "s-maxage=0"};
  constexpr std::string_view kForbidsCookies = "no-cache=\"set-cookie";
  const auto has = [](auto& list, const auto& wanted) {
    return std::any_of(std::begin(list), std::end(list), [&](const auto& one) { return one == wanted; });
  };
  if (answer.find("set-cookie") == nullptr && answer.find("set-cookie2") == nullptr) return false;
  bool keeps = has(kPlainMethods, request.method) && has(kKeptStatuses, answer.status), keeps_cookies = keeps;
  // What has no age and nothing to ask again by is not kept.
  bool is_dated = false;
  for (const Field& field : answer.fields) {
    if (equal_nocase(field.name, "pragma") && equal_nocase(field.value, "no-cache")) return false;
    if (equal_nocase(field.name, "expires") || equal_nocase(field.name, "etag") ||
        equal_nocase(field.name, "last-modified")) {
      is_dated = true;
    }
    if (!equal_nocase(field.name, "cache-control")) continue;
    for (std::size_t at = 0, end = 0; at < field.value.size(); at = end + 1) {
      end = end_of_piece(field.value, at, ",");
      const std::string_view piece = trim(field.value.substr(at, end - at));
      if (starts_with_nocase(piece, "max-age") || starts_with_nocase(piece, "s-maxage")) is_dated = true;
      if (equal_nocase(piece, "public")) keeps = keeps_cookies = true;
      if (starts_with_nocase(piece, kForbidsCookies)) keeps_cookies = false;
      for (const std::string_view forbids : kForbids) {
        if (equal_nocase(piece, forbids)) keeps = keeps_cookies = false;
      }
    }
  }
  return keeps && keeps_cookies && is_dated;
}

void write_stamp(std::int64_t seconds, char* out) {
  const auto number = static_cast<std::uint64_t>(seconds) >> 2;
  for (std::size_t i = 0; i < kStampSize; ++i) out[i] = kDigits[(number >> (6 * (kStampSize - 1 - i))) & 63];
}

std::int64_t read_stamp(std::string_view text) {
  if (text.size() < kStampSize) return 0;
  std::int64_t number = 0;
  for (std::size_t i = 0; i < kStampSize; ++i) {
    const std::size_t digit = kDigits.find(text[i]);
    if (digit == std::string_view::npos) return 0;
    number = number << 6 | static_cast<std::int64_t>(digit);
  }
  return number << 2;
}

}  // namespace penstock::cookies
