#include "penstock/net/tls_tickets.h"

#include <openssl/base64.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/rand.h>

#include <optional>
#include <utility>

#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "tls_ticket_ring.h"

namespace penstock {
namespace {

std::optional<Secret> bytes_of(std::string_view base64) {
  WipedText bytes(base64.size(), '\0');
  std::size_t size = 0;
  const bool good = EVP_DecodeBase64(reinterpret_cast<std::uint8_t*>(bytes.data()), &size, bytes.size(),
                                     reinterpret_cast<const std::uint8_t*>(base64.data()), base64.size()) == 1;
  ERR_clear_error();
  if (!good) return std::nullopt;
  return Secret(std::string_view(bytes).substr(0, size));
}

// 48 or 80 bytes; else none.
std::optional<Secret> key_of(std::string_view base64) {
  std::optional<Secret> bytes = bytes_of(base64);
  if (bytes && bytes->view().size() != 48 && bytes->view().size() != 80) return std::nullopt;
  return bytes;
}

}  // namespace

TicketKeys::TicketKeys() : ring_(std::make_unique<TicketRing>()) { rotate(); }
TicketKeys::~TicketKeys() = default;

TicketKeys::TicketKeys(std::unique_ptr<TicketRing> ring) : ring_(std::move(ring)) {}

Result<std::shared_ptr<TicketKeys>> TicketKeys::of_file(std::string_view text) {
  std::vector<Secret> keys;
  while (!text.empty()) {
    std::string_view line = cut(text, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    std::optional<Secret> key = key_of(line);
    if (!key) return Error{format("key {} of it is not base64 of 48 or 80 bytes", keys.size() + 1)};
    if (!keys.empty() && keys.front().view().size() != key->view().size())
      return Error{format("key {} of it has another size than those before", keys.size() + 1)};
    keys.push_back(std::move(*key));
  }
  if (keys.size() < TicketRing::kRingSize)
    return Error{format("at least {} keys are needed, and it has {}", TicketRing::kRingSize, keys.size())};
  keys.erase(keys.begin(), keys.end() - TicketRing::kRingSize);
  auto ring = std::make_unique<TicketRing>();
  ring->set_file_keys(std::move(keys));
  return std::shared_ptr<TicketKeys>(new TicketKeys(std::move(ring)));
}

TicketKeys::Appended TicketKeys::append(std::string_view base64) {
  std::vector<Secret> keys = ring_->file_keys();
  std::optional<Secret> key = bytes_of(base64);
  if (!key) return Appended::NotBase64;
  if (keys.empty() || key->view().size() != keys.front().view().size()) return Appended::WrongSize;
  keys.erase(keys.begin());
  keys.push_back(std::move(*key));
  ring_->set_file_keys(std::move(keys));
  return Appended::Yes;
}

std::vector<std::string> TicketKeys::texts() const {
  std::vector<std::string> out;
  for (const Secret& key : ring_->file_keys()) {
    std::string text(key.view().size() / 3 * 4 + 4 + 1, '\0');
    const std::string_view bytes = key.view();
    text.resize(EVP_EncodeBlock(reinterpret_cast<std::uint8_t*>(text.data()),
                                reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
    out.push_back(std::move(text));
  }
  return out;
}

void TicketKeys::rotate() {
  TicketKey fresh;
  RAND_bytes(reinterpret_cast<std::uint8_t*>(&fresh), sizeof(fresh));  // Aborts rather than fails.
  ring_->add(fresh);
  OPENSSL_cleanse(&fresh, sizeof(fresh));
  wipe_stack();
}

Secret TicketKeys::save() const { return ring_->save(); }
bool TicketKeys::restore(std::string_view saved) { return ring_->restore(saved); }

}  // namespace penstock
