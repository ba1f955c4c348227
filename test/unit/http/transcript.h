// What the parser says of some bytes, as text, however they are cut into reads.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "penstock/http/h1_parser.h"

namespace penstock::test {

enum class Side { Request, Response, ResponseToHead, ResponseToConnect };

// How many bytes the next read brings, given how many are left; at least 1.
using Cut = std::function<std::size_t(std::size_t left)>;

std::size_t at_once(std::size_t left);
std::size_t byte_by_byte(std::size_t left);
// Two reads, the first of `first` bytes.
Cut cut_at(std::size_t first);

// One line for each head, body (joined), trailer field, end and error, then what end_of_input()
// says of the rest: "HEAD GET /a HTTP/1.1 none keep", " Host: a", "BODY 5 hello", "END", "ERROR
// 400", "CLOSED more|end|error". Messages follow each other until one fails. Reads stand at the
// very end of their memory, so that a byte read behind them is seen by AddressSanitizer.
std::string transcript(std::string_view bytes, Side side, const Cut& cut = at_once, const HeadLimits& limits = {});

// The status of the error that `bytes` ends in, or 0 if it passes, told after reading it at once,
// byte by byte and in two reads cut anywhere, which must all say the same.
int status_of(std::string_view bytes, Side side = Side::Request, const HeadLimits& limits = {});

// A slice whose bytes are a copy of `text`, the last of their block.
Slice slice_of(std::string_view text);

// A file of test/data/samples.
std::string sample(std::string_view name);

std::string describe(const Head& head, const Hop& hop);

}  // namespace penstock::test
