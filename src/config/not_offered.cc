#include "penstock/config/not_offered.h"

#include <algorithm>

#include "penstock/base/format.h"

namespace penstock::config {
namespace {

using Kind = NotOffered::Kind;

constexpr NotOffered kWords[] = {
    {Kind::Keyword, "hash-balance-factor", "'maxconn' on the 'server' lines"},
    {Kind::Keyword, "max-session-srv-conns", ""},
    {Kind::Action, "auth", ""},
    {Kind::Action, "cache-store", ""},
    {Kind::Action, "cache-use", ""},
    {Kind::Action, "do-resolve", ""},
    {Kind::Action, "early-hint", ""},
    {Kind::Action, "expect-netscaler-cip", ""},
    {Kind::Action, "normalize-uri", ""},
    {Kind::Action, "ot-group", ""},
    {Kind::Action, "sc-inc-gpc", ""},
    {Kind::Action, "sc-inc-gpc0", ""},
    {Kind::Action, "sc-inc-gpc1", ""},
    {Kind::Action, "sc-set-gpt", ""},
    {Kind::Action, "sc-set-gpt0", ""},
    {Kind::Action, "send-spoe-group", ""},
    {Kind::Action, "set-dst", ""},
    {Kind::Action, "set-dst-port", ""},
    {Kind::Action, "set-mark", ""},
    {Kind::Action, "set-nice", ""},
    {Kind::Action, "set-priority-class", ""},
    {Kind::Action, "set-priority-offset", ""},
    {Kind::Action, "set-src", ""},
    {Kind::Action, "set-src-port", ""},
    {Kind::Action, "set-tos", ""},
    {Kind::Action, "track-sc", ""},
    {Kind::Action, "track-sc0", ""},
    {Kind::Action, "track-sc1", ""},
    {Kind::Action, "track-sc2", ""},
    {Kind::Action, "wait-for-body", ""},
    {Kind::Action, "wait-for-handshake", ""},
    {Kind::Sample, "base32+src", ""},
    {Kind::Sample, "bc_dst", ""},
    {Kind::Sample, "bc_dst_port", ""},
    {Kind::Sample, "bc_err", ""},
    {Kind::Sample, "bc_err_str", ""},
    {Kind::Sample, "bc_http_major", ""},
    {Kind::Sample, "bc_src", ""},
    {Kind::Sample, "bc_src_port", ""},
    {Kind::Sample, "be_server_timeout", ""},
    {Kind::Sample, "be_tunnel_timeout", ""},
    {Kind::Sample, "cpu_calls", ""},
    {Kind::Sample, "cpu_ns_avg", ""},
    {Kind::Sample, "cpu_ns_tot", ""},
    {Kind::Sample, "cur_server_timeout", ""},
    {Kind::Sample, "cur_tunnel_timeout", ""},
    {Kind::Sample, "distcc_body", ""},
    {Kind::Sample, "distcc_param", ""},
    {Kind::Sample, "dst_conn", ""},
    {Kind::Sample, "dst_is_local", ""},
    {Kind::Sample, "fc_dst_is_local", ""},
    {Kind::Sample, "fc_err_str", "fc_err"},
    {Kind::Sample, "fc_fackets", ""},
    {Kind::Sample, "fc_lost", ""},
    {Kind::Sample, "fc_pp_authority", ""},
    {Kind::Sample, "fc_pp_unique_id", ""},
    {Kind::Sample, "fc_reordering", ""},
    {Kind::Sample, "fc_retrans", ""},
    {Kind::Sample, "fc_rtt", ""},
    {Kind::Sample, "fc_rttvar", ""},
    {Kind::Sample, "fc_sacked", ""},
    {Kind::Sample, "fc_src_is_local", ""},
    {Kind::Sample, "fc_unacked", ""},
    {Kind::Sample, "fcgi.docroot", ""},
    {Kind::Sample, "fcgi.index", ""},
    {Kind::Sample, "fe_client_timeout", ""},
    {Kind::Sample, "fe_defbe", ""},
    {Kind::Sample, "http_auth", ""},
    {Kind::Sample, "http_auth_group", ""},
    {Kind::Sample, "http_auth_pass", ""},
    {Kind::Sample, "http_auth_type", ""},
    {Kind::Sample, "http_auth_user", ""},
    {Kind::Sample, "last_rule_file", ""},
    {Kind::Sample, "last_rule_line", ""},
    {Kind::Sample, "lat_ns_avg", ""},
    {Kind::Sample, "lat_ns_tot", ""},
    {Kind::Sample, "nbproc", ""},
    {Kind::Sample, "prio_class", ""},
    {Kind::Sample, "prio_offset", ""},
    {Kind::Sample, "rdp_cookie", ""},
    {Kind::Sample, "rdp_cookie_cnt", ""},
    {Kind::Sample, "req.body", ""},
    {Kind::Sample, "req.body_len", ""},
    {Kind::Sample, "req.body_param", ""},
    {Kind::Sample, "req.hdrs_bin", ""},
    {Kind::Sample, "req.rdp_cookie", ""},
    {Kind::Sample, "req.rdp_cookie_cnt", ""},
    {Kind::Sample, "req_rdp_cookie", ""},
    {Kind::Sample, "req_rdp_cookie_cnt", ""},
    {Kind::Sample, "res.body", ""},
    {Kind::Sample, "res.body_len", ""},
    {Kind::Sample, "res.cache_hit", ""},
    {Kind::Sample, "res.cache_name", ""},
    {Kind::Sample, "res.comp", ""},
    {Kind::Sample, "res.comp_algo", ""},
    {Kind::Sample, "res.hdrs_bin", ""},
    {Kind::Sample, "src_is_local", ""},
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
    {Kind::Sample, "ssl_bc_session_key", ""},
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
    {Kind::Sample, "ssl_fc_client_early_traffic_secret", ""},
    {Kind::Sample, "ssl_fc_client_handshake_traffic_secret", ""},
    {Kind::Sample, "ssl_fc_client_random", ""},
    {Kind::Sample, "ssl_fc_client_traffic_secret_0", ""},
    {Kind::Sample, "ssl_fc_early_exporter_secret", ""},
    {Kind::Sample, "ssl_fc_ecformats_bin", ""},
    {Kind::Sample, "ssl_fc_eclist_bin", ""},
    {Kind::Sample, "ssl_fc_err_str", "ssl_fc_err"},
    {Kind::Sample, "ssl_fc_exporter_secret", ""},
    {Kind::Sample, "ssl_fc_extlist_bin", ""},
    {Kind::Sample, "ssl_fc_has_early", ""},
    {Kind::Sample, "ssl_fc_npn", ""},
    {Kind::Sample, "ssl_fc_protocol_hello_id", ""},
    {Kind::Sample, "ssl_fc_server_handshake_traffic_secret", ""},
    {Kind::Sample, "ssl_fc_server_random", ""},
    {Kind::Sample, "ssl_fc_server_traffic_secret_0", ""},
    {Kind::Sample, "ssl_fc_session_key", ""},
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
    {Kind::Sample, "table_avl", ""},
    {Kind::Sample, "table_cnt", ""},
    {Kind::Sample, "thread", ""},
    {Kind::Sample, "url32+src", ""},
    {Kind::Converter, "aes_gcm_dec", ""},
    {Kind::Converter, "debug", ""},
    {Kind::Converter, "digest", ""},
    {Kind::Converter, "fix_is_valid", ""},
    {Kind::Converter, "fix_tag_value", ""},
    {Kind::Converter, "hmac", ""},
    {Kind::Converter, "in_table", ""},
    {Kind::Converter, "json", ""},
    {Kind::Converter, "json_query", ""},
    {Kind::Converter, "jwt_header_query", ""},
    {Kind::Converter, "jwt_payload_query", ""},
    {Kind::Converter, "jwt_verify", ""},
    {Kind::Converter, "language", ""},
    {Kind::Converter, "mqtt_field_value", ""},
    {Kind::Converter, "mqtt_is_valid", ""},
    {Kind::Converter, "nbsrv", "the sample nbsrv(<backend>)"},
    {Kind::Converter, "protobuf", ""},
    {Kind::Converter, "sha1", ""},
    {Kind::Converter, "sha2", ""},
    {Kind::Converter, "srv_queue", "the sample srv_queue(<backend>/<server>)"},
    {Kind::Converter, "ungrpc", ""},
    {Kind::Converter, "wt6", ""},
    {Kind::Converter, "xxh3", ""},
    {Kind::Converter, "xxh32", ""},
    {Kind::Converter, "xxh64", ""},
    {Kind::Acl, "RDP_COOKIE", ""},
};

// Samples and converters of stick tables' counters have one name for each of these beginnings.
constexpr std::string_view kOfCounters[] = {"sc0_", "sc1_", "sc2_", "sc_", "src_", "table_"};
constexpr std::string_view kCounters[] = {
    "bytes_in_rate", "bytes_out_rate", "clr_gpc",      "clr_gpc0",      "clr_gpc1",     "conn_cnt",
    "conn_cur",      "conn_rate",      "expire",       "get_gpc",       "get_gpc0",     "get_gpc1",
    "get_gpt",       "get_gpt0",       "gpc",          "gpc0",          "gpc0_rate",    "gpc1",
    "gpc1_rate",     "gpc_rate",       "gpt",          "gpt0",          "http_err_cnt", "http_err_rate",
    "http_fail_cnt", "http_fail_rate", "http_req_cnt", "http_req_rate", "idle",         "inc_gpc",
    "inc_gpc0",      "inc_gpc1",       "kbytes_in",    "kbytes_out",    "server_id",    "sess_cnt",
    "sess_rate",     "tracked",        "trackers",     "updt_conn_cnt"};
// What modules of HAProxy name so, not all of them known beforehand.
constexpr std::string_view kModules[] = {"51d.", "da-csv", "internal.", "lua.", "wurfl-"};

bool is_of_counters(std::string_view name) {
  return std::any_of(std::begin(kOfCounters), std::end(kOfCounters), [name](std::string_view begin) {
    return name.starts_with(begin) &&
           std::find(std::begin(kCounters), std::end(kCounters), name.substr(begin.size())) != std::end(kCounters);
  });
}

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
  const bool is_called = kind == Kind::Sample || kind == Kind::Converter;
  if (is_called && is_of_counters(name)) return kSaid;
  if ((is_called || kind == Kind::Action) && is_of_a_module(name)) return kSaid;
  return std::nullopt;
}

}  // namespace penstock::config
