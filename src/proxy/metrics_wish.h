// What a scrape asks for in its query.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace penstock {

struct MetricsWish {
  // From the query of a target; none if that cannot be understood.
  static std::optional<MetricsWish> of(std::string_view query);
  // A metric by its name.
  bool wants(std::string_view metric) const;

  bool process = true;    // `scope=`
  bool tables = true;     // The same: `sticktable`.
  unsigned kinds = ~0u;   // The same: bits of statistics::Kind.
  bool no_maint = false;  // `no-maint`: no server in maintenance.
  // `metrics=a,-b`; where none is named, all are wanted.
  std::set<std::string, std::less<>> named, unwanted;
};

}  // namespace penstock
