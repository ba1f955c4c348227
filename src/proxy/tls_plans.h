// TLS as `bind` and `server` lines want it, made of the contents of their files: one context for all lines of a build
// that want the same.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "outside.h"
#include "penstock/config/diagnostics.h"
#include "penstock/config/model.h"
#include "penstock/net/tls_context.h"
#include "penstock/proxy/sources.h"
#include "penstock/proxy/tls_files.h"

namespace penstock {

class TlsPlans {
 public:
  TlsPlans(const config::Config& config, const Bundle& bundle, Outside& outside, TlsFiles& files,
           const Sources& sources, config::Diagnostics& diagnostics)
      : config_(config),
        bundle_(bundle),
        outside_(outside),
        files_(files),
        sources_(sources),
        diagnostics_(diagnostics) {}

  // Null after a complaint.
  std::shared_ptr<const TlsContext> for_bind(const config::Bind& bind, bool is_http);
  // Towards a server, with TLS as its line has it, or as its checks do. Null after a complaint.
  std::shared_ptr<const TlsContext> for_server(const config::Server& server, const config::Tls& tls);
  // What tells that from the TLS of other servers, but for what stands in the files.
  static std::string key_of(const config::Server& server, const config::Tls& tls);
  // What tells one certificate of ours from another; empty: it was not read.
  std::string identity_of(const std::string& file) const;

 private:
  TlsOptions options_of(const config::Tls& tls);
  std::shared_ptr<const TlsCredentials> credentials_of(PemFile file, const std::string& password, config::Place place);
  std::shared_ptr<const TlsCredentials> finished(std::shared_ptr<const TlsCredentials> credentials,
                                                 const std::string& file, config::Place place);
  void read_issuers();
  std::vector<TlsOffer> offers_of(const config::Bind& bind, bool is_http);
  std::shared_ptr<const TicketKeys> ticket_keys_of(const config::Bind& bind);
  std::shared_ptr<const TlsCredentials> signer_of(const config::Bind& bind);
  void judge_dates(const TlsCredentials& credentials, const std::string& file, config::Place place);

  const config::Config& config_;
  const Bundle& bundle_;
  Outside& outside_;
  TlsFiles& files_;
  const Sources& sources_;
  config::Diagnostics& diagnostics_;
  std::map<std::string, std::shared_ptr<const TlsContext>> for_binds_, for_servers_;
  std::set<std::string> judged_;
};

}  // namespace penstock
