// Transaction, of answers that are kept (`cache-use`, `cache-store`).
#include <utility>

#include "penstock/config/model.h"
#include "penstock/proxy/own_answer.h"
#include "penstock/proxy/transaction.h"
#include "penstock/rules/cache_use.h"

namespace penstock {

// `cache-use`: false if the rules behind it are to be asked.
bool Transaction::gives_kept_answer() {
  rules::CacheUse& use = *subject_.caching;
  // Who asks for another protocol asks a server.
  if (front_.hop().upgrade) return false;
  Ledger& ledger = backend_spec_ == nullptr ? frontend_.state->ledgers.of(kit_.worker)
                                            : backend_spec_->balance.state->ledgers.of(kit_.worker);
  ledger.add(Entry::CacheLookups);
  std::shared_ptr<const CachedAnswer> answer = use.asked->find(use.key, use.by, loop().now());
  if (answer == nullptr) return false;
  ledger.add(Entry::CacheHits);
  use.answers = use.asked;
  caching_ = std::make_unique<Caching>();
  caching_->gives = std::make_unique<CachedBody>(std::move(answer));
  give_kept_answer();
  return true;
}

// It is asked for like a server's: rules see it as if it came from one.
void Transaction::give_kept_answer() {
  CachedBody& body = *caching_->gives;
  subject_.server = "<CACHE>";
  Head& head = *body.head(*subject_.request, loop().now(), front_.arena());
  subject_.response = &head;
  subject_.log.status = head.status;
  subject_.memory = {};
  compression_.look_at_request(frontend_, backend_spec_, *subject_.request);
  frontend_.rules.capture_response(subject_);
  const bool is_of_backend = backend_spec_ != nullptr && !is_listen_;
  if (is_of_backend && !run_rules(backend_spec_->rules->http_response, Phase::Headers, 0)) return;
  if (!run_rules(frontend_.rules.http_response, Phase::Headers, 0)) return;
  accounting_.ended(Cause::Local, Phase::Request);
  run_after_response_rules(frontend_, backend_spec_, subject_);
  if (gave_up(Phase::Headers)) return;
  if (!may_answer(head)) return reply(rules::Reply::of(500), Cause::Denied, Phase::Headers);
  const auto came = static_cast<std::uint16_t>(std::exchange(subject_.log.status, head.status));
  head_answered_ = true;
  if (!request_ended_) front_.drop_rest(FrontStream::Rest::OfOwnAnswer);
  const std::uint16_t status = std::exchange(head.status, came);
  begin_compression(head);
  head.status = status;
  front_.send_head(head);
  own_body_ = &body;
  step_ = Step::Data;
  send_own_body();
}

// `cache-store` wants it. Who a pinned client is, his server knows by his connection: what it says to him is for nobody
// else.
void Transaction::begin_keeping(const BodyLength& body, std::uint16_t came) {
  const rules::CacheUse& use = *subject_.caching;
  // Rules may have made another request of it since.
  if (use.keeps == nullptr || came != 200 || pins_.pinned() || subject_.request->method != "GET") return;
  auto keeping = Keeping::make(use, body, compression_.stream(front_), loop());
  if (keeping == nullptr) return;
  caching_ = std::make_unique<Caching>();
  caching_->keeps = std::move(keeping);
}

Stream& Transaction::kept_on_the_way() {
  return caching_->keeps != nullptr ? static_cast<Stream&>(*caching_->keeps) : compression_.stream(front_);
}

}  // namespace penstock
