#include "penstock/balance/pool.h"

#include <algorithm>

#include "penstock/http/h1_back.h"

namespace penstock {
namespace {

// Names a server is asked for by SNI are few; a flood of made-up ones must not grow this.
constexpr std::size_t kTicketNames = 16;

}  // namespace

// Looks once in a while whether what is idle is still of use.
class Pool::Rounds final : public Living {
 public:
  Rounds(Loop& loop, Pool& pool) : Living(loop), pool_(pool) {}
  void next_in(std::uint64_t ms) {
    const std::uint64_t at_ms = loop().now() + ms;
    if (has_deadline() && at_ms_ <= at_ms) return;
    at_ms_ = at_ms;
    set_deadline(ms);
  }

 private:
  void on_deadline() override { pool_.make_round(); }
  Pool& pool_;
  std::uint64_t at_ms_ = 0;
};

Pool::Pool(Loop& loop, const PoolSpec& spec, std::shared_ptr<Shelf> shelf, std::shared_ptr<Server> server)
    : loop_(loop), spec_(spec), shelf_(std::move(shelf)), server_(std::move(server)) {}

Pool::~Pool() {
  idle_.clear();
  safe_ = 0;
  count_idle();
}

// Once in a while: what is lent meanwhile is counted as idle until the next time.
void Pool::count_idle() {
  if (server_ == nullptr) return;
  const auto count = [](std::atomic<std::int64_t>& in_all, std::size_t now, std::size_t& counted) {
    const auto before = static_cast<std::int64_t>(std::exchange(counted, now));
    if (const std::int64_t more = static_cast<std::int64_t>(now) - before; more != 0)
      in_all.fetch_add(more, std::memory_order_relaxed);
  };
  count(server_->idle, idle_.size(), counted_);
  count(server_->idle_safe, safe_, counted_safe_);
}

void Pool::count_safe() {
  safe_ = static_cast<std::size_t>(
      std::count_if(idle_.begin(), idle_.end(), [](const auto& back) { return is_safe(back->served()); }));
}

// The oldest go.
void Pool::keep(std::size_t most) {
  while (idle_.size() > most) {
    if (is_safe(idle_.front()->served())) --safe_;
    idle_.erase(idle_.begin());
  }
}

Owned<Back> Pool::lend(std::string_view tls_name, bool used_only, const BackOptions& options) {
  quiet_rounds_ = 0;
  for (std::size_t i = idle_.size(); i-- > 0;) {
    Back& back = *idle_[i];
    if (back.tls_name() != tls_name || (used_only && !is_safe(back.served()))) continue;
    if (is_safe(back.served())) --safe_;
    Owned<Back> lent = std::move(idle_[i]);
    idle_.erase(idle_.begin() + static_cast<std::ptrdiff_t>(i));
    unneeded_ = std::min(unneeded_, idle_.size());
    if (lent->room() != 0 && !lent->has_news()) return lent;
  }
  return shelf_ ? take_from_shelf(tls_name, used_only, options) : nullptr;
}

Owned<Back> Pool::take_from_shelf(std::string_view tls_name, bool used_only, const BackOptions& options) {
  std::optional<ParkedBack> parked = shelf_->take(tls_name, used_only);
  return parked ? H1Back::unpark(loop_, std::move(*parked), options, *this) : nullptr;
}

// Windows pass one after the other; after two quiet ones the peak of before is forgotten.
void Pool::move_window() {
  const std::uint64_t now = loop_.now();
  if (now < window_end_ms_) return;
  const std::uint64_t length = window();
  peak_before_ = now < window_end_ms_ + length ? peak_now_ : in_use_;
  peak_now_ = in_use_;
  window_end_ms_ = now + length;
}

std::size_t Pool::allowed_idle() const {
  // The one that comes home is still counted.
  const std::size_t others = in_use_ == 0 ? 0 : in_use_ - 1;
  const std::size_t peak = std::max(peak_now_, peak_before_);
  std::size_t allowed = std::max<std::size_t>(peak > others ? peak - others : 0, spec_.low);
  if (spec_.max >= 0) allowed = std::min(allowed, static_cast<std::size_t>(spec_.max));
  return allowed;
}

void Pool::give_home(Owned<Back> back) {
  if (back->room() == 0 || (spec_.max_reuse >= 0 && back->served() > static_cast<std::uint32_t>(spec_.max_reuse)))
    return;
  // Descriptors are for those who ask, not for what might be of use (tune.pool-high-fd-ratio).
  if (loop_.descriptors != nullptr &&
      loop_.descriptors->load(std::memory_order_relaxed) > loop_.descriptor_limit / 4 * 3)
    return;
  move_window();
  const std::size_t allowed = allowed_idle();
  if (allowed == 0) return;
  keep(allowed - 1);
  back->set_owner(*this);
  back->rest();
  const std::uint64_t before_ms = std::exchange(home_at_ms_, loop_.now());
  if (shelf_ && home_at_ms_ >= before_ms + kSeldomMs && put_on_shelf(*back)) return begin_rounds(sweep_ms());
  if (is_safe(back->served())) ++safe_;
  idle_.push_back(std::move(back));
  count_idle();
  begin_rounds(shelf_ ? kRoundMs : window());
}

bool Pool::put_on_shelf(Back& back) {
  return shelf_->put(back, loop_.now(), spec_.max < 0 ? Shelf::kLimit : static_cast<std::size_t>(spec_.max));
}

void Pool::begin_rounds(std::uint64_t first_ms) {
  if (!rounds_) {
    rounds_ = Owned<Rounds>(new Rounds(loop_, *this));
    purge_at_ms_ = loop_.now() + window();
  }
  rounds_->next_in(first_ms);
}

void Pool::make_round() {
  const std::uint64_t now = loop_.now();
  if (shelf_) share();
  if (now >= purge_at_ms_) {
    purge();
    purge_at_ms_ = now + window();
  }
  count_idle();
  const bool watches_shelf = shelf_ && !shelf_->empty();
  if (idle_.empty() && !watches_shelf) return rounds_.reset();
  if (!shelf_) return rounds_->next_in(purge_at_ms_ - now);
  rounds_->next_in(idle_.empty() ? sweep_ms() : kRoundMs);
}

void Pool::purge() {
  move_window();
  ++in_use_;  // As if one more came home: allowed_idle() counts without it.
  const std::size_t allowed = allowed_idle();
  --in_use_;
  keep(allowed);
  count_idle();
}

// What this worker has not needed from one round to the next is for all. That nobody asked at all tells nothing the
// first time: the worker may not have come to it.
void Pool::share() {
  const std::size_t most = quiet_rounds_++ == 1 ? 0 : std::min(unneeded_, idle_.size());
  std::size_t given = 0;
  while (given < most && put_on_shelf(*idle_[given])) ++given;
  idle_.erase(idle_.begin(), idle_.begin() + static_cast<std::ptrdiff_t>(given));
  unneeded_ = idle_.size();
  count_safe();
  count_idle();
  const std::uint64_t now = loop_.now();
  if (now < sweep_at_ms_) return;
  sweep_at_ms_ = now + sweep_ms();
  shelf_->sweep(now > window() ? now - window() : 0, spec_.low);
}

void Pool::clear() {
  idle_.clear();
  safe_ = 0;
  count_idle();
  rounds_.reset();
  if (shelf_) shelf_->clear();
}

void Pool::obey(const PoolSpec& spec, std::shared_ptr<Shelf> shelf) {
  spec_ = spec;
  shelf_ = std::move(shelf);
  if (spec_.max < 0) return;
  const auto most = static_cast<std::size_t>(spec_.max);
  keep(most);
  count_idle();
  if (shelf_) shelf_->sweep(UINT64_MAX, most);
}

void Pool::close() {
  spec_.max = 0;
  clear();
  shelf_.reset();
}

void Pool::on_back_lost(Back& back, const Failure&, std::string_view) {
  std::erase_if(idle_, [&](const auto& idle) { return idle.get() == &back; });
  count_safe();
  count_idle();
}

TlsTicket Pool::take_ticket(std::string_view tls_name) {
  for (auto& [name, ticket] : tickets_) {
    if (name == tls_name) return std::move(ticket);
  }
  return {};
}

void Pool::keep_ticket(std::string_view tls_name, TlsTicket ticket) {
  if (!ticket) return;
  for (auto& entry : tickets_) {
    if (entry.first == tls_name) {
      entry.second = std::move(ticket);
      return;
    }
  }
  if (tickets_.size() >= kTicketNames) tickets_.erase(tickets_.begin());
  tickets_.emplace_back(std::string(tls_name), std::move(ticket));
}

}  // namespace penstock
