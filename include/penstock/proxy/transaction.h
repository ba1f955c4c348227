// One request and its response, step by step. Start reading in transaction.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "penstock/base/counted.h"
#include "penstock/base/list.h"
#include "penstock/http/back.h"
#include "penstock/http/body_source.h"
#include "penstock/http/front.h"
#include "penstock/http/stream.h"
#include "penstock/net/living.h"
#include "penstock/proxy/accounting.h"
#include "penstock/proxy/approach.h"
#include "penstock/proxy/caching.h"
#include "penstock/proxy/compression.h"
#include "penstock/proxy/generation.h"
#include "penstock/proxy/held_body.h"
#include "penstock/proxy/lease.h"
#include "penstock/proxy/reply.h"
#include "penstock/proxy/running.h"
#include "penstock/proxy/service.h"
#include "penstock/proxy/snapshot.h"
#include "penstock/rules/passwords.h"
#include "penstock/rules/program.h"
#include "penstock/rules/subject.h"

namespace penstock {

class Transaction;
struct TransactionTag;

class TransactionOwner {
 public:
  // It is over; the owner drops it.
  virtual void on_transaction_done(Transaction& transaction) = 0;

 protected:
  ~TransactionOwner() = default;
};

// What a transaction has of the client's connection it came by.
struct TransactionSide {
  Kit& kit;
  FrontStream& front;
  PinBook& pins;
  const rules::ClientFacts& facts;
};

class Transaction final : public InBlock,
                          public Living,
                          public ListNode<TransactionTag>,
                          private ApproachOwner,
                          private BackOwner,
                          private rules::AnswerWaiter,
                          private PutOff {
 public:
  static Owned<Transaction> make(const TransactionSide& client, Ref<Generation> generation,
                                 const FrontendPlan& frontend, TransactionOwner& owner) {
    return Owned<Transaction>(new Transaction(client, std::move(generation), frontend, owner));
  }
  StreamEvents& front_events() { return from_client_; }
  // For administrators: where it stands; and its end.
  void tell(Running& running) const;
  void kill();

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
  enum class Step : std::uint8_t {
    Request,
    Body,
    BackendBody,
    PageBody,
    RuleBody,
    Answer,
    Tarpit,
    Approach,
    Connect,
    Headers,
    AnswerBody,
    Data,
    Last,
    Done
  };

  // What goes on when the answer is known to what was asked.
  enum class Again : std::uint8_t { Rules, BackendChoice, BackendRules, Page, Choice, Connect };

  Transaction(const TransactionSide& client, Ref<Generation> generation, const FrontendPlan& frontend,
              TransactionOwner& owner);
  ~Transaction() override;
  void on_close() override;
  void on_deadline() override;
  void run_later() override;

  // The steps, in order.
  void on_request_head(Head& head);
  bool waits_for_body(bool of_backend);
  bool waits_for_body(Step step, std::uint64_t limit_ms);
  bool waits_for_body(const rules::Verdict::Wait& wait, const rules::Program& program);
  bool begin_waiting_for_body(Step step);
  bool waits_for_answer(const rules::Verdict::Wait& wait, const rules::Program& program);
  bool in_body() const { return step_ >= Step::Body && step_ <= Step::RuleBody; }
  void hold(Slice bytes);
  void body_came();
  void apply_request_rules();
  void request_rules_passed();
  // A password that rules ask for is being hashed, or refused for want of room: what is under way begins again there.
  bool waits_for_password(Again again) {
    return subject_.trouble == rules::Trouble::Password && wait_for_password(again);
  }
  bool wait_for_password(Again again);
  // The same of the address of a name; false: nobody can say.
  bool waits_for_name(const rules::Verdict::Wait& wait, const rules::Program& program);
  void on_answer_known() override;
  void show_page();
  void send_early_hints();
  // True if the transaction goes on to its next step; else the rules have answered or ended it.
  bool run_rules(const rules::Program& program, Phase phase, std::uint64_t tarpit_ms) {
    return program.empty() || ask_rules(program, phase, tarpit_ms);
  }
  bool ask_rules(const rules::Program& program, Phase phase, std::uint64_t tarpit_ms);
  bool obey(const rules::Verdict& verdict, Phase phase, std::uint64_t tarpit_ms);
  void begin_tarpit(const rules::Reply& reply, std::uint64_t wait_ms);
  // A rule could not be asked. What it would have said is not known, so nothing passes.
  bool gave_up(Phase phase) { return subject_.in_trouble() && give_up(phase); }
  bool give_up(Phase phase);
  void choose_backend();
  void apply_backend_rules();
  void backend_rules_passed();
  void prepare_request();
  void choose_server();
  void follow(Approach::Step step);
  void connect();
  void send_request();
  void on_response_head(Head& head);
  void send_response(Head& head);
  void drop_rest_of_request(Cause cause);
  void finish();
  void end();

  void on_request_body(Slice bytes);
  void on_request_end(const Trailers& trailers);
  void on_response_body(Slice bytes);
  void on_response_end(const Trailers& trailers);
  void hold_answer(Slice bytes);
  void answer_came();
  void send_held_answer();
  void cut_answer(const Failure& failure);
  void answer_ended();
  void on_client_writable();
  void on_server_writable() { front_.set_reading(true); }

  void on_client_failure(const Failure& failure);
  void note_bad_request(const Failure& failure);
  void on_server_failure(const Failure& failure);
  void on_server() override { follow(Approach::Step::Server); }
  void on_no_server() override { follow(Approach::Step::None); }
  void on_server_down() override { fail(Failure::of(Cause::Down, phase_now(), 503, "server went down")); }
  void on_back_ready(Back& back) override;
  void on_back_lost(Back& back, const Failure& failure, std::string_view why) override;

  void fail(Failure failure);
  bool may_repeat() const;
  bool repeats_after(const Failure& failure) const {
    return step_ == Step::Headers && Tries::asked_for(backend_spec_->retry_on, failure) && may_repeat();
  }
  void repeat(const Failure& failure);
  bool retry_on_new_connection();
  void reply(const rules::Reply& reply, Cause cause, Phase phase);
  void serve_metrics();
  void serve(std::unique_ptr<Service> service, std::string_view name);
  bool shows_statistics(const config::StatsPage& page, const rules::StatsRules& rules);
  void show_statistics(const config::StatsPage& page, const rules::StatsRules& rules);
  void begin_compression(Head& answer);
  Stream& to_client() { return caching_ == nullptr ? compression_.stream(front_) : kept_on_the_way(); }
  [[gnu::cold]] bool gives_kept_answer();
  void give_kept_answer();
  [[gnu::cold]] void begin_keeping(const BodyLength& body, std::uint16_t came);
  [[gnu::cold]] Stream& kept_on_the_way();
  void send_own_body();
  void let_others();
  void cut(Cause cause, Phase phase);
  void connect_failed(const Failure& failure) { follow(approach_.try_again(failure, Approach::Again::Connecting)); }
  void note_last_server(bool must_stay);
  bool run_response_rules();
  void drop_answer();
  [[gnu::cold]] void refuse_cookie();
  void start_tunnel();
  void wait_for_server_alone();
  void write_log();
  rules::Subject& equipped(const TransactionSide& client);
  Phase phase_now() const;
  std::string_view step_word() const;

  TransactionOwner& owner_;
  Kit& kit_;
  FrontStream& front_;
  Ref<Generation> generation_;
  const FrontendPlan& frontend_;
  const BackendPlan* backend_spec_ = nullptr;
  FromClient from_client_{*this};
  FromServer from_server_{*this};
  rules::Subject subject_;
  rules::Reply tarpit_reply_;
  std::unique_ptr<Service> service_;  // Answers in place of a server.
  BodySource* own_body_ = nullptr;    // Of an answer of our own, while there is more of it.
  PinBook& pins_;
  Approach approach_;
  Lease lease_;
  Accounting accounting_;
  HeldBody held_;
  Compression compression_;
  std::unique_ptr<Caching> caching_;  // Null: no cache has to do with it.
  std::uint64_t body_wanted_ = 0;     // Bytes of it that are waited for.
  // Whose rules wait, for a body or an answer, and where they go on; those before them have passed. Null: none do.
  const rules::Program* waiting_ = nullptr;
  rules::Verdict::Wait go_on_;
  Step step_ = Step::Request;
  Again again_ = Again::Rules;
  bool is_listen_ = false;  // Frontend and backend are one section.
  bool request_ended_ = false;
  bool response_ended_ = false;
  bool answer_cut_ = false;     // The server has gone before the end of what is held of its answer.
  bool head_answered_ = false;  // The client got the final head.
  bool tunnel_ = false;
  bool vanish_ = false;  // The client is to hear of no end.
  bool request_failed_ = false;
};

}  // namespace penstock
