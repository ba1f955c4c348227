#include "health_tally.h"

#include "penstock/base/format.h"

namespace penstock {

BackendTally::BackendTally(const BackendSpec& spec)
    : spec(spec), seen_version(spec.state->version.load(std::memory_order_acquire)) {
  recount();
}

void BackendTally::count(const ServerSpec& server, Standing standing, int by) {
  const bool weighs = server.state->weight.load(std::memory_order_relaxed) != 0;
  if (standing.takes_traffic() && weighs) (server.backup ? backup : active) += by;
}

void BackendTally::recount() {
  active = backup = 0;
  for (const ServerSpec& server : spec.servers) {
    count(server, server.state->standing.load(std::memory_order_relaxed), 1);
  }
}

void BackendTally::changed(const ServerSpec& server, Standing before) {
  const std::uint32_t version = spec.state->version.fetch_add(1, std::memory_order_acq_rel);
  if (version == seen_version) {
    count(server, before, -1);
    count(server, server.state->standing.load(std::memory_order_relaxed), 1);
  } else {
    recount();
  }
  seen_version = version + 1;
}

void BackendTally::weighed() { spec.state->version.fetch_add(1, std::memory_order_acq_rel); }

void BackendTally::ramped() {
  const std::uint32_t version = spec.state->version.fetch_add(1, std::memory_order_acq_rel);
  if (version == seen_version) seen_version = version + 1;
}

namespace {

std::string_view kind_of(const ServerSpec& server) { return server.backup ? "Backup Server" : "Server"; }

std::string with_reason(std::string_view reason) {
  if (reason == kByCommand) return format(", {}", reason);
  return reason.empty() ? std::string() : format(", reason: {}", reason);
}

std::string via(const ServerSpec& server, const Saying& saying) {
  return !saying.by_leader || server.tracked.empty() ? std::string() : format(" via {}", server.tracked);
}

std::string_view on_backup(const BackendTally& tally) {
  return tally.active == 0 && tally.backup != 0 ? " Running on backup." : "";
}

}  // namespace

std::string down_line(const BackendTally& tally, const ServerSpec& server, const Saying& saying) {
  return format(
      "{} {}/{} {}{}{}. {} active and {} backup servers left.{} {} sessions active, 0 "
      "requeued, {} "
      "remaining in queue.",
      kind_of(server), tally.spec.name, server.name, saying.what, via(server, saying), with_reason(saying.reason),
      tally.active, tally.backup, on_backup(tally), server.state->in_use.load(std::memory_order_relaxed),
      tally.spec.state->waiting.load(std::memory_order_relaxed));
}

std::string up_line(const BackendTally& tally, const ServerSpec& server, const Saying& saying) {
  return format(
      "{} {}/{} {}{}{}. {} active and {} backup servers online.{} 0 sessions requeued, {} total "
      "in queue.",
      kind_of(server), tally.spec.name, server.name, saying.what, via(server, saying), with_reason(saying.reason),
      tally.active, tally.backup, on_backup(tally), tally.spec.state->waiting.load(std::memory_order_relaxed));
}

std::string change_line(const BackendTally& tally, const ServerSpec& server, std::string_view what) {
  return format("{} {}/{} {}.", kind_of(server), tally.spec.name, server.name, what);
}

std::string no_server_line(const BackendSpec& backend) {
  return format("backend {} has no server available!", backend.name);
}

std::string check_line(const BackendSpec& backend, const ServerSpec& server, const CheckResult& result,
                       std::string_view health, bool agent) {
  std::string_view verdict = "failed";
  if (check_verdict(result.status) == CheckVerdict::Passed) verdict = "succeeded";
  if (check_verdict(result.status) == CheckVerdict::Conditional) verdict = "conditionally succeeded";
  return format("{} check for {}server {}/{} {}, reason: {}, status: {}.", agent ? "Agent" : "Health",
                server.backup ? "backup " : "", backend.name, server.name, verdict, check_reason(result), health);
}

}  // namespace penstock
