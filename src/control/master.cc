#include "penstock/control/master.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <utility>

#include "desk.h"
#include "pattern_notes.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/control/changes.h"
#include "processes.h"
#include "realm.h"
#include "replay.h"
#include "servers_seen.h"
#include "state_files.h"
#include "tls_drafts.h"

namespace penstock {
namespace {

constexpr std::uint64_t kTickMs = 1000;
// Three keys are kept, so a ticket can be opened for at least twice this long.
constexpr std::uint64_t kRotationMs = 3600 * 1000;
constexpr const char* kServing = "Serving.";
// Of complaints about one configuration.
constexpr std::size_t kMostTold = 64 * 1024;
// For files of states to be written; whoever is to stop does not wait for ever.
constexpr std::uint64_t kSavingMs = 3000;

const char* level_word(config::Severity severity) {
  switch (severity) {
    case config::Severity::Notice:
      return "notice";
    case config::Severity::Warning:
      return "warning";
    case config::Severity::Alert:
      return "alert";
  }
  return "";
}

Result<Handover> received(Message message, const Bundle* known, const Options& options) {
  if (message.descriptors.empty() || message.incomplete)
    return Error{"there were not enough descriptors to take it over"};
  const Result<WipedText> bytes = read_sealed(message.descriptors.front().get());
  if (!bytes) return bytes.error();
  message.descriptors.erase(message.descriptors.begin());
  return unpack(*bytes, std::move(message.descriptors), known, options);
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

// The process as administrators have it.
class Master::Reign final : public Realm {
 public:
  explicit Reign(Master& master) : master_(master) {}
  Loop& loop() override { return master_.loop_; }
  Crew& crew() override { return master_.crew_; }
  const Desk& desk() const override { return *master_.desk_; }
  const Options& options() const override { return master_.options_; }
  TlsDrafts& tls_drafts() override { return tls_drafts_; }
  PatternNotes& pattern_notes() override { return pattern_notes_; }
  Names& names() override { return master_.names_; }
  const std::string& complaints() const override { return master_.complaints_; }
  void log(Level level, const std::string& line) override { master_.log(level, line); }
  void reload(std::function<void(bool success, const std::string& said)> done) override {
    master_.reload_for(std::move(done));
  }
  bool reload_failed() const override { return master_.failed_ != 0; }
  void processes(std::function<void(std::string text)> done) override { master_.tell_processes(std::move(done)); }
  void save_states(std::function<void(bool success, const std::string& said)> done) override {
    master_.save_states(std::move(done));
  }
  void amend(Amendment amendment, std::function<void(const std::string& why)> done) override {
    master_.amend({std::move(amendment), std::move(done)});
  }

 private:
  Master& master_;
  TlsDrafts tls_drafts_;
  PatternNotes pattern_notes_;
};

Master::Master(const Options& options, Announcer& announcer, Channel* parent)
    : options_(options), announcer_(announcer), parent_(parent), crew_(loop_, *this), names_(loop_, crew_) {
  crew_.process().in_background = options_.daemon;
  realm_ = std::make_unique<Reign>(*this);
  desk_ = std::make_unique<Desk>(*realm_);
}

Master::~Master() = default;

Master::Loaded Master::build(Handover handover) {
  Loaded out;
  out.diagnostics = std::move(handover.diagnostics);
  quiet_ = !options_.verbose && (options_.quiet || handover.config.global.quiet);
  out.snapshot = crew_.build(std::move(handover.config), std::move(handover.bundle), false, out.diagnostics);
  return out;
}

void Master::print(const config::Diagnostics& diagnostics) {
  for (const config::Complaint& complaint : diagnostics.in_order()) {
    if (quiet_ && complaint.severity != config::Severity::Alert) continue;
    std::fprintf(stderr, "%s\n", config::Diagnostics::text_of(complaint, crew_.process().pid).c_str());
  }
}

// What administrators are told when they ask.
void Master::remember(const config::Diagnostics& diagnostics) {
  heard_.clear();
  for (const config::Complaint& complaint : diagnostics.in_order())
    heard_ += config::Diagnostics::text_of(complaint, crew_.process().pid) + "\n";
  if (!diagnostics.failed()) complaints_ = heard_;
}

// Every client may need two descriptors; listeners and checks have theirs. A limit too low for what the
// configuration promises is an error now, not at the busiest hour.
Result<Master::Limits> Master::make_room_for_descriptors(const Handover& handover) {
  const DescriptorNeed need =
      descriptor_need(handover.config, handover.bundle.bound_count(), crew_.workers_for(handover.config));
  const std::int64_t fixed = need.fixed;
  const config::Global& global = handover.config.global;
  const auto got = static_cast<std::int64_t>(std::min<std::uint64_t>(raise_descriptor_limit(need.wanted), 1u << 30));
  if (global.maxconn != 0 && got < static_cast<std::int64_t>(need.wanted)) {
    return Error{format(
        "maxconn {} needs {} descriptors (2 for each connection, {} for listeners, checks and threads), but the "
        "limit of this process is {}. Raise it (LimitNOFILE= in the service unit, ulimit -n), or set maxconn to {}.",
        global.maxconn, need.wanted, fixed, got, std::max<std::int64_t>(0, (got - fixed) / 2))};
  }
  if (got - fixed < 2) {
    return Error{
        format("a limit of {} descriptors leaves none for connections: {} are needed for listeners, checks and threads",
               got, fixed)};
  }
  return Limits{static_cast<std::int32_t>(got - fixed),
                global.maxconn != 0 ? global.maxconn : static_cast<std::uint32_t>((got - fixed) / 2)};
}

void Master::set_limits(const Limits& limits, const config::Global& global) {
  crew_.process().descriptor_limit = limits.descriptors;
  crew_.process().maxconn = limits.maxconn;
  crew_.process().hard_maxconn = limits.maxconn;
  crew_.process().limits.connections = global.maxconnrate;
  crew_.process().limits.arrivals = global.maxsessrate;
  crew_.process().limits.tls_arrivals = global.maxsslrate;
  crew_.process().limits.tls_connections = global.maxsslconn;
}

int Master::run(Handover first, const Legacy& legacy) {
  ignore_broken_pipes();
  // Reads the zone now: later its file may be out of reach.
  ::tzset();
  const std::initializer_list<int> numbers = {SIGHUP, SIGUSR1, SIGUSR2, SIGTERM, SIGINT};
  SignalOwner& for_signals = *this;
  signals_ = std::make_unique<Signals>(loop_, for_signals, numbers);
  release_signals(numbers);
  if (parent_ != nullptr) {
    WatchOwner& for_watch = *this;
    watch_ = Watch::open(loop_, parent_->fd(), for_watch);
    crew_.set_log_reach(*this);
    crew_.tickets().restore(legacy.ticket_keys.view());
    told_ = legacy.servers;
    story_ = legacy.story;
  }
  ServerNotes notes = std::move(first.notes);
  for (const auto& [name, note] : legacy.servers) notes[name] = note;
  if (const int status = start(std::move(first), notes); status != 0) return status;
  if (legacy.has_kept()) {
    notes_ = legacy.servers;
    replay_ = std::make_unique<Replay>(*realm_, legacy, [this] {
      replay_.reset();
      notes_.clear();
    });
  }
  loop_.run();
  replay_.reset();
  return exit_status_;
}

int Master::start(Handover first, const ServerNotes& notes) {
  if (!first.diagnostics.failed()) {
    // The limit may be raised by whoever has privileges, so first this.
    const Result<Limits> limits = make_room_for_descriptors(first);
    if (!limits) return fail(1, limits.error().text);
    set_limits(*limits, first.config.global);
    if (Result<void> done = become(first.account); !done) return fail(1, done.error().text);
  }
  Loaded loaded = build(std::move(first));
  print(loaded.diagnostics);
  if (!loaded.snapshot || (options_.zero_warning && loaded.diagnostics.warnings() != 0)) return 1;
  if (loaded.snapshot->binds.empty())
    return fail(2, "the configuration has no error, but there is nothing to listen on");
  ticker_ = Owned<Ticker>(new Ticker(loop_, *this));
  next_rotation_ms_ = loop_.now() + kRotationMs;
  announcer_.write_pid_file();
  started_ = loaded.snapshot->config.global;
  // From here on nothing can fail, and clients wait at the sockets already.
  remember(loaded.diagnostics);
  answer(Message::Kind::Accepted, kServing);
  crew_.start(std::move(loaded.snapshot), notes);
  if (!notes.empty()) tell_of_servers();
  desk_->adopt(crew_.snapshot()->config.global, crew_.snapshot()->bundle);
  mention(format("Started with pid {}: {}.", crew_.process().pid, portrait_of(*crew_.snapshot())));
  return 0;
}

int Master::fail(int status, const std::string& why) {
  std::fprintf(stderr, "[ALERT] (%d) : %s\n", crew_.process().pid, why.c_str());
  return status;
}

void Master::on_adopted() {
  names_.adopt();
  if (std::exchange(amending_, false)) {
    const Wish wish = std::move(wishes_.front());
    wishes_.pop_front();
    wish.done({});
  }
  for (const BackendPlan* plan : crew_.change().come) {
    for (const ServerSpec& server : plan->balance.servers) on_server_changed(*server.state);
  }
  if (!story_.empty()) log(Level::Alert, std::exchange(story_, ""));
  if (!changes_.empty()) {
    const std::string line =
        format("Reloaded in {} ms: {}.", loop_.now() - reload_begun_ms_, std::exchange(changes_, ""));
    say(Level::Notice, line);
    answer(Message::Kind::Accepted, kServing, line);
    end_reload(true, line);
  }
  if (std::exchange(reload_again_, false)) reload();
  if (std::optional<Message> message = std::exchange(waiting_, std::nullopt)) on_message(std::move(*message));
  amend_next();
}

void Master::amend(Wish wish) {
  wishes_.push_back(std::move(wish));
  amend_next();
}

void Master::amend_next() {
  while (!wishes_.empty() && !crew_.adopting()) {
    config::Diagnostics diagnostics;
    std::shared_ptr<const Snapshot> snapshot = crew_.amended(wishes_.front().amendment, diagnostics);
    if (snapshot) {
      amending_ = true;
      return crew_.put_to_work(std::move(snapshot), notes_);
    }
    const Wish wish = std::move(wishes_.front());
    wishes_.pop_front();
    wish.done(diagnostics.complaints().empty() ? "it cannot be done" : diagnostics.complaints().front().text);
  }
}

void Master::answer(Message::Kind kind, const std::string& status, const std::string& last_word) {
  if (parent_ == nullptr) return announcer_.ready(status);
  if (crew_.process().in_background) leave_terminal();
  if (kind == Message::Kind::Accepted) send_ticket_keys();
  // If it is gone, the watch says so.
  const std::string_view all = std::string_view(heard_).substr(0, kMostTold);
  for (std::size_t at = 0; at < all.size(); at += Channel::kLongestText)
    (void)parent_->send(Message::Kind::Complaints, all.substr(at, Channel::kLongestText));
  (void)parent_->send(kind, std::string_view(last_word).substr(0, Channel::kLongestText));
}

void Master::reload_for(std::function<void(bool success, const std::string& said)> done) {
  if (draining_) return done(false, "No reload: this process is about to leave.\n");
  asking_.push_back({++wanted_, std::move(done)});
  reload();
}

void Master::end_reload(bool success, const std::string& last_word) {
  failed_ = success ? 0 : failed_ + 1;
  ++reloads_;
  note_reload(success);
  const std::string said = heard_ + last_word + "\n";
  std::vector<Asking> rest;
  for (Asking& each : std::exchange(asking_, {})) {
    if (each.number <= covered_)
      each.done(success, said);
    else
      asking_.push_back(std::move(each));
  }
}

void Master::tell_processes(std::function<void(std::string text)> done) {
  if (parent_ != nullptr) {
    asking_processes_.push_back(std::move(done));
    (void)parent_->send(Message::Kind::WantProcesses);
    return;
  }
  const std::uint64_t age_ms = loop_.now() - crew_.started_ms();
  done(processes_text({crew_.process().pid, crew_.process().pid, reloads_, failed_, age_ms, age_ms}));
}

void Master::take_in(Message message) {
  if (message.descriptors.empty()) return;
  Rights rights;
  rights.level = static_cast<config::AccessLevel>(
      std::min<std::uint32_t>(message.number, static_cast<std::uint32_t>(config::AccessLevel::Admin)));
  rights.timeout_ms = crew_.snapshot()->config.global.stats_timeout_ms;
  rights.aim = Aim::Parent;
  desk_->take_in(std::move(message.descriptors.front()), rights, std::move(message.text));
}

void Master::send_ticket_keys() {
  if (parent_ == nullptr) return;
  (void)parent_->send(Message::Kind::TicketKeys, crew_.tickets().save().view());
  wipe_stack();
}

// Nobody waits for a parent that does not listen now: it is told at the next tick.
void Master::on_server_changed(const Server& server) {
  if (parent_ == nullptr) return;
  const ServerNote note = crew_.note_of(server);
  ServerNote& told = told_[{server.backend_name, server.name}];
  if (told == note) return;
  if (parent_->offer(Message::Kind::Server, pack_note(server, note)))
    told = note;
  else
    servers_untold_ = true;
}

void Master::on_kept(const KeptChange& change) {
  if (parent_ == nullptr) return;
  const WipedText packed = pack_change(change);
  for (std::string_view rest = packed; !rest.empty();) {
    const std::string_view piece = rest.substr(0, Channel::kLongestText);
    rest.remove_prefix(piece.size());
    (void)parent_->send(Message::Kind::Kept, piece, rest.empty() ? 0 : 1);
  }
}

void Master::on_name_wanted(const std::string& section, const std::string& name, bool ip4_first,
                            std::function<void(const SocketAddress& address)> done) {
  names_.look_up(section, name, ip4_first, std::move(done));
}

void Master::tell_of_servers() {
  servers_untold_ = false;
  for (const auto& plan : crew_.snapshot()->backends) {
    for (const ServerSpec& server : plan->balance.servers) on_server_changed(*server.state);
  }
}

void Master::on_readable() {
  while (std::optional<Message> message = parent_->receive()) on_message(std::move(*message));
  if (!parent_->closed()) return;
  watch_.reset();
  say(Level::Alert, "The parent is gone: stopping.");
  finish(1);
}

void Master::on_message(Message message) {
  switch (message.kind) {
    case Message::Kind::TakeOver: {
      // One at a time, the first one too.
      if (crew_.adopting()) {
        waiting_ = std::move(message);
        return;
      }
      covered_ = message.number;
      Result<Handover> handover = received(std::move(message), crew_.bundle(), options_);
      if (handover) return take_over(std::move(*handover));
      config::Diagnostics diagnostics;
      diagnostics.add(config::Place{}, handover.error().text);
      print(diagnostics);
      return refuse(diagnostics);
    }
    case Message::Kind::Leave:
      return leave();
    case Message::Kind::Stop:
      return stop_by(static_cast<int>(message.number));
    case Message::Kind::LogSocket:
      if (!message.descriptors.empty()) crew_.reached_log(message.text, message.descriptors.front());
      return;
    case Message::Kind::Visitor:
      return take_in(std::move(message));
    case Message::Kind::Failed:
      covered_ = message.number;
      heard_.clear();
      return end_reload(false, message.text);
    case Message::Kind::Processes:
      if (asking_processes_.empty()) return;
      asking_processes_.front()(std::move(message.text));
      return asking_processes_.pop_front();
    case Message::Kind::StateFile:
      return fill_state(message);
    case Message::Kind::Complaints:
    case Message::Kind::WantStateFile:
    case Message::Kind::StateWritten:
    case Message::Kind::WantProcesses:
    case Message::Kind::Accepted:
    case Message::Kind::Refused:
    case Message::Kind::TicketKeys:
    case Message::Kind::Server:
    case Message::Kind::Kept:
    case Message::Kind::WantReload:
    case Message::Kind::WantLogSocket:
    case Message::Kind::More:
      return;
  }
}

void Master::want_log_socket(const std::string& name) { parent_->offer(Message::Kind::WantLogSocket, name); }

void Master::on_signal(int number) {
  switch (number) {
    case SIGHUP:
    case SIGUSR2:
      return reload();
    case SIGUSR1:
      return leave();
    default:
      return stop_by(number);
  }
}

void Master::stop_by(int signal) {
  if (parent_ == nullptr) announcer_.stopping();
  const int status = options_.master_worker ? 128 + signal : 0;
  // Who asks again does not want to wait.
  if (std::exchange(saved_, true)) return finish(status);
  save_states([this, status](bool, const std::string&) { finish(status); });
}

// Servers as they are now, to every file that the configuration has for them.
void Master::save_states(SavedStates done) {
  saving_.push_back(std::move(done));
  if (saving_.size() != 1) return;
  states_said_.clear();
  states_failed_ = false;
  if (state_files(crew_.snapshot()->config).empty()) return end_state({}, {});
  saving_end_ms_ = loop_.now() + kSavingMs;
  std::vector<const BackendPlan*> plans;
  for (const auto& plan : crew_.snapshot()->backends) plans.push_back(plan.get());
  look_at_servers(crew_, std::move(plans), [this](const std::shared_ptr<const ServersSeen>& seen) {
    if (!saving_.empty()) write_states(*seen);
  });
}

void Master::write_states(const ServersSeen& seen) {
  const Snapshot& snapshot = *crew_.snapshot();
  for (const StateFile& file : state_files(snapshot.config)) {
    std::string& text = states_[file.path];
    text = kServersStateHead;
    for (const auto& plan : snapshot.backends) {
      if (!file.backend.empty() && file.backend != plan->balance.name) continue;
      for (const ServerSpec& server : plan->balance.servers) {
        append_server_state(text, snapshot, *plan, server, seen, names_);
        append_server_orders(text, server, seen);
      }
    }
  }
  for (const auto& [path, text] : std::map(states_)) {
    if (parent_ != nullptr) {
      (void)parent_->send(Message::Kind::WantStateFile, path);
      continue;
    }
    const Result<Descriptor> file = begin_state_file(path);
    Result<void> written = file ? fill_state_file((*file).get(), text) : Result<void>(file.error());
    if (file) {
      const Result<void> ended = end_state_file(path, static_cast<bool>(written));
      if (written) written = ended;
    }
    end_state(path, written ? "" : written.error().text);
  }
}

void Master::fill_state(const Message& message) {
  std::string_view why = message.text;
  const std::string path(cut(why, '\n'));
  const auto text = states_.find(path);
  if (text == states_.end()) return;
  if (message.descriptors.empty()) return end_state(path, std::string(why));
  const Result<void> written = fill_state_file(message.descriptors.front().get(), text->second);
  (void)parent_->send(Message::Kind::StateWritten, path, written ? 1 : 0);
  if (!written) end_state(path, written.error().text);  // Else when it has taken its place.
}

// One file is done with, with trouble or without; or, without a path, all are.
void Master::end_state(const std::string& path, const std::string& trouble) {
  if (!trouble.empty()) {
    states_failed_ = true;
    say(Level::Warning, format("States of servers are not saved: {}.", trouble));
  }
  if (!path.empty())
    append_format(states_said_, "{}{}\n", path, trouble.empty() ? ": written." : format(": {}.", trouble));
  states_.erase(path);
  if (!states_.empty() && !path.empty()) return;
  saving_end_ms_ = 0;
  states_.clear();
  for (const SavedStates& done : std::exchange(saving_, {})) done(!states_failed_, states_said_);
}

void Master::reload() {
  if (draining_) return;
  if (parent_ != nullptr) {
    (void)parent_->send(Message::Kind::WantReload);
    return;
  }
  // One that is under way becomes one more when it is done.
  if (crew_.adopting()) {
    reload_again_ = true;
    return;
  }
  announcer_.reloading();
  covered_ = wanted_;
  GatherPlan plan;
  plan.previous = crew_.bundle();
  plan.workers = crew_.workers_for(crew_.snapshot()->config);
  take_over(gather(options_, plan));
}

void Master::take_over(Handover handover) {
  reload_begun_ms_ = loop_.now();
  const bool is_readable = !handover.diagnostics.failed();
  const Result<Limits> limits = is_readable ? make_room_for_descriptors(handover) : Limits{};
  // `fullconn` of backends follows from what all frontends admit.
  const std::uint32_t limit_before = crew_.process().hard_maxconn;
  if (is_readable && limits) crew_.process().hard_maxconn = (*limits).maxconn;
  Loaded loaded = build(std::move(handover));
  if (loaded.snapshot && loaded.snapshot->binds.empty())
    loaded.diagnostics.add(config::Place{}, "there is nothing to listen on");
  if (!limits) loaded.diagnostics.add(config::Place{}, limits.error().text);
  if (draining_) loaded.diagnostics.add(config::Place{}, "this process is about to leave");
  const std::string later = loaded.snapshot ? changes_for_next_start(started_, loaded.snapshot->config.global) : "";
  if (!later.empty()) loaded.diagnostics.warn(config::Place{}, later + ": a change takes effect at the next start");
  print(loaded.diagnostics);
  if (loaded.diagnostics.failed()) {
    crew_.process().hard_maxconn = limit_before;
    return refuse(loaded.diagnostics);
  }
  for (const config::Complaint& complaint : loaded.diagnostics.complaints()) log_complaint(complaint);
  changes_ = changes_between(*crew_.snapshot(), *loaded.snapshot, crew_.orders());
  set_limits(*limits, loaded.snapshot->config.global);
  remember(loaded.diagnostics);
  replay_.reset();
  notes_.clear();
  crew_.put_to_work(std::move(loaded.snapshot));
  const std::string ended = crew_.end_what_was_kept();
  if (!ended.empty()) changes_ += format("; what was set by command has ended: {}", ended);
  desk_->adopt(crew_.snapshot()->config.global, crew_.snapshot()->bundle);
}

// For the metrics.
void Master::note_reload(bool done) {
  ProcessState& process = crew_.process();
  (done ? process.reloads : process.refused_reloads).add();
  process.reload_refused.store(!done, std::memory_order_relaxed);
  process.reloaded_at_s.store(Loop::wall_us() / 1'000'000, std::memory_order_relaxed);
}

void Master::refuse(const config::Diagnostics& diagnostics) {
  // They were printed, each with its line.
  for (const config::Complaint& complaint : diagnostics.complaints()) log_complaint(complaint);
  const std::string line = format("Reload refused: {} error(s); everything goes on as before.", diagnostics.alerts());
  say(Level::Alert, line);
  remember(diagnostics);
  answer(Message::Kind::Refused, "A new configuration was refused; serving with the one before.", line);
  end_reload(false, line);
}

void Master::log_complaint(const config::Complaint& complaint) {
  std::string where;
  if (!complaint.file.empty())
    where = format("[{}:{}:{}] ", complaint.file, complaint.place.line, complaint.place.column);
  log(complaint.severity == config::Severity::Alert ? Level::Alert : Level::Warning,
      format("Reload: {} : {}{}", level_word(complaint.severity), where, complaint.text));
}

// What everybody who watches the log should know, and whoever started us at a terminal.
void Master::mention(const std::string& line) {
  if (isatty(STDERR_FILENO) != 0) return say(Level::Notice, line);
  log(Level::Notice, line);
}

void Master::say(Level level, const std::string& line) {
  if (!quiet_)
    std::fprintf(stderr, "[%s] (%d) : %s\n",
                 level <= Level::Alert     ? "ALERT"
                 : level <= Level::Warning ? "WARNING"
                                           : "NOTICE",
                 crew_.process().pid, line.c_str());
  log(level, line);
}

void Master::log(Level level, const std::string& line) {
  if (!crew_.snapshot()) return;
  for (LogOutput* output : crew_.snapshot()->logs) output->write(level, line);
}

// Of log lines, where anything still can be read: on stderr, unless writing there had to wait, and in
// the other logs.
void Master::tell_losses() {
  if (!crew_.snapshot()) return;
  for (const LogUse& use : crew_.snapshot()->outputs) {
    LogOutput* output = use.output.get();
    const std::optional<std::string> report = output->loss_report(Loop::wall_us());
    if (!report) continue;
    pollfd room{STDERR_FILENO, POLLOUT, 0};
    if (!quiet_ && ::poll(&room, 1, 0) == 1 && (room.revents & POLLOUT) != 0)
      std::fprintf(stderr, "[WARNING] (%d) : %s\n", crew_.process().pid, report->c_str());
    for (LogOutput* other : crew_.snapshot()->logs) {
      if (other->name() != output->name()) other->write(Level::Warning, *report);
    }
  }
}

void Master::leave() {
  if (std::exchange(saved_, true)) return leave_now();
  save_states([this](bool, const std::string&) { leave_now(); });
}

// A soft stop; `grace` lets balancers before us notice it while clients are still welcome.
void Master::leave_now() {
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
  say(Level::Warning, limit == 0
                          ? std::string("Leaving when the last connection has ended.")
                          : format("Leaving when the last connection has ended, in {} at most.", duration_text(limit)));
  crew_.drain();
}

void Master::finish(int status) {
  tell_losses();
  mention(format("Stopped, pid {}.", crew_.process().pid));
  exit_status_ = status;
  loop_.stop();
}

void Master::tick() {
  crew_.sweep();
  if (crew_.snapshot()) trends_.look(*crew_.snapshot(), crew_.process(), loop_.now());
  tell_losses();
  if (servers_untold_) tell_of_servers();
  if (loop_.now() >= next_rotation_ms_) {
    crew_.tickets().rotate();
    send_ticket_keys();
    next_rotation_ms_ = loop_.now() + kRotationMs;
  }
  if (saving_end_ms_ != 0 && loop_.now() >= saving_end_ms_) end_state({}, "it took too long");
  if (grace_end_ms_ != 0 && loop_.now() >= grace_end_ms_) drain();
  if (drain_end_ms_ != 0 && loop_.now() >= drain_end_ms_) finish(0);
}

}  // namespace penstock
