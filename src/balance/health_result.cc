#include "penstock/balance/health_result.h"

#include "penstock/base/format.h"

namespace penstock {
namespace {

struct Words {
  std::string_view name;
  std::string_view text;
  CheckVerdict verdict;
};

// In the order of CheckStatus.
constexpr Words kWords[] = {
    {"UNK", "Unknown", CheckVerdict::Failed},
    {"CHECKED", "No status change", CheckVerdict::Neutral},
    {"HANA", "Health analyze", CheckVerdict::Failed},
    {"SOCKERR", "Socket error", CheckVerdict::Failed},
    {"L4OK", "Layer4 check passed", CheckVerdict::Passed},
    {"L4TOUT", "Layer4 timeout", CheckVerdict::Failed},
    {"L4CON", "Layer4 connection problem", CheckVerdict::Failed},
    {"L6OK", "Layer6 check passed", CheckVerdict::Passed},
    {"L6TOUT", "Layer6 timeout", CheckVerdict::Failed},
    {"L6RSP", "Layer6 invalid response", CheckVerdict::Failed},
    {"L7OK", "Layer7 check passed", CheckVerdict::Passed},
    {"L7OKC", "Layer7 check conditionally passed", CheckVerdict::Conditional},
    {"L7TOUT", "Layer7 timeout", CheckVerdict::Failed},
    {"L7RSP", "Layer7 invalid response", CheckVerdict::Failed},
    {"L7STS", "Layer7 wrong status", CheckVerdict::Failed},
    {"PROCERR", "External check error", CheckVerdict::Failed},
    {"PROCTOUT", "External check timeout", CheckVerdict::Failed},
    {"PROCOK", "External check passed", CheckVerdict::Passed},
};
static_assert(std::size(kWords) == static_cast<std::size_t>(CheckStatus::ProcessOk) + 1);

const Words& words(CheckStatus status) { return kWords[static_cast<std::size_t>(status)]; }

}  // namespace

std::string_view check_status_name(CheckStatus status) { return words(status).name; }
std::string_view check_status_text(CheckStatus status) { return words(status).text; }
CheckVerdict check_verdict(CheckStatus status) { return words(status).verdict; }

std::string shown_info(std::string_view info) {
  constexpr std::size_t kLimit = 256;
  std::string out(info.substr(0, kLimit));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return out;
}

std::string check_reason(const CheckResult& result) {
  std::string text(check_status_text(result.status));
  if (result.code >= 0 || result.status == CheckStatus::ProcessError) append_format(text, ", code: {}", result.code);
  if (!result.info.empty()) append_format(text, ", info: \"{}\"", shown_info(result.info));
  if (result.status != CheckStatus::Analysis) append_format(text, ", check duration: {}ms", result.duration_ms);
  return text;
}

}  // namespace penstock
