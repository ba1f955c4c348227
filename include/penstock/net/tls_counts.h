// What a process counts of TLS, on both of its sides.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "penstock/base/count.h"

namespace penstock {

// Why no conversation came about.
enum class TlsFailure : std::uint8_t {
  Closed,       // The peer left, or was too slow.
  NotTls,       // Something else was spoken.
  Version,      // No version in common.
  Cipher,       // No cipher in common.
  Name,         // A name that no certificate is for, where only such are served.
  Certificate,  // The peer's certificate was refused, or lacking.
  Refused,      // The peer refused ours.
  Alert,        // The peer ended it for another reason.
  Other,
};
constexpr std::size_t kTlsFailures = static_cast<std::size_t>(TlsFailure::Other) + 1;
// "closed", "not_tls", ...
std::string_view word_of(TlsFailure failure);

struct TlsCounts {
  using Failures = std::array<std::atomic<std::uint64_t>, kTlsFailures>;

  std::atomic<std::uint32_t> now{0};    // Conversations there are, with clients and with servers.
  std::atomic<std::uint64_t> begun{0};  // And ever were.
  Rate front_keys, back_keys;           // Handshakes that resumed nothing.
  Failures front_failures{}, back_failures{};
};

}  // namespace penstock
