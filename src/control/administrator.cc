#include "administrator.h"

#include <utility>

#include "command_line.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/control/crew.h"
#include "realm.h"

namespace penstock {
namespace {

// Who has been answered may take a moment to leave.
constexpr std::uint64_t kFarewellMs = 2000;
// More of an answer is made when less than this is unsent.
constexpr std::size_t kGulp = 16384;

}  // namespace

Administrator::Administrator(Realm& realm, const Rights& rights, AdministratorOwner& owner)
    : Mortal(realm.loop()), realm_(realm), owner_(owner), rights_(rights), aim_(rights.aim) {}

Owned<Administrator> Administrator::welcome(Realm& realm, Listener& listener, const Rights& rights,
                                            AdministratorOwner& owner) {
  Owned<Administrator> self(new Administrator(realm, rights, owner));
  ConnectionEvents& events = *self;
  self->connection_ = listener.accept(nullptr, events);
  if (!self->connection_) return nullptr;
  self->rest();
  return self;
}

Owned<Administrator> Administrator::receive(Realm& realm, Descriptor connection, const Rights& rights, std::string said,
                                            AdministratorOwner& owner) {
  Owned<Administrator> self(new Administrator(realm, rights, owner));
  ConnectionEvents& events = *self;
  const bool is_unix = SocketAddress::local_of(connection.get()).is_unix();
  self->connection_ = Connection::adopt(realm.loop(), connection.release(), is_unix, nullptr, events);
  self->unread_ = said;
  self->rest();
  realm.loop().later(*self);
  return self;
}

void Administrator::on_close() {
  ListNode<AdministratorTag>::unlink();
  Later::unlink();
  if (call_) std::exchange(call_, nullptr)->abandon();
  connection_.reset();
}

// Whoever says nothing, or takes nothing, does not stay.
void Administrator::rest() {
  if (call_ && call_->patient && !connection_->congested()) return connection_->clear_deadline();
  connection_->set_deadline(rights_.timeout_ms);
}

void Administrator::on_bytes(Slice bytes) {
  if (left_) return;
  rest();
  if (call_ && call_->listens) return interrupt();
  unread_ += bytes.view();
  // While an answer is under way no more is read than what has come.
  if (unread_.size() > kLongestLine) connection_->set_reading(false);
  go_on();
}

void Administrator::on_read_end(bool) {
  read_ended_ = true;
  if (left_) return part();
  if (call_ && call_->listens) return interrupt();
  go_on();
}

void Administrator::interrupt() {
  call_->heard();
  call_->resume();
}

void Administrator::on_sent() {
  if (left_) return part();
  go_on();
}

void Administrator::on_lost(const Loss&) { owner_.on_administrator_over(*this); }
void Administrator::on_time_out() { owner_.on_administrator_over(*this); }

// Who has said its last word may still listen, which at a unix socket the system tells.
bool Administrator::has_left() const { return read_ended_ && is_abandoned(connection_->descriptor()); }

void Administrator::go_on() {
  while (!left_) {
    if (call_) {
      if (call_->listens && (read_ended_ || !unread_.empty())) {
        unread_.clear();
        call_->heard();
      }
      if (!call_->ready() || !send_answer()) return;
      end_answer();
    } else if (!next_call() && !take_line()) {
      if (unread_.size() > kLongestLine) return owner_.on_administrator_over(*this);
      if (read_ended_ || (line_taken_ && !wants_payload_ && !rights_.prompt)) return leave();
      return connection_->set_reading(true);
    }
  }
}

// The next command of the line; false: all are answered.
bool Administrator::next_call() {
  if (waiting_.empty() || (wants_payload_ && waiting_.size() == 1)) return false;
  std::vector<std::string> written = std::move(waiting_.front());
  waiting_.pop_front();
  if (aim_ != Aim::None && !take_aim(written)) return true;
  CallOwner& owner = *this;
  const Command* command = find_command(written);
  const bool is_last = waiting_.empty();
  call_ = std::make_shared<Call>(realm_, owner, rights_, std::move(written),
                                 is_last ? std::string(std::string_view(payload_)) : std::string());
  if (is_last) WipedText().swap(payload_);
  if (command != nullptr) {
    call_->run(*command);
    rest();
  } else {
    const char* why = call_->written().empty()
                          ? "Unknown command. Please enter one of the following commands only:\n"
                          : "Unknown command, but maybe one of the following ones is a better match:\n";
    call_->say(Level::Info, why + command_list(call_->written(), rights_.aim == Aim::Parent));
  }
  return true;
}

// "@1 show info": whom a command is for, or, alone, all that follow. False: there is nothing left to do.
bool Administrator::take_aim(std::vector<std::string>& written) {
  rights_.aim = aim_;
  if (written.empty() || !written.front().starts_with('@')) return true;
  const std::string mark = std::move(written.front());
  written.erase(written.begin());
  if (mark == "@" || mark == "@0" || mark == "@master") {
    rights_.aim = Aim::Parent;
  } else if (mark == "@1" || mark == format("@!{}", realm_.crew().process().pid)) {
    rights_.aim = Aim::Serving;
  } else {
    connection_->send(format("Can't find the target PID matching the prefix '{}'\n", mark));
    leave();
    return false;
  }
  if (!written.empty()) return true;
  aim_ = rights_.aim;
  if (rights_.prompt) connection_->send(prompt_text());
  return false;
}

std::string Administrator::prompt_text() const {
  if (aim_ == Aim::None) return "> ";
  const std::string who = aim_ == Aim::Serving     ? format("{}", realm_.crew().process().pid)
                          : realm_.reload_failed() ? "master[ReloadFailed]"
                                                   : "master";
  const std::string modes =
      format("{}{}{}", rights_.experimental ? "x" : "", rights_.expert ? "e" : "", rights_.debug ? "d" : "");
  return modes.empty() ? who + "> " : format("{}({})> ", who, modes);
}

// A whole line; false: none has come.
bool Administrator::take_line() {
  if (line_taken_ && !wants_payload_ && !rights_.prompt) return false;
  if (wants_payload_ && rights_.prompt && !std::exchange(payload_asked_, true)) connection_->send("+ ");
  const std::size_t end = unread_.find('\n');
  if (end == std::string::npos) return false;
  const WipedText whole = unread_.substr(0, end);
  unread_ = unread_.substr(end + 1);
  std::string_view line = whole;
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (wants_payload_) {
    take_payload_line(line);
    return true;
  }
  if (looks_like_http(line)) {
    leave();
    return true;
  }
  line_taken_ = true;
  WrittenLine written = read_command_line(line);
  waiting_.assign(std::make_move_iterator(written.commands.begin()), std::make_move_iterator(written.commands.end()));
  wants_payload_ = written.has_payload;
  return true;
}

void Administrator::take_payload_line(std::string_view line) {
  if (line.empty()) {
    wants_payload_ = payload_asked_ = false;
    return;
  }
  payload_ += line;
  payload_ += '\n';
  if (payload_.size() > kLongestPayload) return leave();
  if (rights_.prompt) connection_->send("+ ");
}

// Whoever takes nothing of it has no more time for being looked after often. False, always.
bool Administrator::wait_for_taker() {
  if (!connection_->congested() || !connection_->has_deadline()) rest();
  return false;
}

// False: the rest of it is yet to come, or to go.
bool Administrator::send_answer() {
  while (true) {
    if (connection_->congested()) return wait_for_taker();
    std::string piece;
    bool more = true;
    while (more && !call_->paused() && piece.size() < kGulp) more = call_->take(piece);
    if (!piece.empty()) connection_->send(piece);
    if (!more) return true;
    if (call_->paused()) return wait_for_taker();
  }
}

void Administrator::end_answer() {
  call_ = nullptr;
  rest();
  if (rights_.leaving) return leave();
  if (rights_.prompt) connection_->send(prompt_text());
}

// What has been said is heard before the end; what comes meanwhile is read for nobody.
void Administrator::leave() {
  left_ = true;
  unread_.clear();
  connection_->finish_sending();
  connection_->set_deadline(kFarewellMs);
  if (!read_ended_) connection_->set_reading(true);
  loop().later(*this);
}

// When all has gone there, and the other side says no more.
void Administrator::part() {
  if (read_ended_ && connection_->all_sent()) owner_.on_administrator_over(*this);
}

}  // namespace penstock
