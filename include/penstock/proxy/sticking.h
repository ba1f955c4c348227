// A backend's `stick` lines at work for one request, or for one connection in mode tcp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "penstock/base/arena.h"
#include "penstock/proxy/snapshot.h"
#include "penstock/rules/subject.h"

namespace penstock {

// The place of the server that an entry means; -1: none of this backend. By name, or by address where a table has that;
// an entry that another backend made means the server of the same id, if none has the name.
int place_of(const StickTable& table, const StickTable::Mark& mark, const BackendSpec& backend);

class Sticking {
 public:
  // Asks the tables in order of the lines: the place of the first server named that may be had, -1
  // if there is none. Keeps the keys that are to be stored. `anyhow`: even a server that is down.
  int look_up(const Snapshot& snapshot, const BackendPlan& backend, bool anyhow, rules::Subject& subject,
              std::uint64_t now_ms);
  // `stick store-response`: keeps what the answer has to give.
  void look_at_answer(const Snapshot& snapshot, const BackendPlan& backend, rules::Subject& subject);
  // This server serves: under all keys kept since the last time.
  void store(const ServerSpec& server, std::uint64_t now_ms);

 private:
  struct Kept {
    StickTable* table = nullptr;
    std::string_view key;
  };
  bool may_keep(const StickTable& table) const;
  void keep(StickTable& table, std::string_view key, Arena& arena);

  ArenaVector<Kept> kept_;
  std::size_t stored_ = 0;
};

}  // namespace penstock
