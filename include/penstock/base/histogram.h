// How long things took, in ms, by powers of two. One writer, the worker whose copy it lies in; whoever reads adds the
// copies.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "penstock/base/count.h"

namespace penstock {

class Histogram {
 public:
  // The first is up to 1 ms, the next up to 2, 4, ... about 17 minutes; the last is all above.
  static constexpr std::size_t kPlaces = 22;
  static constexpr std::uint64_t limit_ms(std::size_t place) { return std::uint64_t{1} << place; }

  void add(std::int64_t ms) {
    const std::uint64_t value = ms > 0 ? static_cast<std::uint64_t>(ms) : 0;
    const auto place = static_cast<std::size_t>(std::bit_width((value | (value == 0)) - 1));
    counts_[std::min(place, kPlaces - 1)].add();
    if (value != 0) sum_ms_.add(value);
  }
  std::uint64_t count(std::size_t place) const { return counts_[place].value(); }
  std::uint64_t sum_ms() const { return sum_ms_.value(); }
  void clear() {
    for (Count& count : counts_) count.clear();
    sum_ms_.clear();
  }

 private:
  std::array<Count, kPlaces> counts_;
  Count sum_ms_;
};

}  // namespace penstock
