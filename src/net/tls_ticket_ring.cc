#include "tls_ticket_ring.h"

#include <openssl/aes.h>
#include <openssl/cipher.h>
#include <openssl/digest.h>
#include <openssl/hmac.h>
#include <openssl/mem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cstring>
#include <mutex>

#include "penstock/base/require.h"
#include "tls_memory.h"

namespace penstock {
namespace {

// Return values of the library's callback.
constexpr int kFailed = -1;
constexpr int kUnknown = 0;
constexpr int kDone = 1;
constexpr int kDoneRenew = 2;

enum class Direction { Open, Seal };

bool set_up(const TicketKey& key, Direction direction, const std::uint8_t* iv, EVP_CIPHER_CTX* cipher, HMAC_CTX* hmac) {
  const int seals = direction == Direction::Seal ? 1 : 0;
  const bool good = EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.aes.data(), iv, seals) == 1 &&
                    HMAC_Init_ex(hmac, key.hmac.data(), key.hmac.size(), EVP_sha256(), nullptr) == 1;
  wipe_stack(4096);
  return good;
}

// The library's cipher and digest are the same for both sizes: what a key lacks is made of what it has.
TicketKey expanded(std::string_view bytes) {
  TicketKey key;
  std::memcpy(key.name.data(), bytes.data(), key.name.size());
  const std::string_view secret = bytes.substr(key.name.size());
  const auto derive = [&](std::uint8_t use, std::array<std::uint8_t, 32>& out) {
    SHA256_CTX digest;
    SHA256_Init(&digest);
    SHA256_Update(&digest, &use, sizeof(use));
    SHA256_Update(&digest, secret.data(), secret.size());
    SHA256_Final(out.data(), &digest);
  };
  derive(1, key.aes);
  derive(2, key.hmac);
  return key;
}

}  // namespace

void* TicketRing::operator new(std::size_t size) {
  // A piece lies 8 bytes beyond a multiple of 16.
  static_assert(alignof(TicketRing) <= 8);
  void* memory = take_tls_memory(size);
  require(memory != nullptr);
  return memory;
}

void TicketRing::operator delete(void* memory) { give_back_tls_memory(memory); }

TicketRing::~TicketRing() { OPENSSL_cleanse(keys.data(), sizeof(keys)); }

int TicketRing::seal(std::uint8_t* name, std::uint8_t* iv, EVP_CIPHER_CTX* cipher, HMAC_CTX* hmac) const {
  RAND_bytes(iv, AES_BLOCK_SIZE);
  const std::shared_lock hold(lock);
  const TicketKey& key = keys[0];
  std::memcpy(name, key.name.data(), key.name.size());
  return set_up(key, Direction::Seal, iv, cipher, hmac) ? kDone : kFailed;
}

int TicketRing::open(const std::uint8_t* name, const std::uint8_t* iv, EVP_CIPHER_CTX* cipher, HMAC_CTX* hmac) const {
  const std::shared_lock hold(lock);
  for (std::size_t i = 0; i < count; ++i) {
    const TicketKey& key = keys[i];
    if (std::memcmp(key.name.data(), name, key.name.size()) != 0) continue;
    if (!set_up(key, Direction::Open, iv, cipher, hmac)) return kFailed;
    // A ticket under an older key is honoured and replaced: that key will be gone soon.
    return i == 0 ? kDone : kDoneRenew;
  }
  return kUnknown;
}

void TicketRing::add(const TicketKey& key) {
  const std::unique_lock hold(lock);
  std::move_backward(keys.begin(), keys.end() - 1, keys.end());
  keys[0] = key;
  count = std::min(count + 1, kRingSize);
}

void TicketRing::set_file_keys(std::vector<Secret> keys_of_file) {
  const std::size_t last = keys_of_file.size() - 1;
  const std::unique_lock hold(lock);
  keys = {expanded(keys_of_file[last - 1].view()), expanded(keys_of_file[last].view()),
          expanded(keys_of_file[last - 2].view())};
  count = kRingSize;
  from_file = std::move(keys_of_file);
  wipe_stack(4096);
}

std::vector<Secret> TicketRing::file_keys() const {
  const std::shared_lock hold(lock);
  return from_file;
}

Secret TicketRing::save() const {
  const std::shared_lock hold(lock);
  return Secret(std::string_view(reinterpret_cast<const char*>(keys.data()), count * sizeof(TicketKey)));
}

bool TicketRing::restore(std::string_view saved) {
  const std::size_t saved_count = saved.size() / sizeof(TicketKey);
  if (saved_count == 0 || saved_count > kRingSize || saved.size() % sizeof(TicketKey) != 0) return false;
  const std::unique_lock hold(lock);
  std::memcpy(keys.data(), saved.data(), saved.size());
  count = saved_count;
  return true;
}

}  // namespace penstock
