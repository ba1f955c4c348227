// Words of rules by class, for listings (penstock -dK).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace penstock::rules {

enum class WordClass { Acl, Sample, Converter, Action, LogVariable };

// All that is carried out, in the order of the alphabet; an action as "http-request deny".
std::vector<std::string> words_of(WordClass word_class);

}  // namespace penstock::rules
