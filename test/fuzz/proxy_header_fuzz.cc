// The first bytes of a connection. What is taken for a header is one of the length it claims, no shorter
// piece of it was, and what is written from it is read as the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "penstock/net/proxy_header.h"

using namespace penstock;

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  ProxyHeader header;
  const ProxyHeader::Step step = read_proxy_header(bytes, header);
  check((step == ProxyHeader::Step::Error) == (header.error != nullptr));
  if (step != ProxyHeader::Step::Done) return 0;
  check(header.size <= size && header.size <= kProxyHeaderLimit);
  ProxyHeader part;
  check(read_proxy_header(bytes.substr(0, header.size - 1), part) == ProxyHeader::Step::More);
  if (header.local) return 0;
  for (const ProxyVersion version : {ProxyVersion::One, ProxyVersion::Two}) {
    ProxyHeader again;
    check(read_proxy_header(proxy_header(version, header.source, header.destination), again) ==
          ProxyHeader::Step::Done);
    check(again.source == header.source && again.destination == header.destination);
  }
  return 0;
}
