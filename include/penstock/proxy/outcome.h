// Failure to status code and termination letters: one table. Letters as HAProxy's manual defines them
// (section 8.5).
#pragma once

#include <cstdint>

#include "penstock/http/stream.h"
#include "penstock/rules/subject.h"

namespace penstock::outcome {

// The status a client is told, or logged if it can be told nothing any more.
std::uint16_t status_of(const Failure& failure);

// Rules could not be asked. What they would have said is not known, so nothing passes.
Failure of_trouble(rules::Trouble trouble, Phase phase);

}  // namespace penstock::outcome
