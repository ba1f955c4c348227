// Heads as a proxy must rewrite them (RFC 9110 section 7.6.1). All that is not named here passes byte
// for byte: name case, order, duplicates. No Via: IIS then drops NTLM.
#pragma once

#include "penstock/base/arena.h"
#include "penstock/http/head.h"
#include "penstock/proxy/snapshot.h"
#include "penstock/rules/subject.h"

namespace penstock::forwarding {

// Takes out of a request or an answer what was meant for this hop alone: fields that Connection names,
// Connection itself, Keep-Alive, Proxy-Connection. What a proxy or a server must have is never dropped
// that way, whatever Connection says: Host, Content-Length, Transfer-Encoding, Authorization, Cookie,
// X-Forwarded-*. Upgrade stays if it `upgrades`.
void drop_hop_fields(Head& head, bool upgrades);

// What a recipient of this version of ours must find: a request of an HTTP/1.0 client becomes one of
// HTTP/1.1 if it names its Host.
void raise_version(Head& head);
// Makes of a request, after the rules, what the server gets: with `option forwardfor` of either side and
// `unique-id-header`, as one of HTTP/1.1 if it names its Host.
void prepare(const FrontendPlan& frontend, const BackendPlan& backend, bool upgrades, rules::Subject& subject);
// Whether the client's connection, or the server's, is to end with the answer, by the modes of both sides. `pinned`: the
// client's server connections are its own.
bool closes_client(const FrontendPlan& frontend, const BackendPlan& backend);
bool closes_server(const FrontendPlan& frontend, const BackendPlan& backend, bool pinned);
// `http-send-name-header`: in place of what the field of that name said.
[[gnu::cold]] void name_server(const BackendPlan& backend, Head& request, std::string_view name, Arena& arena);
// `timeout tunnel` as it holds for it; 0: the usual times go on.
std::uint64_t tunnel_ms(const FrontendPlan& frontend, const BackendPlan& backend, const rules::Subject& subject);
// Of an answer 101: the protocols it names are among those that the request did.
bool is_what_was_asked(const Head& request, const Head& response);

// The request brings a credential that belongs to the connection (NTLM, Negotiate, Kerberos through
// it); the answer challenges for one, or says that it holds (Persistent-Auth).
bool carries_connection_credential(const Head& request);
bool asks_connection_credential(const Head& response);

}  // namespace penstock::forwarding
