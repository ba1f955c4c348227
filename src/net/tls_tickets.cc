#include "tls_tickets.h"

#include <openssl/aes.h>
#include <openssl/cipher.h>
#include <openssl/digest.h>
#include <openssl/hmac.h>
#include <openssl/mem.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>
#include <mutex>

namespace penstock {
namespace {

// Return values of the library's callback.
constexpr int kFailed = -1;
constexpr int kUnknown = 0;
constexpr int kDone = 1;
constexpr int kDoneRenew = 2;

TicketKey new_key() {
  TicketKey key;
  RAND_bytes(reinterpret_cast<std::uint8_t*>(&key), sizeof(key));  // Aborts rather than fails.
  return key;
}

}  // namespace

TicketKeys::State::~State() { OPENSSL_cleanse(keys.data(), sizeof(keys)); }

int TicketKeys::State::seal(std::uint8_t* name, std::uint8_t* iv, EVP_CIPHER_CTX* cipher, HMAC_CTX* hmac) const {
  RAND_bytes(iv, AES_BLOCK_SIZE);
  const std::shared_lock hold(lock);
  const TicketKey& key = keys[0];
  std::memcpy(name, key.name.data(), key.name.size());
  if (EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.aes.data(), iv) != 1) return kFailed;
  if (HMAC_Init_ex(hmac, key.hmac.data(), key.hmac.size(), EVP_sha256(), nullptr) != 1) return kFailed;
  return kDone;
}

int TicketKeys::State::open(const std::uint8_t* name, const std::uint8_t* iv, EVP_CIPHER_CTX* cipher, HMAC_CTX* hmac) const {
  const std::shared_lock hold(lock);
  for (std::size_t i = 0; i < count; ++i) {
    const TicketKey& key = keys[i];
    if (std::memcmp(key.name.data(), name, key.name.size()) != 0) continue;
    if (EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.aes.data(), iv) != 1) return kFailed;
    if (HMAC_Init_ex(hmac, key.hmac.data(), key.hmac.size(), EVP_sha256(), nullptr) != 1) return kFailed;
    // A ticket under an older key is honoured and replaced: that key will be gone soon.
    return i == 0 ? kDone : kDoneRenew;
  }
  return kUnknown;
}

TicketKeys::TicketKeys() : state_(std::make_unique<State>()) { rotate(); }
TicketKeys::~TicketKeys() = default;

void TicketKeys::rotate() {
  TicketKey fresh = new_key();
  {
    const std::unique_lock hold(state_->lock);
    std::move_backward(state_->keys.begin(), state_->keys.end() - 1, state_->keys.end());
    state_->keys[0] = fresh;
    state_->count = std::min(state_->count + 1, State::kRingSize);
  }
  OPENSSL_cleanse(&fresh, sizeof(fresh));
}

std::string TicketKeys::save() const {
  const std::shared_lock hold(state_->lock);
  return std::string(reinterpret_cast<const char*>(state_->keys.data()), state_->count * sizeof(TicketKey));
}

bool TicketKeys::restore(std::string_view saved) {
  const std::size_t count = saved.size() / sizeof(TicketKey);
  if (count == 0 || count > State::kRingSize || saved.size() % sizeof(TicketKey) != 0) return false;
  const std::unique_lock hold(state_->lock);
  std::memcpy(state_->keys.data(), saved.data(), saved.size());
  state_->count = count;
  return true;
}

}  // namespace penstock
