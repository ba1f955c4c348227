// What is made of a server's answer before the client gets it, or another one.
#include "penstock/proxy/reason.h"
#include "penstock/proxy/transaction.h"

namespace penstock {

// Few clients are to come back to the server that served them: nobody keeps it for the others.
void Transaction::note_last_server(bool must_stay) {
  if (must_stay || backend_spec_->balance.prefer_last_server) {
    pins_.set_last(approach_.slot()->spec.state, must_stay);
  } else {
    pins_.forget_last();
  }
}

// Those of the backend first; a `listen` has but one set.
bool Transaction::run_response_rules() {
  const rules::BackendRules& rules = *backend_spec_->rules;
  return run_rules(rules.tcp_response, Phase::Headers, 0) &&
         (is_listen_ || run_rules(rules.http_response, Phase::Headers, 0)) &&
         run_rules(frontend_.rules.http_response, Phase::Headers, 0);
}

// The server's answer is not the one that the client gets.
void Transaction::drop_answer() {
  accounting_.answer_is_ours();
  accounting_.note_connections(approach_, lease_.back());
  lease_.close({});
  held_.clear();
  response_ended_ = answer_cut_ = false;
}

void Transaction::refuse_cookie() {
  drop_answer();
  reason::note(rules::Reason::Kind::Rule, "the answer sets a cookie that caches may keep", {}, subject_);
  reply(rules::Reply::of(502), Cause::Denied, Phase::Headers);
}

}  // namespace penstock
