// Values of words of `global` that have no effect here: what HAProxy would not take is refused all the same, since a slip
// of the pen may stand for another word.
#include <algorithm>

#include "keywords.h"

namespace penstock::config {

namespace {

enum class Value { None, Number, OnOff, Profiling, Time, Size, Verify, Family };

struct UnusedValue {
  std::string_view name;
  Value value;
  std::uint64_t low = 0;
  std::uint64_t high = 2147483647;
};

constexpr UnusedValue kUnusedValues[] = {
    {"busy-polling", Value::None},
    {"close-spread-time", Value::Time},
    {"httpclient.resolvers.prefer", Value::Family},
    {"httpclient.ssl.verify", Value::Verify},
    {"insecure-fork-wanted", Value::None},
    {"insecure-setuid-wanted", Value::None},
    {"maxcompcpuusage", Value::Number, 0, 100},
    {"maxpipes", Value::Number},
    {"maxzlibmem", Value::Number},
    {"mworker-max-reloads", Value::Number},
    {"noepoll", Value::None},
    {"noevports", Value::None},
    {"nogetaddrinfo", Value::None},
    {"nokqueue", Value::None},
    {"nopoll", Value::None},
    {"noreuseport", Value::None},
    {"nosplice", Value::None},
    {"pp2-never-send-local", Value::None},
    {"profiling.tasks", Value::Profiling},
    {"set-dumpable", Value::None},
    {"strict-limits", Value::None},
    {"thread-groups", Value::Number, 1, 16},
    {"tune.buffers.limit", Value::Number},
    {"tune.buffers.reserve", Value::Number},
    {"tune.comp.maxlevel", Value::Number, 1, 9},
    {"tune.fail-alloc", Value::Number, 0, 100},
    {"tune.fd.edge-triggered", Value::OnOff},
    {"tune.h2.header-table-size", Value::Number, 4096, 65536},
    {"tune.h2.initial-window-size", Value::Number},
    {"tune.h2.max-concurrent-streams", Value::Number},
    {"tune.h2.max-frame-size", Value::Number, 16384, 16777215},
    {"tune.idletimer", Value::Time},
    {"tune.listener.multi-queue", Value::OnOff},
    {"tune.lua.forced-yield", Value::Number},
    {"tune.lua.maxmem", Value::Number},
    {"tune.lua.service-timeout", Value::Time},
    {"tune.lua.session-timeout", Value::Time},
    {"tune.lua.task-timeout", Value::Time},
    {"tune.maxpollevents", Value::Number},
    {"tune.maxrewrite", Value::Number},
    {"tune.pattern.cache-size", Value::Number},
    {"tune.peers.max-updates-at-once", Value::Number, 1},
    {"tune.pipesize", Value::Number},
    {"tune.pool-high-fd-ratio", Value::Number, 0, 100},
    {"tune.pool-low-fd-ratio", Value::Number, 0, 100},
    {"tune.recv_enough", Value::Number},
    {"tune.runqueue-depth", Value::Number},
    {"tune.sched.low-latency", Value::OnOff},
    {"tune.ssl.cachesize", Value::Number},
    {"tune.ssl.default-dh-param", Value::Number, 1024},
    {"tune.ssl.hard-maxrecord", Value::Number},
    {"tune.ssl.maxrecord", Value::Number},
    {"tune.vars.check-max-size", Value::Size},
    {"tune.vars.global-max-size", Value::Size},
    {"tune.vars.proc-max-size", Value::Size},
    {"tune.vars.reqres-max-size", Value::Size},
    {"tune.vars.sess-max-size", Value::Size},
    {"tune.vars.txn-max-size", Value::Size},
};

void take_value(Line& line, const UnusedValue& unused) {
  constexpr std::string_view kOnOff[] = {"on", "off"}, kProfiling[] = {"on", "auto", "off"};
  constexpr std::string_view kVerify[] = {"none", "required"}, kFamily[] = {"ipv4", "ipv6"};
  switch (unused.value) {
    case Value::None:
      return;
    case Value::Number:
      line.take_number("a number", unused.low, unused.high);
      return;
    case Value::OnOff:
      line.take_choice(kOnOff);
      return;
    case Value::Profiling:
      line.take_choice(kProfiling);
      return;
    case Value::Verify:
      line.take_choice(kVerify);
      return;
    case Value::Family:
      line.take_choice(kFamily);
      return;
    case Value::Time:
      if (!line.accept("infinite")) line.take_ms();
      return;
    case Value::Size:
      line.take_size();
      return;
  }
}

}  // namespace

bool is_value_sound(Line& line) {
  for (const UnusedValue& unused : kUnusedValues) {
    if (unused.name != line.subject) continue;
    take_value(line, unused);
    line.end();
    return !line.failed();
  }
  return true;
}

}  // namespace penstock::config
