// Mode tcp: a client's connection and a server's, joined. Bytes pass as they come, both ways, and an
// end of one direction is passed on as just that.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "penstock/base/counted.h"
#include "penstock/net/connection.h"
#include "penstock/proxy/approach.h"
#include "penstock/proxy/generation.h"
#include "penstock/proxy/running.h"
#include "penstock/rules/subject.h"

namespace penstock {

class TunnelOwner {
 public:
  // It is over; the owner drops it.
  virtual void on_tunnel_done() = 0;

 protected:
  ~TunnelOwner() = default;
};

class Tunnel final : public Living, private ApproachOwner, private rules::AnswerWaiter, private Later {
 public:
  static Owned<Tunnel> make(Kit& kit, Ref<Generation> generation, const FrontendPlan& frontend,
                            const rules::ClientFacts& client, TunnelOwner& owner);
  // For administrators: where it stands; and its end.
  void tell(Running& running) const;
  void kill() { end(Cause::Killed, phase_now()); }
  // Takes over the client's connection, accepted at `since_ms` of the loop.
  void start(Owned<Connection> front, std::uint64_t since_ms);

 private:
  // One side of the tunnel; what it hears it tells the tunnel with its name.
  class Side final : public ConnectionEvents {
   public:
    Side(Tunnel& tunnel, bool of_client) : tunnel_(tunnel), of_client_(of_client) {}
    void on_ready() override { tunnel_.joined(); }
    void on_bytes(Slice bytes) override { tunnel_.on_side_bytes(of_client_, std::move(bytes)); }
    void on_read_end(bool) override { tunnel_.on_side_end(of_client_); }
    void on_sent() override { tunnel_.on_side_sent(of_client_); }
    void on_lost(const Loss& loss) override { tunnel_.on_side_lost(of_client_, loss); }
    void on_time_out() override { tunnel_.on_side_time_out(of_client_); }

    // Of what comes from there. Paused: the other side takes no more for now.
    enum class Flow : std::uint8_t { Open, Paused, Ended };
    Flow flow = Flow::Open;
    bool ended() const { return flow == Flow::Ended; }
    // Owes no bytes.
    bool rests() const { return flow != Flow::Open; }

   private:
    Tunnel& tunnel_;
    const bool of_client_;
  };
  friend class Side;
  enum class Step : std::uint8_t { Welcome, Inspect, Approach, Connect, Relay, Done };

  Tunnel(Kit& kit, Ref<Generation> generation, const FrontendPlan& frontend, const rules::ClientFacts& client,
         TunnelOwner& owner);
  ~Tunnel() override;
  void on_close() override;
  void on_deadline() override;
  void run_later() override;
  void on_server() override { follow(Approach::Step::Server); }
  void on_no_server() override { follow(Approach::Step::None); }
  void on_server_down() override;
  void on_answer_known() override;

  void welcome();
  void inspect();
  void read_early();
  bool look_into(const rules::Program& program, std::uint64_t delay_ms);
  bool choose_backend();
  // True if the connection is to end; the client of a silent drop then hears nothing more.
  bool refused(const rules::Verdict& verdict);
  void refuse(Phase phase);
  rules::Verdict judge_early(const rules::Program& program, std::uint64_t since_ms, std::uint64_t delay_ms, bool ended);
  rules::Verdict go_on(const rules::Program& program);
  void wait_for_name(const rules::Program& program, rules::Verdict& verdict);
  void judge_answer();
  void close_server();
  void follow(Approach::Step step);
  void connect();
  void connect_failed(Cause cause, const char* detail);
  void joined();
  void on_side_bytes(bool of_client, Slice bytes);
  void on_side_end(bool of_client);
  void on_side_sent(bool of_client);
  void on_side_lost(bool of_client, const Loss& loss);
  void on_side_time_out(bool of_client);
  void touch();
  void pause(bool of_client);
  void end_when_sent();
  void end(Cause cause, Phase phase);
  void keep_ticket();
  Phase phase_now() const;
  std::string_view step_word() const;
  Side& side(bool of_client) { return of_client ? client_ : server_; }
  Connection& other(bool of_client) { return of_client ? *back_ : *front_; }

  Kit& kit_;
  TunnelOwner& owner_;
  Ref<Generation> generation_;
  const FrontendPlan& frontend_;
  const BackendPlan* backend_spec_ = nullptr;
  Arena arena_;
  rules::Subject subject_;
  Approach approach_;
  Side client_{*this, true};
  Side server_{*this, false};
  std::string early_;     // What came too soon: before there was a server, or before rules know it.
  std::string tls_name_;  // What the server is asked for by SNI.
  Owned<Connection> front_;
  Owned<Connection> back_;
  std::uint64_t start_ms_ = 0;
  std::uint64_t joined_ms_ = 0;
  Step step_ = Step::Welcome;
  bool answer_passes_ = false;
};

}  // namespace penstock
