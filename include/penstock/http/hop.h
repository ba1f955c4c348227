// What a head says of its own hop, between two neighbours (RFC 9110 section 7.6.1), and no farther.
#pragma once

#include <cstddef>

namespace penstock {

struct Hop {
  bool keep_alive = true;     // What the sender said or implied (RFC 9112 section 9.3).
  bool upgrade = false;       // Connection: upgrade with an Upgrade field.
  std::size_t wire_size = 0;  // Bytes of the head as it arrived.
};

}  // namespace penstock
