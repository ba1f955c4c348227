#include "flow/scripted_server.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "penstock/base/require.h"
#include "penstock/net/socket.h"

namespace penstock::test {

Script& Script::expects(std::string bytes) {
  steps_.push_back({Step::Kind::Expect, std::move(bytes)});
  return *this;
}

Script& Script::sends(std::string bytes) {
  steps_.push_back({Step::Kind::Send, std::move(bytes)});
  return *this;
}

Script& Script::stops_reading() {
  steps_.push_back({Step::Kind::StopReading, ""});
  return *this;
}

void Script::closes() { steps_.push_back({Step::Kind::Close, ""}); }

void Script::resets() { steps_.push_back({Step::Kind::Reset, ""}); }

void Script::repeats() { steps_.push_back({Step::Kind::Repeat, ""}); }

class Conversation final : private ConnectionEvents {
 public:
  Conversation(Listener& listener, const TlsContext* tls, Script script)
      : script_(std::move(script)), connection_(listener.accept(tls, *this)) {
    if (connection_ && tls == nullptr) go_on();
  }
  const std::string& received() const { return received_; }
  bool open() const { return connection_ != nullptr && !ended_; }
  void finish() {
    if (connection_) connection_->finish_sending();
  }

 private:
  using Kind = Script::Step::Kind;

  void on_ready() override { go_on(); }
  void on_bytes(Slice bytes) override {
    received_ += bytes.view();
    go_on();
  }
  void on_read_end(bool) override {
    ended_ = true;
    connection_.reset();
  }
  void on_sent() override {}
  void on_lost(const Loss&) override { connection_.reset(); }
  void on_time_out() override {}

  void go_on() {
    while (connection_ && step_ < script_.steps_.size()) {
      const Script::Step& step = script_.steps_[step_];
      switch (step.kind) {
        case Kind::Expect: {
          const std::size_t at = received_.find(step.bytes, taken_);
          if (at == std::string::npos) return;
          taken_ = at + step.bytes.size();
          break;
        }
        case Kind::Send:
          connection_->send(std::string_view(step.bytes));
          break;
        case Kind::StopReading:
          connection_->set_reading(false);
          break;
        case Kind::Close:
          connection_->finish_sending();
          break;
        case Kind::Reset:
          connection_->reset_on_close();
          connection_.reset();
          return;
        case Kind::Repeat:
          received_.erase(0, std::exchange(taken_, 0));
          step_ = 0;
          continue;
      }
      ++step_;
    }
  }

  const Script script_;
  std::size_t step_ = 0;
  std::size_t taken_ = 0;
  std::string received_;
  bool ended_ = false;
  Owned<Connection> connection_;
};

ScriptedServer::ScriptedServer(Loop& loop, const TlsContext* tls) : tls_(tls) {
  require(SocketAddress::from_ip("127.0.0.1", 0, address_));
  Result<Descriptor> socket = listen_on(address_, ListenOptions{});
  require(static_cast<bool>(socket));
  address_ = SocketAddress::local_of(socket->get());
  listener_ = Listener::open(loop, socket->release(), false, 128, *this);
}

ScriptedServer::~ScriptedServer() = default;

Script& ScriptedServer::next() { return scripts_.emplace_back(); }

void ScriptedServer::on_connection(Listener& listener) {
  require(!scripts_.empty());
  if (std::exchange(front_used_, true) && scripts_.size() > 1) scripts_.pop_front();
  conversations_.push_back(std::make_unique<Conversation>(listener, tls_, scripts_.front()));
}

const std::string& ScriptedServer::received(std::size_t n) const {
  require(n < conversations_.size());
  return conversations_[n]->received();
}

std::size_t ScriptedServer::open() const {
  std::size_t count = 0;
  for (const auto& conversation : conversations_) count += conversation->open();
  return count;
}

void ScriptedServer::finish_all() {
  for (const auto& conversation : conversations_) conversation->finish();
}

FullBacklog::FullBacklog() {
  SocketAddress any;
  require(SocketAddress::from_ip("127.0.0.1", 0, any));
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  require(listener >= 0 && ::bind(listener, any.raw(), any.length()) == 0 && ::listen(listener, 0) == 0);
  sockets_.push_back(listener);
  address_ = SocketAddress::local_of(listener);
  for (int i = 0; i < 3; ++i) {
    const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    require(client >= 0);
    // Those beyond the backlog stay in progress; that is what they are for.
    static_cast<void>(::connect(client, address_.raw(), address_.length()));
    sockets_.push_back(client);
  }
}

FullBacklog::~FullBacklog() {
  for (int socket : sockets_) ::close(socket);
}

}  // namespace penstock::test
