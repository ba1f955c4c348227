#include "penstock/control/parent.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <utility>

#include "lodge.h"
#include "penstock/base/format.h"
#include "penstock/control/crew.h"
#include "penstock/control/master.h"
#include "penstock/net/signals.h"
#include "processes.h"
#include "state_files.h"

namespace penstock {
namespace {

// Who lived for so long did not die of its start.
constexpr std::uint64_t kLongLifeMs = 1000;
constexpr std::uint64_t kFirstWaitMs = 100;
constexpr std::uint64_t kLongestWaitMs = 10000;
// For a child that was told to stop.
constexpr std::uint64_t kStopMs = 5000;
// Of complaints about one configuration.
constexpr std::size_t kMostHeard = 64 * 1024;
// Of what was set by command and is to be set again.
constexpr std::size_t kLongestThing = 4 * 1024 * 1024;

std::uint64_t now_ms() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

// The child's own way to end: an administrator spoke to it, not to us.
bool ended_on_purpose(int status) {
  if (!WIFEXITED(status)) return false;
  const int code = WEXITSTATUS(status);
  return code == 0 || code == 128 + SIGINT || code == 128 + SIGTERM;
}

std::string end_text(int status) {
  if (WIFSIGNALED(status)) return format("died of signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
  return format("ended with status {}", WEXITSTATUS(status));
}

bool has_state_file(const config::Config& config, const std::string& path) {
  const std::vector<StateFile> files = state_files(config);
  return std::any_of(files.begin(), files.end(), [&path](const StateFile& file) { return file.path == path; });
}

}  // namespace

std::uint64_t restart_wait_ms(std::uint64_t lived_ms, std::uint64_t last_wait_ms) {
  if (lived_ms >= kLongLifeMs) return 0;
  return std::clamp(2 * last_wait_ms, kFirstWaitMs, kLongestWaitMs);
}

// The parent as those at the lodge have it.
class Parent::Porter final : public LodgeOwner {
 public:
  explicit Porter(Parent& parent) : parent_(parent) {}
  std::string processes() const override { return parent_.processes(); }
  const std::string& startup_logs() const override { return parent_.startup_logs_; }
  void on_reload_asked() override { parent_.reload(); }
  bool show_on(int connection, config::AccessLevel level, std::string_view said) override {
    return parent_.channel_ &&
           parent_.channel_->offer(Message::Kind::Visitor, said, {&connection, 1}, static_cast<std::uint32_t>(level));
  }

 private:
  Parent& parent_;
};

Parent::Parent(const Options& options, Handover first, Announcer& announcer)
    : options_(options),
      announcer_(announcer),
      accepted_(std::move(first)),
      account_(accepted_.account),
      workers_(workers_for(accepted_.config.global)),
      began_ms_(now_ms()) {}

Parent::~Parent() = default;

int Parent::run() {
  ignore_broken_pipes();
  if (!options_.master_socket.empty() && !open_lodge()) return 1;
  signals_ = Descriptor(signals_as_descriptor({SIGHUP, SIGUSR1, SIGUSR2, SIGTERM, SIGINT, SIGCHLD}));
  while (!ended_) {
    if (child_ == 0 && now_ms() >= start_at_ms_ && start_child() == Side::Child) return serve();
    if (!ended_) wait();
  }
  return exit_status_;
}

bool Parent::open_lodge() {
  config::Diagnostics diagnostics;
  porter_ = std::make_unique<Porter>(*this);
  lodge_ = Lodge::open(options_.master_socket, !options_.former_pids.empty(), *porter_, diagnostics);
  for (const config::Complaint& complaint : diagnostics.complaints())
    std::fprintf(stderr, "%s\n", config::Diagnostics::text_of(complaint, static_cast<int>(::getpid())).c_str());
  return lodge_ != nullptr;
}

// The child has all that we have, so the first handover, or that of the child before, need not
// cross.
Parent::Side Parent::start_child() {
  auto ends = Channel::pair();
  std::fflush(nullptr);  // What is not yet said would be said twice.
  const pid_t pid = ends ? ::fork() : -1;
  if (pid == 0) {
    channel_ = std::move(ends->second);
    return Side::Child;
  }
  if (pid < 0) {
    const std::string why = ends ? std::strerror(errno) : ends.error().text;
    say(format("No serving process can be started: {}.", why));
    if (!served_) end(1);
    wait_ms_ = restart_wait_ms(0, wait_ms_);
    start_at_ms_ = now_ms() + wait_ms_;
    return Side::Parent;
  }
  channel_ = std::move(ends->first);
  heard_.clear();
  kept_pieces_.clear();
  wanted_ = covered_ = 0;
  child_ = pid;
  child_serves_ = false;
  started_ms_ = now_ms();
  // Said once, by the first.
  accepted_.diagnostics = {};
  return Side::Parent;
}

int Parent::serve() {
  signals_ = Descriptor();
  lodge_.reset();
  announcer_.let_parent_speak();
  // Nothing stays behind: a socket that a reload gives up must be closed.
  Handover mine = std::move(accepted_);
  Master master(options_, announcer_, &*channel_);
  return master.run(std::move(mine), legacy_);
}

void Parent::wait() {
  std::vector<pollfd> waits = {{signals_.get(), POLLIN, 0},
                               {channel_ ? channel_->fd() : -1, POLLIN, 0},
                               {resolver_ ? resolver_->fd() : -1, POLLIN, 0}};
  const std::size_t own = waits.size();
  if (lodge_) lodge_->watch(waits);
  std::uint64_t due = child_ == 0 ? start_at_ms_ : kill_at_ms_;
  const std::uint64_t lodge_due = lodge_ ? lodge_->due_ms() : 0;
  if (due == 0 || (lodge_due != 0 && lodge_due < due)) due = lodge_due;
  const std::uint64_t now = now_ms();
  const int wait_ms = due == 0 ? -1 : due > now ? static_cast<int>(due - now) : 0;
  ::poll(waits.data(), waits.size(), wait_ms);
  if (waits[1].revents != 0) take_messages();
  if (waits[0].revents != 0) take_signals();
  if (resolver_) take_names();
  if (lodge_) lodge_->look(std::span(waits).subspan(own), now_ms());
  if (child_ != 0 && kill_at_ms_ != 0 && now_ms() >= kill_at_ms_) ::kill(child_, SIGKILL);
}

void Parent::take_signals() {
  signalfd_siginfo signal{};
  while (::read(signals_.get(), &signal, sizeof(signal)) == sizeof(signal))
    on_signal(static_cast<int>(signal.ssi_signo));
}

void Parent::on_signal(int number) {
  switch (number) {
    case SIGCHLD: {
      int status = 0;
      if (child_ != 0 && ::waitpid(child_, &status, WNOHANG) == child_) on_child_end(status);
      return;
    }
    case SIGHUP:
    case SIGUSR2:
      return reload();
    case SIGUSR1:
      leaving_ = true;
      announcer_.stopping();
      return child_ == 0 ? end(0) : tell_child(Message::Kind::Leave);
    default:
      exit_status_ = options_.master_worker ? 128 + number : 0;
      announcer_.stopping();
      if (child_ == 0) return end(exit_status_);
      stopping_ = true;
      kill_at_ms_ = now_ms() + kStopMs;
      return tell_child(Message::Kind::Stop, static_cast<std::uint32_t>(number));
  }
}

void Parent::tell_child(Message::Kind kind, std::uint32_t number) {
  // Who does not listen any more is killed when its time is over.
  if (!channel_ || !channel_->send(kind, {}, number)) kill_at_ms_ = now_ms() + kStopMs;
}

void Parent::take_messages() {
  while (channel_) {
    std::optional<Message> message = channel_->receive();
    if (message) {
      on_message(std::move(*message));
      continue;
    }
    if (!channel_->closed()) return;
    // It is about to end, or as good as dead.
    hang_up();
    kill_at_ms_ = now_ms() + kStopMs;
  }
}

void Parent::on_message(Message message) {
  switch (message.kind) {
    case Message::Kind::Complaints:
      if (heard_.size() < kMostHeard) heard_ += message.text;
      return;
    case Message::Kind::Accepted:
      return on_accepted(message.text);
    case Message::Kind::Refused:
      offered_.reset();
      end_reload(false, message.text);
      announcer_.ready("A new configuration was refused; serving with the one before.");
      break;
    case Message::Kind::TicketKeys:
      legacy_.ticket_keys = Secret(message.text);
      ::explicit_bzero(message.text.data(), message.text.size());
      return;
    case Message::Kind::Server:
      if (offered_) take_note(legacy_, message.text, offered_->config);
      return take_note(legacy_, message.text, accepted_.config);
    case Message::Kind::Kept:
      return keep_thing(std::move(message));
    case Message::Kind::WantReload:
      ++wanted_;
      return reload();
    case Message::Kind::WantStateFile:
      return begin_state(message.text);
    case Message::Kind::StateWritten:
      return end_state(message.text, message.number == 1);
    case Message::Kind::WantProcesses:
      channel_->offer(Message::Kind::Processes, processes());
      return;
    case Message::Kind::WantLogSocket:
      return send_log_socket(message.text);
    case Message::Kind::TakeOver:
    case Message::Kind::Leave:
    case Message::Kind::Stop:
    case Message::Kind::LogSocket:
    case Message::Kind::Visitor:
    case Message::Kind::Failed:
    case Message::Kind::Processes:
    case Message::Kind::StateFile:
    case Message::Kind::More:
      return;
  }
  if (std::exchange(reload_again_, false)) reload();
}

void Parent::keep_thing(Message message) {
  if (kept_pieces_.size() < kLongestThing) kept_pieces_.append(message.text);
  ::explicit_bzero(message.text.data(), message.text.size());
  if (message.number == 0) take_change(legacy_, std::exchange(kept_pieces_, {}));
}

// Only where the configuration has one: the child may be anybody by now.
void Parent::begin_state(const std::string& path) {
  if (!has_state_file(accepted_.config, path)) return;
  const Result<Descriptor> file = begin_state_file(path);
  if (!file) {
    channel_->offer(Message::Kind::StateFile, format("{}\n{}", path, file.error().text));
    return;
  }
  const int fd = (*file).get();
  channel_->offer(Message::Kind::StateFile, path, {&fd, 1});
}

void Parent::end_state(const std::string& path, bool is_good) {
  if (!has_state_file(accepted_.config, path)) return;
  const Result<void> ended = end_state_file(path, is_good);
  channel_->offer(Message::Kind::StateFile, format("{}\n{}", path, ended ? "" : ended.error().text));
}

std::string Parent::processes() const {
  const std::uint64_t now = now_ms();
  return processes_text(
      {static_cast<int>(::getpid()), static_cast<int>(child_), reloads_, failed_, now - began_ms_, now - started_ms_});
}

void Parent::end_reload(bool success, const std::string& last_word) {
  if (success) failed_ = 0;
  const std::string said = std::exchange(heard_, {}) + (last_word.empty() ? "" : last_word + "\n");
  if (lodge_) lodge_->reload_ended(success, said);
}

// One that nobody else can tell the end of.
void Parent::fail_reload(const std::string& why) {
  end_reload(false, why);
  if (channel_)
    channel_->offer(Message::Kind::Failed, std::string_view(why).substr(0, Channel::kLongestText), {}, covered_);
}

void Parent::on_accepted(const std::string& last_word) {
  startup_logs_ = heard_;
  if (offered_) {
    accepted_ = std::move(*offered_);
    offered_.reset();
    // These take effect at the next start of the program, not of a child.
    accepted_.account = account_;
    accepted_.config.global.nbthread = workers_;
    accepted_.diagnostics = {};
    end_reload(true, last_word);
  }
  heard_.clear();
  accepted_.notes.clear();
  served_ = child_serves_ = true;
  announcer_.ready("Serving.");
  if (std::exchange(reload_again_, false)) reload();
}

void Parent::hang_up() {
  channel_.reset();
  child_serves_ = false;
  // Begun anew when there is somebody to offer it to.
  if (std::exchange(resolver_, nullptr)) reload_again_ = true;
}

void Parent::on_child_end(int status) {
  const pid_t pid = std::exchange(child_, 0);
  take_messages();
  hang_up();
  kill_at_ms_ = 0;
  if (stopping_) return end(exit_status_);
  if (leaving_ || ended_on_purpose(status)) return end(WIFEXITED(status) ? WEXITSTATUS(status) : 0);
  // Who cannot even start would not do better the next time.
  if (!served_) {
    if (!WIFEXITED(status)) say(format("The serving process {} {}.", pid, end_text(status)));
    return end(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
  }
  if (offered_) {
    offered_.reset();
    const std::string died = "It died of the new configuration, which is refused.";
    say(died);
    end_reload(false, died);
  }
  restart_later(format("{} {}", pid, end_text(status)));
}

void Parent::restart_later(const std::string& how) {
  const std::uint64_t now = now_ms();
  wait_ms_ = restart_wait_ms(now - started_ms_, wait_ms_);
  start_at_ms_ = now + wait_ms_;
  legacy_.story = format("The serving process {}. Another one is started {}.", how,
                         wait_ms_ == 0 ? "at once" : format("in {} ms: this one died soon after its start", wait_ms_));
  kept_pieces_.clear();
  if (const std::string lost = take_lost(legacy_); !lost.empty())
    legacy_.story += format(" What was set by command is lost: {}.", lost);
  // A third one that died early may have died of what it was given again.
  if (wait_ms_ > 2 * kFirstWaitMs && legacy_.has_kept()) {
    legacy_.forget_kept();
    legacy_.story += " What was set by command is given up.";
  }
  say(legacy_.story);
}

void Parent::reload() {
  if (leaving_ || stopping_) {
    if (lodge_) lodge_->reload_begun();
    covered_ = wanted_;
    return fail_reload("No reload: this process is about to leave.");
  }
  // One that is under way becomes one more when it is done.
  if (!child_serves_ || resolver_ || offered_) {
    reload_again_ = true;
    return;
  }
  if (lodge_) lodge_->reload_begun();
  covered_ = wanted_;
  ++reloads_;
  ++failed_;
  announcer_.reloading();
  texts_ = read_texts(options_);
  const std::set<Name> names = names_in(texts_.config);
  if (names.empty()) return hand_over({});
  accepted_.bundle.hide_keys_from_forks(true);
  auto resolver = Resolver::start(names);
  accepted_.bundle.hide_keys_from_forks(false);
  if (!resolver) return refuse(resolver.error().text);
  resolver_ = std::move(*resolver);
}

void Parent::take_names() {
  const std::optional<NameAnswers> names = resolver_->take();
  if (!names) return;
  resolver_.reset();
  if (!leaving_ && !stopping_) hand_over(*names);
}

void Parent::hand_over(const NameAnswers& names) {
  GatherPlan plan;
  plan.previous = &accepted_.bundle;
  plan.workers = workers_;
  plan.names = &names;
  offered_ = gather(std::move(texts_), options_, plan);
  raise_child_limit();
  if (auto offered = offer(); !offered) refuse(offered.error().text);
}

void Parent::refuse(const std::string& why) {
  offered_.reset();
  const std::string line = format("Reload refused: {}; everything goes on as before.", why);
  say(line);
  fail_reload(line);
  announcer_.ready("A new configuration could not be handed over; serving with the one before.");
}

Result<void> Parent::offer() {
  std::vector<int> descriptors;
  const WipedText bytes = pack(*offered_, &accepted_.bundle, descriptors);
  const Result<Descriptor> memory = sealed_memory(bytes);
  if (!memory) return memory.error();
  wipe_stack();
  descriptors.insert(descriptors.begin(), (*memory).get());
  heard_.clear();
  return channel_->send(Message::Kind::TakeOver, {}, covered_, descriptors);
}

// The child may not do it any more.
void Parent::raise_child_limit() const {
  const DescriptorNeed need = descriptor_need(offered_->config, offered_->bundle.bound_count(), workers_);
  rlimit limit{};
  if (::prlimit(child_, RLIMIT_NOFILE, nullptr, &limit) != 0 || need.wanted <= limit.rlim_cur) return;
  const rlimit raised{need.wanted, std::max<rlim_t>(need.wanted, limit.rlim_max)};
  ::prlimit(child_, RLIMIT_NOFILE, &raised, nullptr);
}

// Only where the configuration logs to: the child may be anybody by now.
void Parent::send_log_socket(const std::string& name) {
  if (accepted_.bundle.log_socket(name) < 0) return;
  const bool is_abstract = name.starts_with("abns@");
  const Result<Descriptor> socket =
      open_log_socket(is_abstract ? SocketAddress::abstract(name.substr(5)) : SocketAddress::unix_path(name));
  if (!socket) return;
  const int fd = (*socket).get();
  channel_->offer(Message::Kind::LogSocket, name, {&fd, 1});
}

void Parent::end(int status) {
  exit_status_ = status;
  ended_ = true;
}

void Parent::say(const std::string& line) const {
  std::fprintf(stderr, "[ALERT] (%d) : %s\n", static_cast<int>(::getpid()), line.c_str());
}

}  // namespace penstock
