// In which order the entries of a shared stick table have changed: each change has a number, and an entry only its last
// one. Of one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "penstock/tables/stick_table.h"

namespace penstock {

class Journal {
 public:
  struct Change {
    std::uint64_t number = 0;
    StickTable::Name entry;
  };

  explicit Journal(std::shared_ptr<StickTable> table);
  StickTable& table() const { return *table_; }
  // Takes up what has changed since.
  void sweep();
  std::uint64_t last() const { return last_; }
  // The first behind `number`.
  std::optional<Change> next(std::uint64_t number) const;

 private:
  std::uint64_t& number_of(const StickTable::Name& entry);
  bool is_current(const Change& change) const;
  void shrink();

  const std::shared_ptr<StickTable> table_;
  std::uint64_t last_ = 0;
  std::deque<Change> changes_;                       // By number; those whose entry has changed again are passed over.
  std::vector<std::vector<std::uint64_t>> numbers_;  // By shard and entry: its last change; 0: none.
  std::size_t current_ = 0;
  std::vector<StickTable::Name> swept_;
};

}  // namespace penstock
