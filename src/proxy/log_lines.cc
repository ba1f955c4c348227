#include "log_lines.h"

#include <algorithm>
#include <utility>

#include "penstock/base/format.h"

namespace penstock {

std::shared_ptr<Ring> LogLines::ring(const std::string& name, std::uint64_t size) {
  std::shared_ptr<Ring>& known = sources_.rings[format("{} {}", name, size)];
  if (!known) known = std::make_shared<Ring>(size);
  return known;
}

std::vector<LogOutput*> LogLines::of(const std::vector<config::LogTarget>& targets, const std::string& tag) {
  std::vector<LogOutput*> out;
  for (const config::LogTarget& target : targets) {
    const std::shared_ptr<LogOutput> found = output(target, tag);
    if (!found) continue;
    add(found, target.place);
    out.push_back(found.get());
  }
  return out;
}

void LogLines::keep(const std::vector<LogOutput*>& outputs, const std::vector<LogUse>& before) {
  for (const LogOutput* output : outputs) {
    if (known_.contains(output)) continue;
    const auto use =
        std::find_if(before.begin(), before.end(), [&](const auto& it) { return it.output.get() == output; });
    if (use != before.end()) add(use->output, use->place);
  }
}

void LogLines::add(const std::shared_ptr<LogOutput>& output, config::Place place) {
  if (known_.insert(output.get()).second) all_.push_back({output, place});
}

std::shared_ptr<LogOutput> LogLines::output(const config::LogTarget& target, const std::string& tag) {
  using Kind = config::LogTarget::Kind;
  if (sources_.check_only) return nullptr;
  if (sources_.process.in_background && (target.kind == Kind::Stdout || target.kind == Kind::Stderr)) {
    diagnostics_.warn(target.place, "in the background nobody reads stdout and stderr: nothing is logged there");
    return nullptr;
  }
  SocketAddress address = outside_.resolved(target.address);
  if (!address.empty() && address.port() == 0) address.set_port(514);
  const config::Global& global = config_.global;
  config::LogTarget wanted = target;
  LogIdentity identity{tag, sources_.process.pid, {}};
  if (global.log_send_hostname_on) {
    identity.hostname = global.log_send_hostname.empty() ? sources_.process.hostname : global.log_send_hostname;
    if (!wanted.format) wanted.format = config::LogTarget::Format::Rfc3164;
  }
  const int wanted_format = wanted.format ? static_cast<int>(*wanted.format) : -1;
  const std::string key =
      format("{} {} {} {} {} {} {} {} {} {} {}", static_cast<int>(target.kind), address.text(), target.address.host,
             target.fd, target.length, wanted_format, target.facility, static_cast<int>(target.level),
             static_cast<int>(target.min_level), tag, identity.hostname) +
      (target.kind == Kind::Ring ? format(" {} {}", target.ring, target.ring_size) : "");
  std::shared_ptr<LogOutput>& known = sources_.log_outputs[key];
  if (!known && target.kind == Kind::Ring)
    known = std::make_shared<LogOutput>(wanted, identity, ring(target.ring, target.ring_size));
  if (!known) known = std::make_shared<LogOutput>(wanted, identity, address);
  return known;
}

}  // namespace penstock
