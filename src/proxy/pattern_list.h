// The sets of patterns of a snapshot, numbered as HAProxy numbers them: in the order of the file, passing over numbers
// that `-u` has given.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "penstock/proxy/ground.h"
#include "penstock/proxy/plan.h"

namespace penstock {

class PatternList {
 public:
  // A use, and where its line is now.
  struct Found {
    Line line;
    const rules::PatternUse* use = nullptr;
  };
  explicit PatternList(const config::Config& config) : config_(config) {}
  std::vector<PatternPlan> make(std::vector<Found> found);

 private:
  void add(const Found& found);
  void number();
  // What is compared with it, looked up in it or written to it may be a credential.
  bool is_secret(const Found& found) const;

  const config::Config& config_;
  std::vector<PatternPlan> plans_;
  std::vector<std::int64_t> ids_;
  std::map<std::string, std::size_t> by_name_;  // A file, or a place.
  std::set<std::tuple<std::size_t, Line, std::uint32_t, std::uint32_t>> said_;
};

}  // namespace penstock
