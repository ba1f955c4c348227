#include "penstock/proxy/trouble.h"

#include <string>

#include "penstock/base/text.h"
#include "penstock/net/loop.h"

namespace penstock::trouble {
namespace {

std::string place_text(const config::Config& config, const config::Place* place) {
  if (place == nullptr || place->line == 0 || place->file >= config.files.size()) return "";
  return format(", {}:{}", config.files[place->file], place->line);
}

}  // namespace

void tell(const Snapshot& snapshot, const FrontendSpec& frontend, const rules::Subject& subject) {
  const bool of_memory = subject.trouble == rules::Trouble::Memory;
  AtMostEvery& reports = of_memory ? frontend.state->memory_reports : frontend.state->match_reports;
  if (snapshot.logs.empty() || !reports.due(Loop::wall_us())) return;
  std::string line =
      format("frontend '{}'{}: ", frontend.name, place_text(snapshot.config, subject.trouble_at));
  if (of_memory) {
    append_format(line,
                  "rules made more than 'tune.txn.memory' allows ({} bytes) of one request or "
                  "answer: refused",
                  snapshot.config.global.txn_memory);
  } else {
    line += "a regular expression takes too long to match what came: refused";
  }
  for (LogOutput* output : snapshot.logs) output->write(Level::Warning, line);
}

}  // namespace penstock::trouble
