// What is right by the grammar and wrong for Exchange: traps that administrators fell into, each with
// a short name, the reason, and the line to write (penstock -c).
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "penstock/config/diagnostics.h"

namespace penstock::config {

struct Config;

// Warns of each trap but those that `lint-off` names. Nothing is said of a configuration that serves
// no virtual directory of Exchange.
// `text_of` gives the text of a map, null if it was not read; without it, maps lead nowhere.
using FileText = std::function<const std::string*(const std::string& path)>;
void lint(const Config& config, Diagnostics& diagnostics, const FileText& text_of = {});

// Warns of one such trap, for those who see it while they read; silent if `lint-off` names it.
void warn_by_name(const Config& config, Diagnostics& diagnostics, std::string_view name, Place place,
                  std::string_view text);

// The names that `lint-off` takes.
std::span<const std::string_view> lint_names();

}  // namespace penstock::config
