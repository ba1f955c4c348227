#include "penstock/net/tls_tickets.h"

#include <openssl/mem.h>
#include <openssl/rand.h>

#include "tls_ticket_ring.h"

namespace penstock {

TicketKeys::TicketKeys() : ring_(std::make_unique<TicketRing>()) { rotate(); }
TicketKeys::~TicketKeys() = default;

void TicketKeys::rotate() {
  TicketKey fresh;
  RAND_bytes(reinterpret_cast<std::uint8_t*>(&fresh), sizeof(fresh));  // Aborts rather than fails.
  ring_->add(fresh);
  OPENSSL_cleanse(&fresh, sizeof(fresh));
  wipe_stack();
}

Secret TicketKeys::save() const { return ring_->save(); }
bool TicketKeys::restore(std::string_view saved) { return ring_->restore(saved); }

}  // namespace penstock
