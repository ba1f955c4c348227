// What the process is made of: memory, descriptors, threads, libraries. In the shape that HAProxy's answers have, with what
// there is to say of ours; what is a matter of HAProxy's own workings is not made up.
#include <arpa/inet.h>
#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <vector>

#include "command.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/control/crew.h"
#include "realm.h"

namespace penstock {
namespace {

using config::AccessLevel;

// The system counts what it gives us; below it, everything is one pool.
void show_pools(const CallRef& call) {
  const struct mallinfo2 memory = mallinfo2();
  const std::size_t taken = memory.arena + memory.hblkhd;
  call->answer(
      format("Dumping pools usage.\n"
             "  - Pool memory (1 bytes) : {} allocated ({} bytes), {} used (~0 by thread caches), needed_avg {}, "
             "0 failures, 1 users, @0x1 [SHARED]\n"
             "Total: 1 pools, {} bytes allocated, {} used (~0 by thread caches).\n",
             taken, taken, memory.uordblks, memory.uordblks, taken, memory.uordblks));
}

// "fam=ipv4 lport=443", as far as the system tells.
std::string socket_text(int fd) {
  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  int listens = 0;
  socklen_t listens_size = sizeof(listens);
  getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_size);
  const char* state = listens != 0 ? " l.st=RDY" : "";
  if (address.ss_family == AF_UNIX) return format("{} fam=unix", state);
  if (address.ss_family == AF_INET) {
    return format("{} fam=ipv4 lport={}", state, ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port));
  }
  return format("{} fam=ipv6 lport={}", state, ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port));
}

std::string fd_text(int fd) {
  const int flags = fcntl(fd, F_GETFD);
  if (flags < 0) return {};
  return format("{:>7} : st=0x{:06x}(cl{}){}\n", fd, flags, (flags & FD_CLOEXEC) != 0 ? "E" : "e", socket_text(fd));
}

// Without a number all; few of ours are without an owner, and none is dangerous to ask for.
void show_fd(const CallRef& call) {
  if (const auto number = parse_integer(call->argument(0)))
    return call->answer(*number < 0 || *number > INT32_MAX ? std::string() : fd_text(static_cast<int>(*number)));
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  const int end = static_cast<int>(std::min<rlim_t>(limit.rlim_cur, INT32_MAX));
  call->answer_by([fd = 0, end](std::string& to) mutable {
    constexpr int kInPiece = 4096;
    for (const int stop = std::min(end, fd + kInPiece); fd < stop; ++fd) to += fd_text(fd);
    return fd < end;
  });
}

// A thread of ours, as the system knows it.
struct Thread {
  std::uint64_t id = 0;
  std::uint64_t switches = 0;  // Of its own will and not.
  std::uint64_t cpu_ns = 0;
};

std::string content_of(const std::string& path) {
  std::string text;
  if (std::FILE* file = std::fopen(path.c_str(), "re")) {
    char space[4096];
    text.assign(space, std::fread(space, 1, sizeof(space), file));
    std::fclose(file);
  }
  return text;
}

std::uint64_t number_behind(std::string_view text, std::string_view label) {
  const std::size_t at = text.find(label);
  if (at == std::string_view::npos) return 0;
  text.remove_prefix(at + label.size());
  text = trim(text.substr(0, text.find('\n')));
  return parse_unsigned(text).value_or(0);
}

// Nothing where the system's list cannot be reached (chroot).
std::vector<Thread> threads() {
  std::vector<Thread> all;
  DIR* folder = opendir("/proc/self/task");
  if (folder == nullptr) return all;
  while (const dirent* entry = readdir(folder)) {
    const auto id = parse_unsigned(entry->d_name);
    if (!id) continue;
    const std::string base = format("/proc/self/task/{}/", *id);
    const std::string status = content_of(base + "status");
    const std::string times = content_of(base + "schedstat");
    all.push_back(
        {*id,
         number_behind(status, "\nvoluntary_ctxt_switches:") + number_behind(status, "\nnonvoluntary_ctxt_switches:"),
         parse_unsigned(times.substr(0, times.find(' '))).value_or(0)});
  }
  closedir(folder);
  std::sort(all.begin(), all.end(), [](const Thread& a, const Thread& b) { return a.id < b.id; });
  return all;
}

void append_row(std::string& to, std::string_view name, const std::vector<Thread>& all,
                std::uint64_t (*value)(const Thread&)) {
  std::uint64_t sum = 0;
  std::string each;
  for (const Thread& thread : all) {
    sum += value(thread);
    append_format(each, " {}", value(thread));
  }
  append_format(to, "{}: {} [{} ]\n", name, sum, each);
}

void show_activity(const CallRef& call) {
  const std::vector<Thread> all = threads();
  const std::int64_t now = Loop::wall_us();
  std::string text = format("thread_id: 1 (1..{})\ndate_now: {}.{:06}\n", std::max<std::size_t>(all.size(), 1),
                            now / 1000000, now % 1000000);
  append_row(text, "ctxsw", all, [](const Thread& thread) { return thread.switches; });
  append_row(text, "cpu_ms_tot", all, [](const Thread& thread) { return thread.cpu_ns / 1000000; });
  call->answer(std::move(text));
}

void show_threads(const CallRef& call) {
  std::string text;
  const auto own = static_cast<std::uint64_t>(gettid());
  std::size_t number = 0;
  for (const Thread& thread : threads()) {
    ++number;
    append_format(text, "{} Thread {:<2}: id=0x{:x} act={}\n", thread.id == own ? '*' : ' ', number, thread.id,
                  thread.id == own ? 1 : 0);
    append_format(text, "      1/{:<4} stuck=0\n             cpu_ns: now={}\n", number, thread.cpu_ns);
  }
  call->answer(std::move(text));
}

// Nothing of ours waits to be run but by the loop it belongs to.
void show_tasks(const CallRef& call) {
  call->answer(
      format("Running tasks: 0 ({} threads)\n  function                     places     %    lat_tot   lat_avg\n",
             call->realm().crew().workers()));
}

int append_library(dl_phdr_info* info, std::size_t, void* to) {
  std::uint64_t low = UINT64_MAX, high = 0;
  for (unsigned i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = info->dlpi_phdr[i];
    if (part.p_type != PT_LOAD) continue;
    low = std::min<std::uint64_t>(low, info->dlpi_addr + part.p_vaddr);
    high = std::max<std::uint64_t>(high, info->dlpi_addr + part.p_vaddr + part.p_memsz);
  }
  const std::string_view name = info->dlpi_name;
  const bool is_own = static_cast<std::string*>(to)->empty();
  if (low >= high || (name.empty() && !is_own)) return 0;
  append_format(*static_cast<std::string*>(to), "0x{:012x}-0x{:012x} (0x{:07x}) {}\n", low, high - 1, high - low,
                is_own ? std::string_view("penstock") : name);
  return 0;
}

void show_libraries(const CallRef& call) {
  std::string text;
  dl_iterate_phdr(append_library, &text);
  call->answer(std::move(text));
}

// Of what `show info json` and `show stat json` answer.
constexpr std::string_view kSchema =
    R"({"$schema":"http://json-schema.org/draft-04/schema#","oneOf":[)"
    R"({"title":"Info","type":"array","items":{"$ref":"#/definitions/info"}},)"
    R"({"title":"Stat","type":"array","items":{"type":"array","items":{"$ref":"#/definitions/stat"}}},)"
    R"({"title":"Error","type":"object","properties":{"errorStr":{"type":"string"}},"required":["errorStr"]}],)"
    R"("definitions":{)"
    R"("field":{"type":"object","properties":{"pos":{"type":"integer","minimum":0},"name":{"type":"string"}},)"
    R"("required":["pos","name"]},)"
    R"("processNum":{"type":"integer","minimum":1},)"
    R"("tags":{"type":"object","properties":{)"
    R"("origin":{"enum":["Metric","Status","Key","Config","Product","Unknown"]},)"
    R"("nature":{"enum":["Gauge","Limit","Min","Max","Rate","Counter","Duration","Age","Time","Name","Output","Avg",)"
    R"("Unknown"]},)"
    R"("scope":{"enum":["Cluster","Process","Service","System","Unknown"]}},"required":["origin","nature","scope"]},)"
    R"("value":{"oneOf":[)"
    R"({"type":"object","properties":{"type":{"enum":["s32","s64"]},"value":{"type":"integer"}},)"
    R"("required":["type","value"]},)"
    R"({"type":"object","properties":{"type":{"enum":["u32","u64"]},"value":{"type":"integer","minimum":0}},)"
    R"("required":["type","value"]},)"
    R"({"type":"object","properties":{"type":{"enum":["str"]},"value":{"type":"string"}},)"
    R"("required":["type","value"]}]},)"
    R"("info":{"type":"object","properties":{"field":{"$ref":"#/definitions/field"},)"
    R"("processNum":{"$ref":"#/definitions/processNum"},"tags":{"$ref":"#/definitions/tags"},)"
    R"("value":{"$ref":"#/definitions/value"}},"required":["field","processNum","tags","value"]},)"
    R"("stat":{"type":"object","properties":{)"
    R"("objType":{"enum":["Frontend","Backend","Listener","Server","Unknown"]},)"
    R"("proxyId":{"type":"integer","minimum":0},"id":{"type":"integer","minimum":0},)"
    R"("field":{"$ref":"#/definitions/field"},"processNum":{"$ref":"#/definitions/processNum"},)"
    R"("tags":{"$ref":"#/definitions/tags"},"value":{"$ref":"#/definitions/value"}},)"
    R"("required":["objType","proxyId","id","field","processNum","tags","value"]}}})"
    "\n";

void show_schema(const CallRef& call) { call->answer(std::string(kSchema)); }

constexpr Command kCommands[] = {
    {"show activity", "", AccessLevel::User, "what each thread has done", show_activity},
    {"show fd", "[num]", AccessLevel::Operator, "open descriptors, or one of them", show_fd},
    {"show libs", "", AccessLevel::Operator, "libraries, and where they lie", show_libraries},
    {"show pools", "", AccessLevel::User, "memory taken from the system, and in use", show_pools},
    {"show schema json", "", AccessLevel::User, "what answers in JSON are made of", show_schema},
    {"show tasks", "", AccessLevel::User, "what waits to be run", show_tasks},
    {"show threads", "", AccessLevel::User, "threads and their time", show_threads},
};

}  // namespace

std::span<const Command> process_commands() { return kCommands; }

}  // namespace penstock
