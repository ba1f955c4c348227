#include "penstock/balance/ledger.h"

#include <algorithm>

namespace penstock {

void Ledger::clear() {
  for (Count& entry : entries_) entry.clear();
  for (Mean* mean : {&queue, &connect, &answer, &total}) mean->clear();
}

void Sums::Time::join(const Mean& mean) {
  sum += mean.sum();
  samples += mean.samples();
  most = std::max(most, mean.most());
}

Sums::Sums(const Copies<Ledger>& ledgers) {
  ledgers.each([this](const Ledger& ledger) {
    for (std::size_t i = 0; i < kEntries; ++i) entries[i] += ledger.entries_[i].value();
    queue.join(ledger.queue);
    connect.join(ledger.connect);
    answer.join(ledger.answer);
    total.join(ledger.total);
    last_arrival_ms = std::max(last_arrival_ms, ledger.last_arrival_ms_.load(std::memory_order_relaxed));
  });
}

}  // namespace penstock
