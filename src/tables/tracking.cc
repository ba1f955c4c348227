#include "penstock/tables/tracking.h"

namespace penstock {

using Data = config::StickData;

StickTable::Hold Tracking::begin(std::size_t number, StickTable& table, std::string_view key, std::uint64_t now_ms) {
  StickTable::Hold hold = table.make(key, now_ms);
  if (!hold) return hold;
  counters_[number] = {&table, hold.pin()};
  hold.count(Data::ConnCnt);
  hold.count(Data::ConnCur);
  return hold;
}

void Tracking::end(std::uint64_t now_ms) {
  for (Counter& counter : counters_) {
    if (!counter) continue;
    StickTable::Hold hold = counter.table->pinned(*counter.entry, now_ms);
    hold.take(Data::ConnCur, 1);
    hold.unpin();
    counter = {};
  }
}

}  // namespace penstock
