#include "penstock/proxy/approach.h"

#include <algorithm>
#include <utility>

#include "penstock/base/format.h"

namespace penstock {

void Approach::begin(int backend) {
  backend_ = &generation_.backend(backend);
  spec_ = generation_.snapshot().backend(backend);
  subject_.backend = spec_->balance.name;
  subject_.backend_index = backend;
  subject_.backend_id = generation_.snapshot().backend_id(backend);
  counting::lead_to(kit_, *spec_->balance.state, way_);
  if (spec_->cookie.line.logged()) subject_.log.cookies[0] = subject_.log.cookies[1] = 'N';
}

void Approach::ask_persistence() {
  meant_ = nullptr;
  persistence_ = spec_->rules->persistence(subject_);
  const int named = spec_->rules->choose_server(subject_);
  const int place = named < 0 ? -1 : spec_->balance.place_of(named);
  if (place >= 0) {
    const ServerSlot& slot = *backend_->slots()[static_cast<std::size_t>(place)];
    if (belongs_to(slot)) meant_ = &slot;
  }
  if (spec_->cookie.in_use()) follow_cookie();
  if (!spec_->rules->stick_request.empty()) follow_tables();
  if (spec_->rules->rdp_cookie && meant_ == nullptr) follow_rdp_cookie();
}

// "<address>.<port>.0000", both as numbers whose bytes lie in the order of the wire, the first the lowest.
void Approach::follow_rdp_cookie() {
  const auto text = spec_->rules->rdp_cookie.text(subject_);
  if (!text || persistence_ == rules::Persistence::Ignored) return;
  std::string_view rest = *text;
  const auto address = parse_unsigned(cut(rest, '.'));
  const auto port = parse_unsigned(cut(rest, '.'));
  if (!address || !port || rest.empty()) return;
  for (const auto& slot : backend_->slots()) {
    const SocketAddress& at = slot->moved() ? slot->moved()->to.address : slot->spec.address;
    if (!at.is_ip4()) continue;
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < 4; ++i) bytes |= std::uint64_t{static_cast<unsigned char>(at.ip_bytes()[i])} << (8 * i);
    const std::uint64_t turned = std::uint64_t{at.port() & 0xffu} << 8 | at.port() >> 8;
    if (bytes != *address || turned != *port) continue;
    if (belongs_to(*slot)) meant_ = slot.get();
    return;
  }
}

void Approach::follow_cookie() {
  using persistence::Power;
  const bool powerless = meant_ != nullptr || persistence_ == rules::Persistence::Ignored;
  const Power power = powerless ? Power::None : stays_when_down() ? Power::Anyhow : Power::Usual;
  const std::int64_t now_s = Loop::wall_us() / 1'000'000;
  claim_ = persistence::read(*subject_.request, spec_->cookie, spec_->balance.servers, power, now_s, subject_.arena);
  if (claim_.server >= 0) meant_ = backend_->slots()[static_cast<std::size_t>(claim_.server)].get();
  if (spec_->cookie.line.logged()) subject_.log.cookies[0] = claim_.letter;
}

void Approach::follow_tables() {
  const int known = sticking_.look_up(generation_.snapshot(), *spec_, stays_when_down(), subject_, kit_.loop.now());
  if (known >= 0 && meant_ == nullptr) meant_ = backend_->slots()[static_cast<std::size_t>(known)].get();
}

bool Approach::stays_when_down() const { return persistence_ == rules::Persistence::Forced || spec_->persist; }

bool Approach::belongs_to(const ServerSlot& slot) const {
  return stays_when_down() || slot.spec.state->keeps_traffic();
}

// A pinned client's connection in this backend, whatever else would choose.
Backend::Wish Approach::pinned_server() const {
  const Server* own = pins_->server(spec_->balance.name);
  ServerSlot* slot = own != nullptr ? backend_->find(*own) : nullptr;
  return slot != nullptr ? Backend::Wish::to_pinned(*slot) : Backend::Wish::none();
}

// The server that answered last, where that is preferred.
Backend::Wish Approach::last_server() const {
  if (pins_ == nullptr || pins_->last() == nullptr) return {};
  if (!pins_->must_stay() && !spec_->balance.prefer_last_server) return {};
  ServerSlot* slot = backend_->find(*pins_->last());
  if (slot == nullptr) return Backend::Wish::none();
  return pins_->must_stay() ? Backend::Wish::firmly(*slot) : Backend::Wish::usual(*slot);
}

// The server that the client is pinned to; else the one tried before; else the one meant; else the last one.
Backend::Wish Approach::wish_of_server() const {
  if (pins_ != nullptr && pins_->pinned()) {
    const Backend::Wish pinned = pinned_server();
    if (pinned.slot != nullptr) return pinned;
  }
  if (ServerSlot* again = tries_.again()) return Backend::Wish::firmly(*again, again == meant_ && belongs_to(*again));
  if (!tries_.passed_over().empty()) return {};
  if (meant_ != nullptr && belongs_to(*meant_)) return Backend::Wish::firmly(*meant_, true);
  return last_server();
}

bool Approach::lost_identity() const {
  return pins_ != nullptr && pins_->pinned() && spec_ != nullptr && pins_->lost(spec_->balance.name);
}

Approach::Step Approach::choose() {
  if (lost_identity()) return none({Cause::ServerClosed, Phase::Connect, false, 502, 0, "whom it knew is gone"});
  const Backend::Wish wish = wish_of_server();
  if (!key_) key_ = spec_->key_of(subject_);
  if (subject_.in_trouble()) {
    key_.reset();
    return none({Cause::Denied, Phase::Request, false, 400, 0, "a key could not be made"});
  }
  const Backend::Choice choice = backend_->choose(*key_, wish, tries_.passed_over());
  switch (choice.kind) {
    case Backend::Choice::Kind::None:
      return none({Cause::ServerClosed, Phase::Connect, false, 503, 0, "no server is available"});
    case Backend::Choice::Kind::Full:
      return moves_on() ? choose() : stand_in_line(choice.slot);
    case Backend::Choice::Kind::Chosen:
      take(*choice.slot, wish);
      return Step::Server;
  }
  return Step::None;
}

Approach::Step Approach::stand_in_line(ServerSlot* wanted) {
  if (state_ != State::Line) {
    (wanted != nullptr ? subject_.log.srv_queue : subject_.log.backend_queue) += backend_->last_place(wanted);
    // Room may have been made between the look and the line.
    kit_.loop.later(*this);
  }
  state_ = State::Line;
  const rules::Effects& effects = subject_.effects;
  backend_->stand_in_line(*this, wanted, {effects.priority_class, effects.priority_offset});
  return Step::Waiting;
}

void Approach::take(ServerSlot& slot, const Backend::Wish& wish) {
  rules::LogFacts& log = subject_.log;
  // The cookie was good, and another server serves.
  if (log.cookies[0] == 'V' && &slot != meant_) {
    log.cookies[0] = wish.pinned ? 'U' : 'D';
    if (!wish.pinned) log.redispatched = true;
  }
  // Another try at the same server is part of connecting to it, the pause before it too.
  const bool anew = tries_.again() != &slot;
  if (tries_.chosen(slot)) log.redispatched = true;
  state_ = State::Server;
  slot_ = &slot;
  slot.served.push_back(*this);
  pool_ = slot.pool();
  pool_->count_in_use();
  moved_ = slot.moved();
  counting::lead_to(kit_, *slot.spec.state, &slot != wish.slot, way_);
  subject_.server = slot.spec.name;
  subject_.server_index = static_cast<int>(slot.index);
  subject_.server_id = slot.spec.id;
  if (!anew) return;
  chosen_ms_ = kit_.loop.now();
  note_wait();
}

Approach::Step Approach::none(const Failure& failure) {
  if (state_ == State::Line) note_wait();
  state_ = State::Idle;
  failure_ = failure;
  return Step::None;
}

void Approach::on_turn() {
  switch (choose()) {
    case Step::Server:
      return owner_.on_server();
    case Step::None:
      return owner_.on_no_server();
    case Step::Waiting:
      return;
  }
}

// Its rules are those it began with; the servers are those of the configuration in force.
bool Approach::on_moved(Backend& next) {
  const Server* own = pins_ != nullptr && pins_->pinned() ? pins_->server(spec_->balance.name) : nullptr;
  if (own != nullptr && next.find(*own) == nullptr) return false;
  if (meant_ != nullptr) meant_ = next.find(*meant_->spec.state);
  tries_.forget();
  backend_ = &next;
  moved_to_ = kit_.generation;
  return true;
}

// Where there is no room, a reload may have made some.
bool Approach::moves_on() {
  const Ref<Generation>& now = kit_.generation;
  if (!now || &*now == (moved_to_ ? &*moved_to_ : &generation_)) return false;
  Backend* next = now->successor(backend_->spec());
  return next != nullptr && next != backend_ && on_moved(*next);
}

void Approach::run_later() {
  if (state_ == State::Line) backend_->serve_line();
}

void Approach::connected() {
  observe(Seen::Connected);
  subject_.reason = {};
  subject_.log.tc = static_cast<std::int64_t>(kit_.loop.now() - chosen_ms_);
}

Approach::Step Approach::try_again(const Failure& failure, Again after) {
  if (after == Again::Connecting) observe(Seen::NotConnected);
  if (after == Again::Connecting && !spec_->retry_on.connect_failure) return none(failure);
  if (subject_.log.retries >= spec_->retries) return none(failure);
  const bool meant = slot_ == meant_;
  const Tries::Failed failed{*slot_, ++subject_.log.retries, meant, meant && belongs_to(*slot_),
                             persistence_ == rules::Persistence::Forced};
  leave();
  switch (tries_.after(failed, *backend_, *spec_)) {
    case Tries::Next::None:
      return none(failure);
    case Tries::Next::Same:
      if (after == Again::Connecting && failure.cause != Cause::ServerTimeout) break;
      [[fallthrough]];
    case Tries::Next::Other:
      return choose();
  }
  state_ = State::Pause;
  return Step::Waiting;
}

// 501 and 505 are about what was asked for.
void Approach::observe_status(std::uint16_t status) {
  const bool is_good = status < 500 || status == 501 || status == 505;
  observe(is_good ? Seen::Answer : Seen::WrongAnswer);
}

void Approach::observe_failure(const Failure& failure) {
  observe(failure.cause == Cause::ServerTimeout ? Seen::Late
          : failure.cause == Cause::Denied      ? Seen::BadAnswer
                                                : Seen::Closed);
}

// What is well of a connection says nothing of answers; one that cannot be had says all.
void Approach::count_seen(Seen seen) {
  constexpr std::string_view kWords[] = {
      "L4 successful connection",        "L4 unsuccessful connection", "Correct http response", "Wrong http response",
      "Invalid http response (headers)", "Close from server (http)",   "Read timeout (http)"};
  const ServerSpec& spec = slot_->spec;
  std::atomic<std::uint32_t>& errors = spec.state->errors_in_a_row;
  const bool by_connections = spec.observe == Observe::Layer4;
  const bool is_well = seen == Seen::Connected || seen == Seen::Answer;
  if (is_well && by_connections == (seen == Seen::Connected)) errors.store(0, std::memory_order_relaxed);
  if (is_well || (by_connections && seen != Seen::NotConnected)) return;
  if (errors.fetch_add(1, std::memory_order_relaxed) + 1 < spec.error_limit) return;
  errors.store(0, std::memory_order_relaxed);
  ServerChange change;
  change.errors = format("Detected {} consecutive errors, last one was: {}", spec.error_limit,
                         kWords[static_cast<std::size_t>(seen)]);
  if (kit_.changes != nullptr) kit_.changes->take_change(spec_->balance.name, spec.name, change);
}

Approach::Step Approach::late() {
  if (state_ == State::Pause) return choose();
  backend_->leave_line(*this);
  return none({Cause::ServerTimeout, Phase::Queue, false, 503, 0, "no server had room in time"});
}

void Approach::leave() {
  if (state_ == State::Idle && slot_ == nullptr && !Waiting::linked()) return;
  Later::unlink();
  if (backend_ != nullptr) backend_->leave_line(*this);
  state_ = State::Idle;
  if (slot_ == nullptr) return;
  ServerSlot& slot = *std::exchange(slot_, nullptr);
  Served::unlink();
  pool_->count_out_of_use();
  pool_ = nullptr;
  moved_ = nullptr;
  backend_->release(slot);
}

std::string_view Approach::tls_name() const {
  return moved_to_ ? moved_to_->sni_of(slot_->spec, subject_) : spec_->sni_of(slot_->spec, subject_);
}

SocketAddress Approach::address() const {
  const ServerSpec& spec = slot_->spec;
  SocketAddress address = moved_ ? moved_->to.address : spec.address;
  if (!is_of_client()) return address;
  if (address.is_any()) {
    const std::uint16_t port = address.port();
    address = subject_.destination();
    if (!address.is_unix() && !address.empty()) address.set_port(port);
  }
  const bool has_port_of_client = moved_ ? moved_->to.port_from_client : spec.port_from_client;
  if (has_port_of_client && !address.is_unix() && !address.empty()) {
    const int offset = moved_ ? moved_->to.port_offset : spec.port_offset;
    address.set_port(static_cast<std::uint16_t>(subject_.destination().port() + offset));
  }
  return address;
}

std::string Approach::greeting() const {
  const ServerSpec& spec = slot_->spec;
  if (spec.send_proxy == ProxyVersion::None) return {};
  return proxy_header(spec.send_proxy, subject_.source(), subject_.destination(),
                      {spec.proxy_wishes, subject_.client->tls.facts(), subject_.unique_id});
}

void Approach::remember_server() { sticking_.store(slot_->spec, kit_.loop.now()); }

void Approach::remember_answer() {
  sticking_.look_at_answer(generation_.snapshot(), *spec_, subject_);
  remember_server();
}

void Approach::write_cookie(Head& response) {
  const bool ignored = persistence_ == rules::Persistence::Ignored;
  const persistence::Visit visit{*subject_.request, slot_->spec, claim_,
                                 slot_ == meant_,   ignored,     Loop::wall_us() / 1'000'000};
  const char letter = persistence::write(response, spec_->cookie, visit, subject_.arena);
  if (spec_->cookie.line.logged()) subject_.log.cookies[1] = letter;
}

void Approach::note_server() {
  const ServerSpec& spec = slot_->spec;
  subject_.log.server_address = &spec.address;
  if (!moved_ && !is_of_client()) return;
  made_address_ = address();
  subject_.log.server_address = &made_address_;
}

void Approach::note_facts() {
  rules::LogFacts& log = subject_.log;
  if (state_ == State::Line) note_wait();
  if (backend_ != nullptr) log.beconn = backend_->in_use();
  if (slot_ == nullptr) return;
  log.srv_conn = slot_->spec.state->in_use.load(std::memory_order_relaxed);
  note_server();
  // Of those being served the others; a line written early (`option logasap`) counts this one too.
  if (log.asap) return;
  log.beconn -= std::min(log.beconn, 1u);
  log.srv_conn -= std::min(log.srv_conn, 1u);
}

}  // namespace penstock
