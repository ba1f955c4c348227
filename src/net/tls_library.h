// What the TLS files share about the library behind them: errors in words, times, texts as BIOs.
// Differences between snapshots of BoringSSL are settled here and nowhere else.
#pragma once

#include <openssl/asn1.h>
#include <openssl/base.h>
#include <openssl/bio.h>
#include <openssl/sha.h>

#include <cstdint>
#include <string>
#include <string_view>

#ifndef OPENSSL_IS_BORINGSSL
#error "penstock needs BoringSSL; these are another library's headers (see -Dboringssl=PREFIX)"
#endif

namespace penstock {

// What the library complained of, as its packed code, or 0. Empties the queue. Of several complaints
// TLS's own comes first: what cryptography said below it ("bad signature") is a detail.
std::uint32_t take_library_error_code();
// The same in words: "unsupported protocol".
std::string take_library_error();
std::string library_error_words(std::uint32_t packed);

// Unix time; 0 if the library cannot read it.
std::int64_t unix_time(const ASN1_TIME* time);

// A BIO that reads `text`, which must outlive it.
bssl::UniquePtr<BIO> reading_bio(std::string_view text);

// "TLSv1.2" for 0x0303.
std::string version_name(std::uint16_t version);

// Feeds `text` with its size in front, so that no text runs into the next.
void mix(SHA256_CTX& digest, std::string_view text);

// True for an IPv4 or IPv6 address in text form.
bool is_ip_text(const std::string& text);

}  // namespace penstock
