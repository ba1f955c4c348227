// A crew of real workers with scripted servers and clients around it. All but the workers live on
// one loop of the test's own thread, which runs whenever the test waits for something.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "flow/scripted_server.h"
#include "penstock/control/crew.h"
#include "penstock/net/loop.h"

namespace penstock::test {

class Rig final : private CrewOwner {
 public:
  // Lines of `text` before its first section belong to a frontend on a port of the system's choice
  // whose default backend is `app`; a `listen` or `frontend` at its beginning takes that one's
  // place.
  // "${s1}" is the address of the scripted server s1, which is made where it is first named.
  // Timeouts are long unless the text shortens them, nothing is retried, and a line of the log is
  // "status, termination state, server". `notes`: of a process that was there before.
  explicit Rig(const std::string& text, unsigned workers = 1, const ServerNotes& notes = {});
  // Checks that nothing is counted any more: clients are to be gone before.
  ~Rig();

  ScriptedServer& server(const std::string& name);
  // Something else than a server where ${name} is; to be said before the text is used: in reload().
  void name(const std::string& name, const SocketAddress& address) { addresses_[name] = address; }
  // Of the n-th bind.
  const SocketAddress& address(std::size_t bind = 0) const { return crew().snapshot()->binds[bind].bound->address; }

  // Returns when every worker is under the new configuration.
  void reload(const std::string& text);
  // Returns when the change of a server of the backend `app` is at work on every worker.
  void change(const std::string& server, const ServerChange& change);
  // Of a configuration that cannot be used: why. Nothing is put to work.
  std::vector<std::string> refusal(const std::string& text);
  // The next line of the log that is not one of a frontend's reasons; waits for it.
  std::string line();
  // The next one that begins so; those before are dropped.
  std::string line(std::string_view begins);

  // Until it is so; fails the test if it does not become so. Looked at every other millisecond.
  void run_until(const std::function<bool()>& what);
  // For a while, so that what must not come could.
  void linger(std::uint64_t ms = 20);

  Crew& crew() const { return *crew_; }
  Loop& loop() { return loop_; }
  // Requests that servers are counted to have, and those in line, of all workers.
  std::uint32_t in_use() const;
  std::uint32_t waiting() const;
  bool idle() const { return idle_; }

 private:
  void on_adopted() override {}
  void on_crew_idle() override { idle_ = true; }
  void on_server_changed(const Server&) override {}
  std::shared_ptr<const Snapshot> build(const std::string& text, config::Diagnostics& diagnostics);
  std::string filled(const std::string& text);
  bool run_while(const std::function<bool()>& what, std::uint64_t ms);
  bool take_line(std::string& line);

  Loop loop_;
  const unsigned workers_;
  Descriptor log_;
  SocketAddress log_address_;
  std::map<std::string, SocketAddress> addresses_;
  std::map<std::string, std::unique_ptr<ScriptedServer>> servers_;
  bool idle_ = false;
  std::unique_ptr<Crew> crew_;
};

// What came for one request.
struct Answer {
  int status = 0;
  std::string head;
  std::string body;
  bool has(std::string_view text) const { return head.find(text) != std::string::npos; }
};

class ScriptedClient final : private ConnectionEvents {
 public:
  enum class End { None, Finished, Reset };

  // To the n-th bind; `tls` stays in place as long as the client.
  explicit ScriptedClient(Rig& rig, std::size_t bind = 0, const TlsContext* tls = nullptr);
  ~ScriptedClient();

  void says(std::string_view bytes);
  // The next final answer, whole as its head has it.
  Answer answer();
  Answer asks(std::string_view bytes) { return says(bytes), answer(); }
  Answer gets(std::string_view path);
  // Waits for these bytes and takes all up to them.
  void hears(std::string_view bytes);
  // Waits until the proxy ended the connection; how it did.
  End end();
  // All that came and was not taken.
  std::string rest() const { return received_.substr(taken_); }
  // Still served: the proxy itself answers for /alive (`monitor-uri`).
  bool is_kept();
  void stops_reading() { connection_->set_reading(false); }
  void reads_on() { connection_->set_reading(true); }
  void stops_sending() { connection_->finish_sending(); }
  void resets();
  bool ended() const { return end_ != End::None; }

 private:
  void on_ready() override {}
  void on_bytes(Slice bytes) override { received_ += bytes.view(); }
  void on_read_end(bool) override { end_ = End::Finished; }
  void on_sent() override {}
  void on_lost(const Loss&) override { end_ = End::Reset; }
  void on_time_out() override {}
  bool take_answer(Answer& answer);

  Rig& rig_;
  std::string received_;
  std::size_t taken_ = 0;
  End end_ = End::None;
  Owned<Connection> connection_;
};

}  // namespace penstock::test
