// A .cfg in, a typed Config out. Reads the files named, opens nothing else, starts nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/config/diagnostics.h"
#include "penstock/config/model.h"

namespace penstock::config {

struct Source {
  std::string name;  // For complaints: the path as given.
  std::string text;
};

// What `-f` named: a file, or a folder whose *.cfg files are read in C-locale order. Unreadable ones
// are complaints.
std::vector<Source> load_sources(const std::vector<std::string>& paths, Diagnostics& diagnostics);

// Reads all sources as one configuration. Complaints of all kinds go to `diagnostics`, all of them;
// the Config is to be used only if it did not fail. Environment variables set by `setenv` and
// `presetenv` lines affect expansion only, not the process.
Config read(std::vector<Source> sources, Diagnostics& diagnostics);

// Config back to canonical text (penstock -c -d, golden tests).
std::string dump(const Config& config);

// `-cc`, `.if`: the value of a condition (manual section 2.4), or nothing after a complaint.
std::optional<bool> evaluate_condition(std::string_view text, Place place, Diagnostics& diagnostics);

// Every keyword of the grammar that is known, one a line: section, keyword and help, parted by tabs
// since a keyword may be of two words (-dKcfg and the test that compares them with the man page).
std::string keyword_list();

}  // namespace penstock::config
