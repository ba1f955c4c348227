// The last hour of a pool as small pictures, each with its numbers in words.
#pragma once

#include <string>

#include "penstock/balance/server.h"

namespace penstock::statistics_page {

constexpr std::string_view kPictureHeadings[] = {"Requests", "Sessions", "Failures", "Mean time"};
// Appends a cell of a table for each heading. False, and nothing appended: there is no point yet.
bool append_pictures(const BackendState& state, std::string& out);

}  // namespace penstock::statistics_page
