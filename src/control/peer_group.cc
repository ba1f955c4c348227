#include "peer_group.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "penstock/base/format.h"
#include "penstock/proxy/bundle.h"

namespace penstock {
namespace {

constexpr std::uint64_t kHelloMs = 5000, kLeaveMs = 1000, kLessonMs = 5000;
constexpr std::size_t kMostVisitors = 64;
// How often who comes after us is called, and how long it is waited for if it does not ask.
constexpr std::uint64_t kMostCalls = 3, kHeirMs = 3000;
// Lines about peers that are not as they should be, at most one so often.
constexpr std::uint64_t kReportMs = 1000;

const char* reason_of(peers::Status status) {
  switch (status) {
    case peers::Status::Fine:
    case peers::Status::Later:
      break;
    case peers::Status::ProtocolError:
      return "what it says is no hello of a peer";
    case peers::Status::BadVersion:
      return "its version of the protocol is not spoken here";
    case peers::Status::NotMe:
      return "it looks for somebody else";
    case peers::Status::Unknown:
      return "nobody of that name is a peer here";
  }
  return "";
}

}  // namespace

// Visitors.

PeerVisitor::PeerVisitor(Loop& loop, PeerVisitorOwner& owner) : Living(loop), owner_(owner) {}

Owned<PeerVisitor> PeerVisitor::welcome(Listener& listener, Loop& loop, PeerVisitorOwner& owner) {
  Owned<PeerVisitor> visitor(new PeerVisitor(loop, owner));
  ConnectionEvents& events = *visitor;
  visitor->connection_ = listener.accept(nullptr, events);
  if (!visitor->connection_) return nullptr;
  visitor->connection_->set_reading(true);
  visitor->set_deadline(kHelloMs);
  return visitor;
}

Owned<PeerVisitor> PeerVisitor::leaving(Owned<Connection> connection, std::string_view last_words, Loop& loop,
                                        PeerVisitorOwner& owner) {
  Owned<PeerVisitor> visitor(new PeerVisitor(loop, owner));
  ConnectionEvents& events = *visitor;
  connection->set_events(events);
  visitor->connection_ = std::move(connection);
  visitor->leave(last_words);
  return visitor;
}

void PeerVisitor::on_bytes(Slice bytes) {
  if (leaving_) return;
  inbox_ += bytes.view();
  std::string_view rest = inbox_;
  peers::Status refusal{};
  switch (peers::take_hello(rest, hello_, refusal)) {
    case peers::Progress::More:
      return;
    case peers::Progress::Wrong:
      return refuse(refusal);
    case peers::Progress::Done:
      inbox_.erase(0, inbox_.size() - rest.size());
      return owner_.on_hello(*this);
  }
}

void PeerVisitor::refuse(peers::Status status) {
  leave(peers::status_text(status));
  owner_.on_refused(*this, status);
}

void PeerVisitor::leave(std::string_view last_words) {
  leaving_ = true;
  connection_->send(last_words);
  connection_->finish_sending();
  set_deadline(kLeaveMs);
}

Owned<Connection> PeerVisitor::take(std::string& said) {
  said = std::move(inbox_);
  return std::move(connection_);
}

// The section.

PeerGroup::PeerGroup(Loop& loop, const PeersPlan& plan, PeerCounts& counts, Report report)
    : Living(loop),
      plan_(plan),
      counts_(counts),
      report_(std::move(report)),
      made_us_(Loop::wall_us()),
      begun_ms_(loop.now()) {}

void PeerGroup::on_close() {
  visitors_.clear();
  links_.clear();
  ourselves_.reset();
  listener_.reset();
}

void PeerGroup::adopt(const PeersPlan& plan, const SharedTables& tables) {
  const bool more = std::any_of(tables.begin(), tables.end(), [&](const auto& table) {
    return std::none_of(tables_.begin(), tables_.end(),
                        [&](const auto& other) { return other->journal == table->journal; });
  });
  std::vector<Owned<PeerLink>> before = std::exchange(links_, {});
  const bool renamed = plan.local != plan_.local;
  plan_ = plan;
  tables_ = tables;
  for (const PeerPlan& peer : plan.peers) {
    if (plan.disabled) break;
    const auto same = std::find_if(before.begin(), before.end(), [&](const Owned<PeerLink>& link) {
      return link && !renamed && link->plan() == peer;
    });
    PeerLinkOwner& owner = *this;
    links_.push_back(same == before.end() ? Owned<PeerLink>(new PeerLink(loop(), peer, plan.local, owner))
                                          : std::move(*same));
    links_.back()->set_tables(tables);
  }
  if (plan.disabled || renamed) ourselves_.reset();
  if (!plan.disabled && !ourselves_) ourselves_ = link_to_ourselves({});
  if (ourselves_) ourselves_->set_tables(tables);
  const auto is_gone = [&](const PeerLink* link) {
    return std::none_of(links_.begin(), links_.end(), [&](const auto& each) { return each.get() == link; });
  };
  std::erase_if(useless_, is_gone);
  if (asked_ != nullptr && is_gone(asked_)) {
    asked_ = nullptr;
    learning_ = Learning::Wanted;
  }
  listen();
  if (!more) return;
  learning_ = Learning::Wanted;
  useless_.clear();
  ask_somebody();
}

// Of no address: it is not called.
Owned<PeerLink> PeerGroup::link_to_ourselves(const SocketAddress& address) {
  PeerLinkOwner& owner = *this;
  return Owned<PeerLink>(new PeerLink(loop(), {plan_.local, address}, plan_.local, owner));
}

void PeerGroup::leave() {
  if (leaving_ms_ != 0) return;
  leaving_ms_ = loop().now();
  visitors_.clear();
  links_.clear();
  // What comes to the address now is for who listens there after us.
  if (listener_ && !listens_at_->is_inherited) listener_->refuse();
  listener_.reset();
  ourselves_.reset();
  if (plan_.disabled || plan_.address.empty() || tables_.empty()) return;
  ourselves_ = link_to_ourselves(plan_.address);
  ourselves_->set_tables(tables_);
}

bool PeerGroup::all_told() {
  if (!ourselves_) return true;
  if (ourselves_->was_taught() && (!ourselves_->up() || ourselves_->knows_changes())) return true;
  const std::uint64_t calls = ourselves_->connections();
  const bool waits = ourselves_->up() || ourselves_->calls() || calls < (ourselves_->was_up() ? kMostCalls : 1);
  if (waits && (ourselves_->teaches() || loop().now() - leaving_ms_ < kHeirMs)) return false;
  ourselves_.reset();
  return true;
}

void PeerGroup::listen() {
  const auto wanted = plan_.disabled ? nullptr : plan_.bound;
  if (wanted == listens_at_) return;
  if (listener_ && listens_at_ && !listens_at_->is_inherited) listener_->refuse();
  listener_.reset();
  listens_at_ = wanted;
  if (!wanted || wanted->sockets.empty()) return;
  Result<Descriptor> own = wanted->sockets.front().duplicate();
  if (!own) return report(format("short of a descriptor, nobody can come to {}", wanted->address.text()));
  ListenerOwner& owner = *this;
  listener_ = Listener::open(loop(), own->release(), wanted->is_unix, wanted->backlog, owner);
}

// Learning: one peer is asked for all it knows. If it does not know everything, another is.

void PeerGroup::on_linked(PeerLink& link) {
  if (leaving_ms_ != 0) return;
  // Who was here before us tells what nobody else may know, whether or not somebody has told us all.
  if (&link == ourselves_.get()) return link.ask();
  ask_somebody();
}

void PeerGroup::ask_somebody() {
  if (learning_ != Learning::Wanted || leaving_ms_ != 0) return;
  for (const auto& link : links_) {
    if (!link->up() || std::find(useless_.begin(), useless_.end(), link.get()) != useless_.end()) continue;
    learning_ = Learning::Asked;
    asked_ = link.get();
    set_deadline(kLessonMs);
    return link->ask();
  }
}

void PeerGroup::on_parted(PeerLink& link) {
  std::erase(useless_, &link);
  if (asked_ != &link) return;
  asked_ = nullptr;
  learning_ = Learning::Wanted;
  ask_somebody();
}

// Who was asked and took its time may have been given up meanwhile: all is known all the same.
void PeerGroup::on_lesson_over(PeerLink& link, bool whole) {
  const bool was_given_up = std::find(useless_.begin(), useless_.end(), &link) != useless_.end();
  if (asked_ != &link && !(whole && (was_given_up || &link == ourselves_.get()))) return;
  asked_ = nullptr;
  clear_deadline();
  learning_ = whole ? Learning::Done : Learning::Wanted;
  if (whole) return useless_.clear();
  useless_.push_back(&link);
  ask_somebody();
}

// A long lesson goes on, but somebody else may know that it is over.
void PeerGroup::on_deadline() {
  if (learning_ != Learning::Asked) return;
  useless_.push_back(asked_);
  asked_ = nullptr;
  learning_ = Learning::Wanted;
  ask_somebody();
}

// Who has found nobody to learn from for so long knows what there is.
bool PeerGroup::knows_all() const { return learning_ == Learning::Done || loop().now() - begun_ms_ >= 2 * kLessonMs; }

// Who comes.

// Who came first and has still said nothing makes room for who comes.
void PeerGroup::on_connection(Listener& listener) {
  if (visitors_.size() >= kMostVisitors) visitors_.erase(visitors_.begin());
  PeerVisitorOwner& owner = *this;
  if (Owned<PeerVisitor> visitor = PeerVisitor::welcome(listener, loop(), owner))
    visitors_.push_back(std::move(visitor));
}

void PeerGroup::on_hello(PeerVisitor& visitor) {
  if (visitor.hello().to != plan_.local) return visitor.refuse(peers::Status::NotMe);
  const auto found = std::find_if(links_.begin(), links_.end(),
                                  [&](const auto& each) { return each->plan().name == visitor.hello().from; });
  PeerLink* link = found != links_.end() ? found->get() : nullptr;
  if (visitor.hello().from == plan_.local) link = ourselves_.get();
  if (link == nullptr) return visitor.refuse(peers::Status::Unknown);
  std::string said;
  Owned<Connection> connection = visitor.take(said);
  on_visitor_over(visitor);
  link->welcome(std::move(connection), std::move(said));
}

void PeerGroup::on_visitor_over(PeerVisitor& visitor) {
  std::erase_if(visitors_, [&](const auto& each) { return each.get() == &visitor; });
}

void PeerGroup::on_refused(PeerVisitor& visitor, peers::Status why) {
  report(
      format("{} was refused with {}: {}", visitor.connection().peer().text(), static_cast<int>(why), reason_of(why)));
}

void PeerGroup::see_off(Owned<Connection> connection, std::string_view last_words) {
  if (!connection || visitors_.size() >= kMostVisitors) return;
  PeerVisitorOwner& owner = *this;
  visitors_.push_back(PeerVisitor::leaving(std::move(connection), last_words, loop(), owner));
}

void PeerGroup::report(const std::string& what) {
  if (reported_ms_ != 0 && loop().now() - reported_ms_ < kReportMs) return;
  reported_ms_ = loop().now();
  report_(format("peers {}: {}", plan_.name, what));
}

void PeerGroup::describe(std::string& to, bool with_texts) const {
  const std::time_t made_s = made_us_ / 1000000;
  std::tm local{};
  ::localtime_r(&made_s, &local);
  char date[32] = "";
  (void)std::strftime(date, sizeof(date), "%d/%b/%Y:%H:%M:%S", &local);
  const void* self = this;
  append_format(to, "{}: [{}] id={} disabled={} flags=0x{:x} resync_timeout={} task_calls=0\n", self, date, plan_.name,
                plan_.disabled ? 1 : 0, knows_all() ? 3 : 0, learning_ == Learning::Asked ? "5s" : "<PAST>");
  for (const auto& link : links_) link->describe(to, with_texts);
  if (ourselves_ && ourselves_->connections() != 0) return ourselves_->describe(to, with_texts);
  if (plan_.local.empty()) return;
  append_format(to, "  {}: id={}(local,inactive) addr={} last_status=NONE last_hdshk=<NEVER>\n",
                static_cast<const void*>(&plan_.local), plan_.local,
                plan_.address.empty() ? "-" : plan_.address.text());
  to +=
      "        reconnect=<NEVER> heartbeat=<NEVER> confirm=0 tx_hbt=0 rx_hbt=0 no_hbt=0 new_conn=0 proto_err=0 "
      "coll=0\n        flags=0x0\n";
}

}  // namespace penstock
