#include "target.h"

#include "penstock/base/text.h"
#include "penstock/control/crew.h"
#include "realm.h"

namespace penstock {
namespace {

// "#3"; what stands behind the number does not matter. Nothing: it is a name.
std::optional<std::uint64_t> id_in(std::string_view word) {
  if (!word.starts_with('#')) return std::nullopt;
  word.remove_prefix(1);
  return parse_unsigned(word.substr(0, word.find_first_not_of("0123456789"))).value_or(0);
}

const ServerSpec* find_server(const BackendPlan& plan, std::string_view word) {
  const auto id = id_in(word);
  for (const ServerSpec& server : plan.balance.servers) {
    if (id ? server.id == *id : server.name == word) return &server;
  }
  return nullptr;
}

}  // namespace

const BackendPlan* find_backend(const Snapshot& snapshot, std::string_view word) {
  const auto id = id_in(word);
  if (!id) return snapshot.backend(snapshot.backend_number(word));
  for (const auto& plan : snapshot.backends) {
    if (snapshot.backend_id(plan->number()) == *id) return plan.get();
  }
  return nullptr;
}

const FrontendPlan* find_frontend(const Snapshot& snapshot, std::string_view word) {
  const auto id = id_in(word);
  for (const auto& plan : snapshot.frontends) {
    if (id ? snapshot.frontend_id(plan->number) == *id : plan->name == word) return plan.get();
  }
  return nullptr;
}

std::optional<Target> target_of(const CallRef& call) {
  std::string_view rest = call->argument(0);
  if (rest.find('/') == std::string_view::npos) {
    call->fail("Require 'backend/server'.\n");
    return std::nullopt;
  }
  const std::string_view backend = cut(rest, '/');
  if (rest.empty() || (backend.empty() && call->written().front() != "get")) {
    call->fail("Require 'backend/server'.\n");
    return std::nullopt;
  }
  Target target;
  target.plan = find_backend(*call->realm().crew().snapshot(), backend);
  if (target.plan == nullptr) {
    call->fail("No such backend.\n");
    return std::nullopt;
  }
  target.backend = target.plan->balance.name;
  target.spec = find_server(*target.plan, rest);
  if (target.spec == nullptr) {
    call->fail("No such server.\n");
    return std::nullopt;
  }
  target.name = target.spec->name;
  return target;
}

}  // namespace penstock
