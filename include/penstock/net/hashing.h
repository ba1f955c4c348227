// What samples may ask of ciphers: digests by name, what AES-GCM hides, base64 read.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "penstock/net/digest.h"
#include "penstock/net/digest_names.h"

namespace penstock {

// Into `space`, of kMostDigest bytes.
std::string_view digest_of(Digest digest, std::string_view bytes, char* space);
std::string_view keyed_digest_of(Digest digest, std::string_view key, std::string_view bytes, char* space);

// AES in Galois/counter mode: what was encrypted with a key of `bits` (128, 192, 256), whose first bytes count, to
// `out`, which holds as much; false if the tag does not fit. A tag of less than 12 bytes never does: who may choose its
// length would have it short enough to guess.
bool open_aes_gcm(unsigned bits, std::string_view nonce, std::string_view key, std::string_view tag,
                  std::string_view encrypted, char* out);

// Into `to`, of no more bytes than the text has; how many they are, nothing if it is no such text. One for URLs may be
// filled up or not.
std::optional<std::size_t> read_base64(std::string_view text, char* to, Base64 form = Base64::Plain);

}  // namespace penstock
