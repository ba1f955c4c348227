// Idle connections to one server on one worker, and TLS sessions to resume. Connections are lent by
// moving them out; what is not given home closes. Where workers share (PoolSpec::shared), what this one has not needed
// for a moment goes to a shelf from which others take, and what this one lacks comes from there. A pool outlives a reload that leaves its server's
// identity alone: the generation before and the next hold the same one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/balance/server.h"
#include "penstock/balance/shelf.h"
#include "penstock/base/counted.h"
#include "penstock/http/back.h"
#include "penstock/net/living.h"

namespace penstock {

class Pool final : public Counted<Pool>, private BackOwner {
 public:
  // `shelf`: where to share; null: nowhere. `server`: where what is idle is counted; null: nowhere.
  Pool(Loop& loop, const PoolSpec& spec, std::shared_ptr<Shelf> shelf, std::shared_ptr<Server> server = nullptr);
  ~Pool();

  // The next configuration keeps the server and says this of its pool.
  void obey(const PoolSpec& spec, std::shared_ptr<Shelf> shelf);
  // The next configuration does not know the server as it was: nothing idle is left, and nothing comes home.
  void close();

  // Lends an idle connection for requests of `tls_name`, or none. `used_only`: one that has served more
  // than one request (http-reuse aggressive). It may prove dead on first use, since a server may close
  // at any time. `options` are for one that comes from another worker.
  Owned<Back> lend(std::string_view tls_name, bool used_only, const BackOptions& options);
  // Takes a reusable connection, still counted in use, back, or closes it: what exceeds the recent peak in use, or
  // pool-max-conn, is not kept.
  void give_home(Owned<Back> back);
  // A connection of this server is in use, or no longer.
  void count_in_use() {
    if (++in_use_ > peak_now_) peak_now_ = in_use_;
  }
  void count_out_of_use() { --in_use_; }
  std::size_t idle() const { return idle_.size(); }
  std::size_t in_use() const { return in_use_; }
  // The most in use at one time, of late.
  std::size_t peak() const { return std::max(peak_now_, peak_before_); }
  void clear();

  // The newest session of this server for `tls_name`.
  TlsTicket take_ticket(std::string_view tls_name);
  void keep_ticket(std::string_view tls_name, TlsTicket ticket);

 private:
  void count_idle();
  void count_safe();
  void keep(std::size_t most);
  void on_back_ready(Back&) override {}
  void on_back_lost(Back& back, const Failure& failure, std::string_view why) override;
  // Where connections come home less often than kSeldomMs, none is kept for this worker alone. Else those are given to
  // all that no request between two rounds needed; kRoundMs lie between them.
  static constexpr std::uint64_t kSeldomMs = 3;
  static constexpr std::uint64_t kRoundMs = 4;
  static constexpr std::uint64_t kSweepMs = 1000;
  Owned<Back> take_from_shelf(std::string_view tls_name, bool used_only, const BackOptions& options);
  void move_window();
  void make_round();
  void purge();
  void share();
  bool put_on_shelf(Back& back);
  void begin_rounds(std::uint64_t first_ms);
  std::uint64_t sweep_ms() const { return std::min(kSweepMs, window()); }
  std::uint64_t window() const { return std::max<std::uint64_t>(spec_.purge_ms, 1); }
  class Rounds;
  std::size_t allowed_idle() const;

  Loop& loop_;
  PoolSpec spec_;
  std::shared_ptr<Shelf> shelf_;
  const std::shared_ptr<Server> server_;
  std::size_t counted_ = 0;        // There, as idle.
  std::size_t safe_ = 0;           // Of those that are idle, see is_safe().
  std::size_t counted_safe_ = 0;   // There, as idle_safe.
  std::vector<Owned<Back>> idle_;  // The most recently used last.
  std::vector<std::pair<std::string, TlsTicket>> tickets_;
  std::size_t in_use_ = 0;
  std::size_t peak_now_ = 0;     // Of this window of pool-purge-delay.
  std::size_t peak_before_ = 0;  // Of the window before.
  std::uint64_t window_end_ms_ = 0;
  std::size_t unneeded_ = 0;      // The fewest that were idle since the last round.
  unsigned quiet_rounds_ = 0;     // Since the last request, the one to come included.
  std::uint64_t home_at_ms_ = 0;  // When one last came.
  std::uint64_t purge_at_ms_ = 0;
  std::uint64_t sweep_at_ms_ = 0;
  Owned<Rounds> rounds_;  // While something is idle.
};

}  // namespace penstock
