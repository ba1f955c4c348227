// The page of statistics for people.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "penstock/config/settings.h"
#include "penstock/proxy/service.h"
#include "penstock/proxy/statistics_walk.h"

namespace penstock::statistics_page {

struct Visit {
  bool may_change = false;  // Servers, by buttons.
  std::string token;        // Comes back with a form: it is ours.
  bool live = true;         // A script keeps it up to date.
  std::uint64_t refresh_s = 0;
  std::string_view outcome;  // Of what was just changed: HAProxy's four letters; empty: nothing was.
};
std::unique_ptr<Service> make_html(const config::StatsPage& page, const Visit& visit,
                                   std::shared_ptr<const Snapshot> snapshot, const ProcessState& process,
                                   std::uint64_t now_ms, const statistics::Filter& filter);

}  // namespace penstock::statistics_page
