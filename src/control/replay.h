// Gives commands again that another process was given: what they set was in force when it died.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "command.h"
#include "penstock/control/legacy.h"
#include "penstock/net/loop.h"

namespace penstock {

class Replay final : private CallOwner, private Later {
 public:
  // `done` is called when all are in force or have failed, never from within; it may end the replay.
  Replay(Realm& realm, const Legacy& legacy, std::function<void()> done);
  ~Replay();
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;

 private:
  struct Step {
    std::string name;
    Redo redo;
  };
  void on_answer() override;
  bool has_left() const override { return false; }
  void run_later() override;
  void give(const Redo& redo);
  void take_answer();

  Realm& realm_;
  Rights rights_;
  std::deque<Step> steps_;
  CallRef call_;
  std::function<void()> done_;
};

}  // namespace penstock
