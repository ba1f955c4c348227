#include "penstock/proxy/process_facts.h"

#include <malloc.h>

#include <set>

#include "penstock/base/format.h"
#include "penstock/config/model.h"
#include "penstock/net/loop.h"

namespace penstock::statistics {
namespace {

constexpr std::uint64_t kMiB = 1024 * 1024;

std::uint64_t uptime_s(const Program& program) { return (program.now_ms - program.process->started_ms) / 1000; }

Value nought(const Program&) { return Value::u32(0); }
Value nought64(const Program&) { return Value::u64(0); }
Value failed_names(const Program& program) {
  return Value::u32(program.process->failed_names.load(std::memory_order_relaxed));
}
Value one(const Program&) { return Value::u32(1); }
Value name(const Program&) { return Value::of("penstock"); }
Value version(const Program& program) { return Value::of(program.version); }
Value release_date(const Program& program) { return Value::of(program.release_date); }
Value workers(const Program& program) { return Value::u32(program.process->workers); }
Value pid(const Program& program) { return Value::u32(static_cast<std::uint64_t>(program.process->pid)); }
Value uptime(const Program& program) { return Value::of(program.uptime); }
Value uptime_number(const Program& program) { return Value::u32(uptime_s(program)); }
Value memory_mib(const Program& program) { return Value::u32(program.memory / kMiB); }
Value memory(const Program& program) { return Value::u64(program.memory); }
Value descriptors(const Program& program) {
  return Value::u32(static_cast<std::uint64_t>(program.process->descriptor_limit.load(std::memory_order_relaxed)));
}
Value limit(const Program& program) { return Value::u32(program.process->maxconn.load(std::memory_order_relaxed)); }
Value limit_of(const std::atomic<std::uint32_t>& limit) { return Value::u32(limit.load(std::memory_order_relaxed)); }
Value connection_limit(const Program& program) { return limit_of(program.process->limits.connections); }
Value arrival_limit(const Program& program) { return limit_of(program.process->limits.arrivals); }
Value handshake_limit(const Program& program) { return limit_of(program.process->limits.tls_arrivals); }
Value tls_limit(const Program& program) { return limit_of(program.process->limits.tls_connections); }
Value connections(const Program& program) {
  return Value::u32(program.process->connections.load(std::memory_order_relaxed));
}
Value all_connections(const Program& program) { return Value::u32(program.doors.of(Entry::Connections)); }
Value all_requests(const Program& program) { return Value::u32(program.doors.requests()); }
Value all_handshakes(const Program& program) {
  return Value::u32(program.process->tls.begun.load(std::memory_order_relaxed));
}
Value rate_of(const Program& program, const Rate& rate) {
  return Value::u32(static_cast<std::uint64_t>(rate.per_second(static_cast<std::int64_t>(program.now_ms))));
}
Value connection_rate(const Program& program) { return rate_of(program, program.process->accepted); }
Value most_connection_rate(const Program& program) { return Value::u32(program.process->accepted.most()); }
Value arrival_rate(const Program& program) { return rate_of(program, program.process->arrivals); }
Value most_arrival_rate(const Program& program) { return Value::u32(program.process->arrivals.most()); }
Value handshake_rate(const Program& program) { return rate_of(program, program.process->handshakes); }
Value most_handshake_rate(const Program& program) { return Value::u32(program.process->handshakes.most()); }
// Of the last second, as HAProxy reckons it.
Value resumed(const Program& program) {
  const auto now_ms = static_cast<std::int64_t>(program.now_ms);
  const std::int64_t all = program.process->handshakes.per_second(now_ms);
  const std::int64_t keys = program.process->tls.front_keys.per_second(now_ms);
  return Value::u32(keys >= all ? 0 : static_cast<std::uint64_t>(100 - (100 * keys + (all - 1) / 2) / all));
}
Value tls_connections(const Program& program) {
  return Value::u32(program.process->tls.now.load(std::memory_order_relaxed));
}
Value front_keys(const Program& program) { return rate_of(program, program.process->tls.front_keys); }
Value most_front_keys(const Program& program) { return Value::u32(program.process->tls.front_keys.most()); }
Value back_keys(const Program& program) { return rate_of(program, program.process->tls.back_keys); }
Value most_back_keys(const Program& program) { return Value::u32(program.process->tls.back_keys.most()); }
Value compressed_in(const Program& program) { return rate_of(program, program.process->compressed.taken); }
Value compressed_out(const Program& program) { return rate_of(program, program.process->compressed.given); }
Value compression_limit(const Program& program) {
  return Value::u32(program.snapshot->config.global.max_comp_rate << 10);
}
Value zlib_memory(const Program& program) {
  return Value::u64(program.process->compressed.memory.load(std::memory_order_relaxed));
}
Value zlib_limit(const Program& program) { return Value::u64(program.snapshot->config.global.max_zlib_memory << 20); }
Value jobs(const Program& program) {
  return Value::u32(program.process->connections.load(std::memory_order_relaxed) + program.snapshot->binds.size());
}
Value idle(const Program& program) { return Value::u32(program.process->idle_percent.load(std::memory_order_relaxed)); }
Value node(const Program& program) {
  const std::string& given = program.snapshot->config.global.node;
  return Value::of(given.empty() ? program.process->hostname : given);
}
Value description(const Program& program) {
  const std::string& text = program.snapshot->config.global.description;
  return text.empty() ? Value::none() : Value::of(text);
}
Value stopping(const Program& program) { return Value::u32(program.process->stopping.load() ? 1 : 0); }
Value active_peers(const Program& program) { return Value::u32(program.process->peers.active.load()); }
Value connected_peers(const Program& program) { return Value::u32(program.process->peers.connected.load()); }
Value listeners(const Program& program) { return Value::u32(program.snapshot->binds.size()); }
Value dropped_logs(const Program& program) { return Value::u32(program.dropped_logs); }
Value bytes_out(const Program& program) { return Value::u64(program.bytes_out); }
Value bytes_out_rate(const Program& program) {
  return Value::u64(program.process->bytes_out_a_second.load(std::memory_order_relaxed));
}
Value started(const Program& program) {
  return Value::u32(static_cast<std::uint64_t>(program.process->started_us / 1'000'000));
}

constexpr InfoRow kRows[] = {
    {0, "Name", "", "Name of the program", "POS", false, name},
    {1, "Version", "", "Its version", "POS", false, version},
    {2, "Release_date", "", "Date of the version", "POS", false, release_date},
    {3, "Nbthread", "nbthread", "Workers", "CGS", false, workers},
    {4, "Nbproc", "nbproc", "Always 1", "CGS", false, one},
    {5, "Process_num", "relative_process_id", "Always 1", "KGP", false, one},
    {6, "Pid", "", "Number of the serving process", "SGP", false, pid},
    {7, "Uptime", "", "Since the process began", "MDP", false, uptime},
    {8, "Uptime_sec", "uptime_seconds", "Seconds since the process began", "MDP", false, uptime_number},
    {9, "Memmax_MB", "", "Limit of memory in MiB, 0 for none", "CLP", false, nought},
    {10, "PoolAlloc_MB", "", "Memory taken from the system in MiB", "MGP", false, memory_mib},
    {11, "PoolUsed_MB", "", "Memory in use in MiB", "MGP", false, memory_mib},
    {12, "PoolFailed", "pool_failures_total", "Always 0: short of memory the process ends", "MCP", true, nought},
    {13, "Ulimit-n", "max_fds", "Descriptors allowed", "CLP", false, descriptors},
    {14, "Maxsock", "max_sockets", "Descriptors for connections", "CLP", false, descriptors},
    {15, "Maxconn", "max_connections", "Connections of clients allowed", "CLP", false, limit},
    {16, "Hard_maxconn", "hard_max_connections", "The same", "CLP", false, limit},
    {17, "CurrConns", "current_connections", "Connections of clients now", "MGP", false, connections},
    {18, "CumConns", "connections_total", "Connections of clients accepted", "MCP", true, all_connections},
    {19, "CumReq", "requests_total", "Requests", "MCP", true, all_requests},
    {20, "MaxSslConns", "max_ssl_connections", "TLS connections allowed, 0 for no limit", "MMP", false, tls_limit},
    {21, "CurrSslConns", "current_ssl_connections", "TLS connections with clients and servers now", "MGP", false,
     tls_connections},
    {22, "CumSslConns", "ssl_connections_total", "TLS connections with clients and servers", "MCP", true,
     all_handshakes},
    {23, "Maxpipes", "max_pipes", "Nothing is spliced: 0", "CLP", false, nought},
    {24, "PipesUsed", "pipes_used_total", "Nothing is spliced: 0", "MGP", true, nought},
    {25, "PipesFree", "pipes_free_total", "Nothing is spliced: 0", "MGP", true, nought},
    {26, "ConnRate", "current_connection_rate", "Connections in the last second", "MRP", false, connection_rate},
    {27, "ConnRateLimit", "limit_connection_rate", "Connections a second allowed, 0 for no limit", "CLP", false,
     connection_limit},
    {28, "MaxConnRate", "max_connection_rate", "Most connections within a second", "MMP", false, most_connection_rate},
    {29, "SessRate", "current_session_rate", "Clients let in in the last second", "MRP", false, arrival_rate},
    {30, "SessRateLimit", "limit_session_rate", "Clients a second allowed, 0 for no limit", "CLP", false,
     arrival_limit},
    {31, "MaxSessRate", "max_session_rate", "Most clients let in within a second", "MRP", false, most_arrival_rate},
    {32, "SslRate", "current_ssl_rate", "TLS handshakes in the last second", "MRP", false, handshake_rate},
    {33, "SslRateLimit", "limit_ssl_rate", "TLS handshakes a second allowed, 0 for no limit", "CLP", false,
     handshake_limit},
    {34, "MaxSslRate", "max_ssl_rate", "Most TLS handshakes within a second", "MMP", false, most_handshake_rate},
    {35, "SslFrontendKeyRate", "current_frontend_ssl_key_rate",
     "TLS handshakes with clients in the last second that resumed nothing", "MGP", false, front_keys},
    {36, "SslFrontendMaxKeyRate", "max_frontend_ssl_key_rate", "Most of them within a second", "MMP", false,
     most_front_keys},
    {37, "SslFrontendSessionReuse_pct", "frontend_ssl_reuse",
     "Percent of TLS handshakes in the last second that resumed", "MGP", false, resumed},
    {38, "SslBackendKeyRate", "current_backend_ssl_key_rate",
     "TLS handshakes with servers in the last second that resumed nothing", "MRP", false, back_keys},
    {39, "SslBackendMaxKeyRate", "max_backend_ssl_key_rate", "Most of them within a second", "MMP", false,
     most_back_keys},
    {40, "SslCacheLookups", "ssl_cache_lookups_total", "Sessions lie in tickets, not in a cache: 0", "MCP", true,
     nought},
    {41, "SslCacheMisses", "ssl_cache_misses_total", "Sessions lie in tickets, not in a cache: 0", "MCP", true, nought},
    {42, "CompressBpsIn", "http_comp_bytes_in_total", "Bytes given to compression in the last second", "MRP", true,
     compressed_in},
    {43, "CompressBpsOut", "http_comp_bytes_out_total", "Bytes that compression gave in the last second", "MRP", true,
     compressed_out},
    {44, "CompressBpsRateLim", "limit_http_comp", "Bytes that may be compressed in a second, 0 for no limit", "CLP",
     false, compression_limit},
    {45, "ZlibMemUsage", "current_zlib_memory", "Bytes that compression holds", "MGP", false, zlib_memory},
    {46, "MaxZlibMemUsage", "max_zlib_memory", "Bytes that it may hold, 0 for no limit", "CLP", false, zlib_limit},
    {47, "Tasks", "current_tasks", "Connections of clients now", "MGP", false, connections},
    {48, "Run_queue", "current_run_queue", "Not counted: 0", "MGP", false, nought},
    {49, "Idle_pct", "idle_time_percent", "Percent of their time that workers had nothing to do", "MaP", false, idle},
    {50, "node", "", "Name of the machine, or what 'node' says", "COS", false, node},
    {51, "description", "", "What 'description' says", "COS", false, description},
    {52, "Stopping", "stopping", "1 while the process drains", "MGP", false, stopping},
    {53, "Jobs", "jobs", "Connections of clients and addresses listened at", "MGP", false, jobs},
    {54, "Unstoppable Jobs", "unstoppable_jobs", "Always 0", "MGP", false, nought},
    {55, "Listeners", "listeners", "Addresses listened at", "MGP", false, listeners},
    {56, "ActivePeers", "active_peers", "Peers that are called or talked to", "MGP", false, active_peers},
    {57, "ConnectedPeers", "connected_peers", "Peers with which tables are shared now", "MGP", false, connected_peers},
    {58, "DroppedLogs", "dropped_logs_total", "Lines of the log that could not be written", "MGP", true, dropped_logs},
    {59, "BusyPolling", "busy_polling_enabled", "Always 0", "MGP", false, nought},
    {60, "FailedResolutions", "failed_resolutions", "Names that could not be asked for", "MGP", true, failed_names},
    {61, "TotalBytesOut", "bytes_out_total", "Bytes that went to clients", "MGP", true, bytes_out},
    {62, "TotalSplicdedBytesOut", "spliced_bytes_out_total", "Nothing is spliced: 0", "MGP", true, nought64},
    {63, "BytesOutRate", "bytes_out_rate", "Bytes that went to clients in the last second, as requests ended", "MRP",
     false, bytes_out_rate},
    {64, "DebugCommandsIssued", "", "Always 0", "MGP", false, nought},
    {65, "CumRecvLogs", "recv_logs_total", "No log is received: 0", "MCP", true, nought},
    {66, "Build info", "build_info", "Version of the program", "POS", false, version},
    {67, "Memmax_bytes", "max_memory_bytes", "Limit of memory, 0 for none", "CLP", false, nought},
    {68, "PoolAlloc_bytes", "pool_allocated_bytes", "Memory taken from the system", "MGP", false, memory},
    {69, "PoolUsed_bytes", "pool_used_bytes", "Memory in use", "MGP", false, memory},
    {70, "Start_time_sec", "start_time_seconds", "When the process began, seconds since 1970", "MDP", false, started},
    {71, "Tainted", "", "Always 0", "SGP", false, [](const Program&) { return Value::of("0"); }},
};

}  // namespace

Program program_facts(std::string_view version, std::string_view release_date, const Snapshot& snapshot,
                      const ProcessState& process, std::uint64_t now_ms) {
  Program program;
  program.version = version;
  program.release_date = release_date;
  program.snapshot = &snapshot;
  program.process = &process;
  program.now_ms = now_ms;
  for (const auto& plan : snapshot.frontends) {
    const Sums sums(plan->state->ledgers);
    for (std::size_t i = 0; i < kEntries; ++i) program.doors.entries[i] += sums.entries[i];
  }
  program.bytes_out = program.doors.of(Entry::BytesOut);
  std::set<const LogOutput*> outputs;
  for (const LogUse& use : snapshot.outputs) outputs.insert(use.output.get());
  for (const LogOutput* output : outputs) program.dropped_logs += output->dropped();
  const std::uint64_t up = uptime_s(program);
  program.uptime = format("{}d {}h{:02}m{:02}s", up / 86400, up % 86400 / 3600, up % 3600 / 60, up % 60);
  program.memory = mallinfo2().uordblks;
  return program;
}

std::span<const InfoRow> info_rows() { return kRows; }

}  // namespace penstock::statistics
