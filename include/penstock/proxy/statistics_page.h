// The page of statistics (`stats ...`): who may see it, and in which form it is asked for.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/balance/server_state.h"
#include "penstock/config/settings.h"
#include "penstock/proxy/counters.h"
#include "penstock/proxy/service.h"
#include "penstock/proxy/snapshot.h"
#include "penstock/rules/compile.h"
#include "penstock/rules/subject.h"

namespace penstock::statistics_page {

// The page of one section.
struct Page {
  const config::StatsPage& line;
  const rules::StatsRules& rules;
  std::string_view proxy;  // The section's name.
};

// `request` is for this page.
bool is_asked_for(const config::StatsPage& page, const Head& request);

// It says a user of the page, and the password.
bool is_known(const config::StatsPage& page, const Head& request);

// What an administrator wants of a server.
struct Wanted {
  std::string backend, server;
  ServerChange change;
};

struct Answer {
  std::unique_ptr<Service> service;  // Null: `reply` answers.
  rules::Reply reply;
  bool denied = false;
  std::vector<Wanted> wanted;
};
// What a POST says, and whether that is all of it.
struct Body {
  std::string_view text;
  bool whole = true;
};
Answer answer(const Page& page, const Body& body, std::shared_ptr<const Snapshot> snapshot, const ProcessState& process,
              std::uint64_t now_ms, rules::Subject& subject);

}  // namespace penstock::statistics_page
