#include "penstock/config/not_offered.h"

#include <algorithm>

#include "penstock/base/format.h"

namespace penstock::config {
namespace {

using Kind = NotOffered::Kind;

constexpr NotOffered kWords[] = {
    {Kind::Action, "expect-netscaler-cip", ""},
    {Kind::Action, "ot-group", ""},
    {Kind::Action, "send-spoe-group", ""},
};

// Samples that will not come, by how their names begin, and why. Those that some use in a log or a header of their own
// are taken, and never have a value.
struct Never {
  std::string_view begin, reason;
};
constexpr std::string_view kSecrets = "secrets of TLS sessions are never given away";
constexpr Never kNever[] = {
    {"fcgi.", "FastCGI is not spoken"},
    {"res.body", "an answer passes on as it comes: res.body_size says how long it will be"},
};
constexpr Never kWithoutValue[] = {
    {"cpu_", "a request is not timed by itself: see 'show activity' of the runtime socket"},
    {"internal.", "it tells of HAProxy's own form of a message"},
    {"lat_", "a request is not timed by itself: %Ta and its kin of a log-format tell how long it took"},
    {"ssl_bc_session_key", kSecrets},
    {"ssl_fc_client_early_traffic_secret", kSecrets},
    {"ssl_fc_client_handshake_traffic_secret", kSecrets},
    {"ssl_fc_client_traffic_secret_0", kSecrets},
    {"ssl_fc_early_exporter_secret", kSecrets},
    {"ssl_fc_exporter_secret", kSecrets},
    {"ssl_fc_server_handshake_traffic_secret", kSecrets},
    {"ssl_fc_server_traffic_secret_0", kSecrets},
    {"ssl_fc_session_key", kSecrets},
};

// What modules of HAProxy name so, not all of them known beforehand.
constexpr std::string_view kModules[] = {"51d.", "da-csv", "lua.", "wurfl-"};

bool is_of_a_module(std::string_view name) {
  return std::any_of(std::begin(kModules), std::end(kModules),
                     [name](std::string_view begin) { return name.starts_with(begin); });
}

}  // namespace

std::span<const NotOffered> not_offered_words() { return kWords; }

std::optional<std::string> not_offered(Kind kind, std::string_view name) {
  constexpr const char* kSaid = "is HAProxy's and is not offered yet";
  for (const NotOffered& word : kWords) {
    if (word.kind != kind || word.name != name) continue;
    return word.instead.empty() ? std::string(kSaid) : format("{}: write {}", kSaid, word.instead);
  }
  for (const Never& never : kNever) {
    if (kind == Kind::Sample && name.starts_with(never.begin)) return format("is not offered: {}", never.reason);
  }
  const bool is_called = kind == Kind::Sample || kind == Kind::Converter;
  if ((is_called || kind == Kind::Action) && is_of_a_module(name)) return kSaid;
  return std::nullopt;
}

std::optional<std::string_view> without_value(std::string_view sample) {
  for (const Never& never : kWithoutValue) {
    if (sample.starts_with(never.begin)) return never.reason;
  }
  return std::nullopt;
}

}  // namespace penstock::config
