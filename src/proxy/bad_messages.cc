#include "penstock/proxy/bad_messages.h"

#include <algorithm>

#include "penstock/base/text.h"
#include "penstock/config/secrets.h"

namespace penstock {
namespace {

constexpr std::string_view kCredentials[] = {
    "authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate",
    "cookie",        "set-cookie",          "set-cookie2"};

// However it is written: what cannot be read may be a credential all the same.
bool carries_credentials(std::string_view line) {
  while (!line.empty() && (line[0] == ' ' || line[0] == '\t')) line.remove_prefix(1);
  const std::size_t colon = line.find(':');
  const std::string_view field = colon == std::string_view::npos ? std::string_view() : trim(line.substr(0, colon));
  if (field.find_first_of(" /?") == std::string_view::npos && config::is_credential(field)) return true;
  return std::any_of(std::begin(kCredentials), std::end(kCredentials),
                     [&](std::string_view name) { return equal_nocase(line.substr(0, name.size()), name); });
}

}  // namespace

std::string without_credentials(std::string_view head) {
  std::string out;
  bool hides = false;
  while (!head.empty()) {
    const std::size_t end = std::min(head.find('\n'), head.size() - 1) + 1;
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end);
    const bool goes_on = line[0] == ' ' || line[0] == '\t';
    hides = carries_credentials(line) || (hides && goes_on);
    if (!hides) {
      out += line;
      continue;
    }
    const std::size_t colon = goes_on ? 0 : std::min(line.find(':'), line.size() - 1) + 1;
    out += line.substr(0, colon);
    out += " (hidden)";
    if (line.ends_with("\r\n"))
      out += "\r\n";
    else if (line.ends_with('\n'))
      out += '\n';
  }
  return out;
}

void BadMessages::note(BadMessage message) {
  const std::lock_guard<std::mutex> held(lock_);
  message.event = count_++;
  const std::pair place(message.proxy(), message.is_answer);
  last_.insert_or_assign(place, std::move(message));
}

std::uint64_t BadMessages::count() const {
  const std::lock_guard<std::mutex> held(lock_);
  return count_;
}

std::vector<BadMessage> BadMessages::all() const {
  const std::lock_guard<std::mutex> held(lock_);
  std::vector<BadMessage> out;
  for (const auto& [place, message] : last_) out.push_back(message);
  return out;
}

}  // namespace penstock
