// An answer of our own to one request: as rules made it, or the page that is configured for its status, or one built in.
#pragma once

#include <string_view>

#include "penstock/base/arena.h"
#include "penstock/http/body_source.h"
#include "penstock/proxy/snapshot.h"
#include "penstock/rules/subject.h"
#include "penstock/rules/verdict.h"

namespace penstock {

// The rules that see every answer (http-after-response); `backend` is null where none was chosen.
void run_after_response_rules(const FrontendPlan& frontend, const BackendPlan* backend, rules::Subject& subject);
// Rules may set any status, but an interim one ends nothing, and nobody switches protocols for the word of it.
bool may_answer(const Head& head);

// `monitor-uri`: of an absolute target the authority says nothing about what is asked for.
bool asks_monitor(const FrontendPlan& frontend, std::string_view target);

class OwnAnswer {
 public:
  // Those rules are asked about it. If they cannot be, or make it no answer, it is a bare 500.
  // `source` has the body, if there is one; else it is the reply's.
  OwnAnswer(const rules::Reply& reply, BodySource* source, const Snapshot& snapshot, const FrontendPlan& frontend,
            const BackendPlan* backend, rules::Subject& subject);
  // An empty errorfile: the connection ends instead.
  bool is_silent() const { return reply_.silent; }
  // Of what is said besides the head, which is the subject's response; in the arena.
  BodySource* body(Arena& arena) const { return source_ != nullptr ? source_ : arena.make<TextSource>(reply_.body); }

 private:
  void add_challenge(std::string_view challenge, Arena& arena);
  void make_head(rules::Subject& subject);

  rules::Reply reply_;
  BodySource* source_;
};

}  // namespace penstock
