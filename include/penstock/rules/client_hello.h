// The TLS ClientHello at the start of a byte stream, looked at without TLS: for mode tcp, where the
// server's name decides but the bytes pass unread. A pure function.
#pragma once

#include <cstdint>
#include <string_view>

namespace penstock::rules {

struct ClientHello {
  enum class State : std::uint8_t {
    NotTls,      // These bytes are no ClientHello, whatever follows.
    Incomplete,  // So far they may be one.
    Complete,
  };
  State state = State::NotTls;
  std::uint8_t message_type = 0;  // 1 for a ClientHello.
  std::uint16_t version = 0;      // legacy_version of the hello, e.g. 0x0303.
  std::string_view sni;           // server_name (RFC 6066 section 3); null data() if absent.
  std::string_view alpn;          // The protocol names, comma separated is up to the caller: raw list.
  bool has_supported_groups = false;
  std::uint8_t session_ticket = 0;  // 0: none, 1: empty, 2: with a ticket.
};

// RFC 8446 sections 4.1.2 and 5.1. The hello may be spread over several records; in that case `scratch`,
// of 16 KiB, is written to and the views point into it.
ClientHello parse_client_hello(std::string_view bytes, char* scratch, std::size_t scratch_size);

}  // namespace penstock::rules
