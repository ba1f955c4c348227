#include "penstock/control/master.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <csignal>
#include <fstream>
#include <thread>
#include <utility>

#include "penstock/base/text.h"
#include "penstock/config/read.h"
#include "penstock/control/changes.h"
#include "penstock/proxy/bundle.h"

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

std::string host_name() {
  char name[256] = "";
  gethostname(name, sizeof(name) - 1);
  return name;
}

}  // namespace

// The master's clock for what has to be looked at now and then.
class Master::Ticker final : public Living {
 public:
  Ticker(Loop& loop, Master& master) : Living(loop), master_(master) { set_deadline(kTickMs); }

 private:
  void on_deadline() override {
    set_deadline(kTickMs);
    master_.tick();
  }
  Master& master_;
};

Master::Master(const Options& options) : options_(options) {
  process_.pid = getpid();
  process_.started_us = Loop::wall_us();
  process_.hostname = host_name();
}

Master::~Master() {
  // All end before any goes: until then they speak to each other.
  for (auto& worker : workers_) worker->stop();
  loop_.forget_posted();
  workers_.clear();
  ticker_.reset();
  signals_.reset();
}

Master::Loaded Master::load(bool check_only) {
  Loaded out;
  config::Config config = config::read(config::load_sources(options_.files, out.diagnostics), out.diagnostics);
  if (options_.maxconn != 0) config.global.maxconn = static_cast<std::uint32_t>(options_.maxconn);
  out.diagnostics.set_source(&config);
  GatherOptions gather;
  gather.workers = workers_.empty() ? workers_wanted(config) : workers_.size();
  // Sockets are bound when all else is known to be good; until then files alone are gathered, so that
  // their errors are told together with those of the text.
  gather.check_only = check_only || out.diagnostics.failed();
  Bundle bundle = Bundle::gather(config, snapshot_ ? &snapshot_->bundle : nullptr, gather, out.diagnostics);
  const Snapshot::Sources sources{servers_, tickets_, frontend_states_, log_outputs_, process_, &log_descriptors_, check_only};
  const bool failed_before = out.diagnostics.failed();
  out.snapshot = Snapshot::build(std::move(config), std::move(bundle), sources, out.diagnostics);
  if (failed_before) out.snapshot = nullptr;
  out.diagnostics.set_source(nullptr);
  return out;
}

void Master::print(const config::Diagnostics& diagnostics) {
  for (const config::Complaint& complaint : diagnostics.complaints()) {
    if (options_.quiet && complaint.severity != config::Severity::Alert) continue;
    std::fprintf(stderr, "%s\n", config::Diagnostics::text_of(complaint, process_.pid).c_str());
  }
}

int Master::check() {
  Loaded loaded = load(true);
  print(loaded.diagnostics);
  if (!loaded.snapshot || (options_.zero_warning && loaded.diagnostics.warnings() != 0)) {
    std::fprintf(stderr, "%zu error(s), %zu warning(s): the configuration cannot be used\n",
                 loaded.diagnostics.alerts(), loaded.diagnostics.warnings());
    return 1;
  }
  if (!has_bind(loaded.snapshot->config)) {
    std::fprintf(stderr, "[ALERT] (%d) : the configuration has no error, but there is nothing to listen on\n", process_.pid);
    return 2;
  }
  if (options_.dump) std::fputs(config::dump(loaded.snapshot->config).c_str(), stdout);
  if (!options_.quiet && !options_.dump) std::puts("Configuration file is valid");
  return 0;
}

unsigned Master::workers_wanted(const config::Config& config) const {
  if (config.global.nbthread != 0) return config.global.nbthread;
  return std::max(1u, std::thread::hardware_concurrency());
}

// Every client may need two descriptors; listeners and checks have theirs. A limit too low for what the
// configuration promises is an error now, not at the busiest hour.
bool Master::make_room_for_descriptors(const Snapshot& snapshot) {
  const auto workers = static_cast<std::int64_t>(workers_wanted(snapshot.config));
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
    std::fprintf(stderr,
                 "[ALERT] (%d) : maxconn %u needs %llu descriptors (2 for each connection, %lld for listeners, checks and "
                 "threads), but the limit of this process is %lld. Raise it (LimitNOFILE= in the service unit, ulimit -n), "
                 "or set maxconn to %lld.\n",
                 process_.pid, global.maxconn, static_cast<unsigned long long>(wanted), static_cast<long long>(fixed),
                 static_cast<long long>(got), static_cast<long long>(std::max<std::int64_t>(0, (got - fixed) / 2)));
    return false;
  }
  process_.descriptor_limit = static_cast<std::int32_t>(got - fixed);
  if (process_.descriptor_limit < 2) {
    std::fprintf(stderr, "[ALERT] (%d) : a limit of %lld descriptors leaves none for connections: %lld are needed for listeners, checks and threads\n",
                 process_.pid, static_cast<long long>(got), static_cast<long long>(fixed));
    return false;
  }
  process_.maxconn = global.maxconn != 0 ? global.maxconn : static_cast<std::uint32_t>(process_.descriptor_limit / 2);
  return true;
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
    std::fprintf(stderr, "[ALERT] (%d) : the configuration has no error, but there is nothing to listen on\n", process_.pid);
    return 2;
  }
  if (!make_room_for_descriptors(*loaded.snapshot)) return 1;
  if (!options_.pid_file.empty()) {
    std::ofstream file(options_.pid_file, std::ios::trunc);
    file << process_.pid << "\n";
    if (!file) {
      std::fprintf(stderr, "[ALERT] (%d) : cannot write the process id to '%s'\n", process_.pid, options_.pid_file.c_str());
      return 1;
    }
  }
  const unsigned count = workers_wanted(loaded.snapshot->config);
  WorkerOwner& for_workers = *this;
  for (unsigned i = 0; i < count; ++i) workers_.push_back(std::make_unique<Worker>(i, count, process_, for_workers));
  for (auto& worker : workers_) worker->start();
  ticker_ = Owned<Ticker>(new Ticker(loop_, *this));
  next_rotation_ms_ = loop_.now() + kRotationMs;
  put_to_work(std::move(loaded.snapshot));
  loop_.run();
  return exit_status_;
}

void Master::put_to_work(std::shared_ptr<const Snapshot> snapshot) {
  if (snapshot_) former_.push_back(std::move(snapshot_));
  snapshot_ = std::move(snapshot);
  std::vector<AddressWatch::Pool> pools;
  for (const BackendRuntimeSpec& backend : snapshot_->backends) {
    for (const ServerSpec& server : backend.balance.servers) {
      if (server.check.enabled) pools.push_back(AddressWatch::pool_of(backend.balance, server));
    }
  }
  watch_.watch(std::move(pools));
  adopting_ = workers_.size();
  for (auto& worker : workers_) {
    worker->adopt(snapshot_, [this] { loop_.post([this] { adopted(); }); });
  }
}

void Master::adopted() {
  if (--adopting_ != 0) return;
  tick();
  if (std::exchange(reload_again_, false)) reload();
}

void Master::on_signal(int number) {
  switch (number) {
    case SIGHUP:
    case SIGUSR2:
      return reload();
    case SIGUSR1:
      return drain();
    default:
      return finish(options_.master_worker ? 128 + number : 0);
  }
}

void Master::reload() {
  if (draining_) return;
  // One that is under way becomes one more when it is done.
  if (adopting_ != 0) {
    reload_again_ = true;
    return;
  }
  const std::uint64_t begun = loop_.now();
  Loaded loaded = load(false);
  if (loaded.snapshot && loaded.snapshot->binds.empty()) {
    loaded.diagnostics.add(config::Place{}, "there is nothing to listen on");
    loaded.snapshot = nullptr;
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
  const std::string changes = changes_between(*snapshot_, *loaded.snapshot);
  put_to_work(std::move(loaded.snapshot));
  say(Level::Notice, format("Reloaded in {} ms: {}.", loop_.now() - begun, changes));
}

void Master::say(Level level, const std::string& line) {
  if (!options_.quiet) std::fprintf(stderr, "[%s] (%d) : %s\n", level <= Level::Alert ? "ALERT" : level <= Level::Warning ? "WARNING" : "NOTICE", process_.pid, line.c_str());
  if (!snapshot_) return;
  for (LogOutput* output : snapshot_->logs) output->write(level, line);
}

void Master::wake_lines(std::shared_ptr<BackendState> state) {
  for (auto& worker : workers_) worker->serve_lines(state);
}

void Master::wake_listeners() {
  for (auto& worker : workers_) worker->resume_listeners();
}

void Master::on_worker_empty(unsigned) {
  loop_.post([this] {
    if (++empty_workers_ >= workers_.size()) finish(0);
  });
}

void Master::on_server_changed(const BackendSpec& backend, const ServerSpec& server, bool up) {
  if (up) wake_lines(backend.state);
  if (!up && server.shutdown_when_down) {
    for (auto& worker : workers_) worker->shut_down_sessions(server.state);
  }
  loop_.post([this, backend = backend.name, name = server.name, up] {
    const auto line = watch_.on_change(backend, name, up, loop_.now());
    if (!line) return;
    const int index = snapshot_->backend_index(backend);
    if (index < 0) return say(Level::Alert, *line);
    for (LogOutput* output : snapshot_->backends[static_cast<std::size_t>(index)].logs) output->write(Level::Alert, *line);
  });
}

void Master::drain() {
  if (std::exchange(draining_, true)) return;
  const std::uint64_t limit = snapshot_->config.global.hard_stop_after_ms;
  if (limit != 0) drain_end_ms_ = loop_.now() + limit;
  say(Level::Warning, limit == 0 ? std::string("Leaving when the last connection has ended.")
                                 : format("Leaving when the last connection has ended, in {} at most.", duration_text(limit)));
  for (auto& worker : workers_) worker->drain();
}

void Master::finish(int status) {
  exit_status_ = status;
  loop_.stop();
}

void Master::tick() {
  std::erase_if(former_, [](const auto& snapshot) { return snapshot.use_count() == 1; });
  servers_.sweep();
  std::erase_if(log_outputs_, [](const auto& entry) { return entry.second.use_count() == 1; });
  if (loop_.now() >= next_rotation_ms_) {
    tickets_.rotate();
    next_rotation_ms_ = loop_.now() + kRotationMs;
  }
  if (drain_end_ms_ != 0 && loop_.now() >= drain_end_ms_) finish(0);
}

}  // namespace penstock
