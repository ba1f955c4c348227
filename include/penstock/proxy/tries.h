// What follows when a server could not be reached, or its answer is to be had again: in both modes the same.
#pragma once

#include <cstdint>

#include "penstock/balance/backend.h"
#include "penstock/proxy/snapshot.h"

namespace penstock {

class Tries {
 public:
  // What is known of the server that failed.
  struct Failed {
    ServerSlot& slot;
    std::uint32_t retry = 1;  // The number of the try that comes now, from 1.
    bool meant = false;       // A cookie, a stick table or a rule names it.
    bool stays = false;       // Its clients stay with it though it is down.
    bool forced = false;      // Nothing takes them away from it.
  };
  enum class Next : std::uint8_t { None, Same, Other };
  // Who comes by turns goes to another server at once. Who belongs to one, by persistence or by a hash, tries that
  // again until `option redispatch <interval>` says otherwise.
  Next after(const Failed& failed, Backend& backend, const BackendPlan& spec);
  // `retry-on` names what has happened.
  static bool asked_for(const RetryOn& on, std::uint16_t status);
  static bool asked_for(const RetryOn& on, const Failure& failure);
  // A request that was sent once may go out once more. None with a body does: no mail is sent twice.
  static bool may_repeat(const Head& request);
  // The same where nobody asked for it: only what changes nothing (RFC 9110 section 9.2.1).
  static bool changes_nothing(const Head& request);

  // All servers are new.
  void forget() { *this = {}; }
  // A choice was made; true if it fell on another server than the last try.
  bool chosen(const ServerSlot& slot);

  // The one to be tried again, or null: choose.
  ServerSlot* again() const { return again_; }
  // Those to pass over.
  Tried passed_over() const { return passed_over_; }

 private:
  const ServerSlot* last_ = nullptr;
  ServerSlot* again_ = nullptr;
  Tried passed_over_;
};

}  // namespace penstock
