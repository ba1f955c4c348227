// A `resolvers` section in canonical text.
#pragma once

#include <string>

#include "penstock/config/model.h"

namespace penstock::config {

std::string resolvers_lines(const Resolvers& section);

}  // namespace penstock::config
