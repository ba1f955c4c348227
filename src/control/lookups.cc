#include "lookups.h"

namespace penstock {
namespace {

// Each takes a little memory until it is answered, also when its client has gone.
constexpr std::size_t kMostWanted = 16384;

}  // namespace

std::uint64_t Lookups::wait(rules::NameAsked& asked, rules::AnswerWaiter& waiter) {
  if (wanted_.size() >= kMostWanted) return 0;
  const std::uint64_t number = next_++;
  Wanted& wanted = wanted_[number];
  wanted.asked = &asked;
  wanted.waiters.push_back(waiter);
  return number;
}

void Lookups::found(std::uint64_t number, const SocketAddress& address) {
  const auto known = wanted_.extract(number);
  if (known.empty() || known.mapped().waiters.empty()) return;
  known.mapped().asked->answer(address);
  known.mapped().waiters.pop_front().on_answer_known();
}

}  // namespace penstock
