// Where a session's ciphertext comes from and goes to, as the library's BIO: read where it lies,
// written straight into the outbox.
#pragma once

#include <openssl/bio.h>

#include <memory>
#include <span>

#include "penstock/net/outbox.h"

namespace penstock {

struct TlsWire {
  Outbox* out;
  std::span<const char> input = {};  // Received and not yet taken.
};

struct FreeBioMethod {
  void operator()(BIO_METHOD* method) const { BIO_meth_free(method); }
};
using BioMethod = std::unique_ptr<BIO_METHOD, FreeBioMethod>;

BioMethod make_bio_method();
// A BIO over `wire`; both the method and the wire must outlive it.
BIO* make_bio(const BioMethod& method, TlsWire& wire);

}  // namespace penstock
