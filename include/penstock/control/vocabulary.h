// Every word that is known, by class, and what becomes of it (penstock -dK, as HAProxy's own classes and two more).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace penstock {

// Of the classes named, with commas between them: all, or some of acl, act, cfg, cli, cnv, flt, log, smp, svc. A line for
// each word: class, word and state, parted by tabs. Nothing if there is no such class.
std::optional<std::string> vocabulary(std::string_view classes);
std::string_view vocabulary_classes();

}  // namespace penstock
