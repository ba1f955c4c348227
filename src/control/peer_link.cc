#include "peer_link.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <utility>

#include "penstock/base/format.h"

namespace penstock {
namespace {

using config::StickData;

constexpr std::uint64_t kConnectMs = 5000;
// How long a peer is left alone that cannot be reached, and one that went: by chance, so that two do not always call
// each other at one time.
constexpr std::uint64_t kAgainMs = 5000, kSoonMs = 50, kChanceMs = 2000;
// Whoever has nothing to say says so; whoever says nothing is gone.
constexpr std::uint64_t kHeartbeatMs = 3000, kSilenceMs = 5000;
// How soon a change is told, and how often one is looked for when there was none.
constexpr std::uint64_t kBusyMs = 10, kIdleMs = 50;
constexpr std::size_t kPiece = 16384;
constexpr std::size_t kPiecesAtOnce = 16;
constexpr std::size_t kPlacesAtOnce = 1024;
// Steps of a lesson, or of changes, that a piece is made of: many of them may have nothing to tell.
constexpr std::size_t kStepsOfLesson = 64, kStepsOfChanges = 4096;
constexpr std::size_t kMostTables = 1024, kLongestText = 1024;

std::uint64_t by_chance(std::uint64_t most) { return std::random_device{}() % most; }

// Numbers of integers go over the wire in network order.
std::uint32_t turned(std::string_view four) {
  std::uint32_t value = 0;
  std::memcpy(&value, four.data(), sizeof(value));
  return __builtin_bswap32(value);
}

std::string age_text(std::uint64_t since_ms, std::uint64_t now_ms) {
  return since_ms == 0 ? "<NEVER>" : format("{}s", (now_ms - std::min(now_ms, since_ms)) / 1000);
}

const char* status_word(int status, bool up) {
  if (up) return "ESTA";
  return status == 0 ? "NONE" : status == 200 ? "CLSD" : "RERR";
}

}  // namespace

PeerLink::PeerLink(Loop& loop, const PeerPlan& plan, std::string local, PeerLinkOwner& owner)
    : Living(loop), plan_(plan), local_(std::move(local)), owner_(owner) {
  set_deadline(1);
}

void PeerLink::set_tables(const SharedTables& tables) {
  std::vector<Telling> before = std::exchange(tellings_, {});
  for (const auto& table : tables) {
    const auto same = std::find_if(before.begin(), before.end(),
                                   [&](const Telling& each) { return each.table->journal == table->journal; });
    Telling& telling = tellings_.emplace_back(same == before.end() ? Telling{} : *same);
    telling.table = table;
  }
  for (auto& [id, hearing] : hearings_) match(hearing);
  told_of_ = nullptr;
  next_ = 0;
  // What was told of a table that is another now is told again.
  if (lesson_.under_way) begin_lesson();
}

// Connections.

void PeerLink::on_close() {
  connection_.reset();
  set_state(State::Waiting);
}

void PeerLink::set_state(State state) {
  const auto move = [](std::atomic<std::uint32_t>& count, bool before, bool now) {
    if (before != now) count.fetch_add(now ? 1 : -1, std::memory_order_relaxed);
  };
  move(owner_.counts().active, state_ != State::Waiting, state != State::Waiting);
  move(owner_.counts().connected, up(), state == State::Up);
  state_ = state;
}

void PeerLink::connect() {
  if (plan_.address.empty()) return;
  ConnectionEvents& events = *this;
  set_state(State::Connecting);
  ++counts_.connections;
  connection_ = Connection::connect(loop(), plan_.address, {}, {}, {}, events);
  if (!connection_) return wait();
  set_deadline(kConnectMs);
}

void PeerLink::on_ready() {
  if (state_ != State::Connecting) return;
  set_state(State::Greeting);
  connection_->set_reading(true);
  connection_->send(peers::hello_text({plan_.name, local_}, ::getpid()));
}

void PeerLink::welcome(Owned<Connection> connection, std::string said) {
  if (state_ != State::Waiting) ++counts_.collisions;
  leave();
  ConnectionEvents& events = *this;
  connection->set_events(events);
  connection_ = std::move(connection);
  connection_->set_reading(true);
  inbox_ = std::move(said);
  pending_ = peers::status_text(peers::Status::Fine);
  ++counts_.connections;
  begin();
  if (state_ == State::Up) read_messages();
}

void PeerLink::begin() {
  set_state(State::Up);
  heard_ms_ = sent_ms_ = ticked_ms_ = counts_.greeted_ms = loop().now();
  counts_.status = static_cast<int>(peers::Status::Fine);
  for (Telling& telling : tellings_) telling.pushed = telling.acknowledged;
  set_deadline(kBusyMs);
  owner_.on_linked(*this);
  send();
}

// What was said over the connection is forgotten with it, but for what was acknowledged.
void PeerLink::leave() {
  connection_.reset();
  const bool was_up = up();
  set_state(State::Waiting);
  inbox_.clear();
  pending_.clear();
  hearings_.clear();
  heard_of_ = nullptr;
  told_of_ = nullptr;
  lesson_ = {};
  owes_confirm_ = false;
  texts_heard_.fill({});
  texts_told_.clear();
  told_by_number_.fill(nullptr);
  next_text_ = 1;
  if (was_up) owner_.on_parted(*this);
}

void PeerLink::part() {
  const bool was_up = up();
  leave();
  if (was_up)
    set_deadline(kSoonMs + by_chance(kChanceMs));
  else
    wait();
}

void PeerLink::wait() {
  set_state(State::Waiting);
  set_deadline(kAgainMs);
}

void PeerLink::refuse(peers::Kind error, const char* why) {
  ++counts_.errors;
  owner_.report(format("peer '{}' ({}) was left: {}", plan_.name, connection_->peer().text(), why));
  std::string last_words;
  peers::put_message(last_words, error);
  owner_.see_off(std::move(connection_), last_words);
  leave();
  wait();
}

void PeerLink::on_deadline() {
  switch (state_) {
    case State::Waiting:
      return connect();
    case State::Connecting:
    case State::Greeting:
      return part();
    case State::Up:
      return tick();
  }
}

void PeerLink::tick() {
  const std::uint64_t now = loop().now();
  // Who looks late has not heard what came meanwhile.
  if (now - std::exchange(ticked_ms_, now) > kHeartbeatMs / 2) heard_ms_ = now;
  if (now - heard_ms_ > kSilenceMs) {
    ++counts_.silences;
    return part();
  }
  set_deadline(kIdleMs);
  if (now - sent_ms_ >= kHeartbeatMs && pending_.empty() && connection_->unsent() == 0) {
    peers::put_message(pending_, peers::Kind::Heartbeat);
    ++counts_.heartbeats_sent;
  }
  send();
}

// What is heard.

void PeerLink::on_bytes(Slice bytes) {
  heard_ms_ = loop().now();
  inbox_ += bytes.view();
  if (state_ == State::Greeting) read_status();
  if (state_ == State::Up) read_messages();
}

void PeerLink::read_status() {
  std::string_view rest = inbox_;
  int status = 0;
  switch (peers::take_status(rest, status)) {
    case peers::Progress::More:
      return;
    case peers::Progress::Wrong:
      ++counts_.errors;
      owner_.report(format("peer '{}' ({}) answers what is no status", plan_.name, plan_.address.text()));
      leave();
      return wait();
    case peers::Progress::Done:
      break;
  }
  inbox_.erase(0, inbox_.size() - rest.size());
  if (status == static_cast<int>(peers::Status::Fine)) return begin();
  if (std::exchange(counts_.status, status) != status)
    owner_.report(format("peer '{}' ({}) answers {}", plan_.name, plan_.address.text(), status));
  leave();
  wait();
}

void PeerLink::read_messages() {
  std::string_view rest = inbox_;
  for (peers::Message message; up();) {
    const peers::Cut cut = peers::take_message(rest, message);
    if (cut == peers::Cut::More) break;
    if (cut == peers::Cut::TooLong) return refuse(peers::Kind::ErrorSize, "its message is longer than any may be");
    if (cut == peers::Cut::Wrong || !take(message))
      return refuse(peers::Kind::ErrorProtocol, "what it says is no message");
  }
  if (!up()) return;
  inbox_.erase(0, inbox_.size() - rest.size());
  send();
}

// False: it cannot be understood. What is of no known kind is passed over.
bool PeerLink::take(const peers::Message& message) {
  using peers::Kind;
  switch (static_cast<Kind>(message.kind)) {
    case Kind::ResyncRequest:
      begin_lesson();
      return true;
    case Kind::ResyncFinished:
    case Kind::ResyncPartial:
      // Once, however many times it says so before it hears it.
      owes_confirm_ = true;
      owner_.on_lesson_over(*this, static_cast<Kind>(message.kind) == Kind::ResyncFinished);
      return true;
    case Kind::ResyncConfirm:
      end_lesson();
      return true;
    case Kind::Heartbeat:
      ++counts_.heartbeats_heard;
      return true;
    case Kind::ErrorProtocol:
    case Kind::ErrorSize:
      ++counts_.errors;
      owner_.report(format("peer '{}' does not understand what it is told", plan_.name));
      part();
      return true;
    case Kind::Update:
    case Kind::NextUpdate:
    case Kind::TimedUpdate:
    case Kind::NextTimedUpdate:
      return take_update(message);
    case Kind::Definition:
      return take_definition(message);
    case Kind::Switch:
      return take_switch(message);
    case Kind::Acknowledgement:
      return take_acknowledgement(message);
  }
  return true;
}

bool PeerLink::take_definition(const peers::Message& message) {
  std::optional<peers::Definition> definition = peers::read_definition(message.body);
  if (!definition) return false;
  const auto known = hearings_.find(definition->id);
  if (known == hearings_.end() && hearings_.size() >= kMostTables) return false;
  Hearing& hearing = hearings_[definition->id];
  hearing.definition = std::move(*definition);
  match(hearing);
  heard_of_ = &hearing;
  return true;
}

bool PeerLink::take_switch(const peers::Message& message) {
  peers::Reader reader(message.body);
  const auto known = hearings_.find(reader.number());
  if (reader.failed() || known == hearings_.end()) return false;
  heard_of_ = &known->second;
  return true;
}

// One of ours, if its keys are the same.
void PeerLink::match(Hearing& hearing) const {
  const auto same = std::find_if(tellings_.begin(), tellings_.end(), [&](const Telling& telling) {
    const peers::Definition& ours = telling.table->definition;
    return ours.name == hearing.definition.name && ours.key == hearing.definition.key &&
           ours.key_length == hearing.definition.key_length;
  });
  const bool found = same != tellings_.end() && hearing.definition.understood;
  hearing.table = found ? same->table : nullptr;
}

// It may speak of no more than was pushed.
bool PeerLink::take_acknowledgement(const peers::Message& message) {
  const auto acknowledgement = peers::read_acknowledgement(message.body);
  if (!acknowledgement) return false;
  const auto same = std::find_if(tellings_.begin(), tellings_.end(), [&](const Telling& telling) {
    return telling.table->definition.id == acknowledgement->id;
  });
  if (same == tellings_.end()) return true;
  const std::uint32_t behind = static_cast<std::uint32_t>(same->pushed) - acknowledgement->update;
  if (behind <= same->pushed - std::min(same->pushed, same->acknowledged)) same->acknowledged = same->pushed - behind;
  return true;
}

bool PeerLink::take_update(const peers::Message& message) {
  if (heard_of_ == nullptr || !peers::read_update(message, heard_of_->definition, update_)) return false;
  heard_of_->number = update_.number.value_or(heard_of_->number + 1);
  heard_of_->owed = heard_of_->table != nullptr;
  // Texts count whether or not the table is ours.
  for (const peers::Value& value : update_.values) {
    if (value.text_number > peers::kTexts) return false;
    if (value.text) texts_heard_[value.text_number] = value.text->substr(0, kLongestText);
  }
  if (heard_of_->table) learn(*heard_of_->table);
  return true;
}

void PeerLink::learn(const SharedTable& table) {
  std::string_view key = update_.key;
  std::uint32_t number = 0;
  if (table.line.key == config::StickTable::Key::Integer) {
    number = turned(key);
    key = {reinterpret_cast<const char*>(&number), sizeof(number)};
  }
  if (key.size() > table.line.length && table.line.key == config::StickTable::Key::String) return;
  StickTable::Hold hold = table.table().receive(key, loop().now());
  if (!hold) return;
  if (update_.left_ms && *update_.left_ms != 0) hold.set_left_ms(*update_.left_ms);
  for (const peers::Value& value : update_.values) {
    // Who is connected is counted where it is.
    if (value.data == StickData::ConnCur || value.data == StickData::ServerId || value.data == StickData::ServerKey)
      continue;
    // Single counters are not those of an array, as in HAProxy.
    if (!table.table().stores(value.data)) continue;
    const auto narrow = [](std::uint64_t wide) {
      return static_cast<std::uint32_t>(std::min<std::uint64_t>(wide, UINT32_MAX));
    };
    const bool wide = value.data == StickData::BytesInCnt || value.data == StickData::BytesOutCnt;
    // A rate is taken as it is, over whatever time it was counted there.
    if (config::is_rate(value.data))
      hold.set_rate(value.data, {narrow(value.number), narrow(value.current), narrow(value.previous)}, value.element);
    else
      hold.set(value.data, wide ? value.number : narrow(value.number), value.element);
  }
  const std::vector<config::StickTable::Stored>& ours = table.definition.stored;
  if (std::none_of(ours.begin(), ours.end(), [](const auto& each) { return each.data == StickData::ServerKey; }))
    return;
  const StickTable::Mark mark = mark_of_values();
  if (mark.id != 0 || !mark.key.empty()) hold.set_foreign_mark(mark);
}

StickTable::Mark PeerLink::mark_of_values() {
  StickTable::Mark mark;
  for (const peers::Value& value : update_.values) {
    if (value.data == StickData::ServerId)
      mark.id = static_cast<std::uint32_t>(value.number);
    else if (value.data == StickData::ServerKey && value.text_number != 0)
      mark.key = texts_heard_[value.text_number];
  }
  return mark;
}

// What is told.

void PeerLink::ask() {
  peers::put_message(pending_, peers::Kind::ResyncRequest);
  send();
}

void PeerLink::begin_lesson() {
  lesson_ = {true, 0, 0};
  taught_ = false;
  for (Telling& telling : tellings_) {
    telling.table->journal->sweep();
    telling.origin = telling.table->journal->last();
  }
}

// It has all of it. Until it says so, it may be told again what it has not acknowledged.
void PeerLink::end_lesson() {
  if (lesson_.under_way) return;
  taught_ = true;
  for (Telling& telling : tellings_) telling.acknowledged = std::max(telling.acknowledged, telling.origin);
}

bool PeerLink::knows_changes() {
  return std::none_of(tellings_.begin(), tellings_.end(), [](const Telling& telling) {
    telling.table->journal->sweep();
    return telling.table->journal->next(telling.acknowledged).has_value();
  });
}

void PeerLink::send() {
  if (!up()) return;
  std::string piece;
  std::size_t pieces = 0;
  for (; pieces < kPiecesAtOnce && !connection_->congested(); ++pieces) {
    piece.swap(pending_);
    pending_.clear();
    if (std::exchange(owes_confirm_, false)) peers::put_message(piece, peers::Kind::ResyncConfirm);
    put_acknowledgements(piece);
    const bool more = lesson_.under_way ? put_lesson(piece) : put_changes(piece);
    if (piece.empty() && !more) break;
    if (piece.empty()) continue;
    connection_->send(piece);
    piece.clear();
    sent_ms_ = loop().now();
  }
  if (pieces == kPiecesAtOnce)
    set_deadline(1);
  else if (pieces != 0)
    set_deadline(kBusyMs);
}

void PeerLink::put_acknowledgements(std::string& to) {
  for (auto& [id, hearing] : hearings_) {
    if (std::exchange(hearing.owed, false)) peers::put_acknowledgement(to, {id, hearing.number});
  }
}

// A part of what we know; false: that was all.
bool PeerLink::put_lesson(std::string& to) {
  for (std::size_t step = 0; step < kStepsOfLesson && to.size() < kPiece; ++step) {
    if (lesson_.table == tellings_.size()) {
      for (Telling& telling : tellings_) telling.pushed = telling.origin;
      lesson_ = {};
      peers::put_message(to, owner_.knows_all() ? peers::Kind::ResyncFinished : peers::Kind::ResyncPartial);
      return false;
    }
    const Telling& telling = tellings_[lesson_.table];
    const SharedTable& table = *telling.table;
    put_definition(to, table);
    table.table().each(lesson_.place, kPlacesAtOnce, loop().now(),
                       [&](const StickTable::Hold& hold) { put_entry(to, table, hold, telling.origin, true); });
    lesson_.place += kPlacesAtOnce;
    if (lesson_.place >= table.table().places()) lesson_ = {true, lesson_.table + 1, 0};
  }
  return true;
}

// Some of what has changed; false: that was all.
bool PeerLink::put_changes(std::string& to) {
  std::size_t steps = 0;
  for (std::size_t i = 0; i < tellings_.size(); ++i) {
    Telling& telling = tellings_[next_++ % tellings_.size()];
    Journal& journal = *telling.table->journal;
    journal.sweep();
    for (;; ++steps) {
      if (to.size() >= kPiece || steps == kStepsOfChanges) return true;
      const auto change = journal.next(telling.pushed);
      if (!change) break;
      telling.pushed = change->number;
      const StickTable::Hold hold = telling.table->table().named(change->entry, loop().now());
      if (!hold) continue;
      put_definition(to, *telling.table);
      put_entry(to, *telling.table, hold, change->number, false);
    }
  }
  return false;
}

// Unless it is what was last spoken of.
void PeerLink::put_definition(std::string& to, const SharedTable& table) {
  if (std::exchange(told_of_, &table) != &table) peers::put_definition(to, table.definition);
}

void PeerLink::put_entry(std::string& to, const SharedTable& table, const StickTable::Hold& hold, std::uint64_t number,
                         bool timed) {
  peers::Update& update = own_update_;
  update.number = static_cast<std::uint32_t>(number);
  update.left_ms.reset();
  if (timed)
    update.left_ms = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(hold.trackers() != 0 ? table.line.expire_ms : hold.left_ms(), INT32_MAX));
  update.key = hold.key();
  std::uint32_t turned_key = 0;
  if (table.line.key == config::StickTable::Key::Integer) {
    turned_key = turned(update.key);
    update.key = {reinterpret_cast<const char*>(&turned_key), sizeof(turned_key)};
  }
  update.values.clear();
  const StickTable::Mark* mark = hold.mark();
  for (const auto& stored : table.definition.stored) {
    for (std::uint32_t element = 0; element < stored.count; ++element) {
      peers::Value& value = update.values.emplace_back();
      value.data = stored.data;
      if (stored.data == StickData::ServerKey) {
        if (mark != nullptr && !mark->key.empty()) put_text(mark->key, value);
      } else if (stored.data == StickData::ServerId) {
        value.number = mark == nullptr ? 0 : mark->id;
      } else if (config::is_rate(stored.data)) {
        const StickTable::Rate rate = hold.rate(stored.data, element).value_or(StickTable::Rate{});
        value.number = rate.elapsed_ms;
        value.current = rate.current;
        value.previous = rate.previous;
      } else {
        value.number = hold.value(stored.data, element).value_or(0);
      }
    }
  }
  peers::put_update(to, table.definition, update);
}

void PeerLink::put_text(const std::string& text, peers::Value& value) {
  if (const auto known = texts_told_.find(text); known != texts_told_.end()) {
    value.text_number = known->second;
    return;
  }
  const std::uint64_t number = next_text_++;
  if (next_text_ > peers::kTexts) next_text_ = 1;
  if (told_by_number_[number] != nullptr) texts_told_.erase(std::string(*told_by_number_[number]));
  told_by_number_[number] = &texts_told_.emplace(text, number).first->first;
  value.text_number = number;
  value.text = text;
}

// For administrators.

void PeerLink::describe(std::string& to, bool with_texts) const {
  const std::uint64_t now = loop().now();
  const void* self = this;
  append_format(to, "  {}: id={}({},{}) addr={} last_status={} last_hdshk={}\n", self, plan_.name,
                plan_.name == local_ ? "local" : "remote", state_ != State::Waiting ? "active" : "inactive",
                plan_.address.empty() ? "-" : plan_.address.text(), status_word(counts_.status, up()),
                age_text(counts_.greeted_ms, now));
  append_format(to,
                "        reconnect={} heartbeat={} confirm=0 tx_hbt={} rx_hbt={} no_hbt={} new_conn={} proto_err={} "
                "coll={}\n",
                up() ? "<NEVER>" : "<PAST>",
                up() ? format("{}s", (kHeartbeatMs - std::min(kHeartbeatMs, now - sent_ms_)) / 1000) : "<NEVER>",
                counts_.heartbeats_sent, counts_.heartbeats_heard, counts_.silences, counts_.connections,
                counts_.errors, counts_.collisions);
  append_format(to, "        flags=0x{:x}\n", lesson_.under_way ? 0x20 : 0);
  if (tellings_.empty()) return;
  to += "        shared tables:\n";
  for (const Telling& telling : tellings_) {
    const SharedTable& table = *telling.table;
    const auto heard = std::find_if(hearings_.begin(), hearings_.end(),
                                    [&](const auto& each) { return each.second.table == telling.table; });
    const bool known = heard != hearings_.end();
    std::uint64_t bits = 0;
    if (known) {
      for (const auto& stored : heard->second.definition.stored)
        bits |= std::uint64_t{1} << static_cast<int>(stored.data);
    }
    const void* address = &table;
    const void* inside = &table.table();
    append_format(to, "          {} local_id={} remote_id={} flags=0x0 remote_data=0x{:x}\n", address,
                  table.definition.id, known ? heard->first : 0, bits);
    append_format(to, "              last_acked={} last_pushed={} last_get={} teaching_origin={} update={}\n",
                  telling.acknowledged, telling.pushed, known ? heard->second.number : 0, telling.origin,
                  table.journal->last());
    append_format(to, "              table:{} id={} update={} localupdate={} commitupdate={} refcnt=1\n", inside,
                  table.name, table.journal->last(), table.journal->last(), telling.pushed);
    if (!with_texts) continue;
    to += "        TX dictionary cache:\n";
    for (std::uint64_t number = 1; number <= peers::kTexts; ++number) {
      if (told_by_number_[number] != nullptr)
        append_format(to, "          {:3} -> {}\n", number - 1, *told_by_number_[number]);
    }
    to += "        RX dictionary cache:\n";
    for (std::uint64_t number = 1; number <= peers::kTexts; ++number) {
      if (!texts_heard_[number].empty()) append_format(to, "          {:3} -> {}\n", number - 1, texts_heard_[number]);
    }
  }
}

}  // namespace penstock
