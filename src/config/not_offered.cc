#include "penstock/config/not_offered.h"

#include <algorithm>

#include "penstock/base/format.h"

namespace penstock::config {
namespace {

using Kind = NotOffered::Kind;

constexpr NotOffered kWords[] = {
    {Kind::Keyword, "max-session-srv-conns", ""},
    {Kind::Action, "cache-store", ""},
    {Kind::Action, "cache-use", ""},
    {Kind::Action, "do-resolve", ""},
    {Kind::Action, "expect-netscaler-cip", ""},
    {Kind::Action, "ot-group", ""},
    {Kind::Action, "send-spoe-group", ""},
    {Kind::Sample, "bc_src", ""},
    {Kind::Sample, "bc_src_port", ""},
    {Kind::Sample, "be_server_timeout", ""},
    {Kind::Sample, "be_tunnel_timeout", ""},
    {Kind::Sample, "cur_server_timeout", ""},
    {Kind::Sample, "cur_tunnel_timeout", ""},
    {Kind::Sample, "dst_conn", ""},
    {Kind::Sample, "fc_fackets", ""},
    {Kind::Sample, "fc_lost", ""},
    {Kind::Sample, "fc_pp_authority", ""},
    {Kind::Sample, "fc_pp_unique_id", ""},
    {Kind::Sample, "fc_reordering", ""},
    {Kind::Sample, "fc_retrans", ""},
    {Kind::Sample, "fc_rtt", ""},
    {Kind::Sample, "fc_rttvar", ""},
    {Kind::Sample, "fc_sacked", ""},
    {Kind::Sample, "fc_unacked", ""},
    {Kind::Sample, "fe_client_timeout", ""},
    {Kind::Sample, "fe_defbe", ""},
    {Kind::Sample, "http_auth", ""},
    {Kind::Sample, "http_auth_group", ""},
    {Kind::Sample, "last_rule_file", ""},
    {Kind::Sample, "last_rule_line", ""},
    {Kind::Sample, "prio_class", ""},
    {Kind::Sample, "prio_offset", ""},
    {Kind::Sample, "req.body", ""},
    {Kind::Sample, "req.body_len", ""},
    {Kind::Sample, "req.body_param", ""},
    {Kind::Sample, "res.cache_hit", ""},
    {Kind::Sample, "res.cache_name", ""},
    {Kind::Sample, "ssl_bc", ""},
    {Kind::Sample, "ssl_bc_alg_keysize", ""},
    {Kind::Sample, "ssl_bc_alpn", ""},
    {Kind::Sample, "ssl_bc_cipher", ""},
    {Kind::Sample, "ssl_bc_client_random", ""},
    {Kind::Sample, "ssl_bc_err", ""},
    {Kind::Sample, "ssl_bc_err_str", ""},
    {Kind::Sample, "ssl_bc_is_resumed", ""},
    {Kind::Sample, "ssl_bc_npn", ""},
    {Kind::Sample, "ssl_bc_protocol", ""},
    {Kind::Sample, "ssl_bc_server_random", ""},
    {Kind::Sample, "ssl_bc_session_id", ""},
    {Kind::Sample, "ssl_bc_unique_id", ""},
    {Kind::Sample, "ssl_bc_use_keysize", ""},
    {Kind::Sample, "ssl_c_chain_der", ""},
    {Kind::Sample, "ssl_f_der", ""},
    {Kind::Sample, "ssl_f_i_dn", ""},
    {Kind::Sample, "ssl_f_key_alg", ""},
    {Kind::Sample, "ssl_f_notafter", ""},
    {Kind::Sample, "ssl_f_notbefore", ""},
    {Kind::Sample, "ssl_f_s_dn", ""},
    {Kind::Sample, "ssl_f_serial", ""},
    {Kind::Sample, "ssl_f_sha1", ""},
    {Kind::Sample, "ssl_f_sig_alg", ""},
    {Kind::Sample, "ssl_f_version", ""},
    {Kind::Sample, "ssl_fc_cipherlist_bin", ""},
    {Kind::Sample, "ssl_fc_cipherlist_hex", ""},
    {Kind::Sample, "ssl_fc_cipherlist_str", ""},
    {Kind::Sample, "ssl_fc_cipherlist_xxh", ""},
    {Kind::Sample, "ssl_fc_client_random", ""},
    {Kind::Sample, "ssl_fc_ecformats_bin", ""},
    {Kind::Sample, "ssl_fc_eclist_bin", ""},
    {Kind::Sample, "ssl_fc_extlist_bin", ""},
    {Kind::Sample, "ssl_fc_protocol_hello_id", ""},
    {Kind::Sample, "ssl_fc_server_random", ""},
    {Kind::Sample, "ssl_fc_unique_id", ""},
    {Kind::Sample, "ssl_s_chain_der", ""},
    {Kind::Sample, "ssl_s_der", ""},
    {Kind::Sample, "ssl_s_i_dn", ""},
    {Kind::Sample, "ssl_s_key_alg", ""},
    {Kind::Sample, "ssl_s_notafter", ""},
    {Kind::Sample, "ssl_s_notbefore", ""},
    {Kind::Sample, "ssl_s_s_dn", ""},
    {Kind::Sample, "ssl_s_serial", ""},
    {Kind::Sample, "ssl_s_sha1", ""},
    {Kind::Sample, "ssl_s_sig_alg", ""},
    {Kind::Sample, "ssl_s_version", ""},
    {Kind::Sample, "thread", ""},
    {Kind::Converter, "srv_queue", "the sample srv_queue(<backend>/<server>)"},
};

// Samples that will not come, by how their names begin, and why.
struct Never {
  std::string_view begin, reason;
};
constexpr std::string_view kSecrets = "secrets of TLS sessions are never given away";
constexpr Never kNever[] = {
    {"cpu_", "a request is not timed by itself: see 'show activity' of the runtime socket"},
    {"fcgi.", "FastCGI is not spoken"},
    {"internal.", "it tells of HAProxy's own form of a message"},
    {"lat_", "a request is not timed by itself: %Ta and its kin of a log-format tell how long it took"},
    {"res.body", "an answer passes on as it comes: res.body_size says how long it will be"},
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

}  // namespace penstock::config
