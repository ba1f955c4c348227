// What a Config needs from outside: contents of certificates, CAs, maps and error pages, addresses of
// servers, bound sockets. Gathered once, before privileges go; after it nothing opens a file.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "penstock/base/packing.h"
#include "penstock/base/result.h"
#include "penstock/base/secret.h"
#include "penstock/config/diagnostics.h"
#include "penstock/config/settings.h"
#include "penstock/net/address.h"
#include "penstock/net/socket.h"
#include "penstock/net/tls_context.h"
#include "penstock/proxy/counters.h"

namespace penstock::config {
struct Bind;
struct PeerSection;
struct StatsSocket;
}  // namespace penstock::config

namespace penstock {

// The listening sockets of one address, one for each worker (one and its duplicates where the
// address cannot be shared). Closed when the last bundle that names them goes.
struct BoundAddress {
  std::string key;        // What makes two bind addresses the same, options included.
  SocketAddress address;  // With the port the system chose, if it was to choose.
  bool is_unix = false;
  bool is_inherited = false;  // `fd@`: whoever gave it goes on with it.
  int backlog = 1024;
  std::vector<Descriptor> sockets;  // None where nobody is to listen.
  // A duplicate for each worker that is to listen here, made before any is told, so that none can fail then. Each
  // takes its own.
  mutable std::vector<Descriptor> shares;
  std::shared_ptr<ListenerState> state = std::make_shared<ListenerState>();
};

// A name, and the version of IP that alone will do, 0 if either will; what the resolver said of it.
using Name = std::pair<std::string, int>;
using NameAnswers = std::map<Name, Result<SocketAddress>>;
// For which the resolver is asked.
std::set<Name> names_in(const config::Config& config);

struct GatherOptions {
  std::size_t workers = 1;
  // penstock -c: reads files and resolves names, binds no socket. Addresses are known without one.
  bool check_only = false;
  // A process before us (-sf, -st) may still listen on unix sockets: they are taken from it.
  bool replace_sockets = false;
  // Whoever serves may not reach unix log sockets: they are connected here.
  bool log_sockets = false;
  // What was asked beforehand. Null: the resolver is asked now, and waited for.
  const NameAnswers* names = nullptr;
  // Of names that cannot be resolved, where `init-addr last` allows it. Null: none are known.
  const std::map<std::string, SocketAddress>* last_addresses = nullptr;
};

class Bundle {
 public:
  // Reads all that `config` names. Sockets bound by `previous` are kept where the address stays.
  static Bundle gather(const config::Config& config, const Bundle* previous, const GatherOptions& options,
                       config::Diagnostics& diagnostics);

  // Null if it was not read. Private keys are left out of it.
  const std::string* content(const std::string& path) const;
  // Certificates of one `crt` word: a file, or each of a folder's.
  std::vector<PemFile> certificates(const std::string& path) const;
  // A certificate of ours for servers, with its key; its text is empty if it was not read.
  PemFile credentials(const std::string& path) const;
  // A password, keys of tickets; empty if it was not read.
  Secret secret(const std::string& path) const;
  // Texts with private keys go: what is to be built of them is built.
  void forget_keys() { keyed_files_.clear(); }
  void hide_keys_from_forks(bool on) const;
  // By the address as written, its place in the bind line, and each port of a range.
  std::shared_ptr<const BoundAddress> bound(const config::Bind& bind, const config::Address& address, int port) const;
  // Of the runtime socket: one socket each.
  std::shared_ptr<const BoundAddress> bound(const config::StatsSocket& socket, const config::Address& address,
                                            int port) const;
  // Where other peers come to; null: nowhere.
  std::shared_ptr<const BoundAddress> bound(const config::PeerSection& section) const;
  // Of a server, a check, a log target; empty if it could not be resolved (init-addr none).
  SocketAddress resolved(const config::Address& address) const;
  std::size_t bound_count() const { return sockets_.size(); }
  // A socket connected to the unix socket of a log target, by its address' text, for whoever cannot
  // reach it; it stays the bundle's. -1: there is none.
  int log_socket(const std::string& name) const;

  // For another process: bytes, and the descriptors that go with them in order, which stay this
  // bundle's. The sockets that `known` has, the other one has too: they are only named.
  void pack(Packer& packer, std::vector<int>& descriptors, const Bundle* known) const;
  // Takes what pack() gave. Bytes of any other kind are an error; descriptors left over are closed.
  static Result<Bundle> unpack(Unpacker& unpacker, std::vector<Descriptor> descriptors, const Bundle* known);

 private:
  std::shared_ptr<BoundAddress> socket_of(const std::string& key) const;

  friend class Gatherer;
  friend class BundleReader;
  std::map<std::string, std::string> files_;
  std::map<std::string, Secret> keyed_files_;
  std::map<std::string, std::vector<std::string>> certificate_files_;
  std::map<std::string, std::shared_ptr<BoundAddress>> sockets_;
  std::unordered_map<std::string, SocketAddress> resolved_;
  std::map<std::string, Descriptor> log_sockets_;
};

// To the unix socket of a log target; not connected if nobody is there.
Result<Descriptor> open_log_socket(const SocketAddress& address);

// What the system's certificate store holds, as one PEM text; path "@system-ca" in a Bundle.
constexpr const char* kSystemCa = "@system-ca";

}  // namespace penstock
