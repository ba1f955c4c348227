// What the log says of one transaction, and what is counted of it: its times, its connections, how it ended. All of
// LogFacts that is not known where something is decided is written here.
#pragma once

#include <cstdint>

#include "penstock/http/back.h"
#include "penstock/http/front.h"
#include "penstock/proxy/approach.h"
#include "penstock/proxy/kit.h"
#include "penstock/proxy/snapshot.h"
#include "penstock/rules/subject.h"

namespace penstock {

class Accounting {
 public:
  // Of a request that begins now.
  Accounting(Kit& kit, FrontStream& front, const FrontendPlan& frontend, rules::Subject& subject);

  // Since its first byte, in ms.
  std::uint64_t spent_ms() const { return kit_.loop.now() - start_ms_; }
  std::uint64_t start_ms() const { return start_ms_; }
  // Its head is there, or so much of its body as rules wait for.
  void request_came();
  // It has a head that can be read.
  void count_request() { frontend_.state->requests.count(ledger_, static_cast<std::int64_t>(kit_.loop.now())); }
  // It never came whole, or its time was spent waiting on purpose.
  void request_never_came();
  void body_came(std::size_t size) { log().bytes_uploaded += size; }
  void connected() { connected_ms_ = kit_.loop.now(); }
  // An interim one is counted only.
  void answer_came(Approach& approach, std::uint16_t status);
  // The server's answer is not the one that the client gets.
  void answer_is_ours() { log().t_response = -1; }
  // What ended it first stays the reason.
  void ended(Cause cause, Phase phase);
  bool has_ended() const { return subject_.log.termination[0] != static_cast<char>(Cause::None); }
  // What is known of connections while the transaction still has them.
  void note_connections(Approach& approach, Back* back);
  // Bytes that the answer was before compression, beyond those that it became: what is said is what servers sent.
  void note_saved(std::int64_t bytes) { saved_ = bytes; }
  // No line is written of it (again).
  void hush() { hushed_ = true; }
  // The reason, if something stood in the way of it, and the line. `lost`: the client does not get what is unsent.
  void write(const Snapshot& snapshot, bool lost);
  // It is over.
  void count(const Approach& approach, bool lost);
  // Whatever became of it.
  void gone();

 private:
  void sum_up(bool lost);
  rules::LogFacts& log() { return subject_.log; }

  Kit& kit_;
  FrontStream& front_;
  const FrontendPlan& frontend_;
  Ledger& ledger_;  // The frontend's.
  rules::Subject& subject_;
  std::uint64_t start_ms_ = 0;  // Loop time when the wait for this request ended: its first byte.
  std::uint64_t connected_ms_ = 0;
  std::int64_t saved_ = 0;
  SocketAddress back_source_;  // Ours towards the server, if the log asks.
  bool hushed_ = false;
};

}  // namespace penstock
