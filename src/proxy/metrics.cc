#include "penstock/proxy/metrics.h"

#include <array>
#include <charconv>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "made_text.h"
#include "penstock/balance/health_result.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
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

void append_label(std::string_view name, std::string_view value, std::string& out) {
  if (!out.empty()) out += ',';
  append_format(out, "{}=\"", name);
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  out += '"';
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

// What is known of one object once it was passed.
struct Seen {
  Kind kind = Kind::Frontend;
  std::string labels;
  bool is_http = false, is_maintained = false;
  std::size_t state = 0;                                   // Of states_of().
  std::size_t check = kCheckStateCount;                    // Of kCheckStates; their count: it is not checked.
  std::vector<std::int64_t> values;                        // By column; kNone: there is none.
  std::array<std::uint32_t, kServerStateCount> servers{};  // Of a backend: by their states,
  std::array<std::uint32_t, kCheckStateCount> checks{};    // and by their last checks.
};

// What the query of a target asks for.
struct Wish {
  bool process = true;
  unsigned kinds = ~0u;
  bool no_maint = false;
};

Wish wish_of(std::string_view query) {
  Wish wish;
  bool is_scoped = false;
  while (!query.empty()) {
    std::string_view value = cut(query, '&');
    const std::string_view name = cut(value, '=');
    if (name == "no-maint") wish.no_maint = true;
    if (name != "scope") continue;
    if (!std::exchange(is_scoped, true)) {
      wish.process = false;
      wish.kinds = 0;
    }
    if (value == "global" || value == "*") wish.process = true;
    if (value == "*") wish.kinds = ~0u;
    for (const Family& family : kFamilies) {
      const std::string_view scope = family.prefix.substr(8, family.prefix.size() - 9);
      if (value == scope) wish.kinds |= bit(family.kind);
    }
  }
  return wish;
}

class Metrics final : public Service {
 public:
  Metrics(std::shared_ptr<const Snapshot> snapshot, const ProcessState& process, std::uint64_t now_ms, const Wish& wish)
      : snapshot_(snapshot),
        process_(process),
        now_ms_(now_ms),
        wish_(wish),
        walk_(std::move(snapshot), process, now_ms, {}) {
    stage_ = wish.process ? Stage::Process : Stage::See;
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
  enum class Stage : std::uint8_t { Process, See, Write, Done };
  static constexpr std::size_t kSeenAtOnce = 512;

  void make(std::size_t room) {
    switch (stage_) {
      case Stage::Process:
        write_process();
        stage_ = wish_.kinds == 0 ? Stage::Done : Stage::See;
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
      case Stage::Done:
        return;
    }
  }

  void see(const Object& object) {
    Seen seen;
    seen.kind = object.kind;
    append_label("proxy", object.proxy, seen.labels);
    if (object.kind == Kind::Listener) append_label("listener", object.service, seen.labels);
    if (object.kind == Kind::Server) append_label("server", object.service, seen.labels);
    seen.is_http = object.is_http;
    for (const Column& column : statistics::columns()) {
      const Value value = is_measured(column, object.kind) ? statistics::value_of(column, object) : Value::none();
      seen.values.push_back(value.is_none() ? kNone : value.number);
      if (column.name == "status") seen.state = state_of(object, value.text);
      if (column.name == "check_status" && !value.is_none()) seen.check = place_in(kCheckStates, value.text);
    }
    if (object.kind == Kind::Server) {
      seen.is_maintained = kServerStates[seen.state] == "MAINT";
      ++servers_[seen.state];
      if (seen.check < kCheckStateCount) ++checks_[seen.check];
    }
    if (object.kind == Kind::Backend) {
      seen.servers = std::exchange(servers_, {});
      seen.checks = std::exchange(checks_, {});
    }
    if ((wish_.kinds & bit(object.kind)) == 0 || (wish_.no_maint && seen.is_maintained)) return;
    seen_.push_back(std::move(seen));
  }

  // One object of one column of one kind, then on to the next.
  void write_more() {
    const Family& family = kFamilies[family_];
    const Column& column = statistics::columns()[column_];
    const bool is_left_out = (wish_.kinds & bit(family.kind)) == 0 || !is_measured(column, family.kind);
    if (is_left_out || object_ == seen_.size()) {
      object_ = 0;
      if (++column_ < statistics::columns().size()) return;
      column_ = 0;
      if (++family_ == std::size(kFamilies)) stage_ = Stage::Done;
      return;
    }
    const Seen& seen = seen_[object_++];
    if (seen.kind != family.kind) return;
    if (!seen.is_http && (column.metric.starts_with("http_") || column.name == "intercepted")) return;
    write(family.prefix, column, seen);
  }

  void write_heading(std::string_view prefix, std::string_view metric, std::string_view help, bool counts) {
    if (heading_ == metric && heading_of_ == prefix) return;
    heading_ = metric;
    heading_of_ = prefix;
    append_format(made_, "# HELP {}{} {}\n# TYPE {}{} {}\n", prefix, metric, help, prefix, metric,
                  counts ? "counter" : "gauge");
  }

  void write(std::string_view prefix, const Column& column, const Seen& seen) {
    const bool is_check = column.name.starts_with("check_");
    const std::int64_t value = seen.values[column_];
    if (is_check && seen.check >= kCheckStateCount) return;
    write_heading(prefix, column.metric, column.help, column.shape == Shape::Counter);
    const auto name = [&] { append({prefix, column.metric, "{", seen.labels}); };
    const auto states = [&](std::span<const std::string_view> names, auto number) {
      for (std::size_t i = 0; i < names.size(); ++i) {
        name();
        append({",state=\"", names[i], "\"} "});
        append_number(number(i));
        made_ += '\n';
      }
    };
    if (column.name == "status")
      return states(states_of(seen.kind), [&](std::size_t i) { return i == seen.state ? 1u : 0u; });
    if (column.name == "check_status")
      return states(kCheckStates, [&](std::size_t i) { return i == seen.check ? 1u : 0u; });
    if (column.name == "agg_check_status") return states(kCheckStates, [&](std::size_t i) { return seen.checks[i]; });
    if (column.name.starts_with("agg_")) return states(kServerStates, [&](std::size_t i) { return seen.servers[i]; });
    name();
    if (column.name.starts_with("hrsp_")) append({",code=\"", column.name.substr(5), "\""});
    made_ += "} ";
    if (value == kNone)
      made_ += column.name == "check_code" ? "0" : "NaN";
    else if (is_of_seconds(column))
      append_format(made_, "{:.6f}", static_cast<double>(value) / 1000);
    else
      append_number(value);
    made_ += '\n';
  }

  // There are many lines: a format takes its time.
  void append(std::initializer_list<std::string_view> parts) {
    for (const std::string_view part : parts) made_ += part;
  }
  void append_number(std::int64_t number) {
    char digits[24];
    made_.append(digits, std::to_chars(digits, digits + sizeof(digits), number).ptr);
  }

  void write_process() {
    const statistics::Program program = statistics::program_facts(process_.version, "", *snapshot_, process_, now_ms_);
    for (const statistics::InfoRow& row : statistics::info_rows()) {
      if (row.metric.empty()) continue;
      const Value value = row.get(program);
      write_heading("haproxy_process_", row.metric, row.help, row.counts);
      append_format(made_, "haproxy_process_{}", row.metric);
      if (value.is_none())
        made_ += " NaN\n";
      else if (value.type == Value::Type::Text)
        append_format(made_, "{{version=\"{}\"}} 1\n", value.text);
      else
        append_format(made_, " {}\n", value.number);
    }
  }

  const std::shared_ptr<const Snapshot> snapshot_;
  const ProcessState& process_;
  const std::uint64_t now_ms_;
  const Wish wish_;
  statistics::Walk walk_;
  std::vector<Seen> seen_;
  std::array<std::uint32_t, kServerStateCount> servers_{};  // Of the backend that comes.
  std::array<std::uint32_t, kCheckStateCount> checks_{};
  std::string made_;
  std::size_t given_ = 0;
  std::size_t family_ = 0, column_ = 0, object_ = 0;
  std::string_view heading_, heading_of_;  // Written last.
  Stage stage_ = Stage::Process;
};

}  // namespace

std::unique_ptr<Service> make_metrics(std::shared_ptr<const Snapshot> snapshot, const ProcessState& process,
                                      std::uint64_t now_ms, const Head& request) {
  std::string_view query = rules::split_target(request.target).query;
  return std::make_unique<Metrics>(std::move(snapshot), process, now_ms, wish_of(query));
}

}  // namespace penstock
