#include "penstock/control/handover.h"

#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include "penstock/base/packing.h"
#include "penstock/control/crew.h"
#include "state_files.h"

namespace penstock {
namespace {

// Loops, pipes, log sockets, files being read, and some to spare.
constexpr std::int64_t kReserve = 64;
constexpr std::int64_t kForEachWorker = 8;
// Of each section.
constexpr std::int64_t kForPeersWhoCome = 65;

config::Config read_config(const std::vector<config::Source>& sources, const Options& options,
                           config::Diagnostics& diagnostics) {
  config::Config config = config::read(sources, diagnostics);
  if (options.maxconn != 0) config.global.maxconn = static_cast<std::uint32_t>(options.maxconn);
  return config;
}

std::uint64_t hard_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_max;
}

bool has_checks(const config::Config& config) {
  return std::any_of(config.proxies.begin(), config.proxies.end(), [](const config::Proxy& proxy) {
    return !proxy.disabled && std::any_of(proxy.servers.begin(), proxy.servers.end(),
                                          [](const config::Server& server) { return server.check.enabled; });
  });
}

}  // namespace

Handover gather(const Options& options, const GatherPlan& plan) { return gather(read_texts(options), options, plan); }

Handover read_texts(const Options& options) {
  Handover out;
  out.sources = config::load_sources(options.files, out.diagnostics);
  out.config = read_config(out.sources, options, out.diagnostics);
  return out;
}

Handover gather(Handover texts, const Options& options, const GatherPlan& plan) {
  Handover out = std::move(texts);
  GatherOptions how;
  how.names = plan.names;
  how.workers = plan.workers != 0 ? plan.workers : workers_for(out.config.global);
  // Sockets are bound when all else is known to be good; until then files alone are gathered, so
  // that their errors are told together with those of the text.
  how.check_only = plan.check_only || out.diagnostics.failed();
  // Sockets are opened before all that is needed can be counted.
  if (!how.check_only) raise_descriptor_limit(hard_limit());
  out.diagnostics.set_source(&out.config);
  out.account = account_of(out.config.global, out.diagnostics);
  how.log_sockets = differs(out.account);
  how.replace_sockets = plan.previous == nullptr && !options.former_pids.empty();
  ServersState states;
  if (plan.previous == nullptr && !how.check_only) {
    states = read_state_files(out.config, out.diagnostics);
    out.notes = std::move(states.notes);
    how.last_addresses = &states.addresses;
  }
  out.bundle = Bundle::gather(out.config, plan.previous, how, out.diagnostics);
  out.diagnostics.set_source(nullptr);
  return out;
}

WipedText pack(const Handover& handover, const Bundle* known, std::vector<int>& descriptors) {
  Packer packer;
  packer.put_number(handover.sources.size());
  for (const config::Source& source : handover.sources) {
    packer.put_text(source.name);
    packer.put_text(source.text);
  }
  const auto& complaints = handover.diagnostics.complaints();
  packer.put_number(complaints.size());
  for (const config::Complaint& complaint : complaints) {
    packer.put_number(static_cast<std::uint64_t>(complaint.severity));
    packer.put_number(complaint.place.file);
    packer.put_number(complaint.place.line);
    packer.put_number(complaint.place.column);
    packer.put_text(complaint.text);
  }
  handover.bundle.pack(packer, descriptors, known);
  return packer.bytes();
}

Result<Handover> unpack(std::string_view bytes, std::vector<Descriptor> descriptors, const Bundle* known,
                        const Options& options) {
  Handover out;
  Unpacker from(bytes);
  for (std::uint64_t left = from.take_count(); left > 0; --left) {
    std::string name(from.take_text());
    out.sources.push_back({std::move(name), std::string(from.take_text())});
  }
  // What this reading finds is among the complaints that follow.
  config::Diagnostics found_again;
  out.config = read_config(out.sources, options, found_again);
  out.diagnostics.set_source(&out.config);
  for (std::uint64_t left = from.take_count(); left > 0; --left) {
    const auto severity = static_cast<config::Severity>(std::min<std::uint64_t>(from.take_number(), 2));
    config::Place place;
    place.file = static_cast<std::uint32_t>(from.take_number());
    place.line = static_cast<std::uint32_t>(from.take_number());
    place.column = static_cast<std::uint32_t>(from.take_number());
    out.diagnostics.add(severity, place, std::string(from.take_text()));
  }
  out.diagnostics.set_source(nullptr);
  Result<Bundle> bundle = Bundle::unpack(from, std::move(descriptors), known);
  if (!bundle) return bundle.error();
  out.bundle = std::move(*bundle);
  return out;
}

DescriptorNeed descriptor_need(const config::Config& config, std::size_t binds, unsigned workers) {
  const auto for_binds = static_cast<std::int64_t>(2 * binds * workers);
  const auto for_checks = has_checks(config) ? static_cast<std::int64_t>(kChecksInFlight) : 0;
  const config::Global& global = config.global;
  const std::int64_t for_administrators = global.stats_sockets.empty() ? 0 : global.stats_maxconn;
  std::int64_t for_peers = 0;
  for (const config::PeerSection& section : config.peers)
    for_peers += kForPeersWhoCome + static_cast<std::int64_t>(section.peers.size());
  const std::int64_t fixed =
      kReserve + workers * kForEachWorker + for_binds + for_checks + for_administrators + for_peers;
  if (global.maxconn != 0) return {2 * std::uint64_t{global.maxconn} + static_cast<std::uint64_t>(fixed), fixed};
  return {global.ulimit_n != 0 ? global.ulimit_n : hard_limit(), fixed};
}

}  // namespace penstock
