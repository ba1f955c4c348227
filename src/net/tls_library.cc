#include "tls_library.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <climits>

#include "penstock/base/format.h"
#include "penstock/base/require.h"
#include "penstock/base/text.h"
#include "tls_memory.h"

// The library looks for these as the program starts, and takes its memory from malloc if it has no
// such hooks. Sanitizers want to see each piece themselves.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
extern "C" {
void* OPENSSL_memory_alloc(std::size_t size);
void OPENSSL_memory_free(void* memory);
std::size_t OPENSSL_memory_get_size(void* memory);

void* OPENSSL_memory_alloc(std::size_t size) { return penstock::take_tls_memory(size); }
void OPENSSL_memory_free(void* memory) { penstock::give_back_tls_memory(memory); }
std::size_t OPENSSL_memory_get_size(void* memory) { return penstock::tls_memory_size(memory); }
}
#endif

namespace penstock {

std::string library_error_words(std::uint32_t packed) {
  const int reason = ERR_GET_REASON(packed);
  if (ERR_GET_LIB(packed) == ERR_LIB_SSL && reason > SSL_AD_REASON_OFFSET) {
    return format("the peer's alert: {}", SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET));
  }
  const char* name = ERR_reason_error_string(packed);
  if (name == nullptr) return format("error {:#x} of the TLS library", packed);
  // The library names reasons as its C constants.
  std::string words = lower(name);
  for (char& c : words) {
    if (c == '_') c = ' ';
  }
  return words;
}

std::uint32_t take_library_error_code() {
  std::uint32_t first = ERR_get_error();
  for (std::uint32_t next = first; next != 0; next = ERR_get_error()) {
    if (ERR_GET_LIB(first) != ERR_LIB_SSL && ERR_GET_LIB(next) == ERR_LIB_SSL) first = next;
  }
  return first;
}

std::string take_library_error() {
  const std::uint32_t packed = take_library_error_code();
  return packed == 0 ? std::string("unknown cause") : library_error_words(packed);
}

std::int64_t unix_time(const ASN1_TIME* time) {
  // ASN1_TIME_to_posix came later than Debian's snapshot; the difference to 1970 says the same.
  bssl::UniquePtr<ASN1_TIME> epoch(ASN1_TIME_set(nullptr, 0));
  int days = 0;
  int seconds = 0;
  if (epoch == nullptr || ASN1_TIME_diff(&days, &seconds, epoch.get(), time) != 1) {
    ERR_clear_error();
    return 0;
  }
  return std::int64_t{days} * 86400 + seconds;
}

bssl::UniquePtr<BIO> reading_bio(std::string_view text) {
  require(text.size() <= INT_MAX);
  return bssl::UniquePtr<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string version_name(std::uint16_t version) {
  if (version == 0x0300) return "SSLv3";
  if (version > 0x0300 && version <= 0x0304) return format("TLSv1.{}", version - 0x0301);
  return format("TLS version {:#06x}", version);
}

void mix(SHA256_CTX& digest, std::string_view text) {
  const std::uint64_t size = text.size();
  SHA256_Update(&digest, &size, sizeof(size));
  SHA256_Update(&digest, text.data(), text.size());
}

bool is_ip_text(const std::string& text) {
  unsigned char bytes[16];
  return inet_pton(AF_INET, text.c_str(), bytes) == 1 || inet_pton(AF_INET6, text.c_str(), bytes) == 1;
}

}  // namespace penstock
