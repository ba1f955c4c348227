// What nobody knows of a request before there is traffic, by the names of samples: for explanations alone.
#include <algorithm>
#include <span>

#include "expression.h"

namespace penstock::rules {
namespace {

constexpr std::string_view kNumbers[] = {"avg_queue",     "be_conn",       "be_conn_free", "be_sess_rate", "connslots",
                                         "fe_conn",       "fe_req_rate",   "fe_sess_rate", "nbsrv",        "queue",
                                         "srv_conn",      "srv_conn_free", "srv_is_up",    "srv_iweight",  "srv_queue",
                                         "srv_sess_rate", "srv_uweight",   "srv_weight",   "stopping"};
// Different each time; or known once a server is chosen, or something failed.
constexpr std::string_view kOfTheMoment[] = {"date_us", "dst_conn",   "rand",      "srv_id", "srv_name",
                                             "thread",  "txn.reason", "unique-id", "uuid"};
// Of the system's or a proxy's.
constexpr std::string_view kOfWay[] = {"fc_fackets", "fc_lost", "fc_pp_authority", "fc_pp_unique_id", "fc_reordering",
                                       "fc_retrans", "fc_rtt",  "fc_rttvar",       "fc_sacked",       "fc_unacked"};
// Beside them what begins with "ssl_c_".
constexpr std::string_view kOfHandshake[] = {
    "ssl_fc_alg_keysize",       "ssl_fc_alpn",           "ssl_fc_cipher",         "ssl_fc_has_crt",
    "ssl_fc_is_resumed",        "ssl_fc_protocol",       "ssl_fc_session_id",     "ssl_fc_use_keysize",
    "ssl_fc_cipherlist_bin",    "ssl_fc_cipherlist_hex", "ssl_fc_cipherlist_str", "ssl_fc_cipherlist_xxh",
    "ssl_fc_client_random",     "ssl_fc_ecformats_bin",  "ssl_fc_eclist_bin",     "ssl_fc_extlist_bin",
    "ssl_fc_protocol_hello_id", "ssl_fc_server_random",  "ssl_fc_unique_id"};
constexpr std::string_view kOfSource[] = {"base32+src", "fc_src",       "fc_src_is_local",
                                          "src",        "src_is_local", "url32+src"};
constexpr std::string_view kOfSourcePort[] = {"src_port", "fc_src_port"};
constexpr std::string_view kOfDestination[] = {"dst", "dst_is_local", "fc_dst", "fc_dst_is_local"};

bool is_one_of(std::string_view name, std::span<const std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Of what the process remembers of clients.
bool asks_table(std::string_view name) {
  if (name.starts_with("sc_") || name.starts_with("table_") || name == "in_table") return true;
  if (name.starts_with("src_")) return !is_one_of(name, kOfSourcePort) && !is_one_of(name, kOfSource);
  return name.size() > 3 && name.starts_with("sc") && name[2] >= '0' && name[2] <= '9' && name[3] == '_';
}

// What it is asked about is found without changing anything, by a key that is known.
bool is_looked_up(std::string_view name, const Explained& known) {
  if (!known.numbers) return false;
  if (name.starts_with("table_") || name == "in_table") return true;
  const bool changes = name.starts_with("src_inc_") || name.starts_with("src_clr_") || name.starts_with("src_updt_");
  return name.starts_with("src_") && !changes && known.source;
}

// Without a field that says so, a request of these methods is taken to have none.
bool may_have_body(const Subject& subject) {
  if (subject.request == nullptr) return true;
  const std::string_view method = subject.request->method;
  return subject.request->body.kind != BodyLength::Kind::None ||
         (method != "GET" && method != "HEAD" && method != "OPTIONS" && method != "DELETE");
}

// Bytes other than those of TLS's first message.
bool is_of_bytes(const Expression& expression, std::string_view name) {
  return (expression.needs & (kNeedsBuffer | kNeedsBytes)) != 0 && name.find("ssl_") == std::string_view::npos;
}

bool is_of_answer(unsigned needs, const Subject& subject) {
  constexpr unsigned kOfAnswer = kNeedsResponse | kNeedsKeptResponse | kNeedsAnswer;
  if ((needs & kOfAnswer) != 0) return true;
  const bool about_answer = (subject.available & kNeedsResponse) != 0 && (subject.available & kNeedsRequest) == 0;
  return (needs & kNeedsMessage) != 0 && about_answer;
}

}  // namespace

bool only_traffic_knows(const Expression& expression, const Subject& subject) {
  const std::string_view name = expression.fetch.fetch->name;
  const Explained& known = *subject.explained;
  const bool tls = subject.client != nullptr && subject.client->tls;
  if (is_one_of(name, kNumbers)) return !known.numbers;
  if (is_one_of(name, kOfTheMoment) || is_one_of(name, kOfWay)) return true;
  const bool is_of_ours = name.starts_with("ssl_f_");
  if (name.starts_with("ssl_c_") || is_of_ours || is_one_of(name, kOfHandshake)) return tls;
  if (is_one_of(name, kOfSource)) return !known.source;
  if (asks_table(name)) return !is_looked_up(name, known);
  if (is_one_of(name, kOfSourcePort)) return !known.source_port;
  if (is_one_of(name, kOfDestination)) return !known.destination;
  if (name.starts_with("req.body")) return may_have_body(subject);
  return is_of_bytes(expression, name) || is_of_answer(expression.fetch.fetch->needs, subject);
}

bool only_traffic_knows(const Call& converter, const Subject& subject, const Value& value) {
  const std::string_view name = converter.converter->name;
  if (is_one_of(name, kNumbers)) return !subject.explained->numbers;
  return (asks_table(name) && !is_looked_up(name, *subject.explained)) ||
         (value.is_text() && value.text.find(kUnknownHere) != std::string_view::npos);
}

}  // namespace penstock::rules
