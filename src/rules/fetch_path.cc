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
    {"dst_is_local", Type::Bool, "", kNeedsClient, kOnNothing, fetch_is_local<&Endpoints::local>},
    {"fc_dst_is_local", Type::Bool, "", kNeedsClient, kOnNothing, fetch_is_local_on_wire<&Endpoints::wire_local>},
    {"fc_err_str", Type::Text, "", kNeedsClient, kOnNothing, fetch_success},
    {"fc_src_is_local", Type::Bool, "", kNeedsClient, kOnNothing, fetch_is_local_on_wire<&Endpoints::wire_peer>},
    {"src_is_local", Type::Bool, "", kNeedsClient, kOnNothing, fetch_is_local<&Endpoints::peer>},
};

}  // namespace

std::span<const Fetch> path_fetches() { return kFetches; }

}  // namespace penstock::rules
