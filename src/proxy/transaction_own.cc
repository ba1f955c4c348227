// Transaction, of what answers in place of a server: the page of statistics, metrics; and how a body of ours goes out.
#include <utility>

#include "penstock/config/model.h"
#include "penstock/proxy/metrics.h"
#include "penstock/proxy/reply.h"
#include "penstock/proxy/statistics_page.h"
#include "penstock/proxy/transaction.h"

namespace penstock {

namespace {

// Of a body of our own, before others have their turn.
constexpr std::size_t kMadeAtOnce = 128 * 1024;

}  // namespace

// The page of statistics answers in place of a server, once a form is there.
bool Transaction::shows_statistics(const config::StatsPage& page, const rules::StatsRules& rules) {
  if (!statistics_page::is_asked_for(page, *subject_.request)) return false;
  if (!waits_for_body(Step::PageBody, frontend_.body_ms)) show_statistics(page, rules);
  return true;
}

void Transaction::show_statistics(const config::StatsPage& page, const rules::StatsRules& rules) {
  const std::string_view proxy = backend_spec_ == nullptr ? frontend_.name : backend_spec_->balance.name;
  statistics_page::Answer answer =
      statistics_page::answer({page, rules, proxy}, {held_.view(), request_ended_}, generation_->shared_snapshot(),
                              kit_.process, loop().now(), subject_);
  if (waits_for_password(Again::Page) || gave_up(Phase::Request)) return;
  for (const auto& wanted : answer.wanted) kit_.changes->take_change(wanted.backend, wanted.server, wanted.change);
  if (answer.service) return serve(std::move(answer.service), "<STATS>");
  reply(answer.reply, answer.denied ? Cause::Denied : Cause::Local, Phase::Request);
}

void Transaction::serve_metrics() {
  auto metrics = make_metrics(generation_->shared_snapshot(), kit_.process, loop().now(), *subject_.request);
  if (metrics) return serve(std::move(metrics), "<PROMEX>");
  reply(rules::Reply::of(400), Cause::Local, Phase::Request);
}

// `name`: as the log has it in place of a server's.
void Transaction::serve(std::unique_ptr<Service> service, std::string_view name) {
  service_ = std::move(service);
  subject_.server = name;
  compression_.look_at_request(frontend_, backend_spec_, *subject_.request);
  reply(service_->head(front_.arena()), Cause::Local, Phase::Request);
}

// As much of it as the client takes now; all of it where the front tells us nothing more. To a HEAD it says nothing of it;
// what rules made of the method does not matter. Of a long one others have their turn in between.
void Transaction::send_own_body() {
  for (std::size_t made = 0; !own_body_->ended();) {
    Slice piece = own_body_->next(kBlockSize);
    made += piece.empty() ? kMadeAtOnce : piece.size();
    if (!piece.empty() && !to_client().send_body(std::move(piece)) && !request_failed_) return;
    if (made >= kMadeAtOnce && !own_body_->ended()) return let_others();
  }
  own_body_ = nullptr;
  to_client().send_end(Trailers());
  finish();
}

void Transaction::let_others() {
  if (!ListNode<PutOffTag>::linked()) loop().put_off(*this);
}

}  // namespace penstock
