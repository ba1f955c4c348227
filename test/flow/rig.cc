#include "flow/rig.h"

#include <sys/socket.h>

#include <charconv>

#include "penstock/base/format.h"
#include "penstock/base/require.h"
#include "penstock/base/text.h"
#include "penstock/config/read.h"
#include "penstock/net/signals.h"
#include "penstock/net/socket.h"
#include "unit/catch.h"

namespace penstock::test {
namespace {

constexpr std::uint64_t kPatienceMs = 30000;
constexpr std::uint64_t kLookMs = 2;

const char* const kHead = R"(
global
  log ${log} format raw local0
defaults
  mode http
  log global
  log-format "%ST %ts %s"
  timeout connect 30s
  timeout client 30s
  timeout server 30s
  retries 0
)";

const char* const kFrontend = R"(
frontend web
  bind 127.0.0.1:0
  monitor-uri /alive
  default_backend app
)";

// Lets a loop that has nothing to do come back.
class Bell final : public Living {
 public:
  Bell(Loop& loop, std::uint64_t ms) : Living(loop) { set_deadline(ms); }

 private:
  void on_deadline() override { loop().stop(); }
};

}  // namespace

Rig::Rig(const std::string& text, unsigned workers, const ServerNotes& notes)
    : workers_(workers), log_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
  ignore_broken_pipes();
  SocketAddress any;
  require(SocketAddress::from_ip("127.0.0.1", 0, any));
  require(::bind(log_.get(), any.raw(), any.length()) == 0);
  addresses_["log"] = SocketAddress::local_of(log_.get());
  CrewOwner& for_crew = *this;
  crew_ = std::make_unique<Crew>(loop_, for_crew);
  crew_->process().descriptor_limit = 4096;
  config::Diagnostics diagnostics;
  auto snapshot = build(text, diagnostics);
  REQUIRE(snapshot);
  crew_->start(std::move(snapshot), notes);
  run_until([&] { return !crew_->adopting(); });
}

Rig::~Rig() {
  const bool quiet =
      run_while([&] { return crew().process().connections != 0 || in_use() != 0 || waiting() != 0; }, 5000);
  CHECK(quiet);
  crew_.reset();
}

ScriptedServer& Rig::server(const std::string& name) {
  auto& server = servers_[name];
  if (!server) server = std::make_unique<ScriptedServer>(loop_);
  return *server;
}

std::string Rig::filled(const std::string& text) {
  std::string out;
  std::size_t at = 0;
  for (std::size_t open = text.find("${"); open != std::string::npos; open = text.find("${", at)) {
    out += text.substr(at, open - at);
    const std::size_t close = text.find('}', open);
    const std::string name = text.substr(open + 2, close - open - 2);
    out += addresses_.contains(name) ? addresses_[name].text() : server(name).address().text();
    at = close + 1;
  }
  return out + text.substr(at);
}

std::shared_ptr<const Snapshot> Rig::build(const std::string& text, config::Diagnostics& diagnostics) {
  const bool has_own = text.starts_with("listen") || text.starts_with("frontend");
  const std::string all = filled(kHead + std::string(has_own ? "" : kFrontend) + text);
  config::Config config = config::read({{"rig.cfg", all}}, diagnostics);
  config.global.nbthread = workers_;
  GatherOptions gather;
  gather.workers = crew_->workers_for(config);
  Bundle bundle = Bundle::gather(config, crew_->bundle(), gather, diagnostics);
  auto snapshot = crew_->build(std::move(config), std::move(bundle), false, diagnostics);
  for (const config::Complaint& complaint : diagnostics.complaints()) {
    if (complaint.severity == config::Severity::Alert) UNSCOPED_INFO(config::Diagnostics::text_of(complaint, 0));
  }
  return snapshot;
}

void Rig::reload(const std::string& text) {
  config::Diagnostics diagnostics;
  auto snapshot = build(text, diagnostics);
  REQUIRE(snapshot);
  crew_->put_to_work(std::move(snapshot));
  run_until([&] { return !crew_->adopting(); });
}

void Rig::change(const std::string& server, const ServerChange& change) {
  bool done = false;
  REQUIRE(crew_->change("app", server, change, [&done] { done = true; }));
  run_until([&done] { return done; });
}

std::vector<std::string> Rig::refusal(const std::string& text) {
  config::Diagnostics diagnostics;
  CHECK(build(text, diagnostics) == nullptr);
  std::vector<std::string> out;
  for (const config::Complaint& complaint : diagnostics.complaints()) {
    if (complaint.severity == config::Severity::Alert) out.push_back(config::Diagnostics::text_of(complaint, 0));
  }
  return out;
}

bool Rig::take_line(std::string& line) {
  char space[8192];
  const ssize_t count = ::recv(log_.get(), space, sizeof(space), 0);
  if (count < 0) return false;
  line.assign(space, static_cast<std::size_t>(count));
  while (line.ends_with('\n')) line.pop_back();
  return true;
}

std::string Rig::line() {
  std::string line;
  run_until([&] {
    while (take_line(line)) {
      if (!line.starts_with("frontend '")) return true;
    }
    return false;
  });
  return line;
}

std::string Rig::line(std::string_view begins) {
  std::string line;
  run_until([&] {
    while (take_line(line)) {
      if (line.starts_with(begins)) return true;
    }
    return false;
  });
  return line;
}

// False: it is still so after this time.
bool Rig::run_while(const std::function<bool()>& what, std::uint64_t ms) {
  const std::int64_t end_us = Loop::wall_us() + static_cast<std::int64_t>(ms) * 1000;
  while (what()) {
    if (Loop::wall_us() > end_us) return false;
    Owned<Bell> bell(new Bell(loop_, kLookMs));
    loop_.run();
    crew_->sweep();
  }
  return true;
}

void Rig::run_until(const std::function<bool()>& what) {
  if (!run_while([&] { return !what(); }, kPatienceMs)) FAIL("it did not become so");
}

void Rig::linger(std::uint64_t ms) {
  run_while([] { return true; }, ms);
}

std::uint32_t Rig::in_use() const {
  std::uint32_t sum = 0;
  for (const auto& backend : crew().snapshot()->backends) {
    for (const ServerSpec& server : backend->balance.servers) sum += server.state->in_use;
  }
  return sum;
}

std::uint32_t Rig::waiting() const {
  std::uint32_t sum = 0;
  for (const auto& backend : crew().snapshot()->backends) sum += backend->balance.state->waiting;
  return sum;
}

ScriptedClient::ScriptedClient(Rig& rig, std::size_t bind, const TlsContext* tls) : rig_(rig) {
  const TlsTarget target{tls, "mail.test", ""};
  connection_ = Connection::connect(rig.loop(), rig.address(bind), {}, target, {}, *this);
}

// Who leaves does not wait to be answered.
ScriptedClient::~ScriptedClient() { resets(); }

void ScriptedClient::says(std::string_view bytes) {
  rig_.run_until([&] { return connection_->ready() || ended(); });
  connection_->send(bytes);
}

Answer ScriptedClient::gets(std::string_view path) {
  return asks(format("GET {} HTTP/1.1\r\nHost: test\r\n\r\n", path));
}

Answer ScriptedClient::answer() {
  Answer answer;
  rig_.run_until([&] { return take_answer(answer) || ended(); });
  return answer;
}

// Interim answers are passed over.
bool ScriptedClient::take_answer(Answer& answer) {
  while (true) {
    const std::size_t head_end = received_.find("\r\n\r\n", taken_);
    if (head_end == std::string::npos) return false;
    answer.head = received_.substr(taken_, head_end + 4 - taken_);
    std::from_chars(answer.head.data() + 9, answer.head.data() + 12, answer.status);
    if (answer.status >= 200 || answer.status == 101) break;
    taken_ = head_end + 4;
  }
  const std::size_t body_at = taken_ + answer.head.size();
  if (answer.status == 204 || answer.status == 304) {
    taken_ = body_at;
    return true;
  }
  std::size_t body_size = 0;
  const std::string lowered = penstock::lower(answer.head);
  const std::size_t length_at = lowered.find("content-length: ");
  if (length_at != std::string::npos) {
    std::from_chars(lowered.data() + length_at + 16, lowered.data() + lowered.size(), body_size);
    if (received_.size() < body_at + body_size) return false;
  } else if (lowered.find("transfer-encoding: chunked") != std::string::npos) {
    const std::size_t last = received_.find("0\r\n\r\n", body_at);
    if (last == std::string::npos) return false;
    body_size = last + 5 - body_at;
  } else if (answer.status == 200) {
    if (!ended()) return false;
    body_size = received_.size() - body_at;
  }
  answer.body = received_.substr(body_at, body_size);
  taken_ = body_at + body_size;
  return true;
}

void ScriptedClient::hears(std::string_view bytes) {
  std::size_t at = std::string::npos;
  rig_.run_until([&] {
    at = received_.find(bytes, taken_);
    return at != std::string::npos || ended();
  });
  REQUIRE(at != std::string::npos);
  taken_ = at + bytes.size();
}

ScriptedClient::End ScriptedClient::end() {
  rig_.run_until([&] { return ended(); });
  return end_;
}

bool ScriptedClient::is_kept() { return !ended() && gets("/alive").status == 200; }

void ScriptedClient::resets() {
  if (connection_) connection_->reset_on_close();
  connection_.reset();
}

}  // namespace penstock::test
