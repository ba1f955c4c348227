// Answers of our own, as rules, `http-error` and error files describe them: words and texts to a ReplyTemplate.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "format_compile.h"
#include "penstock/rules/verdict.h"

namespace penstock::rules {

// `status 404 content-type ...`: words of the http-error at `place` behind its status.
std::optional<ReplyTemplate> compile_error_reply(Compiling& compiling, config::Place place, std::uint16_t status,
                                                 std::span<const config::Word> words);
// A whole HTTP answer as a file holds it.
std::optional<ReplyTemplate> parse_error_file(Compiling& compiling, const std::string& path, config::Place place,
                                              std::uint16_t status);
// Files that the words of such an answer name.
void collect_reply_files(std::span<const config::Word> words, std::vector<NamedFile>& files);

}  // namespace penstock::rules
