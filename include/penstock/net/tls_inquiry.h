// What samples may ask of a TLS conversation while it lasts, beyond what everybody wants to know (TlsFacts): nothing of
// it is kept beforehand, but the lists of a client's first message where the configuration says so.
#pragma once

#include <string>

#include "penstock/net/hello_lists.h"

namespace penstock {

class TlsSession;

// Empty: there is none.
class TlsInquiry {
 public:
  explicit TlsInquiry(TlsSession& session) : session_(session) {}
  // Null: they were not kept.
  const HelloLists* hello() const;
  // In DER, one behind the other as the peer has sent them, its own first or left away.
  std::string peer_chain(bool with_own) const;
  // In DER: the one that we show to clients.
  std::string own_certificate() const;
  std::string client_random() const;
  std::string server_random() const;
  // `tls-unique` of RFC 5929: none of TLS 1.3.
  std::string unique_id() const;

 private:
  TlsSession& session_;
};

}  // namespace penstock
