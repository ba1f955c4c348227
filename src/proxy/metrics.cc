#include "penstock/proxy/metrics.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "made_text.h"
#include "metrics_line.h"
#include "metrics_wish.h"
#include "own_metrics.h"
#include "penstock/balance/health_result.h"
#include "penstock/base/format.h"
#include "penstock/base/require.h"
#include "penstock/config/stick_names.h"
#include "penstock/proxy/process_facts.h"
#include "penstock/proxy/statistics_walk.h"
#include "penstock/rules/subject.h"

namespace penstock {
namespace {

using statistics::Column;
using statistics::Kind;
using statistics::Object;
using statistics::Shape;
using statistics::Value;

constexpr std::string_view kDoorStates[] = {"DOWN", "UP"};
constexpr std::string_view kServerStates[] = {"DOWN", "UP", "MAINT", "DRAIN", "NOLB"};
constexpr std::string_view kListenerStates[] = {"WAITING", "OPEN", "FULL"};
constexpr std::string_view kCheckStates[] = {"HANA",   "SOCKERR", "L4OK",     "L4TOUT", "L4CON", "L6OK",
                                             "L6TOUT", "L6RSP",   "L7TOUT",   "L7RSP",  "L7OK",  "L7OKC",
                                             "L7STS",  "PROCERR", "PROCTOUT", "PROCOK"};
constexpr std::size_t kServerStateCount = std::size(kServerStates), kCheckStateCount = std::size(kCheckStates);
constexpr std::int64_t kNone = INT64_MIN;

// In the order in which they are written.
struct Family {
  Kind kind;
  std::string_view prefix;
};
constexpr Family kFamilies[] = {{Kind::Frontend, "haproxy_frontend_"},
                                {Kind::Listener, "haproxy_listener_"},
                                {Kind::Backend, "haproxy_backend_"},
                                {Kind::Server, "haproxy_server_"}};

std::span<const std::string_view> states_of(Kind kind) {
  if (kind == Kind::Server) return kServerStates;
  return kind == Kind::Listener ? std::span<const std::string_view>(kListenerStates) : kDoorStates;
}

std::size_t place_in(std::span<const std::string_view> names, std::string_view name) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return i;
  }
  return names.size();
}

// One of states_of() that holds.
std::size_t state_of(const Object& object, std::string_view status) {
  if (object.kind == Kind::Frontend) return status == "OPEN" ? 1 : 0;
  if (object.kind == Kind::Server && status == "no check") return 1;
  std::string_view rest = status;
  return place_in(states_of(object.kind), rest.substr(0, rest.find(' ')));
}

bool is_measured(const Column& column, Kind kind) {
  if (column.metric.empty() || (column.kinds & bit(kind)) == 0) return false;
  // HAProxy has columns of servers that are no metrics.
  const bool of_others = column.name == "req_tot" || column.name == "act" || column.name == "bck";
  return kind != Kind::Server || !of_others;
}

// Kept in ms.
bool is_of_seconds(const Column& column) {
  return column.metric.ends_with("_seconds") &&
         (column.shape == Shape::Mean || column.shape == Shape::Peak || column.shape == Shape::Duration);
}

// How a column is written.
enum class How : std::uint8_t { Number, Seconds, State, CheckState, CheckCode, Servers, Checks };
How how_of(const Column& column) {
  if (column.name == "status") return How::State;
  if (column.name == "check_status") return How::CheckState;
  if (column.name == "check_code") return How::CheckCode;
  if (column.name == "agg_check_status") return How::Checks;
  if (column.name.starts_with("agg_")) return How::Servers;
  return is_of_seconds(column) ? How::Seconds : How::Number;
}

// A column of one kind, as it is written.
struct Row {
  Row(const Family& family, const Column& column)
      : column(&column),
        name(format("{}{}", family.prefix, column.metric)),
        how(how_of(column)),
        of_http(column.metric.starts_with("http_") || column.name == "intercepted"),
        of_checks(column.name.starts_with("check_")) {
    if (column.name.starts_with("hrsp_")) label = format(",code=\"{}\"", column.name.substr(5));
  }
  const Column* column;
  std::string name, label;
  How how;
  bool of_http, of_checks;  // Only of those that have it.
};

// What is known of one object once it was passed.
struct Seen {
  std::string labels;
  bool is_http = false;
  std::size_t state = 0;                                   // Of states_of().
  std::size_t check = kCheckStateCount;                    // Of kCheckStates; their count: it is not checked.
  std::vector<std::int64_t> values;                        // By row; kNone: there is none.
  std::array<std::uint32_t, kServerStateCount> servers{};  // Of a backend: by their states,
  std::array<std::uint32_t, kCheckStateCount> checks{};    // and by their last checks.
};

// Of one kind.
struct Part {
  std::vector<Row> rows;
  std::vector<Seen> seen;
};

const Column& column_named(std::string_view name) {
  for (const Column& column : statistics::columns()) {
    if (column.name == name) return column;
  }
  require(false);
  return statistics::columns().front();
}

class Metrics final : public Service {
 public:
  Metrics(std::shared_ptr<const Snapshot> snapshot, const ProcessState& process, std::uint64_t now_ms, MetricsWish wish)
      : snapshot_(snapshot),
        process_(process),
        now_ms_(now_ms),
        wish_(std::move(wish)),
        own_(*snapshot, process, wish_),
        walk_(std::move(snapshot), process, now_ms, {}) {
    for (const Family& family : kFamilies) add_rows(family);
    stage_ = wish_.process ? Stage::Process : wish_.kinds != 0 ? Stage::See : Stage::Tables;
  }

  rules::Reply head(Arena&) override {
    static constexpr Field kFields[] = {{"Cache-Control", "no-cache"}, {"Content-Type", "text/plain; version=0.0.4"}};
    rules::Reply reply;
    reply.status = 200;
    reply.fields = kFields;
    return reply;
  }

  Slice next(std::size_t room) override {
    if (given_ == made_.size()) make(room);
    return take_made(made_, given_, room);
  }
  bool ended() const override { return stage_ == Stage::Done && made_.empty(); }

 private:
  enum class Stage : std::uint8_t { Process, See, Write, Tables, Own, Done };
  static constexpr std::size_t kSeenAtOnce = 512;

  void add_rows(const Family& family) {
    if ((wish_.kinds & bit(family.kind)) == 0) return;
    for (const Column& column : statistics::columns()) {
      if (!is_measured(column, family.kind)) continue;
      Row row(family, column);
      if (wish_.wants(row.name)) part_of(family.kind).rows.push_back(std::move(row));
    }
  }
  Part& part_of(Kind kind) { return parts_[static_cast<std::size_t>(kind)]; }

  void make(std::size_t room) {
    switch (stage_) {
      case Stage::Process:
        write_process();
        stage_ = wish_.kinds == 0 ? Stage::Tables : Stage::See;
        return;
      case Stage::See:
        for (std::size_t left = kSeenAtOnce; left != 0; --left) {
          const Object* object = walk_.next();
          if (object == nullptr) {
            stage_ = Stage::Write;
            return;
          }
          see(*object);
        }
        return;
      case Stage::Write:
        while (made_.size() < room && stage_ == Stage::Write) write_more();
        return;
      case Stage::Tables:
        if (wish_.tables) {
          write_tables("haproxy_sticktable_size", "Entries that a stick table has room for",
                       [](const TablePlan& table) { return std::uint64_t{table.line.size}; });
          write_tables("haproxy_sticktable_used", "Entries that are in a stick table",
                       [](const TablePlan& table) { return std::uint64_t{table.table->size()}; });
        }
        stage_ = Stage::Own;
        return;
      case Stage::Own:
        while (made_.size() < room && stage_ == Stage::Own) {
          if (!own_.write_more(made_)) stage_ = Stage::Done;
        }
        return;
      case Stage::Done:
        return;
    }
  }

  void see(const Object& object) {
    Seen seen;
    metrics_line::append_label("proxy", object.proxy, seen.labels);
    if (object.kind == Kind::Listener || object.kind == Kind::Server) {
      seen.labels += ',';
      metrics_line::append_label(object.kind == Kind::Server ? "server" : "listener", object.service, seen.labels);
    }
    seen.is_http = object.is_http;
    seen.state = state_of(object, statistics::value_of(status_, object).text);
    if (object.kind == Kind::Server) {
      const Value check = statistics::value_of(check_, object);
      if (!check.is_none()) seen.check = place_in(kCheckStates, check.text);
      ++servers_[seen.state];
      if (seen.check < kCheckStateCount) ++checks_[seen.check];
      if (wish_.no_maint && kServerStates[seen.state] == "MAINT") return;
    }
    if (object.kind == Kind::Backend) {
      seen.servers = std::exchange(servers_, {});
      seen.checks = std::exchange(checks_, {});
    }
    Part& part = part_of(object.kind);
    if (part.rows.empty()) return;
    seen.values.reserve(part.rows.size());
    for (const Row& row : part.rows) {
      const Value value = statistics::value_of(*row.column, object);
      seen.values.push_back(value.is_none() ? kNone : value.number);
    }
    part.seen.push_back(std::move(seen));
  }

  // One object of one row, then on to the next.
  void write_more() {
    const Family& family = kFamilies[family_];
    const Part& part = part_of(family.kind);
    if (row_ == part.rows.size()) {
      row_ = 0;
      if (++family_ == std::size(kFamilies)) stage_ = Stage::Tables;
      return;
    }
    if (object_ == part.seen.size()) {
      object_ = 0;
      ++row_;
      return;
    }
    const Row& row = part.rows[row_];
    const Seen& seen = part.seen[object_++];
    if (row.of_http && !seen.is_http) return;
    if (row.of_checks && seen.check >= kCheckStateCount) return;
    if (heading_ != row.name) {
      heading_ = row.name;
      metrics_line::write_heading(row.name, row.column->help, row.column->shape == Shape::Counter ? "counter" : "gauge",
                                  made_);
    }
    write(family.kind, row, seen);
  }

  void write(Kind kind, const Row& row, const Seen& seen) {
    switch (row.how) {
      case How::State:
        return write_states(row, seen, states_of(kind), [&](std::size_t i) { return i == seen.state ? 1u : 0u; });
      case How::CheckState:
        return write_states(row, seen, kCheckStates, [&](std::size_t i) { return i == seen.check ? 1u : 0u; });
      case How::Checks:
        return write_states(row, seen, kCheckStates, [&](std::size_t i) { return seen.checks[i]; });
      case How::Servers:
        return write_states(row, seen, kServerStates, [&](std::size_t i) { return seen.servers[i]; });
      case How::Number:
      case How::Seconds:
      case How::CheckCode:
        break;
    }
    metrics_line::append({row.name, "{", seen.labels, row.label, "} "}, made_);
    const std::int64_t value = seen.values[row_];
    if (value == kNone)
      made_ += row.how == How::CheckCode ? "0" : "NaN";
    else if (row.how == How::Seconds)
      append_format(made_, "{:.6f}", static_cast<double>(value) / 1000);
    else
      metrics_line::append_number(value, made_);
    made_ += '\n';
  }

  template <class Number>
  void write_states(const Row& row, const Seen& seen, std::span<const std::string_view> names, Number number) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      metrics_line::append({row.name, "{", seen.labels, ",state=\"", names[i], "\"} "}, made_);
      metrics_line::append_number(number(i), made_);
      made_ += '\n';
    }
  }

  void write_process() {
    const statistics::Program program = statistics::program_facts(process_.version, "", *snapshot_, process_, now_ms_);
    for (const statistics::InfoRow& row : statistics::info_rows()) {
      const std::string name = format("haproxy_process_{}", row.metric);
      if (row.metric.empty() || !wish_.wants(name)) continue;
      const Value value = row.get(program);
      metrics_line::write_heading(name, row.help, row.counts ? "counter" : "gauge", made_);
      made_ += name;
      if (value.is_none())
        made_ += " NaN\n";
      else if (value.type == Value::Type::Text)
        append_format(made_, "{{version=\"{}\"}} 1\n", value.text);
      else
        append_format(made_, " {}\n", value.number);
    }
  }

  // The last one of the file first, as HAProxy has them.
  template <class Number>
  void write_tables(std::string_view name, std::string_view help, Number number) {
    if (!wish_.wants(name)) return;
    bool headed = false;
    for (auto table = snapshot_->tables.rbegin(); table != snapshot_->tables.rend(); ++table) {
      if (!table->table) continue;
      if (!std::exchange(headed, true)) metrics_line::write_heading(name, help, "gauge", made_);
      std::string labels;
      metrics_line::append_label("name", table->proxy, labels);
      labels += ',';
      metrics_line::append_label("type", config::stick_key_name(table->line.key), labels);
      metrics_line::append({name, "{", labels, "} "}, made_);
      metrics_line::append_number(static_cast<std::int64_t>(number(*table)), made_);
      made_ += '\n';
    }
  }

  const std::shared_ptr<const Snapshot> snapshot_;
  const ProcessState& process_;
  const std::uint64_t now_ms_;
  const MetricsWish wish_;
  OwnMetrics own_;
  statistics::Walk walk_;
  const Column& status_ = column_named("status");
  const Column& check_ = column_named("check_status");
  std::array<Part, std::size(kFamilies)> parts_;            // By Kind.
  std::array<std::uint32_t, kServerStateCount> servers_{};  // Of the backend that comes.
  std::array<std::uint32_t, kCheckStateCount> checks_{};
  std::string made_;
  std::size_t given_ = 0;
  std::size_t family_ = 0, row_ = 0, object_ = 0;
  std::string_view heading_;  // Written last.
  Stage stage_ = Stage::Process;
};

}  // namespace

std::unique_ptr<Service> make_metrics(std::shared_ptr<const Snapshot> snapshot, const ProcessState& process,
                                      std::uint64_t now_ms, const Head& request) {
  const std::string_view query = rules::split_target(request.target).query;
  std::optional<MetricsWish> wish = MetricsWish::of(query);
  if (!wish) return nullptr;
  return std::make_unique<Metrics>(std::move(snapshot), process, now_ms, std::move(*wish));
}

}  // namespace penstock
