#include "penstock/proxy/kit.h"

#include <algorithm>
#include <random>

#include "penstock/config/model.h"

namespace penstock {

Kit::Kit(Loop& loop, unsigned worker, ProcessState& process)
    : loop(loop),
      worker(worker),
      process(process),
      deflaters(process.compressed),
      passwords(make_ref<rules::Passwords>(loop, process.passwords)) {
  std::random_device device;
  // The whole process has so many.
  drains.most = std::max<std::size_t>(1, drains.most / process.workers);
  random = ((static_cast<std::uint64_t>(device()) << 32) ^ device()) | 1;
}

void Kit::equip(rules::Subject& subject, const Generation& generation, const FrontendPlan& frontend) {
  subject.memory_limit = static_cast<std::size_t>(generation.snapshot().config.global.txn_memory);
  subject.frontend = frontend.name;
  subject.frontend_index = frontend.number;
  subject.frontend_id = generation.snapshot().frontend_id(frontend.number);
  subject.numbers = &generation.numbers();
  subject.passwords = passwords.get();
  subject.worker = worker;
  subject.dates = &dates;
  subject.random = &random;
}

bool Kit::find_name(rules::Subject& subject, rules::AnswerWaiter& waiter) {
  rules::NameAsked& asked = *subject.names;
  subject.recover();
  asked.state = rules::NameAsked::State::UnderWay;
  if (names != nullptr && names->find_name(asked, waiter)) return true;
  asked.answer({});
  return false;
}

}  // namespace penstock
