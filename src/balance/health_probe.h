// One check of one server as a conversation: connects, sends, compares what comes. It serves one
// server after the other, so that a check costs no memory while it waits for its turn.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "health_judge.h"
#include "penstock/balance/health_result.h"
#include "penstock/balance/server.h"
#include "penstock/base/arena.h"
#include "penstock/http/h1_parser.h"
#include "penstock/net/connection.h"
#include "penstock/net/program.h"

namespace penstock {

class Probe;

class ProbeOwner {
 public:
  // Over: the owner lets the probe go. Called from the loop.
  virtual void on_probe_done(Probe& probe, const CheckResult& result) = 0;

 protected:
  ~ProbeOwner() = default;
};

class Probe final : private ConnectionEvents, private ProgramOwner, private Later {
 public:
  explicit Probe(Loop& loop) : loop_(loop) {}
  ~Probe() { stop(); }
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  // `ticket` resumes TLS on the check's own connection. `backend`, `server`, and `spec`, which is one of its own, stay in place
  // until the end.
  void start(const BackendSpec& backend, const ServerSpec& server, const CheckSpec& spec, TlsTicket ticket,
             ProbeOwner& owner);
  // Ends in silence; may be started anew.
  void stop();
  // The newest session of the check's own connection; before stop().
  TlsTicket take_ticket();

 private:
  using Step = CheckStepSpec;

  void on_ready() override;
  void on_bytes(Slice bytes) override;
  void on_read_end(bool clean) override;
  void on_sent() override {}
  void on_lost(const Loss& loss) override;
  void on_time_out() override;
  void on_program_end(int status) override;
  void on_program_late() override { end_program(CheckStatus::ProcessTimeout, 0); }
  void run_later() override;

  const CheckSpec& spec() const { return *spec_; }
  bool asks_agent() const { return spec_ == server_->agent.get(); }
  const Step* step() const { return step_ < spec().steps.size() ? &spec().steps[step_] : nullptr; }
  SocketAddress own_address() const;
  SocketAddress agent_address() const;
  CheckTalk& talk();
  void run_program();
  void end_program(CheckStatus status, int code);
  void connect();
  void do_steps();
  TlsTarget tls_target(const Step* connect) const;
  std::uint64_t connect_limit_ms() const;
  void go_on();
  void send(const Step& send);
  std::string with_state(const Step& send, const std::string& request) const;
  bool met(const Step* expect);
  void read_http(Slice& input);
  void pass();
  void conclude(CheckStatus status, std::string info);
  void settle();
  std::string place_of_trouble(bool connecting) const;
  std::string why_closed(std::string text) const;
  std::size_t step_number() const;
  const Step* last_said() const;

  Loop& loop_;
  const BackendSpec* backend_ = nullptr;
  const ServerSpec* server_ = nullptr;
  const CheckSpec* spec_ = nullptr;
  CheckTalk talk_;
  ProbeOwner* owner_ = nullptr;
  Owned<Connection> connection_;
  Owned<Program> program_;
  TlsTicket ticket_;
  std::unique_ptr<H1Parser> parser_;  // Made for the first HTTP check.
  Arena arena_;
  std::string bytes_;  // Body, or raw bytes, since the last Send.
  CheckResult result_;
  int reply_code_ = 0;
  std::optional<int> made_code_;  // `status-code`
  std::string reply_info_;
  std::uint64_t began_ms_ = 0;
  std::size_t step_ = 0;
  // Of the present connection:
  bool is_own_ = false;  // The check's own, not one that a step asked for.
  bool is_tls_ = false;
  bool connected_ = false;
  bool sent_ = false;      // Something was.
  bool exchange_ = false;  // The last request asked Exchange's health page.
  bool head_seen_ = false;
  bool complete_ = false;  // Of the answer, or as much of it as is looked at.
  bool read_ended_ = false;
  // Nothing that still comes matters: at the end of this callback comes the next connection, or the
  // result is told.
  bool settled_ = false;
};

}  // namespace penstock
