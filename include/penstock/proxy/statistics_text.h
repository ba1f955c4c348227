// Statistics as texts: the CSV, typed and JSON forms of HAProxy's `show stat` and `show info` (management manual,
// sections 9.1 to 9.3).
//
//   StatisticsText text(StatisticsForm::Csv, false, Walk(crew.snapshot(), crew.process(), loop.now(), filter));
//   while (text.next(out)) {}
//
// next() appends one object at a time, so that who writes much may pause in between. On any thread; where the snapshot
// is another meanwhile, it goes on with the one it began with. What ends a command's answer (an empty line) is not its.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "penstock/proxy/statistics_walk.h"

namespace penstock {

enum class StatisticsForm : std::uint8_t { Csv, Typed, Json };

class StatisticsText {
 public:
  // `described`: typed lines end with what the column means.
  StatisticsText(StatisticsForm form, bool described, statistics::Walk walk);
  // Appends more. False: it is whole now.
  bool next(std::string& out);

 private:
  void write_csv(const statistics::Object& object, std::string& out) const;
  void write_typed(const statistics::Object& object, std::string& out) const;
  void write_json(const statistics::Object& object, std::string& out);

  const StatisticsForm form_;
  const bool described_;
  statistics::Walk walk_;
  bool begun_ = false;
  bool first_ = true;  // Of the objects.
};

// What is said of the program itself.
struct ProgramFacts {
  std::string_view version;
  std::string_view release_date;
};
// Text lines, typed or JSON.
enum class InfoForm : std::uint8_t { Text, Typed, Json };
std::string info_text(InfoForm form, bool described, const ProgramFacts& program, const Snapshot& snapshot,
                      const ProcessState& process, std::uint64_t now_ms);

// Texts within JSON.
void append_json_text(std::string_view text, std::string& out);

}  // namespace penstock
