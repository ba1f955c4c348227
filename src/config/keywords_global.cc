// The `global` section (configuration manual section 3).
#include <algorithm>
#include <cstdlib>

#include "keywords.h"
#include "old_words.h"
#include "penstock/config/lint.h"

namespace penstock::config {

namespace {

using GlobalKeyword = Keyword<Reading>;

constexpr std::uint64_t kMost = 2147483647;

std::uint32_t take_count(Line& line, std::uint64_t low = 0, std::uint64_t high = kMost) {
  return static_cast<std::uint32_t>(line.take_number("a number", low, high));
}

Global& global_of(Reading& reading) { return reading.config.global; }

void parse_ca_base(Line& line, Reading& reading) { global_of(reading).ca_base = line.take_text("a folder"); }
void parse_issuers_chain_path(Line& line, Reading& reading) {
  Global& global = global_of(reading);
  take_based(line, {}, "a folder", global.issuers_chain_path, global.issuers_chain_place);
}
void parse_load_extra_del_ext(Line&, Reading& reading) { global_of(reading).load_without_extension = true; }
void parse_load_extra_files(Line& line, Reading& reading) {
  constexpr std::string_view kChoices[] = {"none", "all", "bundle", "sctl", "ocsp", "issuer", "key"};
  constexpr bool Global::*kFiles[] = {&Global::load_bundles, &Global::load_sctl, &Global::load_ocsp,
                                      &Global::load_issuer, &Global::load_keys};
  Global& global = global_of(reading);
  for (const auto file : kFiles) global.*file = false;
  do {
    const auto choice = line.take_choice(kChoices);
    if (!choice) return;
    if (*choice >= 2) global.*kFiles[*choice - 2] = true;
    if (*choice < 2) {
      for (const auto file : kFiles) global.*file = *choice == 1;
    }
  } while (line.more());
}
void parse_skip_self_issued_ca(Line&, Reading& reading) { global_of(reading).skip_self_issued_ca = true; }
void parse_crt_base(Line& line, Reading& reading) { global_of(reading).crt_base = line.take_text("a folder"); }

void parse_external_check(Line&, Reading& reading) { global_of(reading).external_check = true; }
void parse_fork_wanted(Line& line, Reading& reading) { global_of(reading).insecure_fork = !line.negated; }
void parse_chroot(Line& line, Reading& reading) {
  global_of(reading).chroot_place = line.place;
  global_of(reading).chroot = line.take_text("a folder");
}
void parse_daemon(Line&, Reading& reading) { global_of(reading).daemon = true; }
void parse_master_worker(Line& line, Reading& reading) {
  global_of(reading).master_worker = true;
  line.accept("no-exit-on-failure");  // It is always so.
}

// Of `user` and `uid`, and of `group` and `gid`, the first line counts.
bool is_first(Line& line, Place& place) {
  if (place.line != 0) {
    line.skip_rest();
    line.warn(format("'{}' has no effect: line {} says it already", line.subject, place.line));
    return false;
  }
  place = line.place;
  return true;
}
void parse_user(Line& line, Reading& reading) {
  if (is_first(line, global_of(reading).user_place)) global_of(reading).user = line.take_text("a user's name");
}
void parse_group(Line& line, Reading& reading) {
  if (is_first(line, global_of(reading).group_place)) global_of(reading).group = line.take_text("a group's name");
}
void parse_uid(Line& line, Reading& reading) {
  if (is_first(line, global_of(reading).user_place)) global_of(reading).uid = take_count(line);
}
void parse_gid(Line& line, Reading& reading) {
  if (is_first(line, global_of(reading).group_place)) global_of(reading).gid = take_count(line);
}

void parse_default_path(Line& line, Reading&) {
  constexpr std::string_view kChoices[] = {"current", "config", "parent", "origin"};
  const auto choice = line.take_choice(kChoices);
  if (choice && *choice != 0) line.complain("'default-path' other than 'current' is not offered: write absolute paths");
}
void parse_description(Line& line, Reading& reading) {
  std::string text = line.take_text("a text");
  if (line.failed()) return;
  for (const Word& word : line.take_rest()) text += (text.empty() ? "" : " ") + word.text;
  global_of(reading).description = std::move(text);
}
void parse_hard_stop_after(Line& line, Reading& reading) { global_of(reading).hard_stop_after_ms = line.take_ms(); }
void parse_grace(Line& line, Reading& reading) { global_of(reading).grace_ms = line.take_ms(); }

void parse_log(Line& line, Reading& reading) {
  if (line.negated) {
    global_of(reading).logs.clear();
    return;
  }
  if (auto target = take_log_target(line)) global_of(reading).logs.push_back(std::move(*target));
}
void parse_lint_off(Line& line, Reading& reading) {
  do {
    const Word* word = line.take("the name of a warning");
    if (word == nullptr) return;
    const auto names = lint_names();
    if (std::find(names.begin(), names.end(), word->text) == names.end())
      return complain_unknown(line, *word, "'lint-off'", names);
    global_of(reading).lint_off.push_back(word->text);
  } while (line.more());
}
void parse_log_send_hostname(Line& line, Reading& reading) {
  global_of(reading).log_send_hostname_on = true;
  if (line.more()) global_of(reading).log_send_hostname = line.take_text("a name");
}
void parse_log_tag(Line& line, Reading& reading) { global_of(reading).log_tag = line.take_text("a tag"); }
void parse_max_spread_checks(Line& line, Reading& reading) { global_of(reading).max_spread_checks_ms = line.take_ms(); }
void parse_maxconn(Line& line, Reading& reading) { global_of(reading).maxconn = take_count(line); }
template <std::uint32_t Global::*Limit>
void parse_limit(Line& line, Reading& reading) {
  global_of(reading).*Limit = take_count(line);
}
void parse_nbthread(Line& line, Reading& reading) { global_of(reading).nbthread = take_count(line, 1, 64); }
void parse_node(Line& line, Reading& reading) { global_of(reading).node = line.take_text("a name"); }
void parse_pidfile(Line& line, Reading& reading) { global_of(reading).pid_file = line.take_text("a file"); }
void parse_quiet(Line&, Reading& reading) { global_of(reading).quiet = true; }

// The name of a variable of the environment; null after a complaint.
const Word* take_variable(Line& line, std::string_view what) {
  const Word* name = line.take_filled(what);
  if (name == nullptr || name->text.find('=') == std::string::npos) return name;
  line.complain(name->place, format("'{}' is no name of a variable: there is a '=' in it", name->text));
  return nullptr;
}
void parse_setenv(Line& line, Reading& reading) {
  const Word* name = take_variable(line, "a name and a value");
  const Word* value = line.take_filled("a value");
  if (value == nullptr) return;
  reading.environment.set(name->text, value->text);
  global_of(reading).set_env[name->text] = value->text;
}
void parse_presetenv(Line& line, Reading& reading) {
  const Word* name = take_variable(line, "a name and a value");
  const Word* value = line.take_filled("a value");
  if (value == nullptr || reading.environment.find(name->text) != nullptr) return;
  reading.environment.set(name->text, value->text);
  global_of(reading).set_env[name->text] = value->text;
}
// What the process itself has is noted as taken away.
void note_unset(Reading& reading, const std::string& name) {
  auto& changes = global_of(reading).set_env;
  if (std::getenv(name.c_str()) != nullptr)
    changes[name] = std::nullopt;
  else
    changes.erase(name);
}
void parse_unsetenv(Line& line, Reading& reading) {
  do {
    const Word* name = take_variable(line, "a name");
    if (name == nullptr) return;
    reading.environment.unset(name->text);
    note_unset(reading, name->text);
  } while (line.more());
}
void parse_resetenv(Line& line, Reading& reading) {
  std::vector<std::string> kept;
  for (const Word& name : line.take_rest()) kept.push_back(name.text);
  reading.environment.keep_only(kept);
  std::erase_if(global_of(reading).set_env,
                [&](const auto& entry) { return std::find(kept.begin(), kept.end(), entry.first) == kept.end(); });
  std::optional<std::vector<std::string>>& all_kept = global_of(reading).kept_env;
  if (all_kept)
    std::erase_if(kept, [&](const std::string& name) {
      return std::find(all_kept->begin(), all_kept->end(), name) == all_kept->end();
    });
  all_kept = std::move(kept);
}

void parse_localpeer(Line& line, Reading& reading) {
  const std::string name = line.take_text("a name");
  if (line.failed()) return;
  reading.environment.set("HAPROXY_LOCALPEER", name);
  global_of(reading).local_peer = name;
}
void parse_zero_warning(Line&, Reading& reading) { reading.zero_warning = true; }
void parse_unix_bind(Line& line, Reading& reading) {
  constexpr std::string_view kWords[] = {"prefix", "mode", "user", "uid", "group", "gid"};
  while (line.more()) {
    const Word& word = line.pop();
    if (word.text == "prefix") {
      reading.unix_prefix = line.take_text("a path");
      continue;
    }
    if (std::find(std::begin(kWords), std::end(kWords), word.text) == std::end(kWords))
      return complain_unknown(line, word, "'unix-bind'", kWords);
    const auto* keyword = find_keyword(bind_keywords(), word.text);
    line.start(*keyword, word, "unix-bind");
    keyword->parse(line, reading.unix_bind);
  }
}

// Said twice it is an error, as in HAProxy.
void parse_state_path(Line& line, std::string& to, std::string_view what) {
  if (!to.empty()) return line.complain(format("'{}' is given already", line.subject));
  to = line.take_text(what);
}
void parse_server_state_base(Line& line, Reading& reading) {
  parse_state_path(line, global_of(reading).server_state_base, "a folder");
}
void parse_server_state_file(Line& line, Reading& reading) {
  parse_state_path(line, global_of(reading).server_state_file, "a file");
}

template <bool formatted>
void parse_set_var(Line& line, Reading& reading) {
  ProcessVariable variable;
  variable.place = line.place;
  variable.formatted = formatted;
  const Word* name = line.take("a variable such as proc.name");
  const Word* value = name == nullptr ? nullptr : line.take(formatted ? "a format" : "a sample such as str(text)");
  if (value == nullptr) return;
  variable.name = *name;
  variable.value = *value;
  global_of(reading).variables.push_back(std::move(variable));
}
void parse_spread_checks(Line& line, Reading& reading) { global_of(reading).spread_checks = take_count(line, 0, 50); }

void parse_bind_ciphers(Line& line, Reading& reading) {
  global_of(reading).bind_defaults.ciphers = line.take_text("a list of ciphers");
}
void parse_server_ciphers(Line& line, Reading& reading) {
  global_of(reading).server_defaults.ciphers = line.take_text("a list of ciphers");
}
void parse_bind_suites(Line& line, Reading& reading) {
  global_of(reading).bind_defaults.ciphersuites = line.take_text("a list of cipher suites");
  warn_ciphersuites(line);
}
void parse_server_suites(Line& line, Reading& reading) {
  global_of(reading).server_defaults.ciphersuites = line.take_text("a list of cipher suites");
  warn_ciphersuites(line);
}
void parse_bind_curves(Line& line, Reading& reading) {
  global_of(reading).bind_defaults.curves = line.take_text("a list of curves");
}

// The words of ssl-default-bind-options and ssl-default-server-options.
void take_tls_options(Line& line, Tls& tls, bool is_bind) {
  constexpr std::string_view kWords[] = {"ssl-min-ver",
                                         "ssl-max-ver",
                                         "no-tls-tickets",
                                         "no-sslv3",
                                         "no-tlsv10",
                                         "no-tlsv11",
                                         "no-tlsv12",
                                         "no-tlsv13",
                                         "force-tlsv10",
                                         "force-tlsv11",
                                         "force-tlsv12",
                                         "force-tlsv13",
                                         "prefer-client-ciphers",
                                         "tls-tickets",
                                         "strict-sni"};
  if (!line.reading.drafts.empty())
    line.warn(
        format("'{}' applies to the lines that follow only: put it into a 'global' section above "
               "all proxies",
               line.subject));
  const std::string subject = line.subject;
  tls.place = line.place;
  if (!line.more()) line.take("options such as 'ssl-min-ver TLSv1.2'");
  while (line.more()) {
    const Word& word = line.pop();
    line.subject = word.text;
    line.place = word.place;
    if (word.text == "ssl-min-ver")
      take_min_version(line, tls);
    else if (word.text == "ssl-max-ver")
      take_max_version(line, tls);
    else if (word.text == "no-tls-tickets")
      tls.tickets = false;
    else if (word.text == "tls-tickets" && !is_bind)
      tls.tickets = true;
    else if (word.text == "no-sslv3")
      exclude_version(line, tls, TlsVersion::Unset);
    else if (word.text == "no-tlsv10")
      exclude_version(line, tls, TlsVersion::Tls10);
    else if (word.text == "no-tlsv11")
      exclude_version(line, tls, TlsVersion::Tls11);
    else if (word.text == "no-tlsv12")
      exclude_version(line, tls, TlsVersion::Tls12);
    else if (word.text == "no-tlsv13")
      exclude_version(line, tls, TlsVersion::Tls13);
    else if (word.text == "force-tlsv10")
      force_version(line, tls, TlsVersion::Tls10);
    else if (word.text == "force-tlsv11")
      force_version(line, tls, TlsVersion::Tls11);
    else if (word.text == "force-tlsv12")
      force_version(line, tls, TlsVersion::Tls12);
    else if (word.text == "force-tlsv13")
      force_version(line, tls, TlsVersion::Tls13);
    else if (word.text == "prefer-client-ciphers" && is_bind)
      line.reading.config.global.bind_prefer_client_ciphers = true;
    else if (word.text == "strict-sni" && is_bind)
      line.reading.config.global.bind_strict_sni = true;
    else if (word.text == "no-ca-names" && is_bind)
      tls.ca_names = false;
    else if (word.text == "no-ssl-reuse" && !is_bind)
      tls.resume = false;
    else if (word.text == "no-ssl-reuse" || word.text == "allow-0rtt" || word.text == "no-ca-names")
      line.warn(format("'{}' has no effect as a default", word.text));
    else
      return complain_unknown(line, word, format("'{}'", subject), kWords);
  }
}
void parse_bind_options(Line& line, Reading& reading) {
  take_tls_options(line, global_of(reading).bind_defaults, true);
}
void parse_server_options(Line& line, Reading& reading) {
  take_tls_options(line, global_of(reading).server_defaults, false);
}

void parse_server_verify(Line& line, Reading& reading) {
  constexpr std::string_view kChoices[] = {"none", "required"};
  if (const auto choice = line.take_choice(kChoices)) global_of(reading).server_verify_none = *choice == 0;
}

void parse_bufsize(Line& line, Reading& reading) {
  const Place place = line.more() ? line.peek().place : line.place;
  const std::uint64_t size = line.take_size();
  if (!line.failed() && (size < 1024 || size > 1073741824))
    return line.complain(place, "'tune.bufsize' expects a size from 1k to 1g");
  global_of(reading).buffer_size = size;
}
void parse_comp_cpu(Line& line, Reading& reading) { global_of(reading).max_comp_cpu = take_count(line, 0, 100); }
void parse_comp_rate(Line& line, Reading& reading) { global_of(reading).max_comp_rate = take_count(line); }
void parse_zlib_memory(Line& line, Reading& reading) { global_of(reading).max_zlib_memory = take_count(line); }
void parse_comp_level(Line& line, Reading& reading) { global_of(reading).comp_level = take_count(line, 1, 9); }
void parse_zlib_level(Line& line, Reading& reading) { global_of(reading).zlib_memory_level = take_count(line, 1, 9); }
void parse_zlib_window(Line& line, Reading& reading) { global_of(reading).zlib_window = take_count(line, 8, 15); }
void parse_gulp_budget(Line& line, Reading& reading) { global_of(reading).gulp_budget = line.take_size(); }
void parse_idle_pool_shared(Line& line, Reading& reading) {
  const Word* word = line.take("'on' or 'off'");
  if (word == nullptr) return;
  if (word->text != "on" && word->text != "off")
    return line.complain(word->place, "'tune.idle-pool.shared' expects 'on' or 'off'");
  global_of(reading).idle_pool_shared = word->text == "on";
}
void parse_logurilen(Line& line, Reading& reading) { global_of(reading).log_uri_length = take_count(line, 1, 65535); }
void parse_cookielen(Line& line, Reading& reading) { global_of(reading).cookie_length = take_count(line, 1, 65535); }
void parse_maxhdr(Line& line, Reading& reading) { global_of(reading).max_headers = take_count(line, 1, 32767); }
void parse_maxhead(Line& line, Reading& reading) {
  const Place place = line.more() ? line.peek().place : line.place;
  const std::uint64_t size = line.take_size();
  if (!line.failed() && (size < 1024 || size > 16777216))
    return line.complain(place, "'tune.http.maxhead' expects a size from 1k to 16m");
  global_of(reading).max_head = size;
}
void parse_txn_memory(Line& line, Reading& reading) {
  const Place place = line.more() ? line.peek().place : line.place;
  const std::uint64_t size = line.take_size();
  if (!line.failed() && (size < 65536 || size > 1073741824))
    return line.complain(place, "'tune.txn.memory' expects a size from 64k to 1g");
  global_of(reading).txn_memory = size;
}
void parse_rcvbuf_client(Line& line, Reading& reading) { global_of(reading).rcvbuf_client = line.take_size(); }
void parse_rcvbuf_server(Line& line, Reading& reading) { global_of(reading).rcvbuf_server = line.take_size(); }
void parse_sndbuf_client(Line& line, Reading& reading) { global_of(reading).sndbuf_client = line.take_size(); }
void parse_sndbuf_server(Line& line, Reading& reading) { global_of(reading).sndbuf_server = line.take_size(); }
void parse_lifetime(Line& line, Reading& reading) {
  global_of(reading).ssl_lifetime_s = line.take_ms("a time such as 300s", TimeUnit::Second) / 1000;
}
void parse_made_up_kept(Line& line, Reading& reading) { global_of(reading).made_up_kept = take_count(line, 0); }
void parse_hello_capture(Line& line, Reading& reading) { global_of(reading).hello_capture = take_count(line, 0); }
void parse_ulimit_n(Line& line, Reading& reading) { global_of(reading).ulimit_n = take_count(line, 1); }

constexpr std::string_view kMemory = "Memory is taken as traffic needs it.";

constexpr GlobalKeyword kGlobalKeywords[] = {
    {"51degrees-cache-size", no_effect<Reading>, "Device detection is not built in."},
    {"51degrees-data-file", refused<Reading>, "Device detection is not built in."},
    {"51degrees-property-name-list", no_effect<Reading>, "Device detection is not built in."},
    {"51degrees-property-separator", no_effect<Reading>, "Device detection is not built in."},
    {"anonkey", no_effect<Reading>, "Dumps are not made anonymous."},
    {"busy-polling", never_done<Reading>, "Workers sleep when there is nothing to do.", kAnywhere | kNegatable},
    {"ca-base", parse_ca_base, "Folder of 'ca-file' and 'crl-file' paths that are not absolute."},
    {"chroot", parse_chroot, "Folder that becomes the root of the serving process; needs a start as root."},
    {"close-spread-time", no_effect<Reading>, "A soft stop closes idle connections at once, a reload none."},
    {"cluster-secret", no_effect<Reading>, "QUIC (HTTP/3) is not spoken."},
    {"cpu-map", no_effect<Reading>, "The kernel places the workers."},
    {"crt-base", parse_crt_base, "Folder of 'crt' paths that are not absolute."},
    {"daemon", parse_daemon, "Go into the background, as -D does; with -db, -d or -Ws it stays in the foreground."},
    {"debug", obsolete<Reading>, "Start with -d instead."},
    {"default-path", parse_default_path,
     "Where relative paths begin: 'current', the working folder, is what is offered."},
    {"description", parse_description, "Text about this process, for the statistics."},
    {"deviceatlas-json-file", refused<Reading>, "Device detection is not built in."},
    {"deviceatlas-log-level", no_effect<Reading>, "Device detection is not built in."},
    {"deviceatlas-properties-cookie", no_effect<Reading>, "Device detection is not built in."},
    {"deviceatlas-separator", no_effect<Reading>, "Device detection is not built in."},
    {"expose-experimental-directives", no_effect<Reading>, "Nothing is hidden behind it."},
    {"external-check", parse_external_check,
     "Programs may check servers: see 'option external-check'. Needs 'insecure-fork-wanted' too."},
    {"fd-hard-limit", no_effect<Reading>, "The descriptors needed are counted at start; set 'maxconn' or 'ulimit-n'."},
    {"gid", parse_gid, "Group number of the serving process; needs a start as root."},
    {"grace", parse_grace, "Time that listeners stay open after a soft stop was asked for."},
    {"group", parse_group, "Group of the serving process, by name; needs a start as root."},
    {"h1-accept-payload-with-any-method", no_effect<Reading>, "Bodies are accepted with any method."},
    {"h1-case-adjust", no_effect<Reading>, "Header names pass as they came, in their own case."},
    {"h1-case-adjust-file", no_effect<Reading>, "Header names pass as they came, in their own case."},
    {"h2-workaround-bogus-websocket-clients", no_effect<Reading>, "HTTP/2 is not spoken yet."},
    {"hard-stop-after", parse_hard_stop_after,
     "Longest time that clients may stay after a soft stop; 0, the default, means no limit."},
    {"httpclient.resolvers.id", no_effect<Reading>, "There is no HTTP client inside."},
    {"httpclient.resolvers.prefer", no_effect<Reading>, "There is no HTTP client inside."},
    {"httpclient.ssl.ca-file", no_effect<Reading>, "There is no HTTP client inside."},
    {"httpclient.ssl.verify", no_effect<Reading>, "There is no HTTP client inside."},
    {"insecure-fork-wanted", parse_fork_wanted, "Programs of 'external-check' may be started; no others ever are.",
     kAnywhere | kNegatable},
    {"insecure-setuid-wanted", no_effect<Reading>, "No program is ever started."},
    {"issuers-chain-path", parse_issuers_chain_path,
     "Folder of chains, for certificates whose file has none: the one that begins with their issuer is sent with "
     "them."},
    {"lint-off", parse_lint_off,
     "Silences warnings of penstock -c about Exchange, by their names. A word of penstock's own."},
    {"localpeer", parse_localpeer,
     "Name of this process among peers, told as \"$HAPROXY_LOCALPEER\": what -L says, else the system's, unless said "
     "otherwise."},
    {"log", parse_log,
     "Where logs go: target [len n] [format f] facility [level [minlevel]]; targets are "
     "address:port, a unix path, stdout, stderr, fd@n. Lost lines are told on stderr and in the other logs.",
     kAnywhere | kNegatable},
    {"log-send-hostname", parse_log_send_hostname,
     "Put a host name into syslog headers: the one given, or the system's."},
    {"log-tag", parse_log_tag, "Tag in syslog headers."},
    {"lua-load", refused<Reading>, "Lua is not built in."},
    {"lua-load-per-thread", refused<Reading>, "Lua is not built in."},
    {"lua-prepend-path", no_effect<Reading>, "Lua is not built in."},
    {"master-worker", parse_master_worker,
     "Serve in a child that is started again when it dies, as -W does; always so where privileges "
     "are dropped."},
    {"max-spread-checks", parse_max_spread_checks, "Longest time over which first checks are spread at start."},
    {"maxcompcpuusage", parse_comp_cpu,
     "Percent of their time that workers may spend before new answers are sent uncompressed; 100, no limit, unless "
     "said otherwise."},
    {"maxcomprate", parse_comp_rate,
     "KiB a second that may be compressed before new answers are sent as they are; 0, no limit, unless said "
     "otherwise."},
    {"maxconn", parse_maxconn, "Most client connections at one time; computed from the descriptor limit if not given."},
    {"maxconnrate", parse_limit<&Global::maxconnrate>,
     "Connections a second that are accepted; who comes beyond waits in the kernel. 0, the default, means no limit."},
    {"maxpipes", no_effect<Reading>, "Bytes are not moved through pipes."},
    {"maxsessrate", parse_limit<&Global::maxsessrate>,
     "Clients a second that are let in by 'tcp-request connection'; who comes beyond waits in the kernel."},
    {"maxsslconn", parse_limit<&Global::maxsslconn>,
     "TLS connections at one time, those to servers counted too, beyond which no client of a 'bind ... ssl' is "
     "accepted."},
    {"maxsslrate", parse_limit<&Global::maxsslrate>,
     "TLS clients a second that are accepted, before their handshake; who comes beyond waits in the kernel."},
    {"maxzlibmem", parse_zlib_memory,
     "MiB that compression may hold before new answers are sent as they are; 0, no limit, unless said otherwise."},
    {"mworker-max-reloads", no_effect<Reading>, "A reload makes no new process."},
    {"nbproc", parse_old_global,
     "An old word: 1 is taken with a warning, more is an error that shows 'nbthread'; there is one process."},
    {"nbthread", parse_nbthread, "Number of workers; one for each processor if not given."},
    {"no-memory-trimming", no_effect<Reading>, kMemory},
    {"node", parse_node, "Name of this machine, for the statistics."},
    {"noepoll", no_effect<Reading>, "The event loop uses epoll."},
    {"noevports", no_effect<Reading>, "The event loop uses epoll."},
    {"nogetaddrinfo", no_effect<Reading>, "Names are resolved by getaddrinfo."},
    {"nokqueue", no_effect<Reading>, "The event loop uses epoll."},
    {"nopoll", no_effect<Reading>, "The event loop uses epoll."},
    {"noreuseport", no_effect<Reading>, "Each worker listens on a socket of its own."},
    {"nosplice", no_effect<Reading>, "Bytes are not moved by splice."},
    {"numa-cpu-mapping", no_effect<Reading>, "The kernel places the workers.", kAnywhere | kNegatable},
    {"ocsp-update.maxdelay", no_effect<Reading>, "OCSP answers are not fetched."},
    {"ocsp-update.mindelay", no_effect<Reading>, "OCSP answers are not fetched."},
    {"pidfile", parse_pidfile, "File that gets the process number."},
    {"pp2-never-send-local", no_effect<Reading>, "No PROXY protocol header is sent."},
    {"presetenv", parse_presetenv, "Set a variable for \"$NAME\" in this file, unless it has a value."},
    {"profiling.memory", no_effect<Reading>, "Profile with the system's tools."},
    {"profiling.tasks", no_effect<Reading>, "Profile with the system's tools."},
    {"quiet", parse_quiet, "Say nothing at start."},
    {"resetenv", parse_resetenv, "Forget all variables but those named."},
    {"server-state-base", parse_server_state_base, "Folder of the files of server states that are no whole paths."},
    {"server-state-file", parse_server_state_file,
     "File of the states of servers: read at the start for proxies that say 'load-server-state-from-file global', and "
     "written when the process is told to stop."},
    {"set-dumpable", never_done<Reading>, "Whether cores are dumped is left to the system.", kAnywhere | kNegatable},
    {"set-var", parse_set_var<false>, "A variable of the process from the start on: proc.<name> <sample>."},
    {"set-var-fmt", parse_set_var<true>, "A variable of the process from the start on: proc.<name> <format>."},
    {"setenv", parse_setenv, "Set a variable for \"$NAME\" in this file and for the sample env."},
    {"spread-checks", parse_spread_checks,
     "Percentage, 0 to 50, by which times between checks vary, 0 unless said otherwise."},
    {"ssl-default-bind-ciphers", parse_bind_ciphers, "'ciphers' of bind lines that give none."},
    {"ssl-default-bind-ciphersuites", parse_bind_suites,
     "'ciphersuites' of bind lines. Has no effect: BoringSSL chooses them itself."},
    {"ssl-default-bind-curves", parse_bind_curves, "'curves' of bind lines that give none."},
    {"ssl-default-bind-options", parse_bind_options,
     "TLS words for all bind lines that follow: ssl-min-ver, ssl-max-ver, no-tls-tickets, "
     "no-tlsv10 and their like."},
    {"ssl-default-server-ciphers", parse_server_ciphers, "'ciphers' of server lines that give none."},
    {"ssl-default-server-ciphersuites", parse_server_suites,
     "'ciphersuites' of server lines. Has no effect: BoringSSL chooses them itself."},
    {"ssl-default-server-options", parse_server_options,
     "TLS words for all server lines that follow: ssl-min-ver, ssl-max-ver, no-tls-tickets and "
     "their like."},
    {"ssl-dh-param-file", no_effect<Reading>,
     "Finite field Diffie-Hellman is not spoken; clients use elliptic curves."},
    {"ssl-engine", refused<Reading>, "BoringSSL has no engines."},
    {"ssl-load-extra-del-ext", parse_load_extra_del_ext,
     "Files beside a certificate have their ending in place of its '.crt', not behind it."},
    {"ssl-load-extra-files", parse_load_extra_files,
     "What is looked for beside a certificate's file: none, all (the default), or some of bundle, sctl, ocsp, issuer "
     "and "
     "key."},
    {"ssl-mode-async", no_effect<Reading>, "BoringSSL has no asynchronous engines."},
    {"ssl-propquery", no_effect<Reading>, "BoringSSL has no providers."},
    {"ssl-provider", no_effect<Reading>, "BoringSSL has no providers."},
    {"ssl-provider-path", no_effect<Reading>, "BoringSSL has no providers."},
    {"ssl-server-verify", parse_server_verify,
     "Whether certificates of servers are verified where 'verify' is not given: required (the default) or none."},
    {"ssl-skip-self-issued-ca", parse_skip_self_issued_ca,
     "An authority that issued itself is not sent, though it stands in the file."},
    {"stats", parse_global_stats, "The runtime socket: socket, timeout, maxconn; see the words below."},
    {"strict-limits", no_effect<Reading>, "A descriptor limit that is too low is always an error at start.",
     kAnywhere | kNegatable},
    {"thread-group", no_effect<Reading>, "All workers are one group."},
    {"thread-groups", no_effect<Reading>, "All workers are one group."},
    {"tune.buffers.limit", no_effect<Reading>, kMemory},
    {"tune.buffers.reserve", no_effect<Reading>, kMemory},
    {"tune.bufsize", parse_bufsize, "Raises 'tune.http.maxhead' if it is larger; buffers have their own sizes here."},
    {"tune.chksize", parse_old_global, "An old word, taken with a warning: checks read answers of any length."},
    {"tune.comp.maxlevel", parse_comp_level, "How hard compression tries, 1 to 9, 1 unless said otherwise."},
    {"tune.fail-alloc", no_effect<Reading>, kMemory},
    {"tune.fd.edge-triggered", no_effect<Reading>, "The event loop chooses its ways."},
    {"tune.gulp-budget", parse_gulp_budget,
     "Memory that a worker may spend on large reads for transfers in bulk, 16m unless said otherwise. A word of "
     "penstock's "
     "own."},
    {"tune.h2.header-table-size", no_effect<Reading>, "HTTP/2 is not spoken yet."},
    {"tune.h2.initial-window-size", no_effect<Reading>, "HTTP/2 is not spoken yet."},
    {"tune.h2.max-concurrent-streams", no_effect<Reading>, "HTTP/2 is not spoken yet."},
    {"tune.h2.max-frame-size", no_effect<Reading>, "HTTP/2 is not spoken yet."},
    {"tune.http.cookielen", parse_cookielen,
     "Longest captured cookie, its name included, 63 bytes unless said otherwise."},
    {"tune.http.logurilen", parse_logurilen,
     "Longest request line in a log line and one byte more, 1024 unless said otherwise; beyond it the target is cut."},
    {"tune.http.maxhdr", parse_maxhdr,
     "Most lines of a head, the start line included, 101 unless said otherwise; beyond it 431."},
    {"tune.http.maxhead", parse_maxhead, "Longest head of a message, 128k if not given. A word of penstock's own."},
    {"tune.idle-pool.shared", parse_idle_pool_shared,
     "Workers take idle server connections from each other (on, the default) or not (off)."},
    {"tune.idletimer", no_effect<Reading>, "Streams in bulk are recognised by their bytes."},
    {"tune.listener.multi-queue", no_effect<Reading>, "Each worker listens on a socket of its own."},
    {"tune.lua.forced-yield", no_effect<Reading>, "Lua is not built in."},
    {"tune.lua.maxmem", no_effect<Reading>, "Lua is not built in."},
    {"tune.lua.service-timeout", no_effect<Reading>, "Lua is not built in."},
    {"tune.lua.session-timeout", no_effect<Reading>, "Lua is not built in."},
    {"tune.lua.task-timeout", no_effect<Reading>, "Lua is not built in."},
    {"tune.maxaccept", no_effect<Reading>, "A worker takes all connections that wait, in turn."},
    {"tune.maxpollevents", no_effect<Reading>, "The event loop chooses its ways."},
    {"tune.maxrewrite", no_effect<Reading>, "Rules may make a head as long as they need."},
    {"tune.pattern.cache-size", no_effect<Reading>, "Results of patterns are not cached."},
    {"tune.peers.max-updates-at-once", no_effect<Reading>, "What peers are sent is bounded by what they take."},
    {"tune.pipesize", no_effect<Reading>, "Bytes are not moved through pipes."},
    {"tune.pool-high-fd-ratio", no_effect<Reading>,
     "From three quarters of the descriptors on no server connection is kept idle."},
    {"tune.pool-low-fd-ratio", no_effect<Reading>,
     "From three quarters of the descriptors on no server connection is kept idle."},
    {"tune.quic.frontend.conn-tx-buffers.limit", no_effect<Reading>, "QUIC (HTTP/3) is not spoken."},
    {"tune.quic.frontend.max-idle-timeout", no_effect<Reading>, "QUIC (HTTP/3) is not spoken."},
    {"tune.quic.frontend.max-streams-bidi", no_effect<Reading>, "QUIC (HTTP/3) is not spoken."},
    {"tune.quic.retry-threshold", no_effect<Reading>, "QUIC (HTTP/3) is not spoken."},
    {"tune.rcvbuf.client", parse_rcvbuf_client,
     "Kernel's receive buffer of client connections; 0 leaves it to the kernel."},
    {"tune.rcvbuf.server", parse_rcvbuf_server,
     "Kernel's receive buffer of server connections; 0 leaves it to the kernel."},
    {"tune.recv_enough", no_effect<Reading>, "Reads take what is there."},
    {"tune.runqueue-depth", no_effect<Reading>, "The event loop chooses its ways."},
    {"tune.sched.low-latency", no_effect<Reading>, "The event loop chooses its ways."},
    {"tune.sndbuf.client", parse_sndbuf_client,
     "Kernel's send buffer of client connections; 0 leaves it to the kernel."},
    {"tune.sndbuf.server", parse_sndbuf_server,
     "Kernel's send buffer of server connections; 0 leaves it to the kernel."},
    {"tune.ssl.cachesize", no_effect<Reading>, "Clients resume by session tickets: nothing is kept here."},
    {"tune.ssl.capture-buffer-size", parse_hello_capture,
     "Bytes of lists that are kept of each TLS client's first message for ssl_fc_cipherlist_bin and its like; 0, which "
     "keeps nothing, unless said otherwise."},
    {"tune.ssl.capture-cipherlist-size", parse_hello_capture, "The same as tune.ssl.capture-buffer-size."},
    {"tune.ssl.default-dh-param", no_effect<Reading>,
     "Finite field Diffie-Hellman is not spoken; clients use elliptic curves."},
    {"tune.ssl.force-private-cache", no_effect<Reading>, "All workers share one process."},
    {"tune.ssl.hard-maxrecord", no_effect<Reading>, "Record sizes follow what there is to send."},
    {"tune.ssl.keylog", no_effect<Reading>, "Secrets of TLS sessions are never given away."},
    {"tune.ssl.lifetime", parse_lifetime, "Time for which a TLS session can be resumed, 5m unless said otherwise."},
    {"tune.ssl.maxrecord", no_effect<Reading>, "Record sizes follow what there is to send."},
    {"tune.ssl.ssl-ctx-cache-size", parse_made_up_kept,
     "How many certificates made up by 'generate-certificates' are kept, 1000 unless said otherwise."},
    {"tune.txn.memory", parse_txn_memory,
     "Memory that rules may take for one request and its answer; beyond it 500. A word of "
     "penstock's own."},
    {"tune.vars.check-max-size", no_effect<Reading>, kMemory},
    {"tune.vars.global-max-size", no_effect<Reading>, kMemory},
    {"tune.vars.proc-max-size", no_effect<Reading>, kMemory},
    {"tune.vars.reqres-max-size", no_effect<Reading>, kMemory},
    {"tune.vars.sess-max-size", no_effect<Reading>, kMemory},
    {"tune.vars.txn-max-size", no_effect<Reading>, kMemory},
    {"tune.zlib.memlevel", parse_zlib_level, "Memory of a compressed answer, 1 to 9, 8 unless said otherwise."},
    {"tune.zlib.windowsize", parse_zlib_window,
     "How far compression looks back, 8 to 15 as a power of two, 15 unless said otherwise."},
    {"uid", parse_uid, "User number of the serving process; needs a start as root."},
    {"ulimit-n", parse_ulimit_n, "Descriptor limit to set at start; computed from 'maxconn' if not given."},
    {"unix-bind", parse_unix_bind,
     "What 'bind' lines of unix sockets begin with: prefix <path>, mode, user, uid, group, gid."},
    {"unsetenv", parse_unsetenv, "Forget variables."},
    {"user", parse_user, "User of the serving process, by name; without 'group', the user's own group is taken."},
    {"wurfl-cache-size", no_effect<Reading>, "Device detection is not built in."},
    {"wurfl-data-file", refused<Reading>, "Device detection is not built in."},
    {"wurfl-information-list", no_effect<Reading>, "Device detection is not built in."},
    {"wurfl-information-list-separator", no_effect<Reading>, "Device detection is not built in."},
    {"zero-warning", parse_zero_warning, "A warning about the configuration is an error, as with -dW."},
};
static_assert(is_sorted(kGlobalKeywords));

}  // namespace

std::span<const Keyword<Reading>> global_keywords() { return kGlobalKeywords; }

}  // namespace penstock::config
