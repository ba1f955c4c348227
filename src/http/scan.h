// Where a head and where a chunk's size line end, and that no byte stands in them that another
// reader might take for such an end. Both take their bytes in any portions; how a message was cut
// into reads never changes what is found.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace penstock {

// The first byte of [at, end) that may not stand in a token, or end.
const char* token_end(const char* at, const char* end);

// The first CR of [at, end), in which there is one.
const char* find_return(const char* at, const char* end);
// Bytes that may stand in a request's target, and one at least.
bool is_target(std::string_view text);

// Looks for the blank line that ends a head or a trailer section. Refuses line ends other than CR
// LF, continued lines (obs-fold) and control bytes.
class HeadScan {
 public:
  // A head begins inside its first line; a trailer section may be the blank line alone.
  static HeadScan of_head() { return HeadScan(State::Line); }
  static HeadScan of_trailers() { return HeadScan(State::LineStart); }

  // Looks at what follows the bytes seen before and returns how many of these belong here: all of
  // them unless ended() or refused().
  std::size_t take(std::string_view bytes);
  bool ended() const { return state_ == State::End; }
  // Why the bytes cannot be a head, a literal; null while they can.
  const char* refused() const { return refused_; }
  // Lines seen to their end, without the blank one.
  std::size_t lines() const { return lines_; }
  // Length of the first line, without its end; only if lines() > 0.
  std::size_t first_line() const { return first_line_; }

 private:
  enum class State : std::uint8_t { Line, LineCr, LineStart, EndCr, End };
  explicit HeadScan(State state) : state_(state) {}
  const char* step(char c);

  State state_;
  const char* refused_ = nullptr;
  std::size_t seen_ = 0;
  std::size_t lines_ = 0;
  std::size_t first_line_ = 0;
};

// Looks for the end of a chunk's size line, the end of the data before it included: RFC 9112
// section 7.1, with blanks inside of extensions alone. Chunk extensions pass if they are
// well-formed and short; nobody needs them and they end here.
class ChunkScan {
 public:
  // Begins anew, for the first chunk of a body.
  void start();
  // After ended(): the data was read, its end and the next size line follow.
  void next();

  std::size_t take(std::string_view bytes);
  // How many of the bytes last taken stand before an extension and the end of the line.
  std::size_t size_bytes() const { return size_bytes_; }
  bool ended() const { return state_ == State::End; }
  const char* refused() const { return refused_; }

 private:
  // In the order in which they follow each other.
  enum class State : std::uint8_t {
    DataCr,
    DataLf,
    FirstDigit,
    Digits,
    PartBlank,  // Behind a size or a value; another extension must follow.
    NameStart,
    Name,
    NameBlank,
    ValueStart,
    Value,
    Quoted,
    QuotedEnd,
    Lf,
    End,
  };
  const char* step(char c);
  const char* end_part(char c);

  State state_ = State::FirstDigit;
  std::uint8_t digits_ = 0;
  std::uint16_t line_extension_ = 0;
  std::uint32_t body_extension_ = 0;
  std::size_t size_bytes_ = 0;
  const char* refused_ = nullptr;
};

}  // namespace penstock
