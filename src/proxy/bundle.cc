#include "penstock/proxy/bundle.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "penstock/base/format.h"
#include "penstock/config/crt_list.h"
#include "penstock/config/model.h"
#include "penstock/rules/compile.h"
#include "penstock/rules/key_files.h"

namespace penstock {
namespace {

constexpr const char* kSystemCaFiles[] = {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                                          "/etc/ssl/cert.pem"};

Result<std::string> read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Error{format("cannot read '{}': {}", path, std::strerror(errno))};
  Descriptor owner(fd);
  std::string text;
  char piece[65536];
  while (true) {
    const ssize_t count = ::read(fd, piece, sizeof(piece));
    if (count == 0) return text;
    if (count < 0) return Error{format("cannot read '{}': {}", path, std::strerror(errno))};
    text.append(piece, static_cast<std::size_t>(count));
  }
}

Result<Secret> read_secret(const std::string& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const std::unique_ptr<Secret> text = fd ? Secret::read(fd.get()) : nullptr;
  if (text == nullptr) return Error{format("cannot read '{}': {}", path, std::strerror(errno))};
  return *text;
}

// A runtime socket is no frontend's, even at the same address; nor is one of peers.
constexpr const char* kRuntimeKey = "runtime ";
constexpr std::uint32_t kRuntimeBacklog = 128;
constexpr const char* kPeersKey = "peers ";

constexpr std::string_view kKeyLabel = "PRIVATE KEY-----";

// Whom we trust is often told by a file that has a key in it too, which nobody needs there.
std::string without_keys(std::string_view pem) {
  constexpr std::string_view kBegin = "-----BEGIN ", kEnd = "-----END ";
  std::string out;
  while (!pem.empty()) {
    const std::size_t label = pem.find(kKeyLabel);
    const std::size_t begin = label == std::string_view::npos ? label : pem.rfind(kBegin, label);
    out += pem.substr(0, begin);
    if (begin == std::string_view::npos) break;
    const std::size_t end = pem.find(kEnd, label);
    const std::size_t end_label = end == std::string_view::npos ? end : pem.find(kKeyLabel, end);
    if (end_label == std::string_view::npos) break;
    pem.remove_prefix(end_label + kKeyLabel.size());
  }
  return out;
}

bool is_folder(const std::string& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

constexpr std::string_view kIssuer = ".issuer", kOcsp = ".ocsp", kTimestamps = ".sctl";
constexpr std::string_view kBundleEndings[] = {".rsa", ".dsa", ".ecdsa"};

// Files that stand beside certificates without being one.
bool is_companion(std::string_view name) {
  for (std::string_view suffix : {".key", ".ocsp", ".sctl", ".issuer", ".dh"}) {
    if (name.ends_with(suffix)) return true;
  }
  return false;
}

std::string address_text(const config::Address& address) {
  using Kind = config::Address::Kind;
  switch (address.kind) {
    case Kind::Any:
      return "*";
    case Kind::Unix:
      return "unix@" + address.host;
    case Kind::Abstract:
      return "abns@" + address.host;
    case Kind::Fd:
      return format("fd@{}", address.fd);
    case Kind::Name:
      return address.family == 0 ? address.host : format("ipv{}@{}", address.family, address.host);
    default:
      return address.host;
  }
}

std::string bind_key(const config::Bind& bind, const config::Address& address, int port) {
  std::string key = format("{} {}", address_text(address), port);
  if (bind.v6_only) key += " v6only";
  if (bind.transparent) key += " transparent";
  if (bind.defer_accept) key += " defer-accept";
  if (bind.tfo) key += " tfo";
  if (!bind.interface.empty()) key += " interface " + bind.interface;
  return key;
}

}  // namespace

class Gatherer {
 public:
  Gatherer(const config::Config& config, const Bundle* previous, const GatherOptions& options,
           config::Diagnostics& diagnostics, Bundle& bundle)
      : config_(config), previous_(previous), options_(options), diagnostics_(diagnostics), bundle_(bundle) {}

  void run() {
    for (const config::Proxy& proxy : config_.proxies) {
      if (proxy.disabled) continue;
      for (const config::Bind& bind : proxy.binds) {
        gather_bind_files(bind, proxy.mode == config::Mode::Http);
        find_owner(bind);
      }
      for (const config::Server& server : proxy.servers) gather_server(server);
      for (const config::CheckStep& step : proxy.health.steps) {
        if (step.address) resolve(*step.address, step.place, false);
      }
      for (const config::LogTarget& target : proxy.logs) resolve_log(target);
    }
    for (const config::LogTarget& target : config_.global.logs) resolve_log(target);
    for (const config::Ring& ring : config_.rings) {
      for (const config::RingServer& server : ring.servers) gather_server(server.line);
    }
    for (const config::Mailers& section : config_.mailers) {
      for (const config::Mailer& mailer : section.mailers) resolve(mailer.address, mailer.place, false);
    }
    for (const config::PeerSection& section : config_.peers) gather_peers(section);
    for (const config::StatsSocket& socket : config_.global.stats_sockets) {
      for (const config::Address& address : socket.bind.addresses) resolve(address, socket.bind.place, false);
      find_owner(socket.bind);
    }
    if (!config_.global.issuers_chain_path.empty())
      gather_folder(config_.global.issuers_chain_path, config_.global.issuers_chain_place);
    for (const config::Resolvers& section : config_.resolvers) {
      if (section.system_servers) read_system_servers(section);
    }
    for (const rules::NamedFile& file : rules::collect_files(config_)) read(file.path, file.place);
    for (const rules::KeyFile& file : rules::collect_key_files(config_)) read_key(file);
    for (const config::Word& host : rules::collect_hosts(config_)) resolve_host(host);
    // Sockets last: nothing is bound for a configuration that cannot be used.
    if (diagnostics_.failed()) return;
    for (const config::Proxy& proxy : config_.proxies) {
      if (proxy.disabled) continue;
      for (const config::Bind& bind : proxy.binds) {
        bind_all({bind, "", options_.workers, proxy.backlog != 0 ? proxy.backlog : 4096});
      }
    }
    for (const config::StatsSocket& socket : config_.global.stats_sockets)
      bind_all({socket.bind, kRuntimeKey, 1, kRuntimeBacklog});
    for (const config::PeerSection& section : config_.peers) bind_all({section.listen, kPeersKey, 1, kRuntimeBacklog});
  }

 private:
  // A line that is to be listened at, and what its socket's key begins with.
  struct Wish {
    const config::Bind& bind;
    const char* key = "";
    std::size_t sockets = 1;
    std::uint32_t backlog = 0;  // Unless the line gives one.
  };
  // Of a unix socket; none: as it comes.
  struct Owner {
    std::optional<std::uint32_t> user, group;
  };

  void gather_peers(const config::PeerSection& section) {
    if (section.disabled) return;
    for (const config::Address& address : section.listen.addresses) resolve(address, section.listen.place, false);
    find_owner(section.listen);
    for (const config::Peer& peer : section.peers) {
      if (peer.address) resolve(*peer.address, peer.place, false);
    }
  }

  // Names are looked up now: later their files may be out of reach.
  void find_owner(const config::Bind& bind) {
    Owner& owner = owners_[&bind];
    owner = {bind.unix_uid, bind.unix_gid};
    if (!bind.unix_user.empty()) {
      const passwd* found = ::getpwnam(bind.unix_user.c_str());
      if (found == nullptr) return diagnostics_.add(bind.place, format("there is no user '{}'", bind.unix_user));
      owner.user = found->pw_uid;
    }
    if (!bind.unix_group.empty()) {
      const group* found = ::getgrnam(bind.unix_group.c_str());
      if (found == nullptr) return diagnostics_.add(bind.place, format("there is no group '{}'", bind.unix_group));
      owner.group = found->gr_gid;
    }
  }

  bool read(const std::string& path, config::Place place) {
    if (path.empty() || bundle_.files_.contains(path)) return true;
    Result<std::string> text = path == kSystemCa ? system_ca() : read_file(path);
    if (!text) {
      diagnostics_.add(place, text.error().text);
      return false;
    }
    bundle_.files_[path] = std::move(*text);
    return true;
  }

  void read_system_servers(const config::Resolvers& section) {
    const Result<std::string> text = read_file(config::Resolvers::kSystemFile);
    if (!text) diagnostics_.warn(section.place, text.error().text + ": it names no server");
    bundle_.files_[config::Resolvers::kSystemFile] = text ? *text : std::string();
  }

  void read_key(const rules::KeyFile& file) {
    if (file.path.empty() || bundle_.files_.contains(file.path)) return;
    Result<Secret> text = read_secret(file.path);
    if (text) bundle_.files_[file.path] = without_keys(text->view());
    if (!text && !file.may_be_secret) diagnostics_.add(file.place, text.error().text);
  }

  // A file of PEM blocks, or a folder of such files.
  void read_authorities(const std::string& path, config::Place place) {
    if (path == kSystemCa || path.empty()) return void(read(path, place));
    if (bundle_.files_.contains(path)) return;
    if (!is_folder(path)) {
      Result<Secret> text = read_secret(path);
      if (!text) return diagnostics_.add(place, text.error().text);
      bundle_.files_[path] = without_keys(text->view());
      return;
    }
    std::string all;
    for (const std::string& file : files_in(path, place)) {
      const bool is_one =
          file.ends_with(".pem") || file.ends_with(".crt") || file.ends_with(".cer") || file.ends_with(".crl");
      if (!is_one || is_folder(file)) continue;
      Result<Secret> text = read_secret(file);
      if (!text) return diagnostics_.add(place, text.error().text);
      all += without_keys(text->view());
      all += '\n';
    }
    if (all.empty())
      return diagnostics_.add(place,
                              format("the folder '{}' holds no file that ends with .pem, .crt, .cer or .crl", path));
    bundle_.files_[path] = std::move(all);
  }

  // Of a folder, hidden ones left out, in their order.
  std::vector<std::string> files_in(const std::string& path, config::Place place) {
    std::vector<std::string> files;
    DIR* folder = ::opendir(path.c_str());
    if (folder == nullptr) {
      diagnostics_.add(place, format("cannot read the folder '{}': {}", path, std::strerror(errno)));
      return files;
    }
    while (const dirent* entry = ::readdir(folder)) {
      const std::string name = entry->d_name;
      if (!name.starts_with('.')) files.push_back(path + (path.ends_with('/') ? "" : "/") + name);
    }
    ::closedir(folder);
    std::sort(files.begin(), files.end());
    return files;
  }

  Result<std::string> system_ca() {
    for (const char* path : kSystemCaFiles) {
      Result<std::string> text = read_file(path);
      if (text) return text;
    }
    return Error{format("no certificate store found for {} (install ca-certificates)", kSystemCa)};
  }

  void gather_bind_files(const config::Bind& bind, bool is_http) {
    for (const config::CertificateSource& source : bind.certificates) {
      if (source.is_list) {
        gather_list(bind, source, is_http);
      } else {
        gather_certificates(source.path, source.place);
      }
    }
    read_keys(bind.password_file, bind.password_place);
    read_keys(bind.ticket_keys, bind.ticket_keys_place);
    if (bind.generate_certificates) read_keys(bind.ca_sign_file, bind.ca_sign_place);
    read_authorities(bind.tls.ca_file, bind.tls.ca_place);
    read_authorities(bind.tls.ca_verify_file, bind.tls.ca_verify_place);
    read_authorities(bind.tls.crl_file, bind.tls.crl_place);
    for (const config::Address& address : bind.addresses) resolve(address, bind.place, false);
  }

  // What is wrong in it is told when it is read for good.
  void gather_list(const config::Bind& bind, const config::CertificateSource& source, bool is_http) {
    if (!read(source.path, source.place)) return;
    if (std::string& text = bundle_.files_[source.path]; text.find(kKeyLabel) != std::string::npos) {
      text = without_keys(text);
      return diagnostics_.add(source.place,
                              format("'{}' is a certificate with its key, no list: name it with 'crt'", source.path));
    }
    config::Diagnostics unheard;
    for (const config::CrtListLine& line :
         config::read_crt_list(source.path, bundle_.files_[source.path], config_, bind, is_http, unheard)) {
      gather_certificates(line.certificate, source.place);
      for (const std::string* path : {&line.tls.ca_file, &line.tls.ca_verify_file, &line.tls.crl_file})
        read_authorities(*path, source.place);
    }
  }

  void gather_certificates(const std::string& path, config::Place place) {
    if (bundle_.certificate_files_.contains(path)) return;
    if (is_folder(path)) return gather_folder(path, place);
    std::vector<std::string> names;
    if (config_.global.load_bundles && ::access(path.c_str(), F_OK) != 0) {
      for (const std::string_view ending : kBundleEndings) {
        const std::string one = path + std::string(ending);
        if (::access(one.c_str(), F_OK) == 0 && read_with_key(one, place)) names.push_back(one);
      }
    }
    if (names.empty() && read_with_key(path, place)) names.push_back(path);
    bundle_.certificate_files_[path] = std::move(names);
  }

  void gather_folder(const std::string& path, config::Place place) {
    std::vector<std::string> names;
    const std::size_t errors = diagnostics_.alerts();
    for (const std::string& file : files_in(path, place)) {
      if (!is_companion(file) && !is_folder(file) && read_with_key(file, place)) names.push_back(file);
    }
    if (names.empty() && diagnostics_.alerts() == errors)
      diagnostics_.add(place, format("no certificate in the folder '{}'", path));
    bundle_.certificate_files_[path] = std::move(names);
  }

  void read_keys(const std::string& path, config::Place place) {
    if (path.empty() || bundle_.keyed_files_.contains(path)) return;
    Result<Secret> text = read_secret(path);
    if (!text) return diagnostics_.add(place, text.error().text);
    bundle_.keyed_files_[path] = std::move(*text);
  }

  // What stands beside a certificate, in a file of its own.
  std::string beside(const std::string& path, std::string_view extension) const {
    const bool cuts = config_.global.load_without_extension && path.ends_with(".crt");
    return path.substr(0, path.size() - (cuts ? 4 : 0)).append(extension);
  }

  void read_beside(const std::string& path, config::Place place) {
    const config::Global& global = config_.global;
    const std::pair<std::string_view, bool> all[] = {
        {kIssuer, global.load_issuer}, {kOcsp, global.load_ocsp}, {kTimestamps, global.load_sctl}};
    for (const auto& [extension, is_wanted] : all) {
      const std::string file = beside(path, extension);
      if (!is_wanted || ::access(file.c_str(), F_OK) != 0) continue;
      Result<std::string> text = read_file(file);
      if (!text) {
        diagnostics_.add(place, text.error().text);
        continue;
      }
      if (text->empty()) diagnostics_.warn(place, format("'{}' is empty and has no effect", file));
      bundle_.files_[path + std::string(extension)] = std::move(*text);
    }
  }

  // The key may stand in a file of its own beside the certificate: NAME.key.
  bool read_with_key(const std::string& path, config::Place place) {
    if (bundle_.keyed_files_.contains(path)) return true;
    Result<Secret> text = read_secret(path);
    if (!text) {
      diagnostics_.add(place, text.error().text);
      return false;
    }
    if (config_.global.load_keys && text->view().find(kKeyLabel) == std::string_view::npos) {
      Result<Secret> key = read_secret(beside(path, ".key"));
      if (!key && path.ends_with(".crt")) key = read_secret(path.substr(0, path.size() - 4) + ".key");
      // A certificate ends with its line, or should.
      if (key) text = Secret::joined(Secret::joined(text->view(), "\n").view(), key->view());
    }
    bundle_.keyed_files_[path] = std::move(*text);
    read_beside(path, place);
    return true;
  }

  void gather_server(const config::Server& server) {
    read_authorities(server.tls.ca_file, server.tls.ca_place);
    read_authorities(server.tls.crl_file, server.tls.crl_place);
    if (!server.certificate.empty()) read_with_key(server.certificate, server.certificate_place);
    read_keys(server.password_file, server.password_place);
    using Way = config::InitAddr::Way;
    const auto allows = [&server](Way way) {
      return std::any_of(server.init_addr.begin(), server.init_addr.end(),
                         [way](const config::InitAddr& each) { return each.way == way; });
    };
    const bool may_fail = allows(Way::None) || allows(Way::Ip);
    if (config::asks_system(server) && !keeps_known(server))
      resolve(server.address, server.place, may_fail, allows(Way::Last));
    if (server.check.address) resolve(*server.check.address, server.place, may_fail);
    if (server.agent.address) resolve(*server.agent.address, server.place, may_fail);
    if (server.source) resolve(*server.source, server.place, false);
  }

  // Those who are asked while we serve know better than the system's resolver.
  bool keeps_known(const config::Server& server) {
    if (!server.is_resolved() || previous_ == nullptr) return false;
    const std::string key = address_text(server.address);
    const auto known = previous_->resolved_.find(key);
    return known != previous_->resolved_.end() && !known->second.empty() &&
           bundle_.resolved_.try_emplace(key, known->second).second;
  }

  void resolve_log(const config::LogTarget& target) {
    if (target.kind == config::LogTarget::Kind::Udp) resolve(target.address, target.place, false);
    if (target.kind != config::LogTarget::Kind::Unix) return;
    const bool is_abstract = target.address.kind == config::Address::Kind::Abstract;
    const SocketAddress address =
        is_abstract ? SocketAddress::abstract(target.address.host) : SocketAddress::unix_path(target.address.host);
    Result<Descriptor> fd = datagram_socket(address);
    if (!fd) return;
    const int reason = connect_datagrams(fd->get(), address);
    if (reason != 0 && unheard_.insert(address.text()).second) warn_of_losses(target, reason);
    if (options_.log_sockets && !options_.check_only) bundle_.log_sockets_[address.text()] = std::move(*fd);
  }

  // Why nobody would hear a word sent there now; `reason` is what connecting said.
  void warn_of_losses(const config::LogTarget& target, int reason) {
    const std::string& path = target.address.host;
    struct stat facts {};
    const bool is_there = target.address.kind != config::Address::Kind::Abstract && ::stat(path.c_str(), &facts) == 0;
    if (is_there && !S_ISSOCK(facts.st_mode)) {
      return diagnostics_.warn(
          target.place, format("'{}' is a {}, not a socket: lines to it are lost; name the socket of a syslog server, "
                               "which writes files, or log to stdout",
                               path, S_ISDIR(facts.st_mode) ? "folder" : "file"));
    }
    const std::string why = reason == ECONNREFUSED ? "nobody listens there"
                            : reason == EPROTOTYPE ? "it takes streams, not datagrams"
                                                   : std::generic_category().message(reason);
    diagnostics_.warn(target.place, format("lines to '{}' are lost for now: {}", path, why));
  }

  // A name among the addresses of a test: its first IPv4 address is meant.
  void resolve_host(const config::Word& host) {
    config::Address address;
    address.kind = config::Address::Kind::Name;
    address.host = host.text;
    address.family = 4;
    resolve(address, host.place, false);
  }

  void resolve(const config::Address& address, config::Place place, bool may_fail, bool last_will_do = false) {
    if (address.kind != config::Address::Kind::Name) return;
    const std::string key = address_text(address);
    if (bundle_.resolved_.contains(key)) return;
    SocketAddress found;
    Result<SocketAddress> result = ask(address);
    if (result) {
      found = *result;
    } else if (previous_ != nullptr && previous_->resolved_.contains(key)) {
      found = previous_->resolved_.at(key);
      diagnostics_.warn(place, result.error().text + "; the address known before is kept");
    } else if (last_will_do && options_.last_addresses != nullptr && options_.last_addresses->contains(address.host)) {
      found = options_.last_addresses->at(address.host);
      diagnostics_.warn(place, format("{}; {} is taken, which it was last", result.error().text, found.ip_text()));
    } else if (may_fail) {
      diagnostics_.warn(place, result.error().text + "; the server stays down (init-addr none)");
    } else {
      diagnostics_.add(place, result.error().text);
    }
    bundle_.resolved_[key] = found;
  }

  Result<SocketAddress> ask(const config::Address& address) const {
    if (address.kind != config::Address::Kind::Name || options_.names == nullptr)
      return SocketAddress::resolve(address.host, 0, address.family);
    const auto found = options_.names->find({address.host, address.family});
    if (found != options_.names->end()) return found->second;
    return Error{format("cannot resolve '{}': no answer came", address.host)};
  }

  void bind_all(const Wish& wish) {
    for (const config::Address& address : wish.bind.addresses) {
      for (int port = address.port_low; port <= std::max<int>(address.port_low, address.port_high); ++port) {
        bind_one(wish, address, port);
      }
    }
  }

  void bind_one(const Wish& wish, const config::Address& address, int port) {
    const std::string key = wish.key + bind_key(wish.bind, address, port);
    if (bundle_.sockets_.contains(key)) return;
    if (auto before = previous_ == nullptr ? nullptr : previous_->socket_of(key)) {
      bundle_.sockets_[key] = std::move(before);
      return;
    }
    Result<std::shared_ptr<BoundAddress>> made = make(wish, address, port);
    if (!made) return diagnostics_.add(wish.bind.place, made.error().text);
    (*made)->key = key;
    bundle_.sockets_[key] = *made;
  }

  Result<std::shared_ptr<BoundAddress>> make(const Wish& wish, const config::Address& address, int port) {
    const config::Bind& bind = wish.bind;
    auto bound = std::make_shared<BoundAddress>();
    bound->backlog = static_cast<int>(bind.backlog != 0 ? bind.backlog : wish.backlog);
    ListenOptions listen;
    listen.backlog = bound->backlog;
    listen.replace = options_.replace_sockets;
    listen.v6_only = bind.v6_only;
    listen.transparent = bind.transparent;
    listen.defer_accept = bind.defer_accept;
    listen.fast_open = bind.tfo;
    listen.interface = bind.interface;
    if (bind.unix_mode) listen.mode = static_cast<int>(*bind.unix_mode);
    const Owner& owner = owners_[&bind];
    if (owner.user) listen.uid = static_cast<int>(*owner.user);
    if (owner.group) listen.gid = static_cast<int>(*owner.group);
    using Kind = config::Address::Kind;
    switch (address.kind) {
      case Kind::Fd:
        if (options_.check_only) break;
        return inherit(std::move(bound), address.fd, wish.sockets);
      case Kind::Unix:
        bound->address = SocketAddress::unix_path(address.host);
        break;
      case Kind::Abstract:
        bound->address = SocketAddress::abstract(address.host);
        break;
      case Kind::Name:
        bound->address = bundle_.resolved(address);
        bound->address.set_port(static_cast<std::uint16_t>(port));
        break;
      default:
        SocketAddress::from_ip(bind.v4v6 && address.kind == Kind::Any ? "::" : address.host,
                               static_cast<std::uint16_t>(port), bound->address);
    }
    bound->is_unix = bound->address.is_unix();
    if (options_.check_only) return bound;
    Result<Descriptor> first = listen_on(bound->address, listen);
    if (!first) return first.error();
    if (!bound->is_unix) bound->address = SocketAddress::local_of(first->get());
    bound->sockets.push_back(std::move(*first));
    while (bound->sockets.size() < wish.sockets) {
      Result<Descriptor> next = bound->is_unix ? bound->sockets[0].duplicate() : listen_on(bound->address, listen);
      if (!next) return next.error();
      bound->sockets.push_back(std::move(*next));
    }
    return bound;
  }

  // A descriptor given to us stays open for whoever gave it; each worker has a duplicate.
  Result<std::shared_ptr<BoundAddress>> inherit(std::shared_ptr<BoundAddress> bound, int fd, std::size_t sockets) {
    int listening = 0;
    socklen_t length = sizeof(listening);
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) != 0) {
      return Error{format("fd@{}: {}", fd, std::strerror(errno))};
    }
    if (listening == 0 && ::listen(fd, bound->backlog) != 0)
      return Error{format("fd@{}: {}", fd, std::strerror(errno))};
    bound->address = SocketAddress::local_of(fd);
    bound->is_unix = bound->address.is_unix();
    bound->is_inherited = true;
    for (std::size_t i = 0; i < sockets; ++i) {
      const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
      if (copy < 0) return Error{format("fd@{}: {}", fd, std::strerror(errno))};
      bound->sockets.emplace_back(copy);
    }
    return bound;
  }

  const config::Config& config_;
  const Bundle* previous_;
  const GatherOptions& options_;
  config::Diagnostics& diagnostics_;
  Bundle& bundle_;
  std::set<std::string> unheard_;  // Log sockets that were warned of.
  std::map<const config::Bind*, Owner> owners_;
};

Bundle Bundle::gather(const config::Config& config, const Bundle* previous, const GatherOptions& options,
                      config::Diagnostics& diagnostics) {
  Bundle bundle;
  Gatherer(config, previous, options, diagnostics, bundle).run();
  wipe_stack();
  return bundle;
}

int Bundle::log_socket(const std::string& name) const {
  const auto found = log_sockets_.find(name);
  return found == log_sockets_.end() ? -1 : found->second.get();
}

Result<Descriptor> open_log_socket(const SocketAddress& address) {
  Result<Descriptor> fd = datagram_socket(address);
  if (fd) connect_datagrams(fd->get(), address);
  return fd;
}

const std::string* Bundle::content(const std::string& path) const {
  const auto found = files_.find(path);
  return found == files_.end() ? nullptr : &found->second;
}

std::vector<PemFile> Bundle::certificates(const std::string& path) const {
  std::vector<PemFile> out;
  const auto found = certificate_files_.find(path);
  if (found == certificate_files_.end()) return out;
  for (const std::string& name : found->second) out.push_back(credentials(name));
  return out;
}

PemFile Bundle::credentials(const std::string& path) const {
  const auto beside = [&](std::string_view extension) {
    const std::string* text = content(path + std::string(extension));
    return text == nullptr ? std::string() : *text;
  };
  return {path, secret(path), {}, beside(kIssuer), beside(kOcsp), beside(kTimestamps)};
}

Secret Bundle::secret(const std::string& path) const {
  const auto found = keyed_files_.find(path);
  return found == keyed_files_.end() ? Secret() : found->second;
}

void Bundle::hide_keys_from_forks(bool on) const {
  for (const auto& [path, text] : keyed_files_) text.hide_from_forks(on);
}

std::shared_ptr<const BoundAddress> Bundle::bound(const config::Bind& bind, const config::Address& address,
                                                  int port) const {
  const auto found = sockets_.find(bind_key(bind, address, port));
  return found == sockets_.end() ? nullptr : found->second;
}

std::shared_ptr<const BoundAddress> Bundle::bound(const config::StatsSocket& socket, const config::Address& address,
                                                  int port) const {
  return socket_of(kRuntimeKey + bind_key(socket.bind, address, port));
}

std::shared_ptr<const BoundAddress> Bundle::bound(const config::PeerSection& section) const {
  if (section.listen.addresses.empty()) return nullptr;
  const config::Address& address = section.listen.addresses.front();
  return socket_of(kPeersKey + bind_key(section.listen, address, address.port_low));
}

std::shared_ptr<BoundAddress> Bundle::socket_of(const std::string& key) const {
  const auto found = sockets_.find(key);
  return found == sockets_.end() ? nullptr : found->second;
}

SocketAddress Bundle::resolved(const config::Address& address) const {
  using Kind = config::Address::Kind;
  SocketAddress out;
  switch (address.kind) {
    case Kind::Any:
      // Where all of a server's own address is meant, there is none; a source's port counts.
      if (address.port_low != 0) SocketAddress::from_ip("", address.port_low, out);
      break;
    case Kind::Fd:
      break;
    case Kind::Unix:
      return SocketAddress::unix_path(address.host);
    case Kind::Abstract:
      return SocketAddress::abstract(address.host);
    case Kind::Ip4:
    case Kind::Ip6:
      SocketAddress::from_ip(address.host, address.port_low, out);
      break;
    case Kind::Name:
      const auto found = resolved_.find(address_text(address));
      if (found == resolved_.end() || found->second.empty()) break;
      out = found->second;
      out.set_port(address.port_low);
  }
  return out;
}

}  // namespace penstock
