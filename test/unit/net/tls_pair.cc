#include "unit/net/tls_pair.h"

#include "unit/catch.h"

namespace penstock::test {

std::string TlsEnd::drain() {
  std::string bytes;
  while (!out.empty()) {
    bytes += out.peek(0).view();
    out.remove(out.peek(0).size());
  }
  return bytes;
}

void TlsEnd::take(std::string_view ciphertext) {
  tls->receive(ciphertext);
  if (!tls->established()) step = tls->handshake();
  if (!tls->established()) return;
  char space[20000];
  std::size_t count = 0;
  for (;;) {
    step = tls->read(space, count);
    if (step != Step::Done) return;
    plain.append(space, count);
  }
}

TlsPair::TlsPair(const TlsContext& front_context, const TlsContext& back_context, std::string_view name,
                 std::string_view verify_name, TlsTicket ticket) {
  front.tls = TlsSession::for_client(front_context, front.out);
  back.tls = TlsSession::for_server(back_context, back.out, name, verify_name, std::move(ticket));
}

bool TlsPair::shake() {
  back.take({});
  settle();
  return front.tls->established() && back.tls->established();
}

void TlsPair::settle() {
  while (!front.out.empty() || !back.out.empty()) {
    const std::string to_front = back.drain();
    const std::string to_back = front.drain();
    if (!to_front.empty()) front.take(to_front);
    if (!to_back.empty()) back.take(to_back);
  }
}

TlsOptions options_between(std::uint16_t min_version, std::uint16_t max_version) {
  TlsOptions options;
  options.min_version = min_version;
  options.max_version = max_version;
  return options;
}

TlsOptions trusting(const std::string& ca, TlsPeerCheck check) {
  TlsOptions options;
  options.check = check;
  options.ca_name = "ca.pem";
  options.ca_pem = ca;
  return options;
}

std::shared_ptr<const TlsContext> front_context(const std::vector<IssuedCertificate>& certificates, TicketKeys& keys,
                                                const TlsOptions& options, bool strict_sni) {
  std::vector<TlsOffer> offers;
  for (const IssuedCertificate& issued : certificates)
    offers.push_back(offer_of("site" + std::to_string(offers.size()) + ".pem", issued));
  ContextResult made = TlsContext::for_clients(options, offers, strict_sni, keys);
  if (!made) FAIL(made.error().text);
  return *made;
}

std::shared_ptr<const TlsContext> back_context(const TlsOptions& options, const std::string& certificate) {
  std::shared_ptr<const TlsCredentials> own;
  if (!certificate.empty()) {
    auto read = TlsCredentials::read({"own.pem", certificate});
    if (!read) FAIL(read.error().text);
    own = *read;
  }
  ContextResult made = TlsContext::for_servers(options, own.get());
  if (!made) FAIL(made.error().text);
  return *made;
}

}  // namespace penstock::test
