// The latest lines that any threads wrote, in bounded memory: the oldest are overwritten. Nobody waits for anybody: a
// writer takes places by adding to a number, and marks each of them before and after it writes there; a reader looks at
// the marks before and after it copies. Who reads slowly finds that lines are gone, and how many.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace penstock {

class Ring {
 public:
  // Where somebody is reading, and what it has missed.
  struct Reader {
    std::uint64_t at = 0;    // In places since the beginning.
    std::uint64_t lost = 0;  // Lines that were overwritten before they were read.
    std::uint32_t next = 0;  // Number of the line that follows, its lowest bits.
    std::uint32_t looks = 0;
    bool knows_next = false;
  };

  // Keeps at least `bytes` of lines of usual length.
  explicit Ring(std::size_t bytes);
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // From any thread. What is longer than half of the ring is cut.
  void write(std::string_view line);
  // Lines that found their place still being written, by one who was overtaken by a whole round.
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

  // A reader before the oldest line, and one behind the newest.
  static Reader from_oldest() { return {}; }
  Reader from_newest() const;
  // Puts the next line into `line`; false: there is none yet.
  bool read(Reader& reader, std::string& line) const;

 private:
  static constexpr std::size_t kWords = 7;
  static constexpr std::size_t kBytes = kWords * 8;
  // A line lies in places that follow each other. The first word of the first one is its length and its number.
  struct alignas(64) Place {
    std::atomic<std::uint64_t> mark{0};  // See mark_of().
    std::array<std::atomic<std::uint64_t>, kWords> words{};
  };
  Place& place(std::uint64_t number) const { return places_[number % count_]; }
  bool is_overtaken(const Reader& reader) const;
  bool seek(Reader& reader) const;
  bool copy(std::uint64_t number, bool first, char* to) const;
  bool read_there(Reader& reader, std::string& line) const;

  const std::size_t count_;
  const std::unique_ptr<Place[]> places_;
  alignas(64) std::atomic<std::uint64_t> next_{0};  // Places taken so far.
  std::atomic<std::uint32_t> lines_{0};
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace penstock
