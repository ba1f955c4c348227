// Memory for the TLS library, which keeps private keys and the keys of sessions in it: left out of
// core dumps, wiped when it is given back.
#pragma once

#include <cstddef>

namespace penstock {

// Null if there is none. Aligned as the library's own is without us: to 8 bytes beyond a multiple
// of 16.
void* take_tls_memory(std::size_t size);
// On any thread, whichever took it.
void give_back_tls_memory(void* memory);
// The size that was asked for.
std::size_t tls_memory_size(const void* memory);

}  // namespace penstock
