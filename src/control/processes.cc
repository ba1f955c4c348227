#include "processes.h"

#include "penstock/base/format.h"
#include "penstock/control/options.h"

namespace penstock {
namespace {

std::string age_text(std::uint64_t age_ms) {
  const std::uint64_t seconds = age_ms / 1000;
  return format("{}d{:02}h{:02}m{:02}s", seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
}

template <class Pid>
void append_row(std::string& to, Pid pid, const std::string& kind, const std::string& reloads, const std::string& age,
                std::string_view version) {
  append_format(to, "{:<15} {:<15} {:<15} {:<15} {:<15}\n", pid, kind, reloads, age, version);
}

}  // namespace

std::string processes_text(const Processes& processes) {
  std::string text;
  append_row(text, "#<PID>", "<type>", "<reloads>", "<uptime>", "<version>");
  append_row(text, processes.parent, "master", format("{} [failed: {}]", processes.reloads, processes.failed),
             age_text(processes.parent_age_ms), program_version());
  text += "# workers\n";
  if (processes.serving != 0)
    append_row(text, processes.serving, "worker", format("{}", processes.failed), age_text(processes.serving_age_ms),
               program_version());
  return text + "# programs\n";
}

std::string reload_text(bool success, const std::string& said) {
  return format("Success={}\n--\n{}", success ? 1 : 0, said);
}

}  // namespace penstock
