#include "own_metrics.h"

#include <array>
#include <map>
#include <span>
#include <string_view>
#include <utility>

#include "metrics_line.h"
#include "penstock/proxy/log_output.h"
#include "penstock/proxy/statistics.h"

namespace penstock {
namespace {

using metrics_line::append;
using metrics_line::append_label;
using metrics_line::append_number;
using metrics_line::write_heading;

// All workers' of one histogram.
struct Joined {
  void add(const Histogram& histogram) {
    for (std::size_t place = 0; place < Histogram::kPlaces; ++place) counts[place] += histogram.count(place);
    sum_ms += histogram.sum_ms();
  }
  std::array<std::uint64_t, Histogram::kPlaces> counts{};
  std::uint64_t sum_ms = 0;
};

void append_seconds(std::uint64_t ms, std::string& out) {
  append_number(static_cast<std::int64_t>(ms / 1000), out);
  if (ms % 1000 != 0) append_format(out, ".{:03}", ms % 1000);
}

void write_histogram(std::string_view name, std::string_view labels, const Joined& joined, std::string& out) {
  std::uint64_t up_to = 0;
  for (std::size_t place = 0; place < Histogram::kPlaces; ++place) {
    up_to += joined.counts[place];
    append({name, "_bucket{", labels, ",le=\""}, out);
    if (place + 1 < Histogram::kPlaces)
      append_seconds(Histogram::limit_ms(place), out);
    else
      out += "+Inf";
    out += "\"} ";
    append_number(static_cast<std::int64_t>(up_to), out);
    out += '\n';
  }
  append({name, "_sum{", labels, "} "}, out);
  append_seconds(joined.sum_ms, out);
  append({"\n", name, "_count{", labels, "} "}, out);
  append_number(static_cast<std::int64_t>(up_to), out);
  out += '\n';
}

struct Family {
  std::string_view name, help;
  const Histogram Durations::*histogram = nullptr;  // Null: those by status.
  bool of_http = false;
};
constexpr Family kFamilies[] = {
    {"penstock_backend_request_duration_seconds", "Time of requests, from their first byte to the end of their answer",
     nullptr, true},
    {"penstock_backend_queue_duration_seconds", "Time in the waiting line, of requests that had to wait",
     &Durations::queue, false},
    {"penstock_backend_connect_duration_seconds", "Time to connect to servers", &Durations::connect, false},
    {"penstock_backend_response_duration_seconds", "Time from a connection to a server to the head of its answer",
     &Durations::answer, true},
    {"penstock_backend_check_duration_seconds", "Time of health checks", &Durations::checks, false},
};
constexpr std::string_view kClasses[] = {"2xx", "3xx", "4xx", "5xx", "other"};

void write(const Family& family, const BackendPlan& backend, std::string& out) {
  const Copies<Durations>& durations = backend.balance.state->durations;
  std::string labels;
  append_label("proxy", backend.balance.name, labels);
  if (family.histogram != nullptr) {
    Joined joined;
    durations.each([&](const Durations& one) { joined.add(one.*family.histogram); });
    return write_histogram(family.name, labels, joined, out);
  }
  for (std::size_t i = 0; i < std::size(kClasses); ++i) {
    Joined joined;
    durations.each([&](const Durations& one) { joined.add(one.by_status[i]); });
    write_histogram(family.name, format("{},code=\"{}\"", labels, kClasses[i]), joined, out);
  }
}

bool has_checks(const BackendPlan& backend) {
  for (const ServerSpec& server : backend.balance.servers) {
    if (server.check.enabled) return true;
  }
  return false;
}

// A pool that nothing came to has no lines.
bool has(const Family& family, const BackendPlan& backend) {
  if (!backend.balance.state->durations.any()) return false;
  if (family.histogram == &Durations::checks) return has_checks(backend);
  return !family.of_http || backend.mode == config::Mode::Http;
}

}  // namespace

bool OwnMetrics::write_more(std::string& out) {
  if (wish_.process && !std::exchange(process_written_, true)) {
    write_process(out);
    return true;
  }
  if ((wish_.kinds & statistics::bit(statistics::Kind::Backend)) == 0 || family_ == std::size(kFamilies)) return false;
  const Family& family = kFamilies[family_];
  if (backend_ == snapshot_.backends.size() || !wish_.wants(family.name)) {
    ++family_;
    backend_ = 0;
    headed_ = false;
    return true;
  }
  const BackendPlan& backend = *snapshot_.backends[backend_++];
  if (!has(family, backend)) return true;
  if (!std::exchange(headed_, true)) write_heading(family.name, family.help, "histogram", out);
  write(family, backend, out);
  return true;
}

void OwnMetrics::write_process(std::string& out) const {
  const auto write_one = [&](std::string_view name, std::string_view help, std::string_view type, std::int64_t value) {
    if (!wish_.wants(name)) return;
    write_heading(name, help, type, out);
    append({name, " "}, out);
    append_number(value, out);
    out += '\n';
  };
  write_one("penstock_process_pinned_clients", "Clients whose connections to servers are theirs alone", "gauge",
            process_.pinned.load(std::memory_order_relaxed));
  constexpr std::string_view kReloads = "penstock_process_reloads_total";
  if (wish_.wants(kReloads)) {
    write_heading(kReloads, "Reloads of the configuration since the process began", "counter", out);
    append_format(out, "{}{{result=\"done\"}} {}\n", kReloads, process_.reloads.value());
    append_format(out, "{}{{result=\"refused\"}} {}\n", kReloads, process_.refused_reloads.value());
  }
  write_one("penstock_process_last_reload_refused", "1 if the last reload was refused", "gauge",
            process_.reload_refused.load(std::memory_order_relaxed) ? 1 : 0);
  write_one("penstock_process_last_reload_timestamp_seconds", "When the last reload was, 0 for none", "gauge",
            process_.reloaded_at_s.load(std::memory_order_relaxed));
  write_dropped(out);
  write_failures(out);
  write_certificates(out);
}

void OwnMetrics::write_failures(std::string& out) const {
  constexpr std::string_view kName = "penstock_tls_handshake_failures_total";
  if (!wish_.wants(kName)) return;
  write_heading(kName, "TLS handshakes that failed, with clients (front) and servers (back), by their reason",
                "counter", out);
  const auto write_side = [&](std::string_view side, const TlsCounts::Failures& failures) {
    for (std::size_t i = 0; i < failures.size(); ++i) {
      append({kName, "{side=\"", side, "\",reason=\"", word_of(static_cast<TlsFailure>(i)), "\"} "}, out);
      append_number(static_cast<std::int64_t>(failures[i].load(std::memory_order_relaxed)), out);
      out += '\n';
    }
  };
  write_side("front", process_.tls.front_failures);
  write_side("back", process_.tls.back_failures);
}

void OwnMetrics::write_dropped(std::string& out) const {
  constexpr std::string_view kName = "penstock_process_log_lines_dropped_total";
  if (!wish_.wants(kName)) return;
  std::map<std::string_view, std::uint64_t> dropped;
  for (const LogUse& use : snapshot_.outputs) dropped[use.output->name()] = use.output->dropped();
  if (dropped.empty()) return;
  write_heading(kName, "Lines of the log that could not be written, by their target", "counter", out);
  for (const auto& [target, lines] : dropped) {
    append({kName, "{"}, out);
    append_label("target", target, out);
    append_format(out, "}} {}\n", lines);
  }
}

// Of bind lines: one that has ended keeps all clients away.
void OwnMetrics::write_certificates(std::string& out) const {
  constexpr std::string_view kName = "penstock_certificate_not_after_timestamp_seconds";
  if (!wish_.wants(kName)) return;
  std::map<std::pair<std::string_view, std::string_view>, std::int64_t> ends;
  for (const BindSpec& bind : snapshot_.binds) {
    if (!bind.tls) continue;
    for (const CertificateFacts& facts : bind.tls->certificates())
      ends[{facts.file, facts.names.empty() ? std::string_view() : facts.names.front()}] = facts.not_after;
  }
  if (ends.empty()) return;
  write_heading(kName, "When certificates of bind lines end, Unix time", "gauge", out);
  for (const auto& [certificate, end] : ends) {
    append({kName, "{"}, out);
    append_label("file", certificate.first, out);
    out += ',';
    append_label("name", certificate.second, out);
    append_format(out, "}} {}\n", end);
  }
}

}  // namespace penstock
