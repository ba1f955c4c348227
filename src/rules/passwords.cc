#include "penstock/rules/passwords.h"

#include <string.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "penstock/base/password.h"
#include "penstock/base/xxhash.h"
#include "penstock/net/digest.h"
#include "penstock/net/errand.h"
#include "penstock/net/hashing.h"

namespace penstock::rules {
namespace {

constexpr std::uint64_t kStandsMs = 60'000;
constexpr std::size_t kWays = 4;  // Places that one digest may take.
constexpr std::size_t kRightPlaces = 4096, kWrongPlaces = 256;

void wipe(std::string& text) {
  ::explicit_bzero(text.data(), text.size());
  text.clear();
}

std::size_t place_of(const Passwords::Digest& digest, std::size_t places) {
  std::uint32_t number = 0;
  std::memcpy(&number, digest.data(), sizeof(number));
  return number % (places / kWays) * kWays;
}

// Who has one address of IPv6 has 64 bits of them. Clients without one are all one.
std::uint64_t number_of(const SocketAddress& client) { return xxh64(client.ip_bytes().substr(0, 8)) | 1; }

}  // namespace

class PasswordErrand final : public Errand {
 public:
  PasswordErrand(Passwords& passwords, const Passwords::Digest& digest, PasswordPlaces::Place& place,
                 std::string_view password, std::string_view hash)
      : passwords_(&passwords), password_(password), hash_(hash) {
    one_.digest = digest;
    one_.place = &place;
    passwords.all_under_way_.push_back(one_);
  }
  ~PasswordErrand() override { wipe(password_); }
  Passwords::UnderWay& one() { return one_; }
  void run() override { fits_ = password_fits(password_, hash_); }
  void on_done() override { passwords_->found_out(one_, fits_); }

 private:
  const Ref<Passwords> passwords_;
  Passwords::UnderWay one_;
  std::string password_;
  const std::string hash_;
  bool fits_ = false;
};

Passwords::Passwords(Loop& loop, PasswordPlaces& places)
    : loop_(loop), places_(places), key_(MacKey().sign("passwords")) {}

Passwords::Digest Passwords::digest_of(std::string_view password, std::string_view hash) {
  // In one piece: a text that grows leaves copies of itself behind. No hash has a NUL byte in it.
  text_.reserve(hash.size() + 1 + password.size());
  text_.append(hash).append(1, '\0').append(password);
  char space[kMostDigest];
  const std::string_view bytes = keyed_digest_of(penstock::Digest::Sha256, key_, text_, space);
  wipe(text_);
  Digest digest;
  std::copy(bytes.begin(), bytes.end(), digest.begin());
  return digest;
}

bool Passwords::holds(const Memory& memory, const Digest& digest) const {
  if (memory.empty()) return false;
  const auto first = memory.begin() + static_cast<std::ptrdiff_t>(place_of(digest, memory.size()));
  return std::any_of(first, first + kWays,
                     [&](const Known& known) { return loop_.now() < known.until_ms && known.digest == digest; });
}

// In place of the one that ends first.
void Passwords::keep(Memory& memory, std::size_t places, const Digest& digest) {
  if (memory.empty()) memory.resize(places);
  const auto first = memory.begin() + static_cast<std::ptrdiff_t>(place_of(digest, places));
  const auto by_end = [](const Known& a, const Known& b) { return a.until_ms < b.until_ms; };
  *std::min_element(first, first + kWays, by_end) = {digest, loop_.now() + kStandsMs};
}

Passwords::Answer Passwords::ask(std::string_view password, std::string_view hash) {
  const Digest digest = digest_of(password, hash);
  if (holds(right_, digest)) return Answer::Right;
  return holds(wrong_, digest) ? Answer::Wrong : Answer::Unknown;
}

bool Passwords::find_out(std::string_view password, std::string_view hash, const SocketAddress& client,
                         AnswerWaiter& waiter) {
  const Digest digest = digest_of(password, hash);
  for (UnderWay& one : all_under_way_) {
    if (one.digest == digest) return one.waiters.push_back(waiter), true;
  }
  PasswordPlaces::Place* place = places_.take(number_of(client));
  if (place == nullptr) return false;
  auto errand = std::make_unique<PasswordErrand>(*this, digest, *place, password, hash);
  errand->one().waiters.push_back(waiter);
  send_out(loop_, std::move(errand));
  return true;
}

void Passwords::found_out(UnderWay& one, bool fits) {
  PasswordPlaces::give_back(*one.place);
  one.unlink();
  keep(fits ? right_ : wrong_, fits ? kRightPlaces : kWrongPlaces, one.digest);
  while (!one.waiters.empty()) one.waiters.pop_front().on_answer_known();
}

}  // namespace penstock::rules
