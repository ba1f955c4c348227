#include "penstock/control/master.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <csignal>
#include <fstream>
#include <utility>

#include "penstock/base/text.h"
#include "penstock/config/lint.h"
#include "penstock/config/read.h"
#include "penstock/control/changes.h"

namespace penstock {
namespace {

constexpr std::uint64_t kTickMs = 1000;
// Three keys are kept, so a ticket can be opened for at least twice this long.
constexpr std::uint64_t kRotationMs = 3600 * 1000;
// Loops, pipes, log sockets, files being read, and some to spare.
constexpr std::int64_t kReserve = 64;
constexpr std::int64_t kForEachWorker = 8;

const char* level_word(config::Severity severity) {
  switch (severity) {
    case config::Severity::Notice: return "notice";
    case config::Severity::Warning: return "warning";
    case config::Severity::Alert: return "alert";
  }
  return "";
}

bool has_bind(const config::Config& config) {
  return std::any_of(config.proxies.begin(), config.proxies.end(),
                     [](const auto& proxy) { return !proxy.disabled && !proxy.binds.empty(); });
}

}  // namespace

// The master's clock for what has to be looked at now and then.
class Master::Ticker final : public Living {
 public:
  Ticker(Loop& loop, Master& master) : Living(loop), master_(master) { set_deadline(kTickMs); }
  using Living::set_deadline;

 private:
  void on_deadline() override {
    set_deadline(kTickMs);
    master_.tick();
  }
  Master& master_;
};

Master::Master(const Options& options) : options_(options), crew_(loop_, *this), quiet_(options.quiet) {}

Master::~Master() = default;

Master::Loaded Master::load(bool check_only) {
  Loaded out;
  config::Config config = config::read(config::load_sources(options_.files, out.diagnostics), out.diagnostics);
  quiet_ = options_.quiet || config.global.quiet;
  if (options_.maxconn != 0) config.global.maxconn = static_cast<std::uint32_t>(options_.maxconn);
  out.snapshot = crew_.build(std::move(config), check_only, out.diagnostics);
  return out;
}

void Master::print(const config::Diagnostics& diagnostics) {
  for (const config::Complaint& complaint : diagnostics.complaints()) {
    if (quiet_ && complaint.severity != config::Severity::Alert) continue;
    std::fprintf(stderr, "%s\n", config::Diagnostics::text_of(complaint, crew_.process().pid).c_str());
  }
}

int Master::check() {
  Loaded loaded = load(true);
  if (loaded.snapshot) {
    loaded.diagnostics.set_source(&loaded.snapshot->config);
    config::lint(loaded.snapshot->config, loaded.diagnostics);
  }
  print(loaded.diagnostics);
  if (!loaded.snapshot || (options_.zero_warning && loaded.diagnostics.warnings() != 0)) {
    std::fprintf(stderr, "%zu error(s), %zu warning(s): the configuration cannot be used\n",
                 loaded.diagnostics.alerts(), loaded.diagnostics.warnings());
    return 1;
  }
  if (!has_bind(loaded.snapshot->config)) {
    std::fprintf(stderr, "[ALERT] (%d) : the configuration has no error, but there is nothing to listen on\n", crew_.process().pid);
    return 2;
  }
  if (options_.dump) std::fputs(config::dump(loaded.snapshot->config).c_str(), stdout);
  if (!quiet_ && !options_.dump) std::puts("Configuration file is valid");
  return 0;
}

// Every client may need two descriptors; listeners and checks have theirs. A limit too low for what the
// configuration promises is an error now, not at the busiest hour.
Result<void> Master::make_room_for_descriptors(const Snapshot& snapshot) {
  const auto workers = static_cast<std::int64_t>(crew_.workers_for(snapshot.config));
  const auto binds = static_cast<std::int64_t>(snapshot.binds.size());
  const std::int64_t checks = std::any_of(snapshot.backends.begin(), snapshot.backends.end(), [](const auto& backend) {
    return std::any_of(backend.balance.servers.begin(), backend.balance.servers.end(),
                       [](const auto& server) { return server.check.enabled; });
  }) ? static_cast<std::int64_t>(kChecksInFlight) : 0;
  const std::int64_t fixed = kReserve + workers * kForEachWorker + 2 * binds * workers + checks;
  const config::Global& global = snapshot.config.global;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const std::uint64_t wanted = global.maxconn != 0 ? static_cast<std::uint64_t>(2 * static_cast<std::int64_t>(global.maxconn) + fixed)
                               : global.ulimit_n != 0 ? global.ulimit_n
                                                      : limit.rlim_max;
  const auto got = static_cast<std::int64_t>(std::min<std::uint64_t>(raise_descriptor_limit(wanted), 1u << 30));
  if (global.maxconn != 0 && got < static_cast<std::int64_t>(wanted)) {
    return Error{format("maxconn {} needs {} descriptors (2 for each connection, {} for listeners, checks and threads), but the "
                        "limit of this process is {}. Raise it (LimitNOFILE= in the service unit, ulimit -n), or set maxconn to {}.",
                        global.maxconn, wanted, fixed, got, std::max<std::int64_t>(0, (got - fixed) / 2))};
  }
  if (got - fixed < 2) {
    return Error{format("a limit of {} descriptors leaves none for connections: {} are needed for listeners, checks and threads",
                        got, fixed)};
  }
  ProcessState& process = crew_.process();
  process.descriptor_limit = static_cast<std::int32_t>(got - fixed);
  process.maxconn = global.maxconn != 0 ? global.maxconn : static_cast<std::uint32_t>((got - fixed) / 2);
  return {};
}

int Master::run() {
  ignore_broken_pipes();
  // Before anything is read: a reload asked for meanwhile is not lost.
  SignalOwner& for_signals = *this;
  signals_ = std::make_unique<Signals>(loop_, for_signals, std::initializer_list<int>{SIGHUP, SIGUSR1, SIGUSR2, SIGTERM, SIGINT});
  Loaded loaded = load(false);
  print(loaded.diagnostics);
  if (!loaded.snapshot || (options_.zero_warning && loaded.diagnostics.warnings() != 0)) return 1;
  if (loaded.snapshot->binds.empty()) {
    std::fprintf(stderr, "[ALERT] (%d) : the configuration has no error, but there is nothing to listen on\n", crew_.process().pid);
    return 2;
  }
  if (Result<void> room = make_room_for_descriptors(*loaded.snapshot); !room) {
    std::fprintf(stderr, "[ALERT] (%d) : %s\n", crew_.process().pid, room.error().text.c_str());
    return 1;
  }
  const std::string& pid_file = options_.pid_file.empty() ? loaded.snapshot->config.global.pid_file : options_.pid_file;
  if (!pid_file.empty()) {
    std::ofstream file(pid_file, std::ios::trunc);
    file << crew_.process().pid << "\n";
    if (!file) {
      std::fprintf(stderr, "[ALERT] (%d) : cannot write the process id to '%s'\n", crew_.process().pid, pid_file.c_str());
      return 1;
    }
  }
  ticker_ = Owned<Ticker>(new Ticker(loop_, *this));
  next_rotation_ms_ = loop_.now() + kRotationMs;
  crew_.start(std::move(loaded.snapshot));
  loop_.run();
  return exit_status_;
}

void Master::on_adopted() {
  if (!changes_.empty()) {
    say(Level::Notice, format("Reloaded in {} ms: {}.", loop_.now() - reload_begun_ms_, std::exchange(changes_, "")));
  }
  if (std::exchange(reload_again_, false)) reload();
}

void Master::on_signal(int number) {
  switch (number) {
    case SIGHUP:
    case SIGUSR2:
      return reload();
    case SIGUSR1:
      return leave();
    default:
      return finish(options_.master_worker ? 128 + number : 0);
  }
}

void Master::reload() {
  if (draining_) return;
  // One that is under way becomes one more when it is done.
  if (crew_.adopting()) {
    reload_again_ = true;
    return;
  }
  reload_begun_ms_ = loop_.now();
  Loaded loaded = load(false);
  if (loaded.snapshot && loaded.snapshot->binds.empty()) {
    loaded.diagnostics.add(config::Place{}, "there is nothing to listen on");
    loaded.snapshot = nullptr;
  }
  if (loaded.snapshot) {
    if (Result<void> room = make_room_for_descriptors(*loaded.snapshot); !room) {
      loaded.diagnostics.add(config::Place{}, room.error().text);
      loaded.snapshot = nullptr;
    }
  }
  if (!loaded.snapshot) {
    print(loaded.diagnostics);
    for (const config::Complaint& complaint : loaded.diagnostics.complaints()) {
      say(complaint.severity == config::Severity::Alert ? Level::Alert : Level::Warning,
          format("Reload: {} : [{}:{}:{}] {}", level_word(complaint.severity), complaint.file, complaint.place.line,
                 complaint.place.column, complaint.text));
    }
    say(Level::Alert, format("Reload refused: {} error(s); everything goes on as before.", loaded.diagnostics.alerts()));
    return;
  }
  print(loaded.diagnostics);
  changes_ = changes_between(*crew_.snapshot(), *loaded.snapshot);
  crew_.put_to_work(std::move(loaded.snapshot));
}

void Master::say(Level level, const std::string& line) {
  if (!quiet_) std::fprintf(stderr, "[%s] (%d) : %s\n", level <= Level::Alert ? "ALERT" : level <= Level::Warning ? "WARNING" : "NOTICE", crew_.process().pid, line.c_str());
  if (!crew_.snapshot()) return;
  for (LogOutput* output : crew_.snapshot()->logs) output->write(level, line);
}

// A soft stop; `grace` lets balancers before us notice it while clients are still welcome.
void Master::leave() {
  const std::uint64_t grace = crew_.snapshot()->config.global.grace_ms;
  if (grace == 0) return drain();
  if (grace_end_ms_ != 0 || draining_) return;
  grace_end_ms_ = loop_.now() + grace;
  ticker_->set_deadline(grace);
  say(Level::Warning, format("Asked to leave: clients are still welcome for {}.", duration_text(grace)));
}

void Master::drain() {
  if (std::exchange(draining_, true)) return;
  const std::uint64_t limit = crew_.snapshot()->config.global.hard_stop_after_ms;
  if (limit != 0) drain_end_ms_ = loop_.now() + limit;
  say(Level::Warning, limit == 0 ? std::string("Leaving when the last connection has ended.")
                                 : format("Leaving when the last connection has ended, in {} at most.", duration_text(limit)));
  crew_.drain();
}

void Master::finish(int status) {
  exit_status_ = status;
  loop_.stop();
}

void Master::tick() {
  crew_.sweep();
  if (loop_.now() >= next_rotation_ms_) {
    crew_.rotate_tickets();
    next_rotation_ms_ = loop_.now() + kRotationMs;
  }
  if (grace_end_ms_ != 0 && loop_.now() >= grace_end_ms_) drain();
  if (drain_end_ms_ != 0 && loop_.now() >= drain_end_ms_) finish(0);
}

}  // namespace penstock
