// Keys of session tickets, which make a session begun with one worker resumable with every other.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/base/result.h"
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
  // Of a file: base64 of 48 or of 80 bytes in each line, at least three. The last three open tickets, the last but one
  // seals them, so that a neighbour may have the newest a little later.
  static Result<std::shared_ptr<TicketKeys>> of_file(std::string_view text);
  // One more behind those of a file, in base64; but for Yes nothing has changed.
  enum class Appended { Yes, NotBase64, WrongSize };
  Appended append(std::string_view base64);
  // Those of a file that are in force, oldest first, in base64; empty: it has none of a file.
  std::vector<std::string> texts() const;
  // All keys as bytes, newest first, for a process that takes over.
  Secret save() const;
  // Takes the keys that save() gave in place of its own; false, and nothing changed, if they are not such.
  bool restore(std::string_view saved);
  const TicketRing& ring() const { return *ring_; }

 private:
  explicit TicketKeys(std::unique_ptr<TicketRing> ring);
  std::unique_ptr<TicketRing> ring_;
};

}  // namespace penstock
