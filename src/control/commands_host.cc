// One command for a machine in all its pools: a patch of an Exchange server begins with `drain host EX01 wait 10m`.
#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "clients_seen.h"
#include "command.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/config/model.h"
#include "penstock/control/crew.h"
#include "penstock/net/living.h"
#include "realm.h"

namespace penstock {
namespace {

using config::AccessLevel;

// How often it is looked whether somebody is left: by a count that lies ready, and where that is 0, by asking workers.
constexpr std::uint64_t kLookMs = 100;

struct Member {
  std::string backend, server;
  std::shared_ptr<Server> state;
  std::string name() const { return backend + "/" + server; }
};
using Members = std::vector<Member>;

std::string ip_of(const ServerSpec& server) {
  const auto moved = server.state->moved();
  const SocketAddress& address = moved ? moved->to.address : server.address;
  return address.empty() ? std::string() : address.ip_text();
}

bool is_called(const Snapshot& snapshot, const BackendSpec& backend, const ServerSpec& server, std::string_view host) {
  if (equal_nocase(server.name, host)) return true;
  const config::Proxy* proxy = snapshot.config.find_backend(backend.name);
  if (proxy == nullptr) return false;
  return std::any_of(proxy->servers.begin(), proxy->servers.end(), [&](const config::Server& line) {
    return line.name == server.name && line.address.kind == config::Address::Kind::Name &&
           equal_nocase(line.address.host, host);
  });
}

// By address.
std::map<std::string, Members> machines(const Snapshot& snapshot, std::string_view host) {
  std::map<std::string, Members> all;
  std::set<std::string> meant;
  for (const auto& plan : snapshot.backends) {
    for (const ServerSpec& server : plan->balance.servers) {
      const std::string ip = ip_of(server);
      if (ip.empty()) continue;
      all[ip].push_back({plan->balance.name, server.name, server.state});
      if (ip == host || is_called(snapshot, plan->balance, server, host)) meant.insert(ip);
    }
  }
  std::erase_if(all, [&](const auto& entry) { return !meant.contains(entry.first); });
  return all;
}

std::string listing(const std::map<std::string, Members>& machines) {
  std::string text;
  for (const auto& [ip, members] : machines) {
    append_format(text, "  {}:", ip);
    for (const Member& member : members) append_format(text, " {}", member.name());
    text += '\n';
  }
  return text;
}

std::uint32_t in_use(const Member& member) { return member.state->in_use.load(std::memory_order_relaxed); }

// Clients that have a connection of their own to it, in use or not.
std::map<std::string, std::uint32_t> pinned_to(const std::vector<Running>& all) {
  std::map<std::string, std::uint32_t> counts;
  for (const Running& running : all) {
    if (!running.pinned) continue;
    std::set<std::string> servers(running.own.begin(), running.own.end());
    if (!running.server.empty()) servers.insert(format("{}/{}", running.backend, running.server));
    for (const std::string& server : servers) ++counts[server];
  }
  return counts;
}

// Requests of pinned clients are theirs, not the pool's.
std::string report(const Members& members, const std::vector<Running>& all, bool& nobody) {
  std::map<std::string, std::uint32_t> busy;
  for (const Running& running : all) {
    if (running.pinned && !running.server.empty()) ++busy[format("{}/{}", running.backend, running.server)];
  }
  std::map<std::string, std::uint32_t> pinned = pinned_to(all);
  nobody = true;
  std::string text;
  for (const Member& member : members) {
    const std::uint32_t used = in_use(member), own = busy[member.name()];
    const std::uint32_t persistent = used > own ? used - own : 0;
    nobody = nobody && persistent == 0 && pinned[member.name()] == 0;
    append_format(text, "{}: still: {} persistent, {} pinned\n", member.name(), persistent, pinned[member.name()]);
  }
  return text;
}

// Answers when nobody is left on these servers, or its time is over. Goes with the call.
class Wait final : public Living {
 public:
  Wait(Call& call, Members members, std::uint64_t limit_ms)
      : Living(call.realm().loop()), call_(call), members_(std::move(members)), end_ms_(loop().now() + limit_ms) {
    set_deadline(1);
  }

 private:
  void on_deadline() override {
    if (call_.left()) return call_.done();
    const bool late = loop().now() >= end_ms_;
    const bool is_busy =
        std::any_of(members_.begin(), members_.end(), [](const Member& each) { return in_use(each) != 0; });
    if (is_busy && !late) return set_deadline(kLookMs);
    look_at_clients(call_.realm().crew(), [this, call = call_.shared_from_this(), late](const auto& all) {
      if (call->abandoned() || call->ready()) return;
      bool nobody = false;
      std::string text = report(members_, *all, nobody);
      if (nobody || late) return call->answer(std::move(text));
      set_deadline(10 * kLookMs);
    });
  }

  Call& call_;
  const Members members_;
  const std::uint64_t end_ms_;
};

// How long to wait; 0: not at all. None: the call has failed.
std::optional<std::uint64_t> wait_of(const CallRef& call, bool& hard) {
  std::uint64_t limit_ms = 0;
  const std::vector<std::string> words = call->arguments();
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i] == "hard") {
      hard = true;
      continue;
    }
    const auto time =
        words[i] == "wait" && i + 1 < words.size() ? parse_duration_ms(words[i + 1], TimeUnit::Second) : std::nullopt;
    if (!time || *time == 0) {
      call->fail("Behind the host may stand 'hard' and 'wait <time>', such as 'wait 10m'.\n");
      return std::nullopt;
    }
    limit_ms = *time;
    ++i;
  }
  return limit_ms;
}

void set_all(const CallRef& call, const Members& members, Administration wanted, std::uint64_t limit_ms) {
  ServerChange change;
  change.administration = wanted;
  const auto left = std::make_shared<std::size_t>(members.size());
  const auto done = [call, left, members, limit_ms] {
    if (--*left != 0 || call->abandoned()) return;
    if (limit_ms != 0) return call->keep(Owned<Mortal>(new Wait(*call, members, limit_ms)));
    look_at_clients(call->realm().crew(), [call, members](const auto& all) {
      bool nobody = false;
      call->answer(report(members, *all, nobody));
    });
  };
  call->patient = limit_ms != 0;
  for (const Member& member : members) {
    if (!call->realm().crew().change(member.backend, member.server, change, done)) done();
  }
}

template <Administration Wanted>
void set_host(const CallRef& call) {
  const std::string_view host = call->argument(0);
  if (host.empty()) return call->fail("Require the name or the address of a server.\n");
  bool hard = false;
  const auto limit_ms = wait_of(call, hard);
  if (!limit_ms) return;
  if constexpr (Wanted != Administration::Drain) {
    if (call->arguments().size() > 1) return call->fail("'wait' and 'hard' belong to 'drain host'.\n");
  }
  const auto found = machines(*call->realm().crew().snapshot(), host);
  if (found.empty()) return call->fail(format("No pool has a server of the name or address '{}'.\n", host));
  if (found.size() > 1) {
    return call->fail(format("'{}' stands for several addresses: nothing was changed, say which one is meant.\n{}",
                             host, listing(found)));
  }
  // Who is bound by a cookie moves from one in maintenance; a connection of a client's own stays there all the same.
  set_all(call, found.begin()->second, hard ? Administration::Maintenance : Wanted, *limit_ms);
}

constexpr Command kCommands[] = {
    {"drain host", "<host> [hard] [wait <time>]", AccessLevel::Admin,
     "no new clients for a machine, in all its pools; who is left there", set_host<Administration::Drain>},
    {"maint host", "<host>", AccessLevel::Admin, "maintenance for a machine, in all its pools",
     set_host<Administration::Maintenance>},
    {"ready host", "<host>", AccessLevel::Admin, "a machine serves again, in all its pools",
     set_host<Administration::Ready>},
};

}  // namespace

std::span<const Command> host_commands() { return kCommands; }

}  // namespace penstock
