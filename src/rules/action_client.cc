// Actions about the client's connection and about how its request is treated, not about what it says.
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "action.h"

namespace penstock::rules {
namespace {

SocketAddress address_of(const Ip& ip, std::uint16_t port) {
  if (ip.is6) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(port);
    std::memcpy(&address.sin6_addr, ip.bytes, 16);
    return SocketAddress(reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  std::memcpy(&address.sin_addr, ip.bytes, 4);
  return SocketAddress(reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

class SetEnd final : public Action {
 public:
  SetEnd(End end, bool is_port, bool lasts, std::unique_ptr<Expression> expression)
      : end_(end), is_port_(is_port), lasts_(lasts), expression_(std::move(expression)) {}

  Flow run(Subject& subject, Verdict&) const override {
    Value value;
    Cursor cursor;
    if (subject.client == nullptr || subject.client->ends == nullptr) return Flow::Next;
    if (!evaluate(*expression_, subject, cursor, value)) return cursor.undecided ? Flow::Wait : Flow::Next;
    const SocketAddress& before = end_ == End::Source ? subject.source() : subject.destination();
    if (!cast(subject, value, is_port_ ? Type::Integer : Type::Address)) return Flow::Next;
    if (!is_port_) return set(subject, address_of(value.ip, before.port()));
    const auto port = static_cast<std::uint16_t>(value.integer);
    Ip ip;
    // A port needs an address beside it.
    if (!Ip::of(before, ip)) return set(subject, address_of(Ip(), port));
    return set(subject, address_of(ip, port));
  }

 private:
  Flow set(Subject& subject, const SocketAddress& address) const {
    subject.memory.known = 0;  // What a named ACL said of it may hold no longer.
    if (lasts_) {
      Endpoints& ends = *subject.client->ends;
      if (end_ == End::Source)
        ends.set_peer(address);
      else
        ends.set_local(address);
      return Flow::Next;
    }
    // An IP address holds nothing that would have to be given back.
    const SocketAddress* const kept =
        new (subject.arena.allocate(sizeof(SocketAddress), alignof(SocketAddress))) SocketAddress(address);
    (end_ == End::Source ? subject.source_as_set : subject.destination_as_set) = kept;
    return Flow::Next;
  }

  End end_;
  bool is_port_, lasts_;
  std::unique_ptr<Expression> expression_;
};

class SetTos final : public Action {
 public:
  explicit SetTos(int tos) : tos_(tos) {}
  Flow run(Subject& subject, Verdict&) const override {
    if (subject.client != nullptr && subject.client->ends != nullptr) subject.client->ends->set_tos(tos_);
    return Flow::Next;
  }

 private:
  int tos_;
};

class SetMark final : public Action {
 public:
  explicit SetMark(std::uint32_t mark) : mark_(mark) {}
  Flow run(Subject& subject, Verdict&) const override {
    if (subject.client != nullptr && subject.client->ends != nullptr) subject.client->ends->set_mark(mark_);
    return Flow::Next;
  }

 private:
  std::uint32_t mark_;
};

class SetPriority final : public Action {
 public:
  SetPriority(bool is_class, std::unique_ptr<Expression> expression)
      : is_class_(is_class), expression_(std::move(expression)) {}

  Flow run(Subject& subject, Verdict&) const override {
    Value value;
    Cursor cursor;
    if (!evaluate(*expression_, subject, cursor, value)) return cursor.undecided ? Flow::Wait : Flow::Next;
    if (!cast(subject, value, Type::Integer)) return Flow::Next;
    constexpr std::int64_t kMostClass = 2047, kMostOffset = 524287;
    const std::int64_t most = is_class_ ? kMostClass : kMostOffset;
    (is_class_ ? subject.effects.priority_class : subject.effects.priority_offset) =
        static_cast<std::int32_t>(std::clamp(value.integer, -most, most));
    return Flow::Next;
  }

 private:
  bool is_class_;
  std::unique_ptr<Expression> expression_;
};

class Nothing final : public Action {
 public:
  Flow run(Subject&, Verdict&) const override { return Flow::Next; }
};

class EarlyHint final : public Action {
 public:
  EarlyHint(std::string name, Format value) : name_(std::move(name)), value_(std::move(value)) {}

  Flow run(Subject& subject, Verdict&) const override {
    // Who speaks HTTP/1.0 would take it for the answer.
    if (subject.request == nullptr || subject.received_version != HttpVersion::Http11) return Flow::Next;
    const std::string_view value = value_.expand(subject);
    if (!is_field_value(value)) return Flow::Failed;
    subject.early_hints.push_back(subject.arena, Field{name_, value});
    return Flow::Next;
  }

 private:
  std::string name_;
  Format value_;
};

class WaitForBody final : public Action {
 public:
  WaitForBody(std::uint64_t limit_ms, std::uint64_t at_least) : limit_ms_(limit_ms), at_least_(at_least) {}

  Flow run(Subject& subject, Verdict& verdict) const override {
    if (subject.explained != nullptr) return Flow::Next;
    verdict.wait.limit_ms = limit_ms_;
    verdict.wait.at_least = at_least_;
    return Flow::Body;
  }

 private:
  std::uint64_t limit_ms_, at_least_;
};

class AskPassword final : public Action {
 public:
  explicit AskPassword(std::string realm) : value_("Basic realm=\"" + std::move(realm) + "\"") {}

  Flow run(Subject& subject, Verdict& verdict) const override {
    verdict.kind = Verdict::Kind::Reply;
    verdict.reply = Reply::of(subject.to_proxy ? 407 : 401);
    verdict.reply.challenge = subject.arena.copy(value_);
    return Flow::Stop;
  }

 private:
  std::string value_;
};

}  // namespace

std::unique_ptr<Action> make_set_end(End end, bool is_port, bool lasts, std::unique_ptr<Expression> expression) {
  return std::make_unique<SetEnd>(end, is_port, lasts, std::move(expression));
}
std::unique_ptr<Action> make_set_tos(int tos) { return std::make_unique<SetTos>(tos); }
std::unique_ptr<Action> make_set_mark(std::uint32_t mark) { return std::make_unique<SetMark>(mark); }
std::unique_ptr<Action> make_set_priority(bool is_class, std::unique_ptr<Expression> expression) {
  return std::make_unique<SetPriority>(is_class, std::move(expression));
}
std::unique_ptr<Action> make_nothing() { return std::make_unique<Nothing>(); }
std::unique_ptr<Action> make_early_hint(std::string name, Format value) {
  return std::make_unique<EarlyHint>(std::move(name), std::move(value));
}
std::unique_ptr<Action> make_wait_for_body(std::uint64_t limit_ms, std::uint64_t at_least) {
  return std::make_unique<WaitForBody>(limit_ms, at_least);
}
std::unique_ptr<Action> make_ask_password(std::string realm) { return std::make_unique<AskPassword>(std::move(realm)); }

}  // namespace penstock::rules
