// What a name server says. Nothing is taken from an answer but what it has, and within bounds.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "penstock/net/dns.h"

using namespace penstock;

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  constexpr std::size_t kMost = 256;
  for (const DnsType type : {DnsType::A, DnsType::Aaaa, DnsType::Srv}) {
    const DnsAnswer answer = read_dns_answer(type, bytes);
    const bool has_any = !answer.addresses.empty() || !answer.services.empty();
    check(has_any == (answer.status == DnsAnswer::Status::Valid));
    check(answer.addresses.size() <= kMost && answer.services.size() <= kMost);
    check(type == DnsType::Srv ? answer.addresses.empty() : answer.services.empty());
    for (const SocketAddress& address : answer.addresses) check(address.is_ip4() == (type == DnsType::A));
    for (const SrvRecord& record : answer.services) {
      check(!record.target.empty());
      for (const char c : record.target) check(c > ' ' && c < 0x7f);
    }
  }
  return 0;
}
