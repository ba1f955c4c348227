// Keys of session tickets, which make a session begun with one worker resumable with every other.
#pragma once

#include <memory>
#include <string_view>

#include "penstock/base/secret.h"

namespace penstock {

struct TicketRing;

// Keys that seal session tickets: they belong to the process, are the same for all workers, survive
// reloads and rotate on the master. Thread safe.
class TicketKeys {
 public:
  TicketKeys();
  ~TicketKeys();
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;
  // A new sealing key; those before it still open tickets, the oldest of three goes.
  void rotate();
  // All keys as bytes, newest first, for a process that takes over.
  Secret save() const;
  // Takes the keys that save() gave in place of its own; false, and nothing changed, if they are not such.
  bool restore(std::string_view saved);
  const TicketRing& ring() const { return *ring_; }

 private:
  std::unique_ptr<TicketRing> ring_;
};

}  // namespace penstock
