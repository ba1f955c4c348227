// What a service has written of its body and nobody has taken yet.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "penstock/base/block.h"

namespace penstock {

// At most `most` bytes of `made`, of which the first `taken` were taken before; with the last of them it is empty again.
inline Slice take_made(std::string& made, std::size_t& taken, std::size_t most) {
  const std::string_view piece = std::string_view(made).substr(taken, most);
  Slice slice = piece.empty() ? Slice() : Slice::copy(piece);
  taken += piece.size();
  if (taken == made.size()) {
    made.clear();
    taken = 0;
  }
  return slice;
}

}  // namespace penstock
