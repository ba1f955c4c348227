#include "health_probe.h"

#include <string.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "penstock/balance/health_count.h"
#include "penstock/base/format.h"
#include "penstock/base/require.h"
#include "penstock/base/text.h"

namespace penstock {
namespace {

using check::Answer;
using check::Judgement;

// Of an answer, this much is looked at.
constexpr std::size_t kLookedAt = 64 * 1024;
// What a probe keeps for the next check.
constexpr std::size_t kKept = 16 * 1024;

constexpr std::string_view kExchangeCloses =
    "Exchange closes the connection when the component is inactive: see Get-ServerComponentState";

std::string system_text(int status) {
  char space[128];
  return ::strerror_r(-status, space, sizeof(space));
}

// Nobody listens, or nobody is there, is the server's; that we have no descriptor is not.
bool is_ours(int status) {
  return status == -EMFILE || status == -ENFILE || status == -ENOBUFS || status == -ENOMEM ||
         status == -EADDRNOTAVAIL || status == -EADDRINUSE;
}

}  // namespace

void Probe::start(const BackendSpec& backend, const ServerSpec& server, const CheckSpec& spec, TlsTicket ticket,
                  ProbeOwner& owner) {
  require(server_ == nullptr);
  backend_ = &backend;
  server_ = &server;
  spec_ = &spec;
  owner_ = &owner;
  ticket_ = std::move(ticket);
  began_ms_ = loop_.now();
  step_ = 0;
  settled_ = false;
  result_ = {};
  reply_code_ = 0;
  made_code_.reset();
  reply_info_.clear();
  if (spec.external) return run_program();
  do_steps();
  connect();
}

// `option external-check`: arguments and environment are HAProxy's.
void Probe::run_program() {
  const ExternalCheck& program = *spec().external;
  const Server& state = *server_->state;
  const SocketAddress address = state.moved() ? state.moved()->to.address : server_->address;
  const std::string host = address.ip_text(), port = address.is_unix() ? "" : format("{}", address.port());
  const auto or_none = [](const std::string& text) { return text.empty() ? std::string("NOT_USED") : text; };
  const std::vector<std::string> words = {program.command, or_none(program.proxy_address), or_none(program.proxy_port),
                                          host, or_none(port)};
  std::vector<std::string> environment = {
      "HAPROXY_PROXY_ADDR=" + program.proxy_address,
      "HAPROXY_PROXY_PORT=" + program.proxy_port,
      "HAPROXY_PROXY_NAME=" + program.proxy_name,
      format("HAPROXY_PROXY_ID={}", program.proxy_id),
      "HAPROXY_SERVER_ADDR=" + host,
      "HAPROXY_SERVER_PORT=" + port,
      "HAPROXY_SERVER_NAME=" + server_->name,
      format("HAPROXY_SERVER_ID={}", server_->id),
      format("HAPROXY_SERVER_MAXCONN={}", state.maxconn.load(std::memory_order_relaxed)),
      format("HAPROXY_SERVER_CURCONN={}", state.in_use.load(std::memory_order_relaxed)),
      format("HAPROXY_SERVER_SSL={}", server_->tls ? 1 : 0),
      format("HAPROXY_SERVER_PROTO={}", spec().http ? "h1" : "tcp")};
  if (!program.path.empty()) environment.push_back("PATH=" + program.path);
  const CheckLimits limits = check_limits(spec());
  ProgramOwner& for_program = *this;
  program_ = Program::start(loop_, words, environment, limits.answer_ms != 0 ? limits.answer_ms : limits.connect_ms,
                            for_program);
  constexpr int kNotStarted = 255;
  if (!program_) end_program(CheckStatus::ProcessError, kNotStarted);
}

void Probe::on_program_end(int status) {
  end_program(status == 0 ? CheckStatus::ProcessOk : CheckStatus::ProcessError, status);
}

void Probe::end_program(CheckStatus status, int code) {
  if (settled_) return;
  settled_ = true;
  result_ = {status, code, "", loop_.now() - began_ms_};
  loop_.later(*this);
}

void Probe::stop() {
  Later::unlink();
  connection_.reset();
  program_.reset();
  ticket_ = {};
  if (parser_) parser_->release_head();
  arena_.clear();
  talk_ = {};
  bytes_.clear();
  if (bytes_.capacity() > kKept) bytes_.shrink_to_fit();
  server_ = nullptr;
}

TlsTicket Probe::take_ticket() {
  return connection_ && is_own_ && connected_ ? connection_->take_ticket() : TlsTicket();
}

// The TLS of a Connect step, or of the check itself.
TlsTarget Probe::tls_target(const Step* connect) const {
  const bool as_server = connect == nullptr || connect->use_default;
  const bool greets = (as_server && spec().send_proxy) || (connect != nullptr && connect->send_proxy);
  const std::string_view greeting = greets ? std::string_view(spec().greeting) : std::string_view();
  if (connect == nullptr) return {spec().tls.get(), spec().sni, spec().verify_name, greeting};
  if (!connect->tls && !connect->use_default) return {nullptr, {}, {}, greeting};
  const TlsContext* context = connect->tls_context ? connect->tls_context.get() : spec().tls.get();
  const std::string& name = !connect->sni.empty() || !connect->use_default ? connect->sni : spec().sni;
  return {context, name, spec().verify_name, greeting};
}

// Without `timeout check`, inter bounds all of the check, whatever number of connections it makes.
std::uint64_t Probe::connect_limit_ms() const {
  const CheckLimits limits = check_limits(spec());
  if (limits.answer_ms != 0) return limits.connect_ms;
  const std::uint64_t gone_ms = loop_.now() - began_ms_;
  return gone_ms < limits.connect_ms ? limits.connect_ms - gone_ms : 1;
}

CheckTalk& Probe::talk() {
  talk_.answer = bytes_;
  talk_.ends = connection_.get();
  talk_.head = spec().http && head_seen_ ? &parser_->head() : nullptr;
  return talk_;
}

// The host of its own, else the server's.
SocketAddress Probe::agent_address() const {
  const Server::AgentMemory& agent = *server_->state->agent;
  SocketAddress address = spec().address;
  const std::uint16_t port = agent.port != 0 ? agent.port : address.port();
  const std::shared_ptr<const Moved> moved = server_->state->moved();
  if (!agent.host.empty())
    address = agent.host;
  else if (moved && !spec().own_host)
    address = moved->to.address;
  address.set_port(port);
  return address;
}

// As the file has it, but for what is the server's own and has been set since.
SocketAddress Probe::own_address() const {
  if (asks_agent()) return agent_address();
  const Server& state = *server_->state;
  SocketAddress address = spec().address;
  const std::shared_ptr<const Moved> moved = state.moved();
  if (moved && !spec().own_host) {
    address = moved->to.address;
    if (spec().own_port) address.set_port(spec().address.port());
  } else if (moved && !spec().own_port) {
    address.set_port(moved->to.address.port());
  }
  if (!state.check_host.empty()) {
    const std::uint16_t port = address.port();
    address = state.check_host;
    address.set_port(port);
  }
  if (state.check_port != 0) address.set_port(state.check_port);
  return address;
}

void Probe::connect() {
  const Step* connect = step();
  if (connect != nullptr && connect->kind != Step::Kind::Connect) connect = nullptr;
  SocketAddress address = connect != nullptr && !connect->address.empty() ? connect->address : own_address();
  if (connect != nullptr && connect->port != 0) address.set_port(connect->port);
  if (connect != nullptr && connect->made_port) {
    const auto port = parse_unsigned(connect->made_port->make(talk()));
    if (port && *port <= UINT16_MAX) address.set_port(static_cast<std::uint16_t>(*port));
  }
  const TlsTarget tls = tls_target(connect);
  connected_ = sent_ = exchange_ = read_ended_ = head_seen_ = complete_ = settled_ = false;
  is_own_ = connect == nullptr;
  is_tls_ = tls.context != nullptr;
  bytes_.clear();
  TlsTicket ticket = is_own_ ? std::move(ticket_) : TlsTicket();
  connection_ = Connection::connect(loop_, address, server_->socket, tls, std::move(ticket), *this);
  connection_->set_deadline(connect_limit_ms());
}

// What is done, and not said, before a connection is asked for.
void Probe::do_steps() {
  for (const Step* now = step(); now != nullptr && now->kind == Step::Kind::Do; now = step()) {
    if (now->text) now->text->make(talk());
    ++step_;
  }
}

void Probe::on_ready() {
  connected_ = true;
  const CheckLimits limits = check_limits(spec());
  if (limits.answer_ms != 0) connection_->set_deadline(limits.answer_ms);
  if (step() != nullptr && step()->kind == Step::Kind::Connect) ++step_;
  go_on();
}

// Takes steps until one has to wait for bytes or a connection, or the check is over.
void Probe::go_on() {
  while (const Step* now = step()) {
    switch (now->kind) {
      case Step::Kind::Connect:
        return settle();
      case Step::Kind::Do:
        if (now->text) now->text->make(talk());
        break;
      case Step::Kind::Send:
        send(*now);
        break;
      case Step::Kind::Expect:
        if (!met(now)) return;
        break;
    }
    ++step_;
  }
  const Step* last = last_said();
  const bool answer_due = spec().http && last != nullptr && last->kind == Step::Kind::Send;
  if (answer_due && !met(nullptr)) return;
  pass();
}

void Probe::send(const Step& send) {
  sent_ = true;
  bytes_.clear();
  head_seen_ = complete_ = false;
  if (spec().http) {
    if (!parser_) parser_ = std::make_unique<H1Parser>(HeadLimits{});
    parser_->release_head();
    arena_.clear();
    parser_->start_response(arena_, check::method_of(send.send) == "HEAD", false);
    exchange_ = check::asks_exchange(send.send);
  }
  const bool is_set = asks_agent() && server_->state->agent->send;
  if (is_set) return connection_->send(std::string_view(*server_->state->agent->send));
  const std::string text = send.text ? send.text->make(talk()) : send.send;
  connection_->send(std::string_view(spec().send_state ? with_state(send, text) : text));
}

// How we see the server, behind the request line. What we call ourselves stands in the step's pattern.
std::string Probe::with_state(const Step& send, const std::string& request) const {
  const Server& state = *server_->state;
  const HealthCount count(spec().rise, spec().fall);
  const int health = state.check.health;
  const Operation operation = state.standing.load(std::memory_order_relaxed).operation;
  std::string_view word = operation == Operation::Down ? "DOWN" : operation == Operation::Drain ? "NOLB" : "UP";
  const std::string told = count.text(health);
  const std::string_view steps = std::string_view(told).substr(0, told.find(' '));
  const bool is_firm = health == 0 || health == count.best();
  std::uint64_t together = 0;
  for (const ServerSpec& each : backend_->servers) {
    if (each.state->takes_traffic()) together += each.state->weight.load(std::memory_order_relaxed);
  }
  const SocketAddress address = state.moved() ? state.moved()->to.address : server_->address;
  const std::uint32_t weight = state.weight.load(std::memory_order_relaxed);
  std::string field = "x-haproxy-server-state: ";
  field += is_firm ? std::string(word) : format("{} {}", word, steps);
  append_format(field, "; address={}; port={}; name={}/{}; node={}; weight={}/{}; scur={}/{}; qcur={}\r\n",
                address.is_unix() ? "unix" : address.ip_text(),
                address.is_unix() ? "unix" : format("{}", address.port()), backend_->name, server_->name, send.pattern,
                weight, together, state.in_use.load(std::memory_order_relaxed),
                backend_->state->in_use.load(std::memory_order_relaxed), state.waiting.load(std::memory_order_relaxed));
  const std::size_t end = request.find("\r\n");
  return request.substr(0, end + 2) + field + request.substr(end + 2);
}

// True if the answer is what it should be. False: the bytes that decide have not come, or it is not
// and the check is over. Null expects what every answer must be.
bool Probe::met(const Step* expect) {
  const bool http = spec().http;
  if (http && !head_seen_) {
    if (read_ended_) conclude(CheckStatus::L7Response, why_closed(""));
    return false;
  }
  const Answer answer{http ? &parser_->head() : nullptr, bytes_, complete_ || read_ended_};
  if (http && spec().disable_on_404 && answer.head->status == 404) {
    conclude(CheckStatus::L7Conditional, "");
    return false;
  }
  CheckTalk& asked = talk();
  Judgement judgement = !http               ? check::judge_bytes(*expect, answer, step_number(), asked)
                        : expect == nullptr ? check::judge_http_by_default(answer)
                                            : check::judge_http(*expect, answer, asked);
  if (judgement.kind != Judgement::Kind::Wait) reply_code_ = judgement.code;
  if (judgement.kind != Judgement::Kind::Wait && expect != nullptr && expect->status_code) {
    const auto code = parse_unsigned(expect->status_code->make(asked));
    made_code_ = code ? static_cast<int>(*code) : 0;
  }
  // Who lets us in has said before who it is.
  const bool is_login = expect != nullptr && expect->match == Step::Match::MySqlReply;
  if (judgement.kind == Judgement::Kind::Pass && !is_login) reply_info_ = judgement.info;
  if (judgement.kind == Judgement::Kind::Fail) conclude(judgement.status, std::move(judgement.info));
  return judgement.kind == Judgement::Kind::Pass;
}

void Probe::on_bytes(Slice bytes) {
  if (settled_) return;
  if (!spec().http) {
    bytes_.append(bytes.view().substr(0, kLookedAt - std::min(kLookedAt, bytes_.size())));
    complete_ = bytes_.size() >= kLookedAt;
    return go_on();
  }
  if (!sent_) return;
  read_http(bytes);
  if (!settled_) go_on();
}

void Probe::read_http(Slice& input) {
  while (!complete_) {
    switch (parser_->next(input)) {
      case H1Parser::Step::More:
        return;
      case H1Parser::Step::Head:
        head_seen_ = parser_->head().status >= 200 || parser_->head().status == 101;
        break;
      case H1Parser::Step::Body: {
        const Slice piece = parser_->take_body();
        bytes_.append(piece.view().substr(0, kLookedAt - bytes_.size()));
        complete_ = bytes_.size() >= kLookedAt;
        break;
      }
      case H1Parser::Step::End:
        complete_ = true;
        break;
      case H1Parser::Step::Error:
        if (!head_seen_) return conclude(CheckStatus::L7Response, "");
        complete_ = true;
        break;
    }
  }
}

void Probe::on_read_end(bool) {
  if (settled_) return;
  read_ended_ = true;
  go_on();
}

void Probe::on_lost(const Loss& loss) {
  if (settled_) return;
  switch (loss.kind) {
    case Loss::Kind::Connect:
      return conclude(is_ours(loss.status) ? CheckStatus::SocketError : CheckStatus::L4Connect,
                      system_text(loss.status) + place_of_trouble(true));
    case Loss::Kind::Handshake:
      return conclude(CheckStatus::L6Response,
                      format("SSL handshake failure ({}){}", loss.text, place_of_trouble(true)));
    case Loss::Kind::Broken:
      break;
  }
  std::string text = loss.status != 0 ? system_text(loss.status) : std::string(loss.text);
  conclude(CheckStatus::SocketError, why_closed(std::move(text)) + place_of_trouble(false));
}

void Probe::on_time_out() {
  if (settled_) return;
  const Step* now = step();
  if (connected_ && now != nullptr && now->timeout_status != CheckStatus::Unknown) {
    return conclude(now->timeout_status, place_of_trouble(false));
  }
  if (connected_) return conclude(CheckStatus::L7Timeout, place_of_trouble(false));
  conclude(connection_->is_tls() ? CheckStatus::L6Timeout : CheckStatus::L4Timeout, place_of_trouble(true));
}

// A component of Exchange that is not active answers its health page by closing, and nothing else.
std::string Probe::why_closed(std::string text) const {
  if (!exchange_ || parser_->begun()) return text;
  if (text.empty()) return std::string(kExchangeCloses);
  return format("{} ({})", text, kExchangeCloses);
}

std::size_t Probe::step_number() const {
  const Step* now = step();
  return now != nullptr && now->number != 0 ? now->number : step_ + 1;
}

// Which line of a tcp-check it was. Other checks ask one question and need no such thing.
std::string Probe::place_of_trouble(bool connecting) const {
  const Step* now = step();
  if (!spec().scripted) return {};
  if (connecting && (now == nullptr || now->kind != Step::Kind::Connect))
    return " at initial connection step of tcp-check";
  if (now == nullptr) return " at the end of tcp-check";
  std::string text = format(" at step {} of tcp-check", step_number());
  switch (now->kind) {
    case Step::Kind::Connect:
      text += now->port == 0 ? " (connect)" : format(" (connect port {})", now->port);
      break;
    case Step::Kind::Send:
      text += " (send)";
      break;
    case Step::Kind::Expect:
      append_format(text, " (expect {})", check::expectation(*now));
      break;
    case Step::Kind::Do:
      break;
  }
  if (!now->comment.empty()) append_format(text, " comment: '{}'", now->comment);
  return text;
}

// Null: nothing is said, nor heard.
const Probe::Step* Probe::last_said() const {
  const auto& steps = spec().steps;
  const auto last = std::find_if(steps.rbegin(), steps.rend(), [](const Step& step) {
    return step.kind == Step::Kind::Send || step.kind == Step::Kind::Expect;
  });
  return last == steps.rend() ? nullptr : &*last;
}

void Probe::pass() {
  const bool spoken = last_said() != nullptr;
  if (!spoken) {
    // Nothing was said and nothing needs to arrive: the address is free again at once.
    if (!is_tls_) connection_->reset_on_close();
    return conclude(is_tls_ ? CheckStatus::L6Ok : CheckStatus::L4Ok, spec().steps.empty() ? "" : "(tcp-check)");
  }
  // An answer came, so what was said has arrived.
  if (spec().http && !is_tls_ && connection_->unsent() == 0) connection_->reset_on_close();
  std::string info = spec().scripted ? "(tcp-check)" : std::move(reply_info_);
  const Step& last = *last_said();
  if (last.on_success) info = last.on_success->make(talk());
  conclude(last.ok_status != CheckStatus::Unknown ? last.ok_status : CheckStatus::L7Ok, std::move(info));
}

void Probe::conclude(CheckStatus status, std::string info) {
  result_.status = status;
  result_.info = std::move(info);
  result_.duration_ms = loop_.now() - began_ms_;
  const bool with_code =
      status == CheckStatus::L7Ok || status == CheckStatus::L7Conditional || status == CheckStatus::L7Status;
  if (with_code) result_.code = made_code_ ? *made_code_ : spec().http ? parser_->head().status : reply_code_;
  settle();
}

// Last words (QUIT, the end of TLS) leave first: the connection writes at the end of this callback,
// and stands in that line before us.
void Probe::settle() {
  settled_ = true;
  const bool failed = result_.status != CheckStatus::Unknown && check_verdict(result_.status) == CheckVerdict::Failed;
  if (!failed && (is_tls_ || connection_->unsent() != 0)) connection_->finish_sending();
  loop_.later(*this);
}

void Probe::run_later() {
  if (result_.status == CheckStatus::Unknown) return connect();
  owner_->on_probe_done(*this, result_);
}

}  // namespace penstock
