// Failure to status code and termination letters: one table. Letters as HAProxy's manual defines them
// (section 8.5).
#pragma once

#include <cstdint>

#include "penstock/http/stream.h"

namespace penstock::outcome {

// The status a client is told, or logged if it can be told nothing any more.
std::uint16_t status_of(const Failure& failure);

}  // namespace penstock::outcome
