// What one check of a server came to, in the words of HAProxy's logs and statistics (management
// manual, section 9.1, "check_status").
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "penstock/balance/server.h"

namespace penstock {

struct CheckResult {
  CheckStatus status = CheckStatus::Unknown;
  int code = -1;     // -1: none. HTTP status; 0 for conversations that have no codes.
  std::string info;  // More of the reason; may be empty.
  std::uint64_t duration_ms = 0;
};

// Neutral: it says nothing.
enum class CheckVerdict : std::uint8_t { Failed, Passed, Conditional, Neutral };

std::string_view check_status_name(CheckStatus status);  // "L7STS"
std::string_view check_status_text(CheckStatus status);  // "Layer7 wrong status"
CheckVerdict check_verdict(CheckStatus status);

// A server's words as they stand in a line of ours: without control characters, and no whole page.
std::string shown_info(std::string_view info);

// `Layer7 wrong status, code: 503, info: "Service Unavailable", check duration: 3ms`
std::string check_reason(const CheckResult& result);

}  // namespace penstock
