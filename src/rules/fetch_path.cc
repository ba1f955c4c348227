// Samples about the ends of a connection: whose addresses these are, and those of the connection to the server (manual section 7.3.3, fc_* and bc_*).
#include "expression.h"
#include "penstock/net/own_address.h"

namespace penstock::rules {

namespace {

Endpoints* ends_of(const Subject& subject) { return subject.client == nullptr ? nullptr : subject.client->ends; }

template <const SocketAddress& (Endpoints::*end)()>
bool fetch_is_local(const Call&, Subject& subject, Cursor&, Value& out) {
  Endpoints* const ends = ends_of(subject);
  if (ends == nullptr) return false;
  return out.set_bool(is_own_address((ends->*end)())), true;
}

template <SocketAddress (Endpoints::*end)()>
bool fetch_is_local_on_wire(const Call&, Subject& subject, Cursor&, Value& out) {
  Endpoints* const ends = ends_of(subject);
  if (ends == nullptr) return false;
  return out.set_bool(is_own_address((ends->*end)())), true;
}

// A connection that failed never reaches a rule.
bool fetch_success(const Call&, Subject& subject, Cursor&, Value& out) {
  if (subject.client == nullptr) return false;
  return out.set_text("Success"), true;
}

// Of the server's connection, which is there once an answer is.

bool has_server(const Subject& subject) { return subject.log.server_address != nullptr && subject.server_index >= 0; }

bool fetch_back_destination(const Call&, Subject& subject, Cursor&, Value& out) {
  Ip ip;
  if (!has_server(subject) || !Ip::of(*subject.log.server_address, ip)) return false;
  return out.set_ip(ip), true;
}

bool fetch_back_destination_port(const Call&, Subject& subject, Cursor&, Value& out) {
  if (!has_server(subject) || subject.log.server_address->ip_bytes().empty()) return false;
  return out.set_integer(subject.log.server_address->port()), true;
}

// As kept for the log, once it is gone.
const SocketAddress* back_source(const Subject& subject) {
  return subject.back != nullptr ? &subject.back->local() : subject.log.back_source;
}

bool fetch_back_source(const Call&, Subject& subject, Cursor&, Value& out) {
  const SocketAddress* source = back_source(subject);
  Ip ip;
  if (source == nullptr || !Ip::of(*source, ip)) return false;
  return out.set_ip(ip), true;
}

bool fetch_back_source_port(const Call&, Subject& subject, Cursor&, Value& out) {
  const SocketAddress* source = back_source(subject);
  if (source == nullptr || source->ip_bytes().empty()) return false;
  return out.set_integer(source->port()), true;
}

// What the system knows of the way to the client.

template <std::uint32_t PathFacts::*count>
bool fetch_path_count(const Call&, Subject& subject, Cursor&, Value& out) {
  Endpoints* const ends = ends_of(subject);
  PathFacts facts;
  if (ends == nullptr || !ends->path_facts(facts)) return false;
  return out.set_integer(facts.*count), true;
}

// Of microseconds; in milliseconds unless asked otherwise.
template <std::uint32_t PathFacts::*time>
bool fetch_path_time(const Call& call, Subject& subject, Cursor& cursor, Value& out) {
  if (!fetch_path_count<time>(call, subject, cursor, out)) return false;
  if (call.text(0) != "us") out.set_integer(out.integer / 1000);
  return true;
}

// Of a PROXY header.
template <std::string ProxyNames::*name>
bool fetch_proxy_name(const Call&, Subject& subject, Cursor&, Value& out) {
  if (subject.client == nullptr || !subject.client->variables || !subject.client->variables->proxy_names) return false;
  const std::string& text = (*subject.client->variables->proxy_names).*name;
  return !text.empty() && (out.set_text(text), true);
}

bool fetch_clients_of_address(const Call&, Subject& subject, Cursor&, Value& out) {
  if (subject.client == nullptr || subject.client->bind->clients == nullptr) return false;
  return out.set_integer(subject.client->bind->clients->load(std::memory_order_relaxed)), true;
}

bool fetch_back_error(const Call&, Subject& subject, Cursor&, Value& out) {
  return has_server(subject) && (out.set_integer(0), true);
}

bool fetch_back_success(const Call&, Subject& subject, Cursor&, Value& out) {
  return has_server(subject) && (out.set_text("Success"), true);
}

bool fetch_back_version(const Call&, Subject& subject, Cursor&, Value& out) {
  return has_server(subject) && (out.set_integer(1), true);
}

constexpr Fetch kFetches[] = {
    {"bc_dst", Type::Address, "", kNeedsKeptResponse, kOnMoment, fetch_back_destination},
    {"bc_dst_port", Type::Integer, "", kNeedsKeptResponse, kOnMoment, fetch_back_destination_port},
    {"bc_err", Type::Integer, "", kNeedsKeptResponse, kOnMoment, fetch_back_error},
    {"bc_err_str", Type::Text, "", kNeedsKeptResponse, kOnMoment, fetch_back_success},
    {"bc_http_major", Type::Integer, "", kNeedsKeptResponse, kOnMoment, fetch_back_version},
    {"bc_src", Type::Address, "", kNeedsKeptResponse, kOnMoment, fetch_back_source},
    {"bc_src_port", Type::Integer, "", kNeedsKeptResponse, kOnMoment, fetch_back_source_port},
    {"dst_conn", Type::Integer, "", kNeedsClient, kOnMoment, fetch_clients_of_address},
    {"dst_is_local", Type::Bool, "", kNeedsClient, kOnNothing, fetch_is_local<&Endpoints::local>},
    {"fc_dst_is_local", Type::Bool, "", kNeedsClient, kOnNothing, fetch_is_local_on_wire<&Endpoints::wire_local>},
    {"fc_err_str", Type::Text, "", kNeedsClient, kOnNothing, fetch_success},
    {"fc_fackets", Type::Integer, "", kNeedsClient, kOnMoment, fetch_path_count<&PathFacts::forward_acknowledged>},
    {"fc_lost", Type::Integer, "", kNeedsClient, kOnMoment, fetch_path_count<&PathFacts::lost>},
    {"fc_pp_authority", Type::Text, "", kNeedsClient, kOnNothing, fetch_proxy_name<&ProxyNames::authority>},
    {"fc_pp_unique_id", Type::Text, "", kNeedsClient, kOnNothing, fetch_proxy_name<&ProxyNames::unique_id>},
    {"fc_reordering", Type::Integer, "", kNeedsClient, kOnMoment, fetch_path_count<&PathFacts::reordering>},
    {"fc_retrans", Type::Integer, "", kNeedsClient, kOnMoment, fetch_path_count<&PathFacts::retransmitted>},
    {"fc_rtt", Type::Integer, "|u", kNeedsClient, kOnMoment, fetch_path_time<&PathFacts::round_trip_us>},
    {"fc_rttvar", Type::Integer, "|u", kNeedsClient, kOnMoment, fetch_path_time<&PathFacts::round_trip_spread_us>},
    {"fc_sacked", Type::Integer, "", kNeedsClient, kOnMoment, fetch_path_count<&PathFacts::selectively_acknowledged>},
    {"fc_src_is_local", Type::Bool, "", kNeedsClient, kOnNothing, fetch_is_local_on_wire<&Endpoints::wire_peer>},
    {"fc_unacked", Type::Integer, "", kNeedsClient, kOnMoment, fetch_path_count<&PathFacts::unacknowledged>},
    {"src_is_local", Type::Bool, "", kNeedsClient, kOnNothing, fetch_is_local<&Endpoints::peer>},
};

}  // namespace

std::span<const Fetch> path_fetches() { return kFetches; }

}  // namespace penstock::rules
