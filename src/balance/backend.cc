#include "penstock/balance/backend.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "penstock/base/require.h"

namespace penstock {
namespace {

std::uint64_t load_on(const Candidate& candidate) {
  const Server& state = *candidate.spec->state;
  return std::uint64_t{state.in_use.load(std::memory_order_relaxed)} + state.waiting.load(std::memory_order_relaxed);
}

}  // namespace

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
  for (auto& slot : slots_) slot->look_again();
  candidates_ = usable_servers(spec_);
  schedule_.clear();
  const bool by_map = spec_.balance == BalanceKind::RoundRobin ? spec_.fixed_turns : hashes() && !spec_.consistent;
  if (by_map) {
    schedule_ = weighted_map(candidates_);
  } else if (spec_.balance == BalanceKind::RoundRobin) {
    schedule_ = weighted_schedule(candidates_);
  }
}

bool Backend::has_server() {
  look_again();
  return !candidates_.empty();
}

bool Backend::has_server_besides(Tried tried) {
  look_again();
  return std::any_of(candidates_.begin(), candidates_.end(),
                     [&](const Candidate& other) { return !tried.has(other.index); });
}

std::uint32_t Backend::in_use() const {
  std::uint32_t sum = 0;
  for (const ServerSpec& server : spec_.servers) sum += server.state->in_use.load(std::memory_order_relaxed);
  return sum;
}

// All, or all but those; all again if none would be left.
std::span<const Candidate> Backend::candidates_besides(Tried tried) {
  if (tried.empty()) return candidates_;
  besides_.clear();
  for (const Candidate& candidate : candidates_) {
    if (!tried.has(candidate.index)) besides_.push_back(candidate);
  }
  return besides_.empty() ? candidates_ : besides_;
}

// Those that have less than their share and what `hash-balance-factor` allows beyond it; all if nobody has.
std::span<const Candidate> Backend::candidates_within_share(std::span<const Candidate> candidates) {
  if (spec_.factor == 0) return candidates;
  std::uint64_t total = 1, weight = 0;
  for (const Candidate& candidate : candidates) {
    total += load_on(candidate);
    weight += candidate.weight;
  }
  const std::uint64_t places = (total * spec_.factor + 99) / 100;
  within_share_.clear();
  for (const Candidate& candidate : candidates) {
    const std::uint64_t share =
        std::max<std::uint64_t>(1, places * candidate.weight / std::max<std::uint64_t>(1, weight));
    if (load_on(candidate) < share) within_share_.push_back(candidate);
  }
  return within_share_.empty() ? candidates : within_share_;
}

const Candidate* Backend::candidate_by_turn(Tried tried) {
  const Candidate* candidate = nullptr;
  for (std::size_t left = schedule_.size(); left != 0; --left) {
    const std::uint32_t turn = spec_.state->turn.fetch_add(1, std::memory_order_relaxed);
    candidate = &candidates_[schedule_[turn % schedule_.size()]];
    if (!tried.has(candidate->index)) break;
  }
  return candidate;
}

const Candidate* Backend::candidate_by_policy(std::uint32_t hash, Tried tried) {
  const std::span<const Candidate> candidates = candidates_besides(tried);
  switch (spec_.balance) {
    case BalanceKind::RoundRobin:
      return candidate_by_turn(tried);
    case BalanceKind::LeastConn:
      return least_loaded(candidates, spec_.state->turn.load(std::memory_order_relaxed) + 1);
    case BalanceKind::First:
      for (const Candidate& candidate : candidates) {
        const std::uint32_t limit = limit_of(*candidate.spec);
        if (limit == 0 || candidate.spec->state->in_use.load(std::memory_order_relaxed) < limit) return &candidate;
      }
      return candidates.empty() ? nullptr : &candidates.front();
    case BalanceKind::Source:
    case BalanceKind::Hash:
      if (spec_.consistent) return by_rating(candidates_within_share(candidates), hash);
      if (candidates.size() == candidates_.size()) return by_hash(candidates_, schedule_, hash);
      return by_hash(candidates, weighted_map(candidates), hash);
    case BalanceKind::Random:
      return by_chance(candidates_within_share(candidates), spec_.random_draws, random_);
  }
  return nullptr;
}

// Manual section 5.2, "minconn": between it and maxconn in proportion to the backend's load, those who
// wait included.
std::uint32_t Backend::limit_of(const ServerSpec& server) const {
  const std::uint32_t most = server.state->maxconn.load(std::memory_order_relaxed);
  const bool is_fixed = server.minconn == 0 || server.minconn >= server.maxconn || server.minconn >= most;
  if (is_fixed) return most;
  const std::uint64_t load = in_use() + spec_.state->waiting.load(std::memory_order_relaxed);
  if (load >= spec_.fullconn) return most;
  return std::max(server.minconn, static_cast<std::uint32_t>(load * most / spec_.fullconn));
}

bool Backend::is_full(const ServerSlot& slot) const {
  const std::uint32_t limit = limit_of(slot.spec);
  return limit != 0 && slot.spec.state->in_use.load() >= limit;
}

// `maxqueue`
bool Backend::may_wait(const ServerSlot& slot) {
  const std::uint32_t most = slot.spec.maxqueue;
  return most == 0 || slot.spec.state->waiting.load(std::memory_order_relaxed) < most;
}

bool Backend::acquire(ServerSlot& slot) {
  Server& state = *slot.spec.state;
  const std::uint32_t before = state.in_use.fetch_add(1);
  const std::uint32_t limit = limit_of(slot.spec);
  if (limit == 0 || before < limit) {
    state.most_in_use.note(before + 1);
    // Whatever chose it: of equals the one is next that has waited longest.
    if (spec_.balance == BalanceKind::LeastConn)
      state.last_turn.store(spec_.state->turn.fetch_add(1, std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    return true;
  }
  state.in_use.fetch_sub(1);
  return false;
}

Backend::Choice Backend::choose(std::uint32_t hash, Wish wish, Tried tried) {
  look_again();
  if (wish.pinned) {
    ServerSlot& slot = *slots_[wish.slot->index];
    return {acquire(slot) ? Choice::Kind::Chosen : Choice::Kind::Full, &slot};
  }
  if (wish.slot != nullptr && (wish.anyhow || wish.slot->spec.state->takes_traffic())) {
    ServerSlot& slot = *slots_[wish.slot->index];
    if (acquire(slot)) return {Choice::Kind::Chosen, &slot};
    if (wish.firm && may_wait(slot)) return {Choice::Kind::Full, &slot};
  }
  if (candidates_.empty()) return {};
  const Candidate* first = candidate_by_policy(hash, tried);
  if (first == nullptr) return {};
  // Nobody passes those who wait, wherever they do.
  if (!serving_line_ && !hashes() && first->spec->state->maxconn.load(std::memory_order_relaxed) != 0 &&
      !spec_.state->tickets.empty())
    return {Choice::Kind::Full, nullptr};
  const auto take = [&](const Candidate& candidate) { return acquire(*slots_[candidate.index]); };
  if (take(*first)) return {Choice::Kind::Chosen, slots_[first->index].get()};
  // A key that hashes to a full server waits for that server; others go where there is room.
  if (hashes() && tried.empty() && may_wait(*slots_[first->index]))
    return {Choice::Kind::Full, slots_[first->index].get()};
  const auto find = [&](const Candidate& candidate) { return candidate.index == first->index; };
  const auto start = std::find_if(candidates_.begin(), candidates_.end(), find) - candidates_.begin();
  for (const bool those_tried : {false, true}) {
    for (std::size_t i = 1; i < candidates_.size(); ++i) {
      const Candidate& candidate = candidates_[(static_cast<std::size_t>(start) + i) % candidates_.size()];
      if (tried.has(candidate.index) != those_tried) continue;
      if (take(candidate)) return {Choice::Kind::Chosen, slots_[candidate.index].get()};
    }
  }
  return {Choice::Kind::Full, nullptr};
}

void Backend::release(ServerSlot& slot) {
  // In this order, and in one order for all threads: whoever gets in line looks once more for room
  // after having counted itself, so that either we see it or it sees the room.
  slot.spec.state->in_use.fetch_sub(1);
  if (spec_.state->waiting.load() == 0) return;
  if (!line_.empty()) serve_line();
  // Ours may all wait for other servers, or have to wait for somebody elsewhere.
  if (spec_.state->waiting.load() != 0 && (!is_full(slot) || !has_oldest())) waker_.wake_lines(*spec_.state);
}

bool Backend::has_oldest() {
  for (Waiting& waiting : line_) {
    if (waiting.ticket_ != 0) return spec_.state->tickets.is_oldest(waiting.ticket_);
  }
  return spec_.state->tickets.empty();
}

std::uint32_t Backend::last_place(const ServerSlot* wanted) const {
  return 1 + (wanted != nullptr ? wanted->spec.state->waiting : spec_.state->waiting).load();
}

// While the line is being served who stands in it again stands at its end, until all were asked.
void Backend::put_in_line(Waiting& waiting) {
  const bool is_last = serving_line_ || line_.empty() || line_.back().rank_ <= waiting.rank_;
  if (is_last) return line_.push_back(waiting);
  for (Waiting& other : line_) {
    if (other.rank_ > waiting.rank_) return line_.insert_before(other, waiting);
  }
}

void Backend::put_in_order() {
  List<Waiting, LineTag> all;
  all.take_all(line_);
  while (!all.empty()) put_in_line(all.pop_front());
}

void Backend::stand_in_line(Waiting& waiting, ServerSlot* wanted, Priority priority) {
  if (waiting.rank_ == 0) waiting.rank_ = spec_.state->tickets.rank(priority);
  by_rank_ = by_rank_ || priority != Priority();
  put_in_line(waiting);
  waiting.wanted_ = wanted;
  if (wanted != nullptr) {
    Server& state = *wanted->spec.state;
    state.most_waiting.note(state.waiting.fetch_add(1, std::memory_order_relaxed) + 1);
  }
  if (wanted == nullptr) {
    waiting.ticket_ = std::exchange(ticket_in_turn_, 0);
    if (waiting.ticket_ == 0) waiting.ticket_ = spec_.state->tickets.take(waiting.rank_);
  }
  ++line_length_;
  spec_.state->most_waiting.note(spec_.state->waiting.fetch_add(1) + 1);
}

void Backend::leave_line(Waiting& waiting) {
  if (!waiting.linked()) return;
  const std::uint64_t ticket = std::exchange(waiting.ticket_, 0);
  step_out(waiting);
  if (ticket != 0) give_back(ticket);
}

// Whoever is the oldest now may fare better where it is.
void Backend::give_back(std::uint64_t ticket) {
  BackendState& state = *spec_.state;
  if (state.tickets.give_back(ticket) && !state.tickets.empty()) waker_.wake_lines(state);
}

void Backend::step_out(Waiting& waiting) {
  waiting.ListNode<LineTag>::unlink();
  --line_length_;
  ServerSlot* wanted = std::exchange(waiting.wanted_, nullptr);
  if (wanted != nullptr) wanted->spec.state->waiting.fetch_sub(1, std::memory_order_relaxed);
  spec_.state->waiting.fetch_sub(1, std::memory_order_relaxed);
}

void Backend::serve_line() {
  if (serving_line_) return;
  serving_line_ = true;
  std::size_t again = 0;
  bool all_full = false;
  for (std::size_t left = line_length_; left != 0 && !line_.empty() && !all_full; --left) {
    Waiting& first = line_.front();
    const ServerSlot* wanted = first.wanted_;
    if (wanted != nullptr && wanted->spec.state->takes_traffic() && is_full(*wanted)) {
      first.ListNode<LineTag>::unlink();
      line_.push_back(first);
      ++again;
      continue;
    }
    if (wanted == nullptr && !spec_.state->tickets.is_oldest(first.ticket_)) {
      all_full = true;
      break;
    }
    ticket_in_turn_ = std::exchange(first.ticket_, 0);
    step_out(first);
    const std::size_t before = line_length_;
    first.on_turn();
    const std::uint64_t ticket = std::exchange(ticket_in_turn_, 0);
    if (ticket != 0) give_back(ticket);
    if (line_length_ <= before) continue;
    ++again;
    // Nobody behind one to whom any server is right will fare better.
    all_full = line_.back().wanted_ == nullptr;
  }
  // Those who go on waiting stand where they stood; had all been asked, they would already.
  for (; all_full && again != 0; --again) {
    Waiting& last = line_.back();
    last.ListNode<LineTag>::unlink();
    line_.push_front(last);
  }
  serving_line_ = false;
  if (by_rank_) put_in_order();
}

void Backend::hand_line_to(Backend& next) {
  for (std::size_t left = line_length_; left != 0; --left) {
    Waiting& first = line_.pop_front();
    if (!first.on_moved(next)) {
      line_.push_back(first);
      continue;
    }
    --line_length_;
    if (first.wanted_ != nullptr) {
      Server& wanted = *first.wanted_->spec.state;
      first.wanted_ = next.find(wanted);
      if (first.wanted_ == nullptr) {
        wanted.waiting.fetch_sub(1, std::memory_order_relaxed);
        first.ticket_ = spec_.state->tickets.take(first.rank_);
      }
    }
    next.line_.push_back(first);
    ++next.line_length_;
  }
  if (std::exchange(by_rank_, false)) next.by_rank_ = true;
  next.serve_line();
}

ServerSlot* Backend::find(const Server& server) {
  for (auto& slot : slots_) {
    if (slot->spec.state.get() == &server) return slot.get();
  }
  return nullptr;
}

void Backend::shut_down(const Server& server) {
  for (auto& slot : slots_) {
    if (slot->spec.state.get() != &server) continue;
    if (Pool* pool = slot->pool_if_made()) pool->clear();
    List<Served, ServedTag> leaving;
    leaving.take_all(slot->served);
    while (!leaving.empty()) leaving.pop_front().on_server_down();
  }
}

// What was set while the file said something else is no matter here: another generation may have it.
void ServerSlot::look_again() {
  const std::uint32_t moves = spec.state->moves.load(std::memory_order_acquire);
  if (moves == seen_moves_) return;
  seen_moves_ = moves;
  const std::uint64_t before = identity();
  moved_ = spec.state->moved();
  if (moved_ && moved_->file != spec.values().address) moved_ = nullptr;
  if (identity() == before || !pool_) return;
  pool_->close();
  pool_ = nullptr;
}

bool ServerSlot::share_pool(ServerSlot& next) {
  if (next.identity() != identity()) return false;
  pool_->obey(next.spec.pool, next.shelf());
  next.pool_ = pool_;
  return true;
}

bool Backend::has_pools() const {
  return std::any_of(slots_.begin(), slots_.end(), [](const auto& slot) { return slot->pool_if_made() != nullptr; });
}

void Backend::hand_pools_to(Backend* next) {
  std::unordered_map<std::string_view, ServerSlot*> heirs;
  if (next != nullptr) {
    for (auto& slot : next->slots_) heirs.emplace(slot->spec.name, slot.get());
  }
  for (auto& slot : slots_) {
    if (slot->pool_if_made() == nullptr) continue;
    const auto heir = heirs.find(slot->spec.name);
    if (heir == heirs.end() || !slot->share_pool(*heir->second)) slot->pool()->close();
  }
}

}  // namespace penstock
