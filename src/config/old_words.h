// Words that HAProxy took once and takes no more, and the lines that say the same now. A line that is certain to do the
// same is carried out, with a warning that shows it; any other is an error that shows what to write.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reading.h"

namespace penstock::config {

struct Successor {
  bool is_equal = false;
  // The line that does the same; none: the old one says nothing any more.
  std::vector<Word> words;
  // Where no line is certain to do the same: what to write instead.
  std::string shown;
  OldOrder order = OldOrder::Here;
};

// Of the old word `name` (an option's name, a timeout's) with what stands behind it.
Successor successor_of(std::string_view name, Place place, std::span<const Word> rest);

// Old words as lines: in proxies, behind `option` and `timeout`, and in `global`.
void parse_old(Line& line, Draft& draft);
void parse_old_second(Line& line, Draft& draft);
void parse_old_global(Line& line, Reading& reading);
// What stands behind the name of a frontend or listen: `listen <name> <address>`, now a bind line.
void parse_old_address(Line& line, Draft& draft, std::string_view section);

// After a line of http-request or http-response: where it stands below an old one that acts later, the new words of that
// one would have another place.
void settle_old_lines(Draft& draft, Rule::Set set, Diagnostics& diagnostics);
// Puts old lines where they acted.
void place_old_rules(Reading& reading, Draft& draft);

}  // namespace penstock::config
