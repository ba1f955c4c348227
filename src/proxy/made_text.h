// What a service has written of its body and nobody has taken yet.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "penstock/base/block.h"

namespace penstock {

// At most `most` bytes of `made`, of which the first `taken` were taken before. What was taken goes when it is more than
// what is left, so that a long text is never there as a whole.
inline Slice take_made(std::string& made, std::size_t& taken, std::size_t most) {
  const std::string_view piece = std::string_view(made).substr(taken, most);
  Slice slice = piece.empty() ? Slice() : Slice::copy(piece);
  taken += piece.size();
  if (taken >= made.size() - taken) {
    made.erase(0, taken);
    taken = 0;
  }
  return slice;
}

}  // namespace penstock
