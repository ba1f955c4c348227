#include "tls_wire.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace penstock {
namespace {

TlsWire& wire_of(BIO* bio) { return *static_cast<TlsWire*>(BIO_get_data(bio)); }

int on_bio_read(BIO* bio, char* to, int size) {
  std::span<const char>& input = wire_of(bio).input;
  BIO_clear_retry_flags(bio);
  if (input.empty()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const std::size_t count = std::min(input.size(), static_cast<std::size_t>(size));
  std::memcpy(to, input.data(), count);
  input = input.subspan(count);
  return static_cast<int>(count);
}

int on_bio_write(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  wire_of(bio).out->append(std::string_view(bytes, static_cast<std::size_t>(size)));
  return size;
}

// The outbox is flushed by its owner, once for all that a turn wrote.
long on_bio_control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

}  // namespace

BioMethod make_bio_method() {
  BioMethod method(BIO_meth_new(0, "penstock"));
  BIO_meth_set_read(method.get(), on_bio_read);
  BIO_meth_set_write(method.get(), on_bio_write);
  BIO_meth_set_ctrl(method.get(), on_bio_control);
  return method;
}

BIO* make_bio(const BioMethod& method, TlsWire& wire) {
  BIO* bio = BIO_new(method.get());
  BIO_set_data(bio, &wire);
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace penstock
