#include "penstock/control/options.h"

#include <sys/utsname.h>

#include <climits>
#include <csignal>
#include <cstdlib>

#include "penstock/base/format.h"
#include "penstock/base/text.h"

#ifndef PENSTOCK_VERSION
#define PENSTOCK_VERSION "0"
#endif

namespace penstock {
namespace {

// HAProxy's version whose grammar is covered; programs that drive haproxy look for it.
constexpr const char* kGrammarVersion = "2.6";
// Of PENSTOCK_VERSION.
constexpr std::string_view kVersionDate = "2026/11/27";

}  // namespace

std::string usage_text() {
  return R"(usage: penstock [-f FILE|FOLDER]... [options] [-- FILE...]
  -f FILE|FOLDER  read this configuration; repeatable, a folder means its *.cfg files
  -c              check the configuration and end: 0 if it can be used, else 1
  -c -d           the same, and print what was understood
  -c --json       the same, complaints as JSON
  -c --fix        print the file with old lines rewritten, where others are certain to do the same
  --diff OLD NEW  say what differs between two configurations: 0 nothing, 1 something
  --graph[=dot|svg]
                  print who leads where
  --explain 'GET URL' [--src ADDRESS] [--header 'NAME: VALUE']... [--to WHERE] [--json]
                  say what would happen to this request, rule by rule
  --probe         make every health check once, and print who passed: 0 if all did
  -cc CONDITION   evaluate a condition as .if does: 0 true, 1 false, 2 wrong
  -V              say more;  -q  say less
  -C FOLDER       change to this folder first
  -n NUMBER       maxconn of the process
  -p FILE         write the process id there
  -D              go into the background
  -db, -d         stay in the foreground, whatever the configuration says
  -W, -Ws         serve in a child that is started again when it dies
  -S ADDRESS[,level,LEVEL][,mode,MODE]...
                  with -W: the parent's runtime socket
  -sf PID..., -st PID...
                  when we serve, these processes end: softly, at once
  -dW             a warning is an error
  -dKall          list all words known and what becomes of each; -dKhelp: some alone
  -L NAME         which of the peers of the configuration we are
  -m, -N, -dM, -x: taken as haproxy does, see penstock(8)
  -v, --version, -vv, -h, --help
)";
}

void set_environment(const Options& options) {
  utsname system{};
  uname(&system);
  setenv("HAPROXY_LOCALPEER", options.local_peer.empty() ? system.nodename : options.local_peer.c_str(), 1);
  setenv("HAPROXY_STARTUP_VERSION", kGrammarVersion, 1);
  if (options.master_worker) setenv("HAPROXY_MWORKER", "1", 1);
  std::string files;
  for (const std::string& file : options.files) files += (files.empty() ? "" : ";") + file;
  setenv("HAPROXY_CFGFILES", files.c_str(), 1);
}

std::string_view program_version() { return PENSTOCK_VERSION; }
std::string_view program_date() { return kVersionDate; }

std::string version_text(bool in_full) {
  std::string text =
      format("penstock {}\nHAProxy version {} is the grammar it reads\n", PENSTOCK_VERSION, kGrammarVersion);
  if (!in_full) return text;
  utsname system{};
  uname(&system);
  text += format("Running on: {} {} {}\n", system.sysname, system.release, system.machine);
  text += "Build options :\n  TARGET  = linux-glibc\n";
  text +=
      "Feature list : +EPOLL +GETADDRINFO +OPENSSL +PCRE2 +PCRE2_JIT +SYSTEMD +THREAD -LUA +PROMEX -QUIC -SLZ -ZLIB\n";
  text += "Running with the TLS library BoringSSL\n";
  text += "Available services : prometheus-exporter\n";
  text += "Processes : one; with -W, -Ws, or user, group or chroot as root, a parent and the child that serves\n";
  text += "Service manager : told by sd_notify\n";
  return text;
}

namespace {

class ArgumentReader {
 public:
  explicit ArgumentReader(const std::vector<std::string>& words) : words_(words) {}

  Arguments read() {
    while (at_ < words_.size() && out_.wish != Arguments::Wish::Wrong) take(words_[at_++]);
    const Options& options = out_.options;
    const bool reads = out_.wish == Arguments::Wish::Run && !options.test_condition && options.compared.empty();
    if (reads && options.files.empty()) wrong("no configuration file: name one with -f");
    if (options.json && !options.check && options.supposed.empty())
      wrong("'--json' goes with '-c' and with '--explain'");
    if (options.fix && (!options.check || options.files.size() != 1 || options.json || options.dump))
      wrong("'--fix' goes with '-c' and one file");
    if (!details_.empty() && options.supposed.empty()) wrong(format("'{}' goes with '--explain'", details_.front()));
    out_.options.supposed.insert(out_.options.supposed.end(), details_.begin(), details_.end());
    return out_;
  }

 private:
  void take(const std::string& word) {
    Options& options = out_.options;
    if (word == "--") {
      while (at_ < words_.size()) options.files.push_back(words_[at_++]);
    } else if (word == "-f") {
      value(word, options.files.emplace_back());
    } else if (word == "-c") {
      options.check = true;
    } else if (word == "-d") {
      options.dump = options.foreground = true;
    } else if (word == "-db") {
      options.foreground = true;
    } else if (word == "-D") {
      options.daemon = true;
    } else if (word == "-cc") {
      options.test_condition = true;
      value(word, options.condition);
    } else if (word == "--fix") {
      options.fix = true;
    } else if (word == "--json") {
      options.json = true;
    } else if (word == "--explain") {
      value(word, options.supposed.emplace_back());
    } else if (word == "--src" || word == "--header" || word == "--to") {
      details_.push_back(word);
      value(word, details_.emplace_back());
    } else if (word == "--probe") {
      options.probe = true;
    } else if (word == "--graph" || word == "--graph=text") {
      options.graph = "text";
    } else if (word == "--graph=dot" || word == "--graph=svg") {
      options.graph = word.substr(word.find('=') + 1);
    } else if (word == "--diff") {
      value(word, options.compared.emplace_back());
      value(word, options.compared.emplace_back());
    } else if (word == "-V") {
      options.verbose = true;
    } else if (word == "-q") {
      options.quiet = true;
    } else if (word == "-C") {
      value(word, options.folder);
    } else if (word == "-p") {
      value(word, options.pid_file);
    } else if (word == "-S") {
      value(word, options.master_socket);
      if (options.master_socket.empty()) wrong("'-S' needs an address");
    } else if (word == "-n") {
      number(word, options.maxconn);
    } else if (word == "-W") {
      options.master_worker = true;
    } else if (word == "-Ws") {
      options.master_worker = options.foreground = true;
    } else if (word == "-sf" || word == "-st") {
      options.former_signal = word == "-sf" ? SIGUSR1 : SIGTERM;
      take_pids(word);
    } else if (word == "-dW") {
      options.zero_warning = true;
    } else if (word == "-v" || word == "--version") {
      wish(Arguments::Wish::Version);
    } else if (word == "-vv") {
      wish(Arguments::Wish::LongVersion);
    } else if (word == "-h" || word == "--help") {
      wish(Arguments::Wish::Help);
    } else if (word.starts_with("-dK")) {
      out_.classes = word.substr(3);
      wish(Arguments::Wish::Keywords);
    } else {
      take_without_effect(word);
    }
  }

  // What scripts written for haproxy may say.
  void take_without_effect(const std::string& word) {
    std::string ignored;
    if (word == "-dM" || word.starts_with("-dM") || word == "-dS" || word == "-dV" || word == "-dG" || word == "-dr" ||
        word == "-dL" || word == "-de" || word == "-dp" || word == "-4") {
      return;
    }
    if (word == "-m") {
      unsigned long megabytes = 0;
      number(word, megabytes);
      out_.warnings.push_back("-m: memory is not limited here; let the service manager do it (MemoryMax=)");
    } else if (word == "-x") {
      value(word, ignored);
      out_.warnings.push_back(
          "-x: sockets are not taken over from another process; a reload by SIGHUP keeps them open");
    } else if (word == "-L") {
      value(word, out_.options.local_peer);
    } else if (word == "-N") {
      value(word, ignored);
    } else {
      wrong(format("unknown option '{}'", word));
    }
  }

  // As many as follow; none is no error, since scripts put the output of a command here. 0 and 1 are
  // nobody's former process.
  void take_pids(const std::string& option) {
    while (at_ < words_.size() && !words_[at_].starts_with('-')) {
      const std::string& word = words_[at_++];
      const auto pid = parse_unsigned(word);
      if (!pid || *pid < 2 || *pid > INT_MAX) return wrong(format("'{}' needs process ids, not '{}'", option, word));
      out_.options.former_pids.push_back(static_cast<int>(*pid));
    }
  }

  void value(const std::string& option, std::string& to) {
    if (at_ >= words_.size()) return wrong(format("'{}' needs a value", option));
    to = words_[at_++];
  }
  void number(const std::string& option, unsigned long& to) {
    std::string text;
    value(option, text);
    const auto parsed = parse_unsigned(text);
    if (out_.wish == Arguments::Wish::Wrong) return;
    if (!parsed) return wrong(format("'{}' needs a number, not '{}'", option, text));
    to = *parsed;
  }
  void wish(Arguments::Wish wish) {
    if (out_.wish == Arguments::Wish::Run) out_.wish = wish;
  }
  void wrong(std::string text) {
    out_.wish = Arguments::Wish::Wrong;
    out_.wrong = std::move(text);
  }

  const std::vector<std::string>& words_;
  std::size_t at_ = 0;
  std::vector<std::string> details_;  // Of what --explain supposes.
  Arguments out_;
};

}  // namespace

bool inspects(const Options& options) {
  return options.check || options.probe || !options.graph.empty() || !options.compared.empty() ||
         !options.supposed.empty();
}

Arguments parse_arguments(const std::vector<std::string>& words) { return ArgumentReader(words).read(); }

}  // namespace penstock
