// One request and its response, step by step. Start reading in transaction.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "penstock/base/counted.h"
#include "penstock/http/h1_back.h"
#include "penstock/http/h1_front.h"
#include "penstock/http/stream.h"
#include "penstock/net/living.h"
#include "penstock/proxy/approach.h"
#include "penstock/proxy/generation.h"
#include "penstock/proxy/reply.h"
#include "penstock/proxy/snapshot.h"
#include "penstock/rules/program.h"
#include "penstock/rules/subject.h"

namespace penstock {

class TransactionOwner {
 public:
  // It is over; the owner drops it.
  virtual void on_transaction_done() = 0;

 protected:
  ~TransactionOwner() = default;
};

// What a transaction has of the client's connection it came by.
struct TransactionSide {
  Kit& kit;
  H1Front& front;
  PinBook& pins;
  const rules::ClientFacts& facts;
};

class Transaction final : public InBlock, public Living, private ApproachOwner, private H1BackOwner, private Later {
 public:
  static Owned<Transaction> make(const TransactionSide& client, Ref<Generation> generation,
                                 const FrontendSpec& frontend, TransactionOwner& owner);
  StreamEvents& front_events() { return from_client_; }

 private:
  // What either side says, told apart.
  class FromClient final : public StreamEvents {
   public:
    explicit FromClient(Transaction& transaction) : transaction_(transaction) {}
    void on_head(Head& head) override { transaction_.on_request_head(head); }
    void on_body(Slice bytes) override { transaction_.on_request_body(std::move(bytes)); }
    void on_end(const Trailers& trailers) override { transaction_.on_request_end(trailers); }
    void on_failure(const Failure& failure) override { transaction_.on_client_failure(failure); }
    void on_writable() override { transaction_.on_client_writable(); }

   private:
    Transaction& transaction_;
  };
  class FromServer final : public StreamEvents {
   public:
    explicit FromServer(Transaction& transaction) : transaction_(transaction) {}
    void on_head(Head& head) override { transaction_.on_response_head(head); }
    void on_body(Slice bytes) override { transaction_.on_response_body(std::move(bytes)); }
    void on_end(const Trailers& trailers) override { transaction_.on_response_end(trailers); }
    void on_failure(const Failure& failure) override { transaction_.on_server_failure(failure); }
    void on_writable() override { transaction_.on_server_writable(); }

   private:
    Transaction& transaction_;
  };
  friend class FromClient;
  friend class FromServer;

  // Where the transaction stands; what may happen next depends on it.
  enum class Step : std::uint8_t { Request, Body, BackendBody, Tarpit, Approach, Connect, Headers, Data, Last, Done };

  Transaction(const TransactionSide& client, Ref<Generation> generation, const FrontendSpec& frontend,
              TransactionOwner& owner);
  ~Transaction() override;
  void on_close() override;
  void on_deadline() override;
  void run_later() override;

  // The steps, in order.
  void on_request_head(Head& head);
  void note_request_time();
  bool is_monitor(std::string_view target) const;
  bool waits_for_body(bool of_backend);
  void hold(Slice bytes);
  void hold(const Trailers& trailers);
  void body_came();
  void apply_request_rules(Head& head);
  bool run_rules(const rules::Program& program, bool of_backend);
  bool gave_up(Phase phase);
  void choose_backend();
  void apply_backend_rules();
  void prepare_request();
  void follow(Approach::Step step);
  void connect();
  void send_request();
  void on_response_head(Head& head);
  void send_response(Head& head);
  bool status_cannot_answer(const Head& head) const;
  void drop_rest_of_request(Cause cause);
  void finish();
  void end();

  void on_request_body(Slice bytes);
  void on_request_end(const Trailers& trailers);
  void on_response_body(Slice bytes);
  void on_response_end(const Trailers& trailers);
  void on_client_writable();
  void on_server_writable();

  void on_client_failure(const Failure& failure);
  void on_server_failure(const Failure& failure);
  void on_server() override { follow(Approach::Step::Server); }
  void on_no_server() override { follow(Approach::Step::None); }
  void on_server_down() override;
  void on_back_ready(H1Back& back) override;
  void on_back_lost(H1Back& back, const Failure& failure, std::string_view why) override;

  void fail(Failure failure);
  bool may_repeat() const;
  bool repeats_after(const Failure& failure) const;
  void repeat(const Failure& failure);
  bool retry_on_fresh_connection(const Failure& failure);
  void reply_with_status(std::uint16_t status, Cause cause, Phase phase);
  void reply(const rules::Reply& reply, Cause cause, Phase phase);
  void reply_as(const rules::Reply& reply, Cause cause, Phase phase);
  void send_reply(const rules::Reply& reply, Head& head);
  void cut(Cause cause, Phase phase);
  void end_with(Cause cause, Phase phase);
  void connect_failed(const Failure& failure);
  bool is_listen() const;
  bool run_response_rules(Head& head);
  void use_back(Owned<H1Back> back, bool fresh);
  void send_held_body();
  void drop_back(const Failure& failure);
  void part_with_back();
  bool must_be_private() const;
  void start_tunnel();
  void note_rule(const rules::Verdict& verdict);
  void log();
  void note_connections();
  Phase phase_now() const;

  TransactionOwner& owner_;
  Kit& kit_;
  H1Front& front_;
  Ref<Generation> generation_;
  const FrontendSpec& frontend_;
  const BackendRuntimeSpec* backend_spec_ = nullptr;
  Owned<H1Back> back_;
  FromClient from_client_{*this};
  FromServer from_server_{*this};
  rules::Subject subject_;
  rules::Reply tarpit_reply_;
  PinBook& pins_;
  Approach approach_;
  Slice held_body_;  // Came before there was a server to send it to.
  Trailers held_trailers_;
  std::uint64_t start_ms_ = 0;  // Loop time when the wait for this request ended: its first byte.
  std::uint64_t connected_ms_ = 0;
  Step step_ = Step::Request;
  bool request_ended_ = false;
  bool request_sent_ = false;  // Head, at least.
  bool response_ended_ = false;
  bool head_answered_ = false;  // The client got the final head.
  bool tunnel_ = false;
  bool fresh_only_ = false;  // An idle one has failed: no other is taken.
  bool fresh_ = false;       // This one is.
  bool no_log_ = false;
  bool vanish_ = false;  // The client is to hear of no end.
  bool request_failed_ = false;
};

}  // namespace penstock
