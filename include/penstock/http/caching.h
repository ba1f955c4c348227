// What HTTP says of answers that may be kept and given again (RFC 9111), read as HAProxy reads it, and more strictly where
// one client could get what was meant for another. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "penstock/http/head.h"

namespace penstock::caching {

// What becomes of a request where answers are kept.
struct Request {
  bool asks = false;     // It may be answered by what is kept.
  bool stores = false;   // Its answer may be kept.
  bool changes = false;  // If it succeeds, what is kept of its target is no longer true.
};
Request judge(const Head& request);
// Somebody says who he is: what he gets is nobody else's.
bool names_somebody(const Head& request);

// Fields that a Vary may name, as bits.
enum Vary : unsigned { kVaryNothing = 0, kVaryCoding = 1, kVaryReferer = 2 };

// What a request has in such fields. `codings`: those that may be sent, as bits.
struct Asked {
  std::uint32_t codings = 0;
  std::uint64_t referer = 0;  // A digest.
};
Asked asked_by(const Head& request);

// For which requests an answer is. `codings` are those that it needs.
struct Variant {
  unsigned vary = kVaryNothing;
  std::uint32_t codings = 0;
  std::uint64_t referer = 0;
  bool fits(const Asked& asked) const {
    return ((vary & kVaryCoding) == 0 || (codings & ~asked.codings) == 0) &&
           ((vary & kVaryReferer) == 0 || referer == asked.referer);
  }
  bool operator==(const Variant&) const = default;
};

// An answer that may be kept.
struct Keeping {
  std::uint64_t seconds = 0;  // For so long,
  std::uint64_t age_s = 0;    // and it is so old already.
  Variant variant;
};
// `most_s`: of the cache; it keeps what varies only if `varies`. Nothing: it may not be kept.
std::optional<Keeping> judge(const Head& answer, const Asked& asked, std::uint64_t most_s, bool varies,
                             std::int64_t now_s);

// Whether a client has it already, by If-None-Match, else If-Modified-Since. `modified_s`: since 1970.
bool has_it(const Head& request, std::string_view tag, std::int64_t modified_s);

// Seconds since 1970, of the three forms that HTTP knows.
std::optional<std::int64_t> parse_date(std::string_view text);

}  // namespace penstock::caching
