// What one worker knows of passwords that clients have sent. To hash one takes milliseconds, and a client sends its own
// with each request: it is hashed on another thread, and the answer stands for a minute.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/base/counted.h"
#include "penstock/base/list.h"
#include "penstock/net/address.h"
#include "penstock/net/loop.h"
#include "penstock/rules/answer_waiter.h"
#include "penstock/rules/password_places.h"

namespace penstock::rules {

class Passwords final : public Counted<Passwords> {
 public:
  enum class Answer : std::uint8_t { Unknown, Right, Wrong };

  // `places`: of the whole process.
  Passwords(Loop& loop, PasswordPlaces& places);
  Answer ask(std::string_view password, std::string_view hash);
  // Tells `waiter` when ask() knows. False: too many are being hashed, or too many of them for a client at this address.
  bool find_out(std::string_view password, std::string_view hash, const SocketAddress& client, AnswerWaiter& waiter);

  // Of a password and a hash, under a key that lives as long as this: nothing else is kept of either.
  using Digest = std::array<char, 32>;

 private:
  friend class PasswordErrand;
  struct Known {
    Digest digest{};
    std::uint64_t until_ms = 0;
  };
  // Those that are right and those that are not are kept apart: who guesses takes nobody's place who knows. Each has a
  // few places that its digest names. Made when first needed.
  using Memory = std::vector<Known>;
  // One that is being hashed, and who waits for it.
  struct UnderWay : ListNode<> {
    Digest digest{};
    PasswordPlaces::Place* place = nullptr;
    List<AnswerWaiter, AnswerTag> waiters;
  };

  Digest digest_of(std::string_view password, std::string_view hash);
  bool holds(const Memory& memory, const Digest& digest) const;
  void keep(Memory& memory, std::size_t places, const Digest& digest);
  void found_out(UnderWay& one, bool fits);

  Loop& loop_;
  PasswordPlaces& places_;
  const std::string key_;
  std::string text_;  // Kept for its room; wiped after each use.
  Memory right_, wrong_;
  List<UnderWay> all_under_way_;
};

}  // namespace penstock::rules
