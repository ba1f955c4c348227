#include "penstock/balance/backend.h"

#include "penstock/base/require.h"

namespace penstock {

Backend::Backend(Loop& loop, const BackendSpec& spec, LineWaker& waker, std::uint64_t seed)
    : loop_(loop), spec_(spec), waker_(waker), random_(seed | 1) {
  for (std::uint32_t i = 0; i < spec.servers.size(); ++i) {
    slots_.push_back(std::make_unique<ServerSlot>(loop, spec.servers[i], i));
  }
}

void Backend::look_again() {
  const std::uint32_t version = spec_.state->version.load(std::memory_order_acquire);
  if (version == seen_version_) return;
  seen_version_ = version;
  candidates_ = usable_servers(spec_);
  schedule_.clear();
  if (spec_.balance == BalanceKind::RoundRobin) schedule_ = weighted_schedule(candidates_);
}

bool Backend::has_server() {
  look_again();
  return !candidates_.empty();
}

std::size_t Backend::usable_count() {
  look_again();
  return candidates_.size();
}

std::uint32_t Backend::in_use() const {
  std::uint32_t sum = 0;
  for (const ServerSpec& server : spec_.servers) sum += server.state->in_use.load(std::memory_order_relaxed);
  return sum;
}

const Candidate* Backend::candidate_by_policy(std::uint32_t hash) {
  switch (spec_.balance) {
    case BalanceKind::RoundRobin: {
      if (schedule_.empty()) return nullptr;
      const std::uint32_t turn = spec_.state->turn.fetch_add(1, std::memory_order_relaxed);
      return &candidates_[schedule_[turn % schedule_.size()]];
    }
    case BalanceKind::LeastConn:
      return least_loaded(candidates_, spec_.state->turn.fetch_add(1, std::memory_order_relaxed));
    case BalanceKind::First:
      for (const Candidate& candidate : candidates_) {
        const std::uint32_t limit = candidate.spec->maxconn;
        if (limit == 0 || candidate.spec->state->in_use.load(std::memory_order_relaxed) < limit) return &candidate;
      }
      return candidates_.empty() ? nullptr : &candidates_.front();
    case BalanceKind::Source:
    case BalanceKind::Hash:
      return by_hash(candidates_, hash);
    case BalanceKind::Random:
      return by_chance(candidates_, spec_.random_draws, random_);
  }
  return nullptr;
}

bool Backend::acquire(ServerSlot& slot) {
  Server& state = *slot.spec.state;
  const std::uint32_t before = state.in_use.fetch_add(1);
  if (slot.spec.maxconn == 0 || before < slot.spec.maxconn) return true;
  state.in_use.fetch_sub(1);
  return false;
}

Backend::Choice Backend::choose(std::uint32_t hash, const ServerSlot* last, const ServerSlot* avoid) {
  look_again();
  if (candidates_.empty()) return {};
  if (last != nullptr && last != avoid && last->spec.state->takes_traffic()) {
    ServerSlot& slot = *slots_[last->index];
    if (acquire(slot)) return {Choice::Kind::Chosen, &slot};
  }
  const Candidate* first = candidate_by_policy(hash);
  if (first == nullptr) return {};
  const auto take = [&](const Candidate& candidate) { return acquire(*slots_[candidate.index]); };
  const bool avoidable = avoid != nullptr && candidates_.size() > 1;
  if (!(avoidable && first->index == avoid->index) && take(*first)) {
    return {Choice::Kind::Chosen, slots_[first->index].get()};
  }
  // A key that hashes to a full server waits for that server; others go where there is room.
  const bool hashed = spec_.balance == BalanceKind::Source || spec_.balance == BalanceKind::Hash;
  if (hashed && !avoidable) return {Choice::Kind::Full, nullptr};
  const std::size_t start = static_cast<std::size_t>(first - candidates_.data());
  for (std::size_t i = 1; i < candidates_.size(); ++i) {
    const Candidate& candidate = candidates_[(start + i) % candidates_.size()];
    if (avoidable && candidate.index == avoid->index) continue;
    if (take(candidate)) return {Choice::Kind::Chosen, slots_[candidate.index].get()};
  }
  if (avoidable && take(*first)) return {Choice::Kind::Chosen, slots_[first->index].get()};
  return {Choice::Kind::Full, nullptr};
}

void Backend::release(ServerSlot& slot) {
  // In this order, and in one order for all threads: whoever gets in line looks once more for room
  // after having counted itself, so that either we see it or it sees the room.
  slot.spec.state->in_use.fetch_sub(1);
  if (slot.spec.maxconn == 0 || spec_.state->waiting.load() == 0) return;
  if (!line_.empty()) return serve_line();
  waker_.wake_lines(*spec_.state);
}

void Backend::stand_in_line(Waiting& waiting) {
  line_.push_back(waiting);
  ++line_length_;
  spec_.state->waiting.fetch_add(1);
}

void Backend::leave_line(Waiting& waiting) {
  if (!waiting.linked()) return;
  waiting.ListNode<LineTag>::unlink();
  --line_length_;
  spec_.state->waiting.fetch_sub(1, std::memory_order_relaxed);
}

void Backend::serve_line() {
  if (serving_line_) return;
  serving_line_ = true;
  std::size_t left = line_length_;
  while (left-- != 0 && !line_.empty()) {
    Waiting& first = line_.front();
    leave_line(first);
    const std::size_t before = line_length_;
    first.on_turn();
    // Back in line: nobody behind it will fare better, and its place was the first.
    if (line_length_ > before) {
      Waiting& again = line_.back();
      again.ListNode<LineTag>::unlink();
      line_.push_front(again);
      break;
    }
  }
  serving_line_ = false;
}

void Backend::shut_down(const Server& server) {
  for (auto& slot : slots_) {
    if (slot->spec.state.get() != &server) continue;
    slot->pool.clear();
    List<Served, ServedTag> leaving;
    leaving.take_all(slot->served);
    while (!leaving.empty()) leaving.pop_front().on_server_down();
  }
}

void Backend::drop_idle() {
  for (auto& slot : slots_) slot->pool.clear();
}

}  // namespace penstock
