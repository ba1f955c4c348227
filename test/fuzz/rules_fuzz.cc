// Rules and messages made together, tried on a real proxy in this process: nothing that a
// configuration, a client and a server can say ends it, what it says to either can be read, and
// every connection ends.
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/rules_case.h"
#include "penstock/base/format.h"
#include "penstock/config/read.h"
#include "penstock/control/crew.h"
#include "penstock/http/h1_parser.h"
#include "penstock/net/connection.h"
#include "penstock/net/listener.h"
#include "penstock/net/signals.h"
#include "penstock/net/socket.h"
#include "penstock/proxy/station.h"

using namespace penstock;
using namespace penstock::test;

namespace {

constexpr std::uint64_t kPatienceMs = 5000;
constexpr std::uint64_t kDroppedMs = 100;
constexpr std::size_t kMostHeard = 1 << 20;

void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "rules: %s\n", what);
  std::abort();
}

// Where rules look for files.
const std::pair<std::string_view, std::string_view> kFiles[] = {
    {"x.map", "^/a.*$ b\n/ c\na 1\n(a+)+$ \\\\1\n"},
    {"e403.http", "HTTP/1.0 403 No\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nno\n"},
    {"e503.http", "HTTP/1.0 204 Nothing\r\nX: y\r\n\r\n"},
};

constexpr std::string_view kHead =
    "global\n  log ${log} format raw local0\ndefaults\n  mode http\n  log global\n  option "
    "httplog\n  timeout connect 50ms\n  timeout client "
    "20ms\n  timeout server 15ms\n  timeout queue 10ms\n  timeout tarpit 3ms\n  timeout "
    "http-request 20ms\n  timeout tunnel 10ms\n"
    "  retries 1\n";

// Understands what was said on one side; an error in it is the proxy's.
class Reader {
 public:
  void requests() { parser_.start_request(arena_); }
  void answers_to(std::vector<std::string> methods) {
    methods_ = std::move(methods);
    of_answers_ = true;
    start();
  }
  void read(std::string_view bytes) {
    Slice input = Slice::copy(bytes);
    while (!over_) {
      switch (parser_.next(input)) {
        case H1Parser::Step::More:
          return;
        case H1Parser::Step::Head:
          interim_ = of_answers_ && parser_.head().status < 200 && parser_.head().status != 101;
          over_ = parser_.hop().upgrade || parser_.head().body.kind == BodyLength::Kind::Tunnel || is_last() ||
                  is_connect();
          break;
        case H1Parser::Step::Body:
          parser_.take_body();
          break;
        case H1Parser::Step::End:
          if (!interim_) ++number_;
          start();
          break;
        case H1Parser::Step::Error:
          // A rule may write any word where a target belongs, any method before it, and take Host
          // away.
          if (!of_answers_ && is_of_rules(parser_.error().what)) return void(over_ = true);
          std::fprintf(stderr, "rules: %s: %s\n", of_answers_ ? "answer" : "request", parser_.error().what);
          check(false, "what the proxy said cannot be read");
      }
    }
  }

 private:
  void start() {
    arena_.clear();
    if (!of_answers_) return parser_.start_request(arena_);
    // A rule may give a CONNECT that was refused any status.
    if (number_ >= methods_.size() || methods_[number_] == "CONNECT") return void(over_ = true);
    parser_.start_response(arena_, methods_[number_] == "HEAD", false);
  }
  static bool is_of_rules(std::string_view error) {
    return error.find("target") != std::string_view::npos || error.find("Host") != std::string_view::npos;
  }
  // Whoever cannot read a request does not know that it is a HEAD: the answer to it has its body.
  bool is_last() { return of_answers_ && methods_[number_] == "HEAD" && !parser_.hop().keep_alive; }
  // What a client sends behind it is the tunnel's if the server accepts, whatever it looks like.
  bool is_connect() { return !of_answers_ && parser_.head().method == "CONNECT"; }
  Arena arena_;
  HeadLimits limits_;
  H1Parser parser_{limits_};
  std::vector<std::string> methods_;
  std::size_t number_ = 0;
  bool of_answers_ = false, interim_ = false, over_ = false;
};

class Peer : public ConnectionEvents {
 public:
  virtual ~Peer() = default;
  bool ended() const { return connection_ == nullptr; }

 protected:
  void on_ready() override {}
  void on_read_end(bool) override { end(); }
  void on_sent() override {}
  void on_lost(const Loss&) override { end(); }
  void on_time_out() override {}
  virtual void end() { connection_.reset(); }
  Owned<Connection> connection_;
};

// Answers each head that comes with the next answer.
class Origin final : public Peer {
 public:
  Origin(Listener& listener, const std::vector<std::string>& answers, std::size_t& next, bool read)
      : answers_(answers), next_(next), read_(read) {
    reader_.requests();
    connection_ = listener.accept(nullptr, *this);
  }

 private:
  void on_bytes(Slice bytes) override {
    if (read_) reader_.read(bytes.view());
    heard_ += bytes.view();
    for (std::size_t end = heard_.find("\r\n\r\n"); end != std::string::npos; end = heard_.find("\r\n\r\n")) {
      heard_.erase(0, end + 4);
      const std::string answer = on_the_wire(answers_[std::min(next_++, answers_.size() - 1)]);
      connection_->send(std::string_view(answer));
      if (answer.find("Content-Length: ") == std::string::npos && answer.find("chunked") == std::string::npos)
        connection_->finish_sending();
    }
  }
  const std::vector<std::string>& answers_;
  std::size_t& next_;
  const bool read_;
  Reader reader_;
  std::string heard_;
};

class Client final : public Peer {
 public:
  Client(Loop& loop, const SocketAddress& address, const RulesCase& one, bool read)
      : loop_(loop), one_(one), read_(read) {
    std::vector<std::string> methods;
    for (const std::string& request : one.requests) methods.push_back(request.substr(0, request.find(' ')));
    reader_.answers_to(std::move(methods));
    connection_ = Connection::connect(loop, address, {}, {}, {}, *this);
  }

 private:
  void on_ready() override {
    for (const std::string& request : one_.requests) connection_->send(std::string_view(on_the_wire(request)));
  }
  void on_bytes(Slice bytes) override {
    heard_ += bytes.size();
    check(heard_ < kMostHeard, "the client hears without end");
    if (read_) reader_.read(bytes.view());
  }
  void end() override {
    connection_.reset();
    loop_.stop();
  }
  Loop& loop_;
  const RulesCase& one_;
  const bool read_;
  Reader reader_;
  std::size_t heard_ = 0;
};

class Patience final : public Living {
 public:
  // Whom a rule drops silently is told nothing, not even that it is over.
  Patience(Loop& loop, bool may_be_dropped) : Living(loop), may_be_dropped_(may_be_dropped) {
    set_deadline(may_be_dropped ? kDroppedMs : kPatienceMs);
  }

 private:
  void on_deadline() override {
    check(may_be_dropped_, "a connection does not end");
    loop().stop();
  }
  const bool may_be_dropped_;
};

// Lets a loop that waits come back.
class Bell final : public Living {
 public:
  explicit Bell(Loop& loop) : Living(loop) { set_deadline(1); }

 private:
  void on_deadline() override { loop().stop(); }
};

// A file of this text without a name in any folder.
std::string path_of(std::string_view text) {
  const int fd = ::memfd_create("rules", 0);
  require(fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  return format("/proc/self/fd/{}", fd);
}

class Proxy final : private StationOwner, private CrewOwner, private ListenerOwner {
 public:
  Proxy() {
    ignore_broken_pipes();
    require(SocketAddress::from_ip("127.0.0.1", 0, address_));
    log_ = Descriptor(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    require(::bind(log_.get(), address_.raw(), address_.length()) == 0);
    log_address_ = SocketAddress::local_of(log_.get());
    Result<Descriptor> socket = listen_on(address_, ListenOptions{});
    require(static_cast<bool>(socket));
    address_ = SocketAddress::local_of(socket->get());
    listener_ = Listener::open(loop_, socket->release(), false, 128, *this);
    for (const auto& [name, text] : kFiles) files_.emplace_back(name, path_of(text));
    crew_.process().descriptor_limit = 1000;
    crew_.process().maxconn = 1000;
    station_ = std::make_unique<Station>(loop_, 0, crew_.process(), static_cast<StationOwner&>(*this));
  }

  // Nothing happens for a case that is no valid configuration.
  void run(const RulesCase& one) {
    auto snapshot = build(one.lines);
    if (!snapshot || one.requests.empty() || one.answers.empty()) return;
    crew_.put_to_work(snapshot);
    station_->adopt(snapshot, crew_.change());
    station_->kit().random = 1;
    case_ = &one;
    next_answer_ = 0;
    const bool is_http = snapshot->frontends[0]->mode == config::Mode::Http;
    read_ = is_http;
    const bool may_be_dropped = one.lines.find("silent-drop") != std::string::npos;
    Owned<Patience> patience(new Patience(loop_, may_be_dropped));
    {
      Client client(loop_, snapshot->binds[0].bound->address, one, read_);
      loop_.run();
      check(client.ended() || may_be_dropped, "the loop has nothing to wait for");
    }
    while (station_->clients() != 0) {
      Owned<Bell> bell(new Bell(loop_));
      loop_.run();
    }
    ++ran_;
    servers_.clear();
    crew_.sweep();
  }
  std::size_t ran() const { return ran_; }

 private:
  std::shared_ptr<const Snapshot> build(const std::string& lines) {
    std::string text = std::string(kHead) + lines;
    const auto fill = [&](std::string_view mark, const std::string& with) {
      for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark))
        text.replace(at, mark.size(), with);
    };
    for (const auto& [name, path] : files_) fill(name, path);
    fill("${log}", log_address_.text());
    fill("${server}", address_.text());
    config::Diagnostics diagnostics;
    config::Config config = config::read({{"fuzz.cfg", text}}, diagnostics);
    config.global.nbthread = 1;
    Bundle bundle = Bundle::gather(config, crew_.bundle(), {}, diagnostics);
    auto snapshot = crew_.build(std::move(config), std::move(bundle), false, diagnostics);
    if (std::getenv("RULES_COMPLAINTS") != nullptr) {
      for (const config::Complaint& complaint : diagnostics.complaints()) {
        if (complaint.severity == config::Severity::Alert)
          std::fprintf(stderr, "%s\n", config::Diagnostics::text_of(complaint, 0).c_str());
      }
    }
    return diagnostics.failed() ? nullptr : snapshot;
  }

  void on_connection(Listener& listener) override {
    std::erase_if(servers_, [](const auto& server) { return server->ended(); });
    servers_.push_back(std::make_unique<Origin>(listener, case_->answers, next_answer_, read_));
  }
  void wake_lines(BackendState& state) override { station_->serve_lines(state); }
  void wake_listeners() override { station_->resume_listeners(); }
  void on_station_empty(unsigned) override {}
  void take_change(const std::string&, const std::string&, const ServerChange&) override {}
  void on_adopted() override {}
  void on_crew_idle() override {}
  void on_server_changed(const Server&) override {}

  Loop loop_;
  Crew crew_{loop_, static_cast<CrewOwner&>(*this)};
  SocketAddress address_, log_address_;
  Descriptor log_;
  Owned<Listener> listener_;
  std::vector<std::pair<std::string, std::string>> files_;  // By name.
  std::vector<std::unique_ptr<Origin>> servers_;
  std::unique_ptr<Station> station_;
  const RulesCase* case_ = nullptr;
  std::size_t next_answer_ = 0;
  bool read_ = false;
  std::size_t ran_ = 0;
};

Proxy& proxy() {
  static Proxy& one = *new Proxy;
  return one;
}

}  // namespace

// How many cases were valid configurations, and tried.
extern "C" std::size_t rules_cases_tried() { return proxy().ran(); }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  RulesCase one;
  if (!read_rules_case(bytes, one)) one = make_rules_case(bytes);
  proxy().run(one);
  return 0;
}
