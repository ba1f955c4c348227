// Words to sections: finds each line's keyword in its section's table, and carries out `.if` and
// its kin (configuration manual section 2.4).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reading.h"

namespace penstock::config {

class Parser {
 public:
  explicit Parser(Reading& reading) : reading_(reading) {}

  // All lines of one file, which begins with a section of its own.
  void read_file(std::uint32_t file);

 private:
  // One `.if`: whether its current branch is read, and whether one was.
  struct Branch {
    bool reads = false;
    bool had_one = false;
    bool had_else = false;
    bool outer_reads = true;
    Place place;
  };

  void read_line(std::string_view text, Place place);
  bool skipping() const { return !branches_.empty() && !branches_.back().reads; }
  // True when the line was one of .if, .elif, .else, .endif.
  bool take_branch(std::string_view text, Place place);
  void begin_if(std::string_view text, Place place);
  void take_elif(std::string_view text, Place place);
  bool condition(std::string_view text, Place place);
  bool split(std::string_view text, Place place);
  void warn_of_quotes();
  void take_words(std::string_view text);
  void take_message(Line& line, std::string_view kind);

  void begin_section(Line& line, const Word& keyword);
  void end_section();
  void begin_proxy(Line& line, SectionKind kind);
  void begin_defaults(Line& line);
  void begin_http_errors(Line& line);
  const Draft* take_from(Line& line, const Draft* otherwise);
  void take_keyword(Line& line, const Word& keyword);
  bool begin_section_meant(Line& line, const Word& word, std::vector<std::string_view> candidates);
  void take_http_errors_keyword(Line& line, const Word& keyword);

  Reading& reading_;
  std::vector<Branch> branches_;
  std::vector<Word> words_;  // Of the current line; kept for its memory.
};

// The sections of the grammar and what each is for.
struct SectionName {
  std::string_view name;
  SectionKind kind;
  bool is_error;  // Of a section that is passed over.
  std::string_view help;
};
std::span<const SectionName> section_names();

}  // namespace penstock::config
