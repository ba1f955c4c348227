// Any bytes where ciphertext is expected. The first byte says where: bit 0 which end, bit 1 whether
// the handshake is complete, bit 2 whether a real flight comes with bytes changed. Garbage is never
// agreed to and never becomes plaintext.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "penstock/net/outbox.h"
#include "penstock/net/tls_context.h"
#include "penstock/net/tls_session.h"
#include "unit/net/test_certificates.h"

using namespace penstock;

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

struct Contexts {
  TicketKeys keys;
  std::shared_ptr<const TlsContext> front;
  std::shared_ptr<const TlsContext> back;

  Contexts() {
    const test::IssuedCertificate issued = test::self_signed({{"a.example"}});
    auto made_front = TlsContext::for_clients({}, {offer_of("site.pem", issued)}, false, keys);
    auto made_back = TlsContext::for_servers({}, nullptr);
    check(static_cast<bool>(made_front) && static_cast<bool>(made_back));
    front = *made_front;
    back = *made_back;
  }
};

struct End {
  Outbox out;
  std::unique_ptr<TlsSession> tls;
  std::string plain;

  std::string drain() {
    std::string bytes;
    while (!out.empty()) {
      bytes += out.peek(0).view();
      out.remove(out.peek(0).size());
    }
    return bytes;
  }

  void take(std::string_view ciphertext) {
    // On the heap to the byte, so that reading behind it is noticed.
    const std::string exact(ciphertext);
    tls->receive(exact);
    if (!tls->established()) tls->handshake();
    char space[300];
    std::size_t count = 0;
    while (tls->established() && tls->read(space, count) == TlsSession::Step::Done) plain.append(space, count);
  }

  // In pieces of 1, 2, 3 ... bytes: records are cut everywhere.
  void take_in_pieces(std::string_view bytes) {
    for (std::size_t size = 1; !bytes.empty(); ++size) {
      take(bytes.substr(0, size));
      bytes.remove_prefix(std::min(size, bytes.size()));
    }
  }
};

// Changes `bytes` at the places that `changes` names: two bytes of position, one to change by.
void change(std::string& bytes, std::string_view changes) {
  for (; changes.size() >= 3 && !bytes.empty(); changes.remove_prefix(3)) {
    const std::size_t at = static_cast<std::uint8_t>(changes[0]) * 256u + static_cast<std::uint8_t>(changes[1]);
    bytes[at % bytes.size()] ^= changes[2];
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Contexts contexts;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  End front;
  End back;
  front.tls = TlsSession::for_client(*contexts.front, front.out);
  back.tls = TlsSession::for_server(*contexts.back, back.out, "a.example", {}, {});
  back.take({});
  const bool to_front = (data[0] & 1) != 0;
  const bool established = (data[0] & 2) != 0;
  const bool changing = (data[0] & 4) != 0;
  End& end = to_front ? front : back;
  End& other = to_front ? back : front;
  if (established) {
    front.take(back.drain());
    back.take(front.drain());
    front.take(back.drain());
    back.take(front.drain());
    check(front.tls->established() && back.tls->established());
  } else if (!to_front) {
    front.take(back.drain());
  }
  if (established && changing) other.tls->write("secret");
  std::string sent = changing ? other.drain() : std::string(bytes);
  if (changing) change(sent, bytes);
  end.take_in_pieces(sent);
  if (established) {
    check(end.plain.empty() || end.plain == "secret");
  } else {
    check(!end.tls->established() || (changing && !to_front));
  }
  return 0;
}
