// What the TLS library calls our digests.
#pragma once

#include <openssl/base.h>

#include "penstock/net/digest_names.h"

namespace penstock {

const EVP_MD* method_of(Digest digest);

}  // namespace penstock
