// A command of the runtime socket: a row of a table {words, arguments, level, help, function}. And a call: one command
// that an administrator has given, until its answer is complete.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/base/log.h"
#include "penstock/config/settings.h"
#include "penstock/control/legacy.h"
#include "penstock/net/living.h"

namespace penstock {

class Call;
class Realm;
// Whoever has to wait keeps hold of it: the administrator may have left meanwhile.
using CallRef = std::shared_ptr<Call>;

struct Command {
  std::string_view words;      // "show servers state"
  std::string_view arguments;  // "[<backend>]"; as HAProxy writes them.
  config::AccessLevel level = config::AccessLevel::User;
  std::string_view help;
  void (*run)(const CallRef& call) = nullptr;
};

// All rows in the order of their words.
std::vector<const Command*> all_commands();
// The tables, by families.
std::span<const Command> talk_commands();
std::span<const Command> show_commands();
std::span<const Command> server_commands();
std::span<const Command> frontend_commands();
std::span<const Command> counts_commands();
std::span<const Command> clients_commands();
std::span<const Command> host_commands();
std::span<const Command> why_commands();
std::span<const Command> explain_commands();
std::span<const Command> event_commands();
std::span<const Command> names_commands();
std::span<const Command> peer_commands();
std::span<const Command> cache_commands();
std::span<const Command> amend_commands();
std::span<const Command> table_commands();
std::span<const Command> pattern_commands();
std::span<const Command> process_commands();
std::span<const Command> error_commands();
std::span<const Command> tls_commands();
std::span<const Command> tls_list_commands();
std::span<const Command> master_commands();
// Whom a command may be for at the socket of `-S`: rows of its help only.
std::span<const Command> master_aims();
bool is_for_master(const Command& command);

// The rows that are written so, best first: one if the words are those of a command, else those that begin alike.
const Command* find_command(const std::vector<std::string>& written);
// Who is meant by a command. At the socket of `-S` that may change from one to the next; elsewhere there is one only.
enum class Aim : std::uint8_t { None, Parent, Serving };

// The rows that `written` may have meant; all if there is nothing written. For the parent: those of its own.
std::string command_list(const std::vector<std::string>& written, bool for_parent = false);
std::string help_text(const std::vector<std::string>& written, bool for_parent);

// What an administrator may do, and has said about it.
struct Rights {
  config::AccessLevel level = config::AccessLevel::Operator;
  config::SeverityOutput severity = config::SeverityOutput::None;
  std::uint64_t timeout_ms = 0;
  bool prompt = false;
  bool expert = false, experimental = false, debug = false;
  Aim aim = Aim::None;   // Of the command being answered.
  bool leaving = false;  // `quit`
  bool again = false;    // What is commanded was in force before, in another process.
};

class CallOwner {
 public:
  // There is more to take().
  virtual void on_answer() = 0;
  virtual bool has_left() const = 0;

 protected:
  ~CallOwner() = default;
};

class Call final : public std::enable_shared_from_this<Call> {
 public:
  // Appends the next piece of a long answer; false: that was the last one.
  using Pieces = std::function<bool(std::string& to)>;

  Call(Realm& realm, CallOwner& owner, Rights& rights, std::vector<std::string> written, std::string payload);
  // What was written may be a key: it is wiped.
  ~Call();

  Realm& realm() const { return realm_; }
  // Good until the call is answered or abandoned.
  Rights& rights() const { return *rights_; }
  config::AccessLevel level() const { return level_; }
  const std::vector<std::string>& written() const { return written_; }
  // Behind the command's own words; empty: there is none.
  std::string_view argument(std::size_t number) const;
  std::vector<std::string> arguments() const;
  const std::string& payload() const { return payload_; }
  // For another process, to give this command again.
  Redo again() const { return {written_, payload_}; }

  void run(const Command& command);

  // One of these completes the answer. A message is as severe as it says, and ends with its own line end.
  void done() { answer({}); }
  void finish_in_silence();  // Without the empty line that ends an answer.
  // Of what concerns the conversation only: no more is said of it at the socket of `-S`.
  void obeyed() { rights_->aim == Aim::Parent ? finish_in_silence() : done(); }
  void answer(std::string text);
  void say(Level severity, std::string_view message);
  void fail(std::string_view message) {
    failed_ = true;
    say(Level::Err, message);
  }
  void answer_by(Pieces pieces);

  // For the owner: moves what there is of the answer to `to`, up to a good gulp. False: nothing more will come.
  bool take(std::string& to);
  // There is no more of the answer now; on_answer() will tell when there is.
  void pause() { paused_ = true; }
  void resume();
  bool paused() const { return paused_; }
  // Whatever the administrator says, or that it says no more, ends the answer.
  void heard() { heard_ = true; }
  bool was_heard() const { return heard_; }
  bool ready() const { return ready_; }
  bool failed() const { return failed_; }
  // Nobody waits for it any more.
  void abandon();
  bool abandoned() const { return owner_ == nullptr; }
  // The administrator has gone, as far as that can be seen.
  bool left() const { return owner_ == nullptr || owner_->has_left(); }
  // What works for it, and goes with it.
  void keep(Owned<Mortal> companion) { companion_ = std::move(companion); }
  // Its time is its own: nobody is sent away while it lasts, but who does not take what there is of the answer.
  bool patient = false;
  // What is said meanwhile is for it, see heard(), and no command.
  bool listens = false;

 private:
  Realm& realm_;
  CallOwner* owner_;
  Rights* rights_;
  const config::AccessLevel level_;
  std::vector<std::string> written_;
  std::string payload_;
  std::size_t own_words_ = 0;
  Pieces pieces_;
  Owned<Mortal> companion_;
  bool ready_ = false;
  bool failed_ = false;
  bool silent_ = false;
  bool paused_ = false;
  bool heard_ = false;
};

}  // namespace penstock
