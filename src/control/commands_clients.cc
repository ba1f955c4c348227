// What is under way: requests, tunnels, and server connections that are a client's own.
#include <algorithm>
#include <atomic>
#include <charconv>
#include <ctime>
#include <functional>
#include <memory>

#include "clients_seen.h"
#include "command.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/control/crew.h"
#include "penstock/proxy/station.h"
#include "realm.h"

namespace penstock {
namespace {

using config::AccessLevel;
using All = std::vector<Running>;

constexpr std::size_t kInPiece = 64;

using Append = void (*)(std::string&, const Running&, const Crew&);
using Wanted = std::function<bool(const Running&)>;

void list(const CallRef& call, std::string head, Append append, Wanted wanted) {
  look_at_clients(call->realm().crew(), [=](const std::shared_ptr<const All>& all) {
    call->answer_by([=, at = std::size_t{0}](std::string& to) mutable {
      if (at == 0) to += head;
      const std::size_t end = std::min(all->size(), at + kInPiece);
      for (; at < end; ++at) {
        if (wanted((*all)[at])) append(to, (*all)[at], call->realm().crew());
      }
      return at < all->size();
    });
  });
}

bool is_under_way(const Running& running) { return running.kind != Running::Kind::Idle; }

std::string_view or_none(const std::string& name, std::string_view none) {
  return name.empty() ? none : std::string_view(name);
}

const char* protocol_of(const Running& running) {
  return running.is_unix ? "unix_stream" : running.is_ip6 ? "tcpv6" : "tcpv4";
}

std::uint64_t age_ms(const Running& running, const Crew& crew) {
  return crew.now_ms() > running.began_ms ? crew.now_ms() - running.began_ms : 0;
}

// "7s", "5m12s", "1h2m", "3d4h"
std::string short_age(std::uint64_t seconds) {
  if (seconds < 60) return format("{}s", seconds);
  if (seconds < 3600) return format("{}m{}s", seconds / 60, seconds % 60);
  if (seconds < 86400) return format("{}h{}m", seconds / 3600, seconds / 60 % 60);
  return format("{}d{}h", seconds / 86400, seconds / 3600 % 24);
}

// HAProxy's line; flags of its own workings are 0.
void append_line(std::string& to, const Running& running, const Crew& crew) {
  append_format(
      to,
      "0x{:x}: proto={} src={} fe={} be={} srv={} ts=00 epoch=0 age={} calls=1 rate=0 cpu=0 lat=0 "
      "rq[f=0h,i=0,an=00h,rx=,wx=,ax=] rp[f=0h,i=0,an=00h,rx=,wx=,ax=] scf=[0,0h,fd=-1] scb=[0,0h,fd=-1] exp= "
      "rc={} c_exp=\n",
      running.id, protocol_of(running), running.source, running.frontend, or_none(running.backend, "<NONE>"),
      or_none(running.server, "<none>"), short_age(age_ms(running, crew) / 1000), running.retries);
}

std::string date_text(std::int64_t wall_us) {
  const std::time_t seconds = wall_us / 1'000'000;
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  char text[32] = "";
  const std::size_t size = std::strftime(text, sizeof(text), "%d/%b/%Y:%H:%M:%S", &parts);
  return format("{}.{:06}", std::string_view(text, size), wall_us % 1'000'000);
}

void append_whole(std::string& to, const Running& running, const Crew& crew) {
  const Snapshot& snapshot = *crew.snapshot();
  append_format(to, "0x{:x}: [{}] id=0 proto={} source={}\n", running.id, date_text(running.accepted_us),
                protocol_of(running), running.source);
  append_format(to, "  flags=0x0, conn_retries={}, phase={}, pinned={}, age={}ms\n", running.retries,
                or_none(std::string(running.phase), "idle"), running.pinned ? "yes" : "no", age_ms(running, crew));
  for (const auto& plan : snapshot.frontends) {
    if (plan->name != running.frontend) continue;
    append_format(to, "  frontend={} (id={} mode={}), addr={}\n", plan->name, snapshot.frontend_id(plan->number),
                  plan->mode == config::Mode::Http ? "http" : "tcp", running.destination);
  }
  const int number = snapshot.backend_number(running.backend);
  const BackendPlan* backend = snapshot.backend(number);
  if (backend == nullptr)
    append_format(to, "  backend={} (id=-1 mode=-)\n", or_none(running.backend, "<NONE>"));
  else
    append_format(to, "  backend={} (id={} mode={})\n", running.backend, snapshot.backend_id(number),
                  backend->mode == config::Mode::Http ? "http" : "tcp");
  const ServerSpec* server = snapshot.find_server(running.backend, running.server);
  if (server == nullptr)
    append_format(to, "  server={} (id=-1)\n", or_none(running.server, "<NONE>"));
  else
    append_format(to, "  server={} (id={}) addr={}\n", running.server, server->id, running.server_address);
}

// "0x..." or digits; 0: neither.
std::uint64_t id_of(std::string_view text) {
  const bool hexadecimal = text.starts_with("0x");
  if (hexadecimal) text.remove_prefix(2);
  std::uint64_t id = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), id, hexadecimal ? 16 : 10);
  return read.ec == std::errc() && read.ptr == text.data() + text.size() ? id : 0;
}

void show_sess(const CallRef& call) {
  const std::string_view which = call->argument(0);
  if (which == "all") return list(call, {}, append_whole, is_under_way);
  const std::uint64_t id = id_of(which);
  if (id == 0) return list(call, {}, append_line, is_under_way);
  look_at_clients(call->realm().crew(), [call, id](const std::shared_ptr<const All>& all) {
    const auto found = std::find_if(all->begin(), all->end(), [id](const Running& each) { return each.id == id; });
    if (found == all->end()) return call->fail("Session not found.\n");
    std::string text;
    append_whole(text, *found, call->realm().crew());
    call->answer(std::move(text));
  });
}

void end_one(const CallRef& call) {
  if (call->argument(0).empty()) return call->fail("Session pointer expected (use 'show sess').\n");
  const std::uint64_t id = id_of(call->argument(0));
  const auto found = std::make_shared<std::atomic<bool>>(false);
  call->realm().crew().ask(
      [found, id](unsigned, Station& station) {
        if (id != 0 && station.kill(id)) *found = true;
      },
      [found, call] { *found ? call->done() : call->fail("No such session (use 'show sess').\n"); });
}

void append_request(std::string& to, const Running& running, const Crew& crew) {
  append_format(to, "0x{:x} {} {} {} {} {} {} {}\n", running.id,
                running.kind == Running::Kind::Tunnel ? "tunnel" : running.phase, duration_text(age_ms(running, crew)),
                running.source, running.frontend, or_none(running.backend, "-"), or_none(running.server, "-"),
                running.pinned ? "pinned" : "-");
}

void show_requests(const CallRef& call) {
  list(call, "# id phase age client frontend pool server pinned\n", append_request, is_under_way);
}

void append_pins(std::string& to, const Running& running, const Crew&) {
  const std::string busy = running.server.empty() ? std::string() : format("{}/{}", running.backend, running.server);
  append_format(to, "0x{:x} {} {} {}", running.id, running.source, running.frontend, or_none(busy, "-"));
  std::string idle;
  for (const std::string& name : running.own) idle += (idle.empty() ? "" : ",") + name;
  append_format(to, " {}\n", or_none(idle, "-"));
}

void show_pins(const CallRef& call) {
  list(call, "# id client frontend in_use idle\n", append_pins, [](const Running& each) { return each.pinned; });
}

constexpr Command kCommands[] = {
    {"show pins", "", AccessLevel::Operator, "clients that keep server connections of their own (NTLM, Negotiate)",
     show_pins},
    {"show requests", "", AccessLevel::Operator, "every request under way: where it stands, since when, whose",
     show_requests},
    {"show sess", "[id]", AccessLevel::Operator, "what is under way, as HAProxy lists it, or one of it in full",
     show_sess},
    {"shutdown session", "[id]", AccessLevel::Admin, "end what 'show sess' lists under this id", end_one},
};

}  // namespace

std::span<const Command> clients_commands() { return kCommands; }

}  // namespace penstock
