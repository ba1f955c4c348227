#include "penstock/control/inspection.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <utility>

#include "penstock/balance/survey.h"
#include "penstock/base/format.h"
#include "penstock/config/difference.h"
#include "penstock/config/fixed_text.h"
#include "penstock/config/graph.h"
#include "penstock/config/lint.h"
#include "penstock/config/read.h"
#include "penstock/control/changes.h"
#include "penstock/control/handover.h"
#include "penstock/proxy/explanation.h"
#include "penstock/proxy/statistics_text.h"

namespace penstock {
namespace {

bool has_bind(const config::Config& config) {
  return std::any_of(config.proxies.begin(), config.proxies.end(),
                     [](const auto& proxy) { return !proxy.disabled && !proxy.binds.empty(); });
}

std::string_view name_of(config::Severity severity) {
  switch (severity) {
    case config::Severity::Notice:
      return "notice";
    case config::Severity::Warning:
      return "warning";
    case config::Severity::Alert:
      break;
  }
  return "error";
}

void add_member(std::string& out, std::string_view name, std::string_view text) {
  append_format(out, ", \"{}\": ", name);
  append_json_text(text, out);
}

// For editors: what is wrong, and where.
std::string json_of(const config::Diagnostics& diagnostics, bool usable) {
  std::string out = format("{{\"usable\": {}, \"errors\": {}, \"warnings\": {}, \"complaints\": [", usable,
                           diagnostics.alerts(), diagnostics.warnings());
  bool first = true;
  for (const config::Complaint& complaint : diagnostics.in_order()) {
    append_format(out, "{}\n  {{\"severity\": \"{}\"", std::exchange(first, false) ? "" : ",",
                  name_of(complaint.severity));
    if (!complaint.file.empty()) {
      add_member(out, "file", complaint.file);
      append_format(out, ", \"line\": {}, \"column\": {}", complaint.place.line, complaint.place.column);
    }
    if (!complaint.line.empty()) add_member(out, "source", complaint.line);
    add_member(out, "text", complaint.text);
    out += '}';
  }
  return out + "]}\n";
}

// Graphviz writes to our stdout. False: it is not there, or failed.
bool draw_svg(const std::string& dot) {
  std::fflush(stdout);
  // If it is not there nobody reads.
  ::signal(SIGPIPE, SIG_IGN);
  std::FILE* to = popen("dot -Tsvg", "w");
  if (to == nullptr) return false;
  std::fputs(dot.c_str(), to);
  return pclose(to) == 0;
}

// Servers by pools: a line for each pool, a column for each name of a server.
class ProbeTable {
 public:
  void add(const std::string& pool, const std::string& server, std::string cell) {
    if (cells_.find(pool) == cells_.end()) pools_.push_back(pool);
    if (widths_.find(server) == widths_.end()) servers_.push_back(server);
    std::size_t& width = widths_[server];
    width = std::max({width, cell.size(), server.size()});
    pool_width_ = std::max(pool_width_, pool.size());
    cells_[pool][server] = std::move(cell);
  }
  std::string text() const {
    std::string out(pool_width_, ' ');
    for (const std::string& server : servers_) append_format(out, "  {:<{}}", server, widths_.at(server));
    out += '\n';
    for (const std::string& pool : pools_) {
      append_format(out, "{:<{}}", pool, pool_width_);
      const auto& row = cells_.at(pool);
      for (const std::string& server : servers_) {
        const auto cell = row.find(server);
        append_format(out, "  {:<{}}", cell == row.end() ? "." : cell->second, widths_.at(server));
      }
      out.resize(out.find_last_not_of(' ') + 1);
      out += '\n';
    }
    return out;
  }

 private:
  std::vector<std::string> pools_, servers_;  // As they came.
  std::map<std::string, std::map<std::string, std::string>> cells_;
  std::map<std::string, std::size_t> widths_;
  std::size_t pool_width_ = 0;
};

std::string cell_of(const CheckResult& result) {
  const bool passed = check_verdict(result.status) != CheckVerdict::Failed;
  return format("{} {} {}ms", passed ? "ok" : "FAILED", check_status_name(result.status), result.duration_ms);
}

}  // namespace

Inspection::Inspection(const Options& options)
    : options_(options), quiet_(options.quiet && !options.verbose), crew_(loop_, *this) {}

int Inspection::run() {
  if (!options_.compared.empty()) return compare();
  if (!options_.graph.empty()) return draw();
  if (!options_.supposed.empty()) return explain();
  if (options_.probe) return probe();
  return options_.fix ? fix() : check();
}

Inspection::Reading Inspection::read(const std::vector<std::string>& files, bool with_lint) {
  Options options = options_;
  options.files = files;
  GatherPlan plan;
  plan.check_only = true;
  Handover texts = read_texts(options);
  Reading out;
  out.is_text_good = !texts.diagnostics.failed();
  Handover handover = gather(std::move(texts), options, plan);
  out.config = std::make_unique<const config::Config>(handover.config);
  out.diagnostics = std::move(handover.diagnostics);
  out.diagnostics.set_source(out.config.get());
  quiet_ = !options_.verbose && (options_.quiet || handover.config.global.quiet);
  if (with_lint) {
    config::lint(*out.config, out.diagnostics, [&](const std::string& path) { return handover.bundle.content(path); });
  }
  out.snapshot = crew_.build(std::move(handover.config), std::move(handover.bundle), true, out.diagnostics);
  out.diagnostics.set_source(out.config.get());
  return out;
}

void Inspection::print(const config::Diagnostics& diagnostics) const {
  for (const config::Complaint& complaint : diagnostics.in_order()) {
    if (quiet_ && complaint.severity != config::Severity::Alert) continue;
    std::fprintf(stderr, "%s\n", config::Diagnostics::text_of(complaint, getpid()).c_str());
  }
}

int Inspection::check() {
  Reading reading = read(options_.files, true);
  const std::size_t errors = reading.diagnostics.alerts(), warnings = reading.diagnostics.warnings();
  const bool is_usable = reading.snapshot && !(options_.zero_warning && warnings != 0);
  if (options_.json)
    std::fputs(json_of(reading.diagnostics, is_usable).c_str(), stdout);
  else
    print(reading.diagnostics);
  if (!is_usable) {
    if (!options_.json)
      std::fprintf(stderr, "%zu error(s), %zu warning(s): the configuration cannot be used\n", errors, warnings);
    return 1;
  }
  if (!has_bind(reading.snapshot->config)) {
    std::fprintf(stderr, "[ALERT] (%d) : the configuration has no error, but there is nothing to listen on\n",
                 static_cast<int>(getpid()));
    return 2;
  }
  if (options_.dump) std::fputs(config::dump(reading.snapshot->config).c_str(), stdout);
  if (!quiet_ && !options_.json && warnings != 0) std::fprintf(stderr, "%zu warning(s)\n", warnings);
  if (!quiet_ && !options_.json && !options_.dump) std::puts("Configuration file is valid");
  // Taking a large configuration apart piece by piece would be time for nothing.
  std::fflush(stdout);
  std::_Exit(0);
}

// What is rewritten is not complained about: 0 if the text that is left has no error of its grammar.
int Inspection::fix() {
  config::Diagnostics diagnostics;
  const std::vector<config::Source> sources = config::load_sources(options_.files, diagnostics);
  if (sources.size() != 1 || diagnostics.failed()) {
    print(diagnostics);
    if (sources.size() > 1) std::fputs("penstock: '--fix' takes one file, not a folder of several\n", stderr);
    return 1;
  }
  config::read(sources, diagnostics);
  const std::string text = config::fixed_text(sources[0].text, 0, diagnostics);
  std::fwrite(text.data(), 1, text.size(), stdout);
  config::Diagnostics left;
  const config::Config config = config::read({{sources[0].name, text}}, left);
  left.set_source(&config);
  print(left);
  return left.failed() ? 1 : 0;
}

// As diff(1) ends: 0 if there is no difference, 1 if there is, 2 if one of the two cannot be read. Where certificates and
// other files are not at hand, the two texts are compared without them.
int Inspection::compare() {
  Reading readings[2];
  for (std::size_t i = 0; i < 2; ++i) {
    readings[i] = read({options_.compared[i]}, false);
    if (readings[i].is_text_good) continue;
    print(readings[i].diagnostics);
    std::fprintf(stderr, "penstock: %s cannot be used\n", options_.compared[i].c_str());
    return 2;
  }
  const auto &before = readings[0], &after = readings[1];
  std::vector<std::string> differences;
  if (before.snapshot && after.snapshot) {
    differences = all_changes_between(*before.snapshot, *after.snapshot);
  } else {
    std::fputs("penstock: files that the two name cannot all be read; what is in them is not compared\n", stderr);
    differences = config::differences(config::dump(*before.config), config::dump(*after.config));
  }
  for (const std::string& difference : differences) std::puts(difference.c_str());
  if (differences.empty() && !quiet_) std::puts("no difference");
  return differences.empty() ? 0 : 1;
}

int Inspection::draw() {
  const Handover texts = read_texts(options_);
  if (texts.diagnostics.failed()) {
    print(texts.diagnostics);
    return 1;
  }
  if (options_.graph == "text") return std::fputs(config::graph_text(texts.config).c_str(), stdout) < 0;
  const std::string dot = config::graph_dot(texts.config);
  if (options_.graph == "dot") return std::fputs(dot.c_str(), stdout) < 0;
  if (draw_svg(dot)) return 0;
  std::fputs("penstock: --graph=svg needs the program 'dot' of Graphviz; --graph=dot writes what it would be given\n",
             stderr);
  return 1;
}

// 0: it is said what becomes of the request; 1: the configuration, or what is asked, cannot be used; 2: nobody would take
// the request.
int Inspection::explain() {
  const Result<explanation::Supposed> supposed = explanation::suppose(options_.supposed);
  if (!supposed) {
    std::fprintf(stderr, "penstock: --explain: %s\n", supposed.error().text.c_str());
    return 1;
  }
  const Reading reading = read(options_.files, false);
  if (!reading.snapshot) {
    print(reading.diagnostics);
    return 1;
  }
  const explanation::Branch branch = explanation::explain(*reading.snapshot, nullptr, *supposed);
  std::fputs((options_.json ? explanation::json_of(branch) : explanation::text_of(branch)).c_str(), stdout);
  return explanation::is_taken(branch) ? 0 : 2;
}

int Inspection::probe() {
  const Reading reading = read(options_.files, false);
  const auto& snapshot = reading.snapshot;
  if (!snapshot) {
    print(reading.diagnostics);
    return 1;
  }
  std::vector<Checks::Target> targets;
  ProbeTable table;
  std::string words;
  bool all_passed = true;
  for (const auto& backend : snapshot->backends) {
    const BackendSpec& spec = backend->balance;
    for (const ServerSpec& server : spec.servers) {
      if (!server.tracked.empty())
        table.add(spec.name, server.name, "tracks " + server.tracked);
      else if (server.disabled)
        table.add(spec.name, server.name, "in maintenance");
      else if (!server.check.enabled)
        table.add(spec.name, server.name, "not checked");
      else if (server.address.empty())
        table.add(spec.name, server.name, "FAILED no address");
      else
        targets.push_back({&spec, &server});
      if (!targets.empty() && targets.back().server == &server) table.add(spec.name, server.name, "");
      all_passed = all_passed && (server.disabled || !server.check.enabled || !server.address.empty());
    }
  }
  const std::vector<CheckResult> results = check_once(loop_, targets);
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const std::string &pool = targets[i].backend->name, &server = targets[i].server->name;
    table.add(pool, server, cell_of(results[i]));
    if (check_verdict(results[i].status) != CheckVerdict::Failed) continue;
    all_passed = false;
    append_format(words, "{}/{} ({}): {}\n", pool, server, targets[i].server->address.text(), check_reason(results[i]));
  }
  std::printf("%s%s%s", table.text().c_str(), words.empty() ? "" : "\n", words.c_str());
  return all_passed ? 0 : 1;
}

}  // namespace penstock
