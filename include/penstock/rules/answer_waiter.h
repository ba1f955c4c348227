// Who waits for what rules have asked for and what takes its time: whether a password fits, what address a name has.
#pragma once

#include "penstock/base/list.h"

namespace penstock::rules {

struct AnswerTag;
// Whoever has it in a list of his tells it once; unlinked, it hears nothing.
class AnswerWaiter : public ListNode<AnswerTag> {
 public:
  virtual void on_answer_known() = 0;

 protected:
  ~AnswerWaiter() = default;
};

}  // namespace penstock::rules
