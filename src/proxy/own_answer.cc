#include "penstock/proxy/own_answer.h"

#include <memory>

#include "penstock/proxy/reason.h"
#include "penstock/proxy/reply.h"

namespace penstock {

void run_after_response_rules(const FrontendPlan& frontend, const BackendPlan* backend, rules::Subject& subject) {
  // A `listen` has but one set.
  if (backend != nullptr && subject.backend != subject.frontend) backend->rules->http_after_response.run(subject);
  frontend.rules.http_after_response.run(subject);
}

bool may_answer(const Head& head) {
  return head.status >= 200 || (head.status == 101 && head.body.kind == BodyLength::Kind::Tunnel);
}

bool asks_monitor(const FrontendPlan& frontend, std::string_view target) {
  if (frontend.monitor_uri.empty()) return false;
  return target == frontend.monitor_uri || rules::split_target(target).path_and_query == frontend.monitor_uri;
}

OwnAnswer::OwnAnswer(const rules::Reply& reply, BodySource* source, const Snapshot& snapshot,
                     const FrontendPlan& frontend, const BackendPlan* backend, rules::Subject& subject)
    : reply_(reply), source_(source) {
  if (reply.standard) {
    subject.response = nullptr;  // The server's, if there was one, went with its connection.
    reply_ = reply::page_of(reply.status, frontend, backend, subject);
    if (!reply.challenge.empty()) add_challenge(reply.challenge, subject.arena);
  }
  subject.log.status = reply_.status;
  if (reply_.silent) return;
  make_head(subject);
  run_after_response_rules(frontend, backend, subject);
  if (!subject.in_trouble() && may_answer(*subject.response)) {
    subject.log.status = subject.response->status;
    return;
  }
  // The rules about it could not be asked, or made it no answer: nothing of it is said.
  if (subject.in_trouble()) reason::note_trouble(snapshot, subject);
  reply_ = reply::built_in(500);
  source_ = nullptr;
  subject.log.status = reply_.status;
  make_head(subject);
}

void OwnAnswer::add_challenge(std::string_view challenge, Arena& arena) {
  const std::size_t count = reply_.fields.size();
  auto* const fields = static_cast<Field*>(arena.allocate((count + 1) * sizeof(Field), alignof(Field)));
  std::uninitialized_copy(reply_.fields.begin(), reply_.fields.end(), fields);
  fields[count] = {reply_.status == 407 ? "Proxy-Authenticate" : "WWW-Authenticate", challenge};
  reply_.fields = {fields, count + 1};
}

void OwnAnswer::make_head(rules::Subject& subject) {
  subject.response =
      source_ != nullptr ? reply::open_head_of(reply_, subject.arena) : reply::head_of(reply_, subject.arena);
  subject.memory = {};  // What ACLs said was about another answer, or none.
}

}  // namespace penstock
