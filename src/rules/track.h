// Stick tables as rules name and use them: counters that are tracked, tables by their numbers, keys.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "expression.h"
#include "penstock/rules/subject.h"
#include "penstock/tables/tracking.h"

namespace penstock::rules {

// What a counter of this number tracks, of the transaction or else of the connection; null: nothing.
const Tracking::Counter* tracked_by(const Subject& subject, std::int64_t number);
// Null: it is gone.
const std::shared_ptr<StickTable>* table_at(const Subject& subject, std::int64_t number);
std::uint64_t now_of(const Subject& subject);

// The table of the proxy of that name, or of the section's own if it is empty; -1 after a complaint. `line`, unless it
// is null, is set to what makes its keys.
int find_table(Compiling& compiling, const std::string& name, config::Place place, const config::StickTable** line);

}  // namespace penstock::rules
