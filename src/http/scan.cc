#include "scan.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <bit>
#include <cstring>

#include "bytes.h"

namespace penstock {
namespace {

// Sixteen hexadecimal digits are all that 64 bits hold.
constexpr std::uint8_t kSizeDigits = 16;
// Bytes of chunk extension: of one line, and of a whole body, so that nobody makes us read little
// else.
constexpr std::uint16_t kLineExtensionLimit = 256;
constexpr std::uint32_t kBodyExtensionLimit = 16 * 1024;

#if defined(__SSE2__)
constexpr std::ptrdiff_t kStride = 16;

// A bit for each of the sixteen bytes that is a control byte.
std::uint32_t control_bits(const char* at) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
  const __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
  return static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_or_si128(low, del)));
}

std::ptrdiff_t first_of(std::uint32_t bits) { return std::countr_zero(bits); }

// Of sixteen bytes.
bool all_target_bytes(const char* at) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  const __m128i from_first = _mm_sub_epi8(bytes, _mm_set1_epi8('!'));
  const __m128i visible = _mm_cmpeq_epi8(_mm_min_epu8(from_first, _mm_set1_epi8('~' - '!')), from_first);
  const __m128i hash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('#'));
  return _mm_movemask_epi8(_mm_andnot_si128(hash, visible)) == 0xffff;
}

// How many of the sixteen bytes, up to the first that is none, are letters or '-': so are nearly all names of fields.
std::ptrdiff_t plain_name_bytes(const char* at) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  const __m128i from_a = _mm_sub_epi8(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), _mm_set1_epi8('a'));
  const __m128i letters = _mm_cmpeq_epi8(_mm_min_epu8(from_a, _mm_set1_epi8('z' - 'a')), from_a);
  const __m128i plain = _mm_or_si128(letters, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-')));
  return std::countr_zero(~static_cast<std::uint32_t>(_mm_movemask_epi8(plain)));
}
#else
constexpr std::ptrdiff_t kStride = 8;

constexpr std::uint64_t every_byte(std::uint8_t value) { return 0x0101010101010101u * value; }

// The high bit of each byte that is a control byte; a borrow may set more, but only above the
// first.
std::uint64_t control_bits(const char* at) {
  std::uint64_t bytes;
  std::memcpy(&bytes, at, sizeof(bytes));
  if constexpr (std::endian::native == std::endian::big) bytes = __builtin_bswap64(bytes);
  const std::uint64_t del = bytes ^ every_byte(0x7f);
  return (((bytes - every_byte(0x20)) & ~bytes) | ((del - every_byte(1)) & ~del)) & every_byte(0x80);
}

std::ptrdiff_t first_of(std::uint64_t bits) { return std::countr_zero(bits) / 8; }
#endif

// The first control byte (HTAB is one) in [at, end), or end. What stands from `begin` on may be looked at again.
const char* find_control(const char* begin, const char* at, const char* end) {
  for (; end - at >= kStride; at += kStride) {
    const auto found = control_bits(at);
    if (found != 0) return at + first_of(found);
  }
#if defined(__SSE2__)
  if (end - begin >= kStride) {
    const std::uint32_t found = control_bits(end - kStride) >> (kStride - (end - at));
    return found != 0 ? at + first_of(found) : end;
  }
#endif
  while (at != end && is_byte(*at, kLineByte) && *at != '\t') ++at;
  return at;
}

}  // namespace

const char* token_end(const char* at, const char* end) {
#if defined(__SSE2__)
  while (end - at >= kStride) {
    const std::ptrdiff_t plain = plain_name_bytes(at);
    at += plain;
    if (plain == kStride) continue;
    if (*at == ':') return at;
    break;
  }
#endif
  while (at != end && is_byte(*at, kTokenByte)) ++at;
  return at;
}

const char* find_return(const char* at, const char* end) {
#if defined(__SSE2__)
  for (; end - at >= kStride; at += kStride) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const int found = _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\r')));
    if (found != 0) return at + first_of(static_cast<std::uint32_t>(found));
  }
#endif
  return static_cast<const char*>(std::memchr(at, '\r', static_cast<std::size_t>(end - at)));
}

bool is_target(std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
#if defined(__SSE2__)
  for (; end - at >= kStride; at += kStride) {
    if (!all_target_bytes(at)) return false;
  }
#endif
  return !text.empty() && all_bytes({at, static_cast<std::size_t>(end - at)}, kTargetByte);
}

std::size_t HeadScan::take(std::string_view bytes) {
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  while (at != end && state_ != State::End) {
    if (state_ == State::Line) {
      at = find_control(bytes.data(), at, end);
      if (at == end) break;
      // Nearly every control byte ends a line, and what follows came along: another, or the end.
      if (end - at >= 4 && at[0] == '\r' && at[1] == '\n') {
        const bool blank = at[2] == '\r' && at[3] == '\n';
        if (blank || is_byte(at[2], kTokenByte)) {
          if (lines_++ == 0) first_line_ = seen_ + static_cast<std::size_t>(at - bytes.data());
          if (blank) state_ = State::End;
          at += blank ? 4 : 3;
          continue;
        }
      }
    }
    if (state_ == State::Line && *at == '\r' && lines_ == 0) {
      first_line_ = seen_ + static_cast<std::size_t>(at - bytes.data());
    }
    refused_ = step(*at);
    if (refused_ != nullptr) break;
    ++at;
  }
  const std::size_t taken = static_cast<std::size_t>(at - bytes.data());
  seen_ += taken;
  return taken;
}

// One byte, a control byte if inside a line; returns why it cannot stand here, or null.
const char* HeadScan::step(char c) {
  switch (state_) {
    case State::Line:
      if (c == '\t') return nullptr;
      if (c == '\n') return "line feed without carriage return";
      if (c != '\r') return "control byte in head";
      state_ = State::LineCr;
      return nullptr;
    case State::LineCr:
      if (c != '\n') return "carriage return without line feed";
      ++lines_;
      state_ = State::LineStart;
      return nullptr;
    case State::LineStart:
      if (c == ' ' || c == '\t') return "continued line";
      if (c == '\n') return "line feed without carriage return";
      if (!is_byte(c, kLineByte) && c != '\r') return "control byte in head";
      state_ = c == '\r' ? State::EndCr : State::Line;
      return nullptr;
    case State::EndCr:
      if (c != '\n') return "carriage return without line feed";
      state_ = State::End;
      return nullptr;
    case State::End:
      break;
  }
  return nullptr;
}

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

}  // namespace

void ChunkScan::start() { *this = ChunkScan(); }

void ChunkScan::next() {
  state_ = State::DataCr;
  digits_ = 0;
  line_extension_ = 0;
}

std::size_t ChunkScan::take(std::string_view bytes) {
  std::size_t taken = 0;
  size_bytes_ = 0;
  while (taken < bytes.size() && state_ != State::End) {
    refused_ = step(bytes[taken]);
    if (refused_ != nullptr) break;
    ++taken;
    if (state_ <= State::Digits) size_bytes_ = taken;
  }
  return taken;
}

// What may follow a size, a name or a value: the next extension, blanks before it included, or the end of the line.
const char* ChunkScan::end_part(char c) {
  if (is_blank(c)) {
    state_ = state_ == State::Name ? State::NameBlank : State::PartBlank;
    return nullptr;
  }
  if (c != ';' && c != '\r') return "malformed chunk size";
  state_ = c == ';' ? State::NameStart : State::Lf;
  return nullptr;
}

const char* ChunkScan::step(char c) {
  if (state_ >= State::PartBlank && state_ <= State::QuotedEnd) {
    if (++line_extension_ > kLineExtensionLimit) return "chunk extension too long";
    if (++body_extension_ > kBodyExtensionLimit) return "too many chunk extensions";
  }
  switch (state_) {
    case State::DataCr:
      if (c != '\r') return "chunk data does not end where it should";
      state_ = State::DataLf;
      return nullptr;
    case State::DataLf:
      if (c != '\n') return "chunk data does not end where it should";
      state_ = State::FirstDigit;
      return nullptr;
    case State::FirstDigit:
    case State::Digits:
      if (is_byte(c, kHexByte)) {
        state_ = State::Digits;
        return ++digits_ > kSizeDigits ? "chunk size too long" : nullptr;
      }
      return state_ == State::FirstDigit ? "malformed chunk size" : end_part(c);
    case State::PartBlank:
      if (is_blank(c)) return nullptr;
      if (c != ';') return "malformed chunk extension";
      state_ = State::NameStart;
      return nullptr;
    case State::NameBlank:
      if (is_blank(c)) return nullptr;
      if (c != ';' && c != '=') return "malformed chunk extension";
      state_ = c == ';' ? State::NameStart : State::ValueStart;
      return nullptr;
    case State::NameStart:
      if (is_blank(c)) return nullptr;
      [[fallthrough]];
    case State::Name:
      if (is_byte(c, kTokenByte)) {
        state_ = State::Name;
        return nullptr;
      }
      if (state_ == State::NameStart) return "malformed chunk extension";
      if (c != '=') return end_part(c);
      state_ = State::ValueStart;
      return nullptr;
    case State::ValueStart:
      if (is_blank(c)) return nullptr;
      [[fallthrough]];
    case State::Value:
      if (is_byte(c, kTokenByte)) {
        state_ = State::Value;
        return nullptr;
      }
      if (state_ == State::Value) return end_part(c);
      if (c != '"') return "malformed chunk extension";
      state_ = State::Quoted;
      return nullptr;
    case State::Quoted:
      // A reader that does not know quoted pairs would see the text end at an escaped quote.
      if (!is_byte(c, kLineByte) || c == '\\') return "malformed chunk extension";
      if (c == '"') state_ = State::QuotedEnd;
      return nullptr;
    case State::QuotedEnd:
      return end_part(c);
    case State::Lf:
      if (c != '\n') return "carriage return without line feed";
      state_ = State::End;
      return nullptr;
    case State::End:
      break;
  }
  return nullptr;
}

}  // namespace penstock
