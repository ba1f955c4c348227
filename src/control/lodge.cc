#include "lodge.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "command.h"
#include "command_line.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/config/model.h"
#include "penstock/config/read.h"
#include "penstock/proxy/bundle.h"
#include "processes.h"

namespace penstock {
namespace {

constexpr std::size_t kMostVisitors = 10;
// For a line to come, or an answer to go.
constexpr std::uint64_t kPatienceMs = 10000;
// Who has been answered may take a moment to leave.
constexpr std::uint64_t kFarewellMs = 2000;

// What `-S` says, as a line of `global` would: commas stand for blanks. Whoever may come there may do all, unless the
// level says less.
std::optional<config::Config> read_door(const std::string& line, config::Diagnostics& diagnostics) {
  std::string_view rest = line;
  if (line.find('\'') != std::string::npos) {
    diagnostics.add(config::Place{}, "-S: a quote cannot stand there");
    return std::nullopt;
  }
  std::string text = format("global\n  stats socket '{}' level admin", cut(rest, ','));
  while (!rest.empty()) append_format(text, " '{}'", cut(rest, ','));
  config::Diagnostics found;
  config::Config config = config::read({{"-S", text + "\n"}}, found);
  for (const config::Complaint& complaint : found.complaints())
    diagnostics.add(complaint.severity, config::Place{}, "-S: " + complaint.text);
  if (diagnostics.failed() || config.global.stats_sockets.empty()) return std::nullopt;
  return config;
}

}  // namespace

struct Lodge::Visitor {
  enum class State { Reads, WantsReload, Reloads, Answers, Leaves, Gone };
  Descriptor connection;
  std::uint64_t due_ms = 0;  // 0: its time is its own.
  State state = State::Reads;
  std::string said;
  std::string answer;
};

Lodge::Lodge(LodgeOwner& owner, config::AccessLevel level) : owner_(owner), level_(level) {}
Lodge::~Lodge() = default;

std::unique_ptr<Lodge> Lodge::open(const std::string& line, bool replaces, LodgeOwner& owner,
                                   config::Diagnostics& diagnostics) {
  const std::optional<config::Config> config = read_door(line, diagnostics);
  if (!config) return nullptr;
  GatherOptions how;
  how.replace_sockets = replaces;
  config::Diagnostics found;
  const Bundle bundle = Bundle::gather(*config, nullptr, how, found);
  for (const config::Complaint& complaint : found.complaints())
    diagnostics.add(complaint.severity, config::Place{}, "-S: " + complaint.text);
  if (found.failed()) return nullptr;
  const config::StatsSocket& socket = config->global.stats_sockets.front();
  std::unique_ptr<Lodge> lodge(new Lodge(owner, socket.level));
  for (const config::Address& address : socket.bind.addresses) {
    for (int port = address.port_low; port <= std::max<int>(address.port_low, address.port_high); ++port) {
      auto door = bundle.bound(socket, address, port);
      if (!door) continue;
      const int fd = door->sockets.front().get();
      ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
      lodge->doors_.push_back(std::move(door));
    }
  }
  return lodge;
}

void Lodge::watch(std::vector<pollfd>& to) const {
  const bool has_room = visitors_.size() < kMostVisitors;
  for (const auto& door : doors_) to.push_back({has_room ? door->sockets.front().get() : -1, POLLIN, 0});
  for (const Visitor& visitor : visitors_) {
    short events = 0;
    if (visitor.state == Visitor::State::Reads || visitor.state == Visitor::State::Leaves) events = POLLIN;
    if (visitor.state == Visitor::State::Answers) events = POLLOUT;
    to.push_back({visitor.connection.get(), events, 0});
  }
}

void Lodge::look(std::span<const pollfd> watched, std::uint64_t now_ms) {
  now_ms_ = now_ms;
  auto seen = watched.begin() + static_cast<std::ptrdiff_t>(doors_.size());
  for (Visitor& visitor : visitors_) {
    if (seen == watched.end()) break;
    look_at(visitor, seen++->revents);
  }
  for (std::size_t i = 0; i < doors_.size(); ++i) {
    if (watched[i].revents != 0) welcome(watched[i].fd);
  }
  std::erase_if(visitors_, [](const Visitor& visitor) { return visitor.state == Visitor::State::Gone; });
}

std::uint64_t Lodge::due_ms() const {
  std::uint64_t due = 0;
  for (const Visitor& visitor : visitors_) {
    if (visitor.due_ms != 0 && (due == 0 || visitor.due_ms < due)) due = visitor.due_ms;
  }
  return due;
}

void Lodge::welcome(int listening) {
  while (visitors_.size() < kMostVisitors) {
    Descriptor connection(::accept4(listening, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!connection) return;
    Visitor& visitor = visitors_.emplace_back();
    visitor.connection = std::move(connection);
    visitor.due_ms = now_ms_ + kPatienceMs;
  }
}

void Lodge::look_at(Visitor& visitor, short events) {
  const bool is_late = visitor.due_ms != 0 && now_ms_ >= visitor.due_ms;
  switch (visitor.state) {
    case Visitor::State::Reads:
      if (events != 0) hear(visitor);
      break;
    case Visitor::State::WantsReload:
    case Visitor::State::Reloads:
      if (events != 0) visitor.state = Visitor::State::Gone;
      break;
    case Visitor::State::Answers:
      if (events != 0) say(visitor, {});
      break;
    case Visitor::State::Leaves:
      if (events != 0) part(visitor);
      break;
    case Visitor::State::Gone:
      break;
  }
  if (is_late && visitor.due_ms != 0 && now_ms_ >= visitor.due_ms) visitor.state = Visitor::State::Gone;
}

// No more is taken than may be shown on.
void Lodge::hear(Visitor& visitor) {
  char bytes[kLongestLine];
  const ssize_t count = ::recv(visitor.connection.get(), bytes, kLongestLine - visitor.said.size(), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count > 0) visitor.said.append(bytes, static_cast<std::size_t>(count));
  const std::size_t end = visitor.said.find('\n');
  if (end != std::string::npos) {
    std::string line = visitor.said.substr(0, end);
    if (line.ends_with('\r')) line.pop_back();
    return obey(visitor, line);
  }
  if (count <= 0 || visitor.said.size() >= kLongestLine) visitor.state = Visitor::State::Gone;
}

void Lodge::obey(Visitor& visitor, const std::string& line) {
  visitor.state = Visitor::State::Gone;
  if (looks_like_http(line) || answer(visitor, line)) return;
  if (!owner_.show_on(visitor.connection.get(), level_, visitor.said))
    say(visitor, "There is no serving process now.\n\n");
}

// False: it is not the parent's.
bool Lodge::answer(Visitor& visitor, const std::string& line) {
  WrittenLine written = read_command_line(line);
  std::vector<std::string>& words = written.commands.front();
  if (written.commands.size() != 1 || written.has_payload || words.empty()) return false;
  if (words.front() == "@" || words.front() == "@0" || words.front() == "@master") words.erase(words.begin());
  const Command* command = find_command(words);
  if (command == nullptr) return false;
  if (command->words == "quit") return true;
  if (command->words == "help") {
    say(visitor, help_text({words.begin() + 1, words.end()}, true) + "\n");
  } else if (command->words == "show proc") {
    say(visitor, owner_.processes() + "\n");
  } else if (command->words == "show startup-logs") {
    say(visitor, owner_.startup_logs() + "\n");
  } else if (command->words != "reload") {
    return false;
  } else if (level_ < command->level) {
    say(visitor, "Permission denied\n\n");
  } else {
    visitor.state = Visitor::State::WantsReload;
    visitor.due_ms = 0;
    owner_.on_reload_asked();
  }
  return true;
}

void Lodge::reload_begun() {
  for (Visitor& visitor : visitors_) {
    if (visitor.state == Visitor::State::WantsReload) visitor.state = Visitor::State::Reloads;
  }
}

void Lodge::reload_ended(bool success, const std::string& said) {
  for (Visitor& visitor : visitors_) {
    if (visitor.state == Visitor::State::Reloads) say(visitor, reload_text(success, said) + "\n");
  }
}

void Lodge::say(Visitor& visitor, std::string_view text) {
  visitor.answer += text;
  visitor.state = Visitor::State::Answers;
  const ssize_t count = ::send(visitor.connection.get(), visitor.answer.data(), visitor.answer.size(), MSG_NOSIGNAL);
  if (count < 0 && errno != EAGAIN && errno != EINTR) {
    visitor.state = Visitor::State::Gone;
    return;
  }
  if (count > 0) visitor.answer.erase(0, static_cast<std::size_t>(count));
  visitor.due_ms = now_ms_ + kPatienceMs;
  if (!visitor.answer.empty()) return;
  ::shutdown(visitor.connection.get(), SHUT_WR);
  visitor.state = Visitor::State::Leaves;
  visitor.due_ms = now_ms_ + kFarewellMs;
}

// What comes now is read for nobody, or the end would be a reset that takes the answer along.
void Lodge::part(Visitor& visitor) {
  char bytes[kLongestLine];
  const ssize_t count = ::recv(visitor.connection.get(), bytes, sizeof(bytes), 0);
  if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) visitor.state = Visitor::State::Gone;
}

}  // namespace penstock
