// The process that keeps the privileges which the serving one gives up. It reads, gathers, hands
// bundles to its child, and starts another when that dies, while the listening sockets stay open.
// It speaks to no client, and to administrators only at its lodge; it has one thread and no libuv, so that it can fork
// at any time.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "penstock/config/settings.h"
#include "penstock/control/announcer.h"
#include "penstock/control/channel.h"
#include "penstock/control/handover.h"
#include "penstock/control/legacy.h"
#include "penstock/control/options.h"
#include "penstock/control/resolver.h"

namespace penstock {

class Lodge;

// How long to wait before another child is started, after one that lived for so long. One that dies
// again and again at once waits longer each time.
std::uint64_t restart_wait_ms(std::uint64_t lived_ms, std::uint64_t last_wait_ms);

class Parent final {
 public:
  Parent(const Options& options, Handover first, Announcer& announcer);
  ~Parent();

  // The exit status, of the whole program; in the child that of the serving process.
  int run();

 private:
  class Porter;
  enum class Side { Parent, Child };
  Side start_child();
  int serve();
  void wait();
  void take_signals();
  void on_signal(int number);
  void take_messages();
  void on_message(Message message);
  bool open_lodge();
  std::string processes() const;
  void on_accepted(const std::string& last_word);
  void keep_thing(Message message);
  void begin_state(const std::string& path);
  void end_state(const std::string& path, bool is_good);
  void end_reload(bool success, const std::string& last_word);
  void fail_reload(const std::string& why);
  void hang_up();
  void on_child_end(int status);
  void restart_later(const std::string& how);
  void reload();
  void take_names();
  void hand_over(const NameAnswers& names);
  void refuse(const std::string& why);
  Result<void> offer();
  void raise_child_limit() const;
  void send_log_socket(const std::string& name);
  void tell_child(Message::Kind kind, std::uint32_t number = 0);
  void end(int status);
  void say(const std::string& line) const;

  const Options& options_;
  Announcer& announcer_;
  Handover accepted_;                   // What the child serves; what another one is started with.
  std::optional<Handover> offered_;     // Not answered yet.
  Handover texts_;                      // Of the reload that waits for names,
  std::unique_ptr<Resolver> resolver_;  // which are being asked for.
  const Account account_;
  const unsigned workers_;
  Legacy legacy_;  // Of the child, should it die.
  Descriptor signals_;
  std::optional<Channel> channel_;
  std::unique_ptr<Porter> porter_;
  std::unique_ptr<Lodge> lodge_;  // Null: without -S.
  std::string heard_;             // Complaints about what was handed over, until it is answered.
  WipedText kept_pieces_;         // Of a message that is not whole yet.
  std::string startup_logs_;      // Of the configuration at work.
  std::uint64_t began_ms_ = 0;
  unsigned reloads_ = 0;
  unsigned failed_ = 0;        // Of these, since one went well; with the one under way.
  std::uint32_t wanted_ = 0;   // Reloads, by this child;
  std::uint32_t covered_ = 0;  // by it when the last one began.
  pid_t child_ = 0;
  std::uint64_t started_ms_ = 0;
  std::uint64_t start_at_ms_ = 0;  // The next child, if there is none.
  std::uint64_t wait_ms_ = 0;
  std::uint64_t kill_at_ms_ = 0;  // 0: it need not end.
  int exit_status_ = 0;
  bool served_ = false;  // A child has accepted once.
  bool child_serves_ = false;
  bool leaving_ = false;   // Whenever the child ends, so do we;
  bool stopping_ = false;  // so here, and with which status is known.
  bool reload_again_ = false;
  bool ended_ = false;
};

}  // namespace penstock
