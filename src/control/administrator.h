// One connection to a runtime socket: reads lines, has their commands answered one after the other, and sends the
// answers. Without `prompt` one line is read, and the connection ends with its answer. What it may hold is bounded: a
// line, a payload, and what of an answer the system has not taken yet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "command.h"
#include "penstock/base/list.h"
#include "penstock/base/secret.h"
#include "penstock/net/connection.h"
#include "penstock/net/listener.h"
#include "penstock/net/living.h"

namespace penstock {

class Administrator;
struct AdministratorTag;

class AdministratorOwner {
 public:
  // It is over; the owner drops it.
  virtual void on_administrator_over(Administrator& administrator) = 0;

 protected:
  ~AdministratorOwner() = default;
};

class Administrator final : public Mortal,
                            public ListNode<AdministratorTag>,
                            private ConnectionEvents,
                            private CallOwner,
                            private Later {
 public:
  static constexpr std::size_t kLongestLine = 16384;
  static constexpr std::size_t kLongestPayload = 1024 * 1024;

  // Who waits at `listener`; null if nobody does any more.
  static Owned<Administrator> welcome(Realm& realm, Listener& listener, const Rights& rights,
                                      AdministratorOwner& owner);
  // Who has said something elsewhere.
  static Owned<Administrator> receive(Realm& realm, Descriptor connection, const Rights& rights, std::string said,
                                      AdministratorOwner& owner);

 private:
  Administrator(Realm& realm, const Rights& rights, AdministratorOwner& owner);
  void on_close() override;
  void on_ready() override {}
  void on_bytes(Slice bytes) override;
  void on_read_end(bool clean) override;
  void on_sent() override;
  void on_lost(const Loss& loss) override;
  void on_time_out() override;
  void on_answer() override { loop().later(*this); }
  bool has_left() const override;
  void run_later() override { left_ ? part() : go_on(); }

  void go_on();
  bool take_line();
  void take_payload_line(std::string_view line);
  bool next_call();
  bool take_aim(std::vector<std::string>& written);
  std::string prompt_text() const;
  bool send_answer();
  bool wait_for_taker();
  void end_answer();
  void interrupt();
  void leave();
  void part();
  void rest();
  bool has_work() const { return call_ != nullptr || !waiting_.empty(); }

  Realm& realm_;
  AdministratorOwner& owner_;
  Rights rights_;
  Aim aim_;  // Of commands that do not say whom they are for.
  Owned<Connection> connection_;
  WipedText unread_;                              // May be a key, as what follows.
  std::deque<std::vector<std::string>> waiting_;  // Commands of the line being answered.
  WipedText payload_;
  CallRef call_;  // Being answered.
  bool wants_payload_ = false;
  bool payload_asked_ = false;
  bool line_taken_ = false;
  bool read_ended_ = false;
  bool left_ = false;
};

}  // namespace penstock
