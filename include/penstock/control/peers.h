// Sections of peers at work, on the master's loop: stick tables that other processes have too.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/net/living.h"
#include "penstock/proxy/snapshot.h"
#include "penstock/tables/journal.h"

namespace penstock {

class PeerGroup;

class Peers {
 public:
  using Report = std::function<void(const std::string& line)>;
  Peers();
  ~Peers();
  // Those of the snapshot; links that stay go on where they were.
  void adopt(Loop& loop, const Snapshot& snapshot, PeerCounts& counts, const Report& report);
  // Nobody is let in any more; who serves after us is told what we know.
  void leave();
  // Of who leaves: there is nobody to be told, or everything was. Perhaps at once.
  void when_all_told(Loop& loop, std::function<void()> done);
  // Of `show peers`: a section's, or all of them; false: there is none of that name.
  bool describe(std::string& to, std::string_view section, bool with_texts) const;

 private:
  class LastLook;
  bool all_told() const;
  std::map<const StickTable*, std::shared_ptr<Journal>> journals_;
  std::uint64_t last_id_ = 0;
  std::vector<Owned<PeerGroup>> groups_;
  Owned<LastLook> last_look_;
};

}  // namespace penstock
