// A server connection on loan to one transaction, and the request on it: the client's own connection, one that lay idle,
// or a new one. Given home it serves the next; in every other end it closes.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "penstock/http/back.h"
#include "penstock/proxy/approach.h"
#include "penstock/proxy/pins.h"
#include "penstock/proxy/snapshot.h"

namespace penstock {

class Lease {
 public:
  // Both outlive it.
  Lease(PinBook& pins, Approach& approach) : pins_(pins), approach_(approach) {}

  // There is a connection, though it may not be ready yet.
  explicit operator bool() const { return back_ != nullptr; }
  Back* back() const { return back_.get(); }
  // The request on it, once opened().
  bool opened() const { return stream_ != nullptr; }
  BackStream* operator->() const { return stream_; }
  BackStream& operator*() const { return *stream_; }
  void open(StreamEvents& events, Arena& arena, const Ask& ask) { stream_ = &back_->open(events, arena, ask); }
  // It was made for this transaction.
  bool is_new() const { return is_new_; }
  // An idle connection has failed: no other is borrowed.
  void take_new_only() { new_only_ = true; }
  bool new_only() const { return new_only_; }

  // An idle connection to the server of the approach, for TLS of this name; false: there is none that may be used.
  // `first`: it is the client's first request.
  bool borrow(const BackendPlan& backend, std::string_view tls_name, bool first, BackOwner& owner);
  // A new one, ready or lost when the owner hears of it. False: nowhere to connect to.
  bool connect(Loop& loop, const BackendPlan& backend, std::string_view tls_name, BackOwner& owner);
  // It is ready, or lost before it was.
  void count_handshake() const;
  // Another must not take it over: it has said, or is to say, whose it is.
  bool must_be_private(const BackendPlan& backend) const;
  bool is_of_one_request() const;

  // The transaction that has it is over. `whole`: the answer has come to its end; then the connection goes to the pool,
  // to the client whose own it is, or nowhere, else it is closed as below.
  void end(const BackendPlan& backend, bool whole);
  // It serves nobody any more; nobody hears of it. Once it has carried the request, a private client's connection ends
  // with its own.
  void close(const Failure& why);
  void forget();

 private:
  PinBook& pins_;
  Approach& approach_;
  Owned<Back> back_;
  BackStream* stream_ = nullptr;
  std::uint64_t where_ = 0;  // A digest of the address that it goes to.
  bool is_new_ = false;
  bool new_only_ = false;
};

}  // namespace penstock
