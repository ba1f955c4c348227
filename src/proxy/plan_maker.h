// Compiles the sections of a configuration to plans.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "log_lines.h"
#include "outside.h"
#include "penstock/config/diagnostics.h"
#include "penstock/proxy/plan.h"
#include "tls_plans.h"

namespace penstock {

// Whoever has no `id` gets the next number that is free, in the order of the file. Who has one uses up a number too.
class Numbering {
 public:
  void take(std::uint32_t id) { taken_.insert(id); }
  std::uint32_t next() {
    while (taken_.count(next_) != 0) ++next_;
    return next_++;
  }
  // The `id` of the next in the file; 0: it has none.
  std::uint32_t number(std::uint32_t id) {
    if (id == 0) return next();
    ++next_;
    return id;
  }

 private:
  std::set<std::uint32_t> taken_;
  std::uint32_t next_ = 1;
};

// Complaints go to the diagnostics; what is made is to be used only if there was no error.
class PlanMaker {
 public:
  // `files` is where certificates are found; those that are not there yet are read of the bundle.
  PlanMaker(const config::Config& config, const Bundle& bundle, const Sources& sources, Outside& outside,
            TlsFiles& files, LogLines& logs, config::Diagnostics& diagnostics)
      : config_(config),
        bundle_(bundle),
        sources_(sources),
        outside_(outside),
        logs_(logs),
        diagnostics_(diagnostics),
        tls_(config, bundle, outside, files, sources, diagnostics) {}

  std::shared_ptr<FrontendPlan> frontend(const config::Proxy& proxy);
  std::shared_ptr<BackendPlan> backend(const config::Proxy& proxy);
  // Those of one frontend; an address that an earlier one has is passed over.
  void binds(const config::Proxy& proxy, std::vector<BindSpec>& out);
  // One more for a backend that is there.
  ServerSpec server(const config::Proxy& proxy, const BackendPlan& backend, const config::Server& server);
  // Who gets the lines of a ring.
  RingServerPlan ring_server(const config::Ring& ring, const config::RingServer& server);
  // What TLS to it, and its wire, are made of: at first, and when files have changed.
  void set_tls(const config::Proxy& proxy, const config::Server& server, ServerSpec& spec);

 private:
  static void set_name(const config::Server& server, ServerSpec& spec);
  void introduce(CheckSpec& check) const;
  void build_bind(const config::Proxy& proxy, const config::Bind& bind, std::vector<BindSpec>& out);
  ServerSpec build_server(const config::Proxy& proxy, const config::Server& server, int key);
  std::uint64_t files_of(const config::Server& server);
  std::uint64_t wire_of(const ServerSpec& spec, const config::Server& server);
  HeadLimits head_limits() const;
  const std::string& tag_of(const config::Proxy& proxy) const;

  const config::Config& config_;
  const Bundle& bundle_;
  const Sources& sources_;
  Outside& outside_;
  LogLines& logs_;
  config::Diagnostics& diagnostics_;
  TlsPlans tls_;
  Numbering server_numbers_, bind_numbers_;
  std::map<std::string, std::uint64_t> file_digests_;
  std::set<std::string> bound_;
};

}  // namespace penstock
