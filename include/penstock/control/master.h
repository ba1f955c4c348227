// The serving process: signals or the parent's word, reload, what is said to the administrator. It has the
// main thread and a loop of its own; reading and building happen there, and so does the end of what was built.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "penstock/base/result.h"
#include "penstock/control/announcer.h"
#include "penstock/control/channel.h"
#include "penstock/control/crew.h"
#include "penstock/control/handover.h"
#include "penstock/control/legacy.h"
#include "penstock/control/names.h"
#include "penstock/control/options.h"
#include "penstock/net/signals.h"
#include "penstock/net/watch.h"
#include "penstock/proxy/snapshot.h"
#include "penstock/proxy/trends.h"

namespace penstock {

class Desk;
class Realm;
class Replay;
class ServersSeen;

class Master final : private CrewOwner, private SignalOwner, private WatchOwner, private LogReach {
 public:
  // Alone it announces how it is; as a child it tells its parent.
  Master(const Options& options, Announcer& announcer, Channel* parent = nullptr);
  ~Master();

  // Serves until a signal ends it; the exit status. The child that comes after another goes on with
  // what that one left, and tells its story.
  int run(Handover first, const Legacy& legacy = {});

 private:
  class Ticker;
  // Who waits for the end of a reload: the one that covers so many that were wanted.
  struct Asking {
    std::uint32_t number;
    std::function<void(bool success, const std::string& said)> done;
  };
  struct Wish {
    Amendment amendment;
    std::function<void(const std::string& why)> done;
  };
  class Reign;
  struct Loaded {
    std::shared_ptr<const Snapshot> snapshot;
    config::Diagnostics diagnostics;
  };
  Loaded build(Handover handover);
  int start(Handover first, const ServerNotes& notes);
  int fail(int status, const std::string& why);
  void print(const config::Diagnostics& diagnostics);
  void remember(const config::Diagnostics& diagnostics);
  struct Limits {
    std::int32_t descriptors = 0;  // For connections.
    std::uint32_t maxconn = 0;
  };
  Result<Limits> make_room_for_descriptors(const Handover& handover);
  void set_limits(const Limits& limits, const config::Global& global);

  void on_signal(int number) override;
  void on_readable() override;
  void on_message(Message message);
  void want_log_socket(const std::string& name) override;
  void on_adopted() override;
  void on_crew_idle() override { finish(0); }
  void on_server_changed(const Server& server) override;
  void on_kept(const KeptChange& change) override;
  void on_name_wanted(const std::string& section, const std::string& name, bool ip4_first,
                      std::function<void(const SocketAddress& address)> done) override;

  void reload();
  void take_over(Handover handover);
  void note_reload(bool done);
  void refuse(const config::Diagnostics& diagnostics);
  void log_complaint(const config::Complaint& complaint);
  void mention(const std::string& line);
  void answer(Message::Kind kind, const std::string& status, const std::string& last_word = {});
  void reload_for(std::function<void(bool success, const std::string& said)> done);
  void end_reload(bool success, const std::string& last_word);
  void tell_processes(std::function<void(std::string text)> done);
  void take_in(Message message);
  using SavedStates = std::function<void(bool success, const std::string& said)>;
  void save_states(SavedStates done);
  void write_states(const ServersSeen& seen);
  void fill_state(const Message& message);
  void end_state(const std::string& path, const std::string& trouble);
  void leave_now();
  void send_ticket_keys();
  void tell_of_servers();
  void amend(Wish wish);
  void amend_next();
  void leave();
  void drain();
  void stop_by(int signal);
  void finish(int status);
  void tick();
  void say(Level level, const std::string& line);
  void log(Level level, const std::string& line);
  void tell_losses();

  const Options& options_;
  Announcer& announcer_;
  Channel* const parent_;  // Null: alone.
  Loop loop_;
  Crew crew_;
  Names names_;
  std::string complaints_;  // Of the configuration at work, for administrators.
  std::unique_ptr<Reign> realm_;
  std::unique_ptr<Desk> desk_;
  std::unique_ptr<Signals> signals_;
  Owned<Watch> watch_;
  Trends trends_;
  Owned<Ticker> ticker_;
  std::string story_;
  ServerNotes told_;  // What the parent knows.
  std::unique_ptr<Replay> replay_;
  ServerNotes notes_;  // For servers that it adds.
  std::uint64_t grace_end_ms_ = 0;
  std::uint64_t drain_end_ms_ = 0;
  std::uint64_t next_rotation_ms_ = 0;
  std::uint64_t reload_begun_ms_ = 0;
  config::Global started_;          // What `global` said when the process started.
  std::string changes_;             // Of the reload that workers are adopting.
  std::optional<Message> waiting_;  // A handover that came meanwhile.
  std::string heard_;               // What there was to say of the last configuration, taken or not.
  std::vector<Asking> asking_;
  std::deque<std::function<void(std::string text)>> asking_processes_;
  std::uint32_t wanted_ = 0;                   // Reloads, of us or of the parent;
  std::uint32_t covered_ = 0;                  // those that the one under way covers.
  std::map<std::string, std::string> states_;  // Texts of state files that are not written yet, by their paths.
  std::string states_said_;
  std::vector<SavedStates> saving_;
  std::uint64_t saving_end_ms_ = 0;
  bool saved_ = false;  // For the stop that was asked for.
  bool states_failed_ = false;
  unsigned reloads_ = 0;
  unsigned failed_ = 0;      // Since one went well.
  std::deque<Wish> wishes_;  // Amendments that wait, the first of them at work if `amending_`.
  bool amending_ = false;
  int exit_status_ = 0;
  bool reload_again_ = false;
  bool draining_ = false;
  bool quiet_ = false;
  bool servers_untold_ = false;  // Something the parent had no room for.
};

}  // namespace penstock
