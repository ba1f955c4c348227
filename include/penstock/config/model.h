// Config: what a .cfg says, as plain values. Comparable, printable, nothing opened. Member
// initialisers are the documented defaults; names are those of HAProxy's configuration manual.
// Times are in milliseconds, 0 meaning "no limit" unless said otherwise; sizes in bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "penstock/config/place.h"
#include "penstock/config/settings.h"

namespace penstock::config {

enum class TlsVersion { Unset, Tls10, Tls11, Tls12, Tls13 };

// TLS settings common to bind and server lines, with ssl-default-*-options as their base.
struct Tls {
  bool enabled = false;                        // The word `ssl`.
  TlsVersion min_version = TlsVersion::Unset;  // TLSv1.2.
  TlsVersion max_version = TlsVersion::Unset;  // TLSv1.3.
  std::string ciphers;                         // TLS 1.2 and below, OpenSSL syntax.
  std::string ciphersuites;                    // Kept for dump; has no effect (BoringSSL has no setter).
  std::string curves;
  bool tickets = true;
  std::vector<std::string> alpn;
  enum class Verify { Unset, None, Optional, Required };
  Verify verify = Verify::Unset;  // bind: none; server: required (unless `ssl-server-verify none`).
  std::string ca_file;            // Path with ca-base applied, or "@system-ca".
  std::string crl_file;
  std::string ca_verify_file;  // bind: authorities that clients are not told of.
  // bind: errors passed over, as "all" or numbers with commas between them: of authorities, of the client's certificate.
  std::string ca_ignore_err, crt_ignore_err;
  Place place;                                             // Of `ssl`, else of the line.
  Place ca_place, crl_place, ca_verify_place, alpn_place;  // Of the paths.
  bool ca_names = true;                                    // bind: clients are told of whom a certificate is wanted.
  bool resume = true;                                      // server: sessions are resumed.
  // `no-tlsv1x` words, 1 << TlsVersion each; finish turns them into min_version and max_version.
  unsigned excluded = 0;
  bool operator==(const Tls&) const = default;
};

// One `crt` word of a bind line: a file, or a folder whose files are all loaded. Or `crt-list`: a file of such words.
struct CertificateSource {
  std::string path;  // With crt-base applied.
  Place place;
  bool is_list = false;
  bool operator==(const CertificateSource&) const = default;
};

// Of TCP, where `option clitcpka` or `srvtcpka` asks for them. 0: the system's.
struct KeepAliveProbes {
  std::uint64_t idle_ms = 0;
  std::uint64_t interval_ms = 0;
  std::uint32_t count = 0;
  bool operator==(const KeepAliveProbes&) const = default;
};

struct Bind {
  Place place;
  std::vector<Address> addresses;  // The comma separated list of the line.
  std::string name;
  Tls tls;
  std::vector<CertificateSource> certificates;
  std::string password_file;  // Of those that are PFX files.
  std::string ticket_keys;    // File of keys for session tickets; empty: the process's own.
  // `generate-certificates`: for names that no certificate is for one is made up, signed by what this file holds.
  std::string ca_sign_file, ca_sign_pass;
  Place password_place, ticket_keys_place, ca_sign_place;
  bool generate_certificates = false;
  bool strict_sni = false;
  bool accept_proxy = false;
  bool prefer_client_ciphers = false;
  std::uint32_t maxconn = 0;  // 0: none of its own.
  std::uint32_t backlog = 0;  // 0: the proxy's, else 4096.
  std::uint32_t id = 0;
  bool v6_only = false;
  bool v4v6 = false;
  bool transparent = false;
  bool defer_accept = false;
  bool tfo = false;
  std::uint64_t tcp_ut_ms = 0;  // 0: the system's.
  std::string interface;
  std::optional<std::uint32_t> unix_mode, unix_uid, unix_gid;
  std::string unix_user, unix_group;  // By name; a number given as well is passed over.
  bool operator==(const Bind&) const = default;
};

// `stats socket` of `global`: where administrators speak to the running process.
struct StatsSocket {
  Bind bind;
  AccessLevel level = AccessLevel::Operator;
  SeverityOutput severity = SeverityOutput::None;
  bool operator==(const StatsSocket&) const = default;
};

// The `check` family of a server line.
struct Check {
  bool enabled = false;
  std::uint64_t inter_ms = 2000;
  std::uint64_t fastinter_ms = 0;  // 0: inter.
  std::uint64_t downinter_ms = 0;  // 0: inter.
  std::uint32_t rise = 2;
  std::uint32_t fall = 3;
  std::optional<Address> address;  // `addr`
  std::uint16_t port = 0;          // `port`; 0: the server's.
  bool ssl = false;                // `check-ssl`; also implied by `ssl` unless addr or port is given.
  bool no_ssl = false;             // `no-check-ssl`
  std::string sni;                 // `check-sni`
  bool send_proxy = false;         // `check-send-proxy`
  std::vector<std::string> alpn;   // `check-alpn`
  enum class Observe { None, Layer4, Layer7 };
  Observe observe = Observe::None;  // Whose failures count like those of checks: connections, or answers too.
  enum class OnError { FailCheck, FastInter, SuddenDeath, MarkDown };
  OnError on_error = OnError::FailCheck;
  std::uint32_t error_limit = 10;
  bool operator==(const Check&) const = default;
};

// The `agent-check` family of a server line.
struct Agent {
  bool enabled = false;
  std::optional<Address> address;  // `agent-addr`
  std::uint16_t port = 0;
  std::uint64_t inter_ms = 2000;
  std::string send;
  bool operator==(const Agent&) const = default;
};

// `proxy-v2-options`: what a PROXY header of version 2 says beside addresses.
enum ProxyV2Option : unsigned {
  kProxySsl = 1,
  kProxyCertCn = 2,
  kProxySslCipher = 4,
  kProxyCertSig = 8,
  kProxyCertKey = 16,
  kProxyAuthority = 32,
  kProxyCrc32c = 64,
  kProxyUniqueId = 128,
};

// Where a server's first address may come from, if it is a name.
struct InitAddr {
  enum class Way { Last, Libc, None, Ip };
  Way way = Way::Last;
  std::string ip;  // For Way::Ip.
  bool operator==(const InitAddr&) const = default;
};

struct Server {
  Place place;
  std::string name;
  Address address;
  Tls tls;
  std::optional<Word> sni;  // A sample expression, e.g. req.hdr(Host), str(mail.contoso.com).
  std::string verify_host;
  std::string certificate;  // `crt`: what we show to the server.
  Place certificate_place;
  std::string password_file;  // If that is a PFX file.
  Place password_place;
  Check check;
  Agent agent;
  std::optional<Word> track;  // `[<backend>/]<server>` whose checks are this one's too.
  std::uint32_t weight = 1;   // 0..256
  std::uint32_t maxconn = 0;  // 0: no limit.
  std::uint32_t minconn = 0;
  std::uint32_t maxqueue = 0;  // 0: no limit.
  std::uint32_t id = 0;        // 0: the lowest number that is free.
  std::string cookie;          // Value of the backend's cookie that means this server; empty: none.
  bool backup = false;
  bool send_proxy = false;
  bool send_proxy_v2 = false;
  unsigned proxy_v2_options = 0;  // Bits of ProxyV2Option.
  bool disabled = false;
  std::uint64_t slowstart_ms = 0;
  bool shutdown_sessions_when_down = false;       // `on-marked-down shutdown-sessions`
  bool shutdown_backup_sessions_when_up = false;  // `on-marked-up shutdown-backup-sessions`
  std::int32_t pool_max_conn = -1;                // -1: no limit; 0: no idle connections kept.
  std::uint32_t pool_low_conn = 0;
  std::uint64_t pool_purge_delay_ms = 5000;
  std::uint64_t tcp_ut_ms = 0;    // 0: the system's.
  std::int32_t max_reuse = -1;    // -1: no limit; 0: each connection serves once.
  bool non_stick = false;         // Requests it served leave no trace in stick tables.
  std::optional<Address> source;  // Where we connect from; ports may be a range.
  std::vector<InitAddr> init_addr = {{InitAddr::Way::Last, {}}, {InitAddr::Way::Libc, {}}};
  Word resolvers;                        // Which section its name is asked by while it serves; empty: by none.
  bool prefer_ip4 = false;               // `resolve-prefer`
  std::vector<std::string> resolve_net;  // Networks whose addresses are preferred.
  bool allow_dup_ip = false;             // Another server of the backend may have the address, too.
  bool ignore_weight = false;            // That of SRV records.
  // Names that begin so are asked for SRV records.
  bool is_srv() const {
    return !resolvers.text.empty() && address.kind == Address::Kind::Name && address.host.starts_with('_');
  }
  bool is_resolved() const { return !resolvers.text.empty() && address.kind == Address::Kind::Name; }
  bool operator==(const Server&) const = default;
};

// Whether the system's resolver is asked for its address at start.
bool asks_system(const Server& server);

// One step of a health check conversation (`http-check`, `tcp-check`).
// What a name or value of a header must be, for `expect hdr`.
struct HeaderMatch {
  enum class How { Whole, Begin, End, Inside, Regex };
  How how = How::Whole;
  std::string text;        // Empty: any.
  bool formatted = false;  // The text is a log-format.
  bool operator==(const HeaderMatch&) const = default;
};

struct CheckStep {
  enum class Kind { Connect, Send, Expect, Comment, Set, Unset };
  Kind kind = Kind::Send;
  bool tcp = false;  // Of a tcp-check line, not an http-check one.
  Place place;
  std::string comment;
  // Connect
  std::uint16_t port = 0;
  std::string port_expression;  // In place of a number.
  std::optional<Address> address;
  bool ssl = false;
  bool use_default = false;
  bool send_proxy = false;
  std::string sni;
  std::vector<std::string> alpn;
  // Send: http
  std::string method, uri, version, body;
  bool uri_formatted = false, body_formatted = false;        // `uri-lf`, `body-lf`
  std::vector<std::pair<std::string, std::string>> headers;  // Values are log-formats.
  // Send: tcp (raw bytes)
  std::string data;
  bool formatted = false;   // `send-lf`, `string-lf` and the like: data or pattern is a log-format,
  bool hex_format = false;  // whose text is hexadecimal digits.
  // Expect
  enum class Match { Status, RStatus, String, RString, Binary, RBinary, Header };
  Match match = Match::Status;
  bool negated = false;
  std::string pattern;  // "200", "200-299,401", a text, a regex, raw bytes
  HeaderMatch header_name, header_value;
  bool whole_header = false;  // `fhdr`: commas part nothing.
  std::optional<std::uint64_t> min_recv;
  // Results told in place of the usual ones, such as "L7STS", and texts about them, as log-formats.
  std::string ok_status, error_status, timeout_status, on_success, on_error;
  std::string status_code;  // An expression whose number is told in place of the code that came.
  // Set, Unset: `check.<name>`, conditions behind commas included, and an expression, or a log-format if `formatted`.
  std::string variable, value;
  bool operator==(const CheckStep&) const = default;
};

struct Health {
  enum class Kind { Tcp, Http, TcpScript, Smtp, TlsHello, Redis, Ldap, PostgreSql, MySql, External };
  Kind kind = Kind::Tcp;
  // `option httpchk`: kept apart from the steps, which may override it.
  std::string method = "OPTIONS";
  std::string uri = "/";
  std::string version = "HTTP/1.0";
  std::string host;  // From the fourth argument's header lines.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string hello;  // Smtp: what we say first, "HELO localhost".
  std::string user;   // PostgreSql, MySql; empty: the latter's greeting is enough.
  bool pre_41 = false;
  std::vector<CheckStep> steps;
  bool disable_on_404 = false;
  bool send_state = false;
  Place place;
  bool operator==(const Health&) const = default;
};

enum class Reuse { Never, Safe, Aggressive, Always };

struct Balance {
  enum class Kind {
    Unset,
    RoundRobin,
    StaticRoundRobin,
    LeastConn,
    First,
    Source,
    Uri,
    UrlParam,
    Header,
    Random,
    Hash,
    RdpCookie
  };
  Kind kind = Kind::Unset;  // Unset: roundrobin.
  std::vector<Word> arguments;
  bool consistent = false;  // `hash-type consistent`
  enum class Function { Sdbm, Djb2, Wt6, Crc32 };
  Function function = Function::Sdbm;
  bool avalanche = false;    // Of the function's result.
  std::uint32_t factor = 0;  // `hash-balance-factor`, percent; 0: servers are not kept from more than their share.
  std::uint32_t random_draws = 2;
  Place place;
  bool operator==(const Balance&) const = default;
};

// `errorfile <code> <file>`, `http-error status <code> ...`, per status.
struct ErrorReply {
  std::uint32_t status = 0;
  Place place;
  std::vector<Word> words;  // http-error: words behind `status <code>`.
  std::string file;         // errorfile: raw HTTP answer; empty for http-error.
  // errorloc: where the client is sent, by 302 or 303.
  std::string location;
  std::uint32_t location_status = 302;
  bool operator==(const ErrorReply&) const = default;
};

struct Timeouts {
  std::uint64_t connect = 0, client = 0, server = 0;
  std::uint64_t check = 0, tunnel = 0, client_fin = 0, server_fin = 0, tarpit = 0;
  std::optional<std::uint64_t> queue;            // Unset: connect.
  std::optional<std::uint64_t> http_request;     // Unset: client.
  std::optional<std::uint64_t> http_keep_alive;  // Unset: http_request, else client.
  Place client_place, server_place, tunnel_place;
  bool operator==(const Timeouts&) const = default;
};

// `email-alert`: mails about the servers of a proxy.
struct EmailAlert {
  Place place;
  std::string from, to, hostname;  // Without a host name: the system's.
  std::optional<Word> mailers;
  Level level = Level::Alert;  // What is less severe is not sent.
  bool operator==(const EmailAlert&) const = default;
};

// A frontend, a backend, or both (`listen`). Starts as a copy of its `defaults`.
struct Proxy {
  std::string name;
  Place place;
  bool is_frontend = false;
  bool is_backend = false;
  bool disabled = false;
  bool stands_empty = false;  // Disabled, and a backend that rules lead to: it has no server.
  Mode mode = Mode::Tcp;
  std::uint32_t id = 0;
  std::string description;  // Of statistics, as `node` and its like in Global.
  Timeouts timeout;
  std::uint32_t maxconn = 0;  // 0: the process's.
  std::uint32_t backlog = 0;
  std::uint32_t fullconn = 0;
  std::uint32_t session_rate = 0;  // `rate-limit sessions`: a second; 0: no limit.
  std::uint32_t most_own = 16;     // `max-session-srv-conns`

  std::vector<Bind> binds;
  std::vector<Acl> acls;
  std::vector<Rule> rules;                          // All sets, in order of the file.
  std::uint64_t tcp_request_inspect_delay_ms = 0;   // `tcp-request inspect-delay`
  std::uint64_t tcp_response_inspect_delay_ms = 0;  // `tcp-response inspect-delay`
  std::optional<Word> default_backend;
  std::vector<Capture> captures;
  std::optional<Capture> cookie_capture;  // `capture cookie`: `header` is how its name begins.
  std::optional<StickTable> stick_table;

  std::vector<Server> servers;
  enum class StateFrom { None, Global, Local };
  StateFrom state_from = StateFrom::None;  // `load-server-state-from-file`
  Place state_place;
  std::string state_file;  // `server-state-file-name`; empty: the proxy's name.
  Balance balance;
  Health health;
  Reuse reuse = Reuse::Safe;
  std::uint32_t retries = 3;
  std::vector<Word> retry_on;
  bool redispatch = false;
  std::int32_t redispatch_interval = -1;  // `option redispatch <n>`; -1 means the last retry only, 0 none.
  bool prefer_last_server = false;
  bool persist = false;  // `option persist`
  Word rdp_cookie;       // `persist rdp-cookie(<name>)`; empty: none.
  Cookie cookie;
  std::string dynamic_cookie_key;
  bool all_backups = false;
  bool log_health_checks = false;
  EmailAlert email_alert;
  std::string external_command, external_path;  // `external-check`
  bool abort_on_close = false;

  HttpMode http_mode = HttpMode::KeepAlive;
  bool http_buffer_request = false;
  ForwardFor forward_for;
  ForwardFor original_to{.header = "X-Original-To"};
  std::string name_header;   // `http-send-name-header`; empty: none.
  bool check_cache = false;  // `option checkcache`
  std::optional<std::string> monitor_uri;
  Place monitor_uri_place;
  std::optional<StatsPage> stats;
  std::vector<ErrorReply> errors;
  std::optional<Word> unique_id_format;
  std::string unique_id_header;
  Place unique_id_place;  // Of the header.

  std::vector<LogTarget> logs;  // `log global` is resolved to global's targets by finish.
  bool log_global = false;
  std::optional<Word> log_format;        // As written; else by the option below.
  std::optional<Word> error_log_format;  // Of who came to no request.
  std::optional<Word> log_format_sd;     // Structured data of RFC 5424.
  enum class LogStyle { None, Default, Tcp, Http, Https, Clf, Json };
  LogStyle log_style = LogStyle::Default;
  Place log_style_place;
  std::string log_tag;
  bool ignore_probes = false;
  bool use_proxy_header = false;
  bool dont_log_null = false;
  bool dont_log_normal = false;
  bool log_asap = false;
  bool log_separate_errors = false;
  bool socket_stats = false;  // Statistics of each bind line.
  Compression compression;
  bool tcp_ka_client = false, tcp_ka_server = false;
  KeepAliveProbes client_probes, server_probes;
  bool operator==(const Proxy&) const = default;
};

// `set-var` and `set-var-fmt` of `global`: a variable of the process, from the start on.
struct ProcessVariable {
  Place place;
  Word name, value;
  bool formatted = false;
  bool operator==(const ProcessVariable&) const = default;
};

// A section `userlist`: who may come in, by password.
struct User {
  std::string name;
  std::string password;             // Empty: nobody can be this user.
  bool hashed = false;              // As crypt(3) writes it.
  std::vector<std::string> groups;  // In the order of their names; each once.
  Place place;
  bool operator==(const User&) const = default;
};
struct UserList {
  std::string name;
  std::vector<std::string> groups;
  std::vector<User> users;
  bool operator==(const UserList&) const = default;
};

struct Global {
  std::uint32_t maxconn = 0;      // 0: computed from the descriptor limit.
  std::uint32_t maxconnrate = 0;  // Connections a second; of these four 0 is no limit.
  std::uint32_t maxsessrate = 0;  // Of those, whom `tcp-request connection` lets pass.
  std::uint32_t maxsslrate = 0;   // And those of TLS.
  std::uint32_t maxsslconn = 0;   // TLS connections at one time, with clients and servers.
  std::vector<ProcessVariable> variables;
  std::uint32_t nbthread = 0;            // 0: one for each processor.
  std::uint64_t hard_stop_after_ms = 0;  // 0: no limit.
  std::uint64_t grace_ms = 0;
  bool daemon = false;
  bool master_worker = false;
  bool quiet = false;
  std::string pid_file, chroot, user, group, ca_base, crt_base, node, description;
  std::string local_peer;  // `localpeer`; empty: what -L says, else the system's name.
  std::optional<std::uint32_t> uid, gid;
  Place chroot_place, user_place, group_place;  // Also of `uid` and `gid`.
  std::uint32_t ulimit_n = 0;
  std::vector<LogTarget> logs;
  std::string log_tag = "penstock";
  std::string log_send_hostname;  // Empty: none given.
  bool log_send_hostname_on = false;
  Tls bind_defaults;    // ssl-default-bind-*
  Tls server_defaults;  // ssl-default-server-*
  // ssl-load-extra-files: what is looked for beside a certificate's file; in place of its `.crt` if del-ext says so.
  bool load_bundles = true, load_sctl = true, load_ocsp = true, load_issuer = true, load_keys = true;
  bool load_without_extension = false;
  bool skip_self_issued_ca = false;
  std::string issuers_chain_path;
  Place issuers_chain_place;
  bool bind_prefer_client_ciphers = false;  // Words of ssl-default-bind-options that are no member of Tls.
  bool bind_strict_sni = false;
  bool server_verify_none = false;
  std::uint32_t spread_checks = 0;  // Percent.
  bool external_check = false;      // Programs may check servers,
  bool insecure_fork = false;       // and programs may be started.
  std::uint64_t max_spread_checks_ms = 0;
  std::uint64_t buffer_size = 16384;             // tune.bufsize
  std::uint64_t max_head = 131072;               // tune.http.maxhead
  std::uint32_t max_headers = 101;               // tune.http.maxhdr
  std::uint32_t log_uri_length = 1024;           // tune.http.logurilen
  std::uint32_t cookie_length = 63;              // tune.http.cookielen
  std::uint64_t gulp_budget = 16 * 1024 * 1024;  // tune.gulp-budget, per worker
  bool idle_pool_shared = true;                  // tune.idle-pool.shared
  std::uint64_t ssl_lifetime_s = 300;            // tune.ssl.lifetime
  std::uint32_t hello_capture = 0;               // tune.ssl.capture-buffer-size; 0: nothing is kept.
  std::uint32_t made_up_kept = 1000;             // tune.ssl.ssl-ctx-cache-size
  std::uint64_t txn_memory = 4 * 1024 * 1024;    // tune.txn.memory
  std::uint32_t comp_level = 1;                  // tune.comp.maxlevel
  std::uint32_t zlib_memory_level = 8;           // tune.zlib.memlevel
  std::uint32_t zlib_window = 15;                // tune.zlib.windowsize
  std::uint32_t max_comp_cpu = 100;              // maxcompcpuusage
  std::uint64_t max_comp_rate = 0;               // maxcomprate, KiB a second; 0: no limit.
  std::uint64_t max_zlib_memory = 0;             // maxzlibmem, MiB; 0: no limit.
  std::uint64_t sndbuf_client = 0, rcvbuf_client = 0, sndbuf_server = 0, rcvbuf_server = 0;
  std::optional<std::vector<std::string>> kept_env;  // `resetenv`: all that is left of the process's environment.
  // What `setenv` and its kin make of that; nothing: taken away.
  std::map<std::string, std::optional<std::string>> set_env;
  std::vector<std::string> lint_off;  // Names of traps that are wanted.
  std::vector<StatsSocket> stats_sockets;
  std::uint64_t stats_timeout_ms = 10000;
  std::uint32_t stats_maxconn = 10;
  std::string server_state_base, server_state_file;  // As written.
  // `.notice`, `.warning` and the like were already said while reading.
  std::vector<UserList> user_lists;  // Sections of their own; rules of all proxies ask them.
  bool operator==(const Global&) const = default;
};

// Who gets a copy of each line of a ring, over a connection of its own.
struct RingServer {
  Server line;               // Its name and address, and TLS towards it.
  std::string tls_name;      // What `sni` says.
  bool octet_count = false;  // `log-proto octet-count`: each line has its length before it, and no line end.
  bool operator==(const RingServer&) const = default;
};

// `ring <name>`: the latest lines of logs, kept in memory.
struct Ring {
  static constexpr std::string_view kBuiltIn = "buf0";  // There without a section.
  static constexpr std::uint64_t kBuiltInSize = 1048576;
  static constexpr LogTarget::Format kBuiltInFormat = LogTarget::Format::Timed;

  Place place;
  std::string name;
  std::string description;  // Empty: the name.
  LogTarget::Format format = LogTarget::Format::Raw;
  std::uint64_t size = 16384;
  std::uint64_t length = 0;  // Of a line at most; 0: as many as fit.
  std::uint64_t connect_ms = 0, server_ms = 0;
  std::vector<RingServer> servers;
  bool operator==(const Ring&) const = default;
};

// Who is sent mails by SMTP.
struct Mailer {
  Place place;
  std::string name;
  Address address;
  bool operator==(const Mailer&) const = default;
};

// `mailers <name>`
struct Mailers {
  Place place;
  std::string name;
  std::uint64_t timeout_ms = 10000;  // 0: none.
  std::vector<Mailer> mailers;
  bool operator==(const Mailers&) const = default;
};

struct Nameserver {
  Place place;
  std::string name;
  Address address;
  bool tcp = false;  // Never asked over UDP.
  bool operator==(const Nameserver&) const = default;
};

// `resolvers <name>`: who is asked for names of servers while they serve.
struct Resolvers {
  static constexpr std::string_view kDefault = "default";  // There without a section.
  static constexpr const char* kSystemFile = "/etc/resolv.conf";

  Place place;
  std::string name;
  std::vector<Nameserver> servers;
  bool system_servers = false;  // `parse-resolv-conf`: those of the system's file too.
  // How long the address of before counts when an answer is of that kind.
  struct Hold {
    std::uint64_t nx_ms = 30000, refused_ms = 30000, timeout_ms = 30000, other_ms = 30000;
    std::uint64_t obsolete_ms = 0;
    std::uint64_t valid_ms = 10000;  // Of do-resolve.
    bool operator==(const Hold&) const = default;
  };
  Hold hold;
  std::uint64_t resolve_ms = 1000, retry_ms = 1000;
  std::uint32_t retries = 3;
  std::uint32_t payload = 512;
  bool operator==(const Resolvers&) const = default;
};

// Another process, or this one, that shares stick tables.
struct Peer {
  Place place;
  std::string name;
  std::optional<Address> address;
  bool operator==(const Peer&) const = default;
};

// A table by the name that rules have for it.
struct NamedTable {
  std::string name;
  StickTable table;
  bool operator==(const NamedTable&) const = default;
};

// `peers <name>`: who shares stick tables.
struct PeerSection {
  Place place;
  std::string name;
  bool disabled = false;
  std::optional<Bind> bind;  // As written; else it is the address of the local peer.
  std::vector<Peer> peers;
  std::vector<NamedTable> tables;  // "<section>/<name>".
  std::string local;               // Which of the peers we are; empty: none, and nothing is shared.
  Bind listen;                     // Where others come to; without address: nowhere.
  bool operator==(const PeerSection&) const = default;
};

struct Config {
  std::vector<std::string> files;  // Place::file points here.
  // Lines of each file as read, for carets in complaints made later.
  std::vector<std::vector<std::string>> lines;
  Global global;
  std::vector<Proxy> proxies;  // In order of the file.
  std::vector<Ring> rings;     // Likewise.
  std::vector<Resolvers> resolvers;
  std::vector<PeerSection> peers;
  std::vector<Mailers> mailers;
  std::vector<Cache> caches;

  // A frontend and a backend may share one name: who looks for one side says so.
  const Proxy* find_frontend(const std::string& name) const {
    for (const Proxy& proxy : proxies) {
      if (proxy.is_frontend && proxy.name == name) return &proxy;
    }
    return nullptr;
  }
  const UserList* find_users(const std::string& name) const {
    for (const UserList& list : global.user_lists) {
      if (list.name == name) return &list;
    }
    return nullptr;
  }
  const Proxy* find_backend(const std::string& name) const {
    for (const Proxy& proxy : proxies) {
      if (proxy.is_backend && proxy.name == name) return &proxy;
    }
    return nullptr;
  }
  struct TableLine {
    const std::string& name;
    const StickTable& table;
  };
  // Stick tables in order of the file, those of peers last. The frontend and the backend of one name share theirs.
  std::vector<TableLine> tables() const {
    std::vector<TableLine> all;
    for (const Proxy& proxy : proxies) {
      if (proxy.stick_table) all.push_back({proxy.name, *proxy.stick_table});
    }
    for (const PeerSection& section : peers) {
      for (const NamedTable& named : section.tables) all.push_back({named.name, named.table});
    }
    return all;
  }
  const Proxy* find(const std::string& name) const {
    for (const Proxy& proxy : proxies) {
      if (proxy.name == name) return &proxy;
    }
    return nullptr;
  }
};

}  // namespace penstock::config
