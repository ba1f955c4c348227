// `option httplog-json`: what `option httplog` says of a transaction, as one JSON object (RFC 8259).
#pragma once

#include <span>
#include <string_view>

#include "penstock/rules/subject.h"

namespace penstock::rules {

// Writes into `space` and returns what was written, whole whatever its size: texts are cut, and from where nothing fits
// any more members are left out. What is not known is null. `message`: of a connection that came to no request; empty:
// there was one. Bytes of clients that are not ASCII are escaped as if they were Latin-1.
std::string_view json_line(const Subject& subject, std::string_view message, std::span<char> space);

}  // namespace penstock::rules
