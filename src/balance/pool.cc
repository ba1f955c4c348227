#include "penstock/balance/pool.h"

#include <algorithm>

namespace penstock {
namespace {

// Names a server is asked for by SNI are few; a flood of made-up ones must not grow this.
constexpr std::size_t kTicketNames = 16;

}  // namespace

// Looks once in a window whether what is idle is still of use.
class Pool::Purger final : public Living {
 public:
  Purger(Loop& loop, Pool& pool) : Living(loop), pool_(pool) { start(); }
  void start() { set_deadline(std::max<std::uint64_t>(pool_.spec_.purge_ms, 1)); }

 private:
  void on_deadline() override { pool_.purge(); }
  Pool& pool_;
};

Pool::Pool(Loop& loop, const PoolSpec& spec) : loop_(loop), spec_(spec) {}

Pool::~Pool() = default;

Owned<H1Back> Pool::lend(std::string_view tls_name, bool used_only) {
  for (std::size_t i = idle_.size(); i-- > 0;) {
    H1Back& back = *idle_[i];
    if (back.tls_name() != tls_name || (used_only && back.served() < 2)) continue;
    Owned<H1Back> lent = std::move(idle_[i]);
    idle_.erase(idle_.begin() + static_cast<std::ptrdiff_t>(i));
    if (lent->may_serve_on()) return lent;
  }
  return nullptr;
}

// Windows pass one after the other; after two quiet ones the peak of before is forgotten.
void Pool::move_window() {
  const std::uint64_t now = loop_.now();
  if (now < window_end_ms_) return;
  const std::uint64_t length = std::max<std::uint64_t>(spec_.purge_ms, 1);
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

void Pool::give_home(Owned<H1Back> back) {
  if (!back->reusable() || (spec_.max_reuse >= 0 && back->served() > static_cast<std::uint32_t>(spec_.max_reuse)))
    return;
  // Descriptors are for those who ask, not for what might be of use (tune.pool-high-fd-ratio).
  if (loop_.descriptors != nullptr &&
      loop_.descriptors->load(std::memory_order_relaxed) > loop_.descriptor_limit / 4 * 3)
    return;
  move_window();
  const std::size_t allowed = allowed_idle();
  if (allowed == 0) return;
  while (idle_.size() >= allowed) idle_.erase(idle_.begin());
  back->set_owner(*this);
  back->rest();
  idle_.push_back(std::move(back));
  if (!purger_) purger_ = Owned<Purger>(new Purger(loop_, *this));
}

void Pool::purge() {
  move_window();
  ++in_use_;  // As if one more came home: allowed_idle() counts without it.
  const std::size_t allowed = allowed_idle();
  --in_use_;
  while (idle_.size() > allowed) idle_.erase(idle_.begin());
  if (idle_.empty()) return purger_.reset();
  purger_->start();
}

void Pool::clear() {
  idle_.clear();
  purger_.reset();
}

void Pool::obey(const PoolSpec& spec) {
  spec_ = spec;
  while (spec_.max >= 0 && idle_.size() > static_cast<std::size_t>(spec_.max)) idle_.erase(idle_.begin());
}

void Pool::close() {
  spec_.max = 0;
  clear();
}

void Pool::on_back_lost(H1Back& back, const Failure&, std::string_view) {
  const auto at = std::find_if(idle_.begin(), idle_.end(), [&](const auto& idle) { return idle.get() == &back; });
  if (at != idle_.end()) idle_.erase(at);
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
