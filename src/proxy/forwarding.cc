#include "penstock/proxy/forwarding.h"

#include <algorithm>

namespace penstock::forwarding {
namespace {

constexpr std::string_view kNeverDropped[] = {"host",   "content-length", "transfer-encoding", "authorization",
                                              "cookie", "set-cookie",     "www-authenticate",  "expect"};

bool is_protected(std::string_view name) {
  if (starts_with_nocase(name, "x-forwarded-")) return true;
  for (std::string_view kept : kNeverDropped) {
    if (equal_nocase(name, kept)) return true;
  }
  return false;
}

// Drops what the list in one Connection field names.
void drop_named(Head& head, std::string_view list, bool upgrades) {
  while (!list.empty()) {
    const std::string_view name = trim(cut(list, ','));
    if (name.empty() || equal_nocase(name, "close") || equal_nocase(name, "keep-alive")) continue;
    if (equal_nocase(name, "upgrade") && upgrades) continue;
    if (is_protected(name)) continue;
    // Asking for trailers is all that TE may still say beyond this hop.
    if (equal_nocase(name, "te")) {
      const Field* te = head.find("te");
      if (te != nullptr && equal_nocase(te->value, "trailers")) continue;
    }
    head.drop(name);
  }
}

enum class HopField : std::uint8_t { None, Connection, Upgrade, Other };

// By length first: most fields are none of these.
HopField hop_field(std::string_view name) {
  switch (name.size()) {
    case 7:
      return equal_nocase(name, "upgrade") ? HopField::Upgrade : HopField::None;
    case 10:  // As long as User-Agent.
      if (to_lower(name[0]) == 'c') return equal_nocase(name, "connection") ? HopField::Connection : HopField::None;
      return to_lower(name[0]) == 'k' && equal_nocase(name, "keep-alive") ? HopField::Other : HopField::None;
    case 16:
      return equal_nocase(name, "proxy-connection") ? HopField::Other : HopField::None;
    default:
      return HopField::None;
  }
}

bool names_connection_scheme(std::string_view value) {
  return starts_with_nocase(value, "ntlm") || starts_with_nocase(value, "nego");
}

// The next element of a list whose elements may hold quoted commas (RFC 9110 section 5.6.1).
std::string_view cut_element(std::string_view& list) {
  bool quoted = false;
  std::size_t at = 0;
  for (; at < list.size() && (quoted || list[at] != ','); ++at) {
    if (list[at] == '"') quoted = !quoted;
    if (list[at] == '\\' && quoted) ++at;
  }
  const std::string_view element = list.substr(0, at);
  list.remove_prefix(std::min(list.size(), at + 1));
  return trim(element);
}

// An address and the option about it, of either side.
struct Told {
  const config::ForwardFor &front, &back;
  const rules::AddressSet &front_except, &back_except;
  const SocketAddress& address;
};

// The backend's name of the field wins; each side's `except` counts; `if-none` counts unless a side adds the field
// without asking.
void add_address(const Told& told, rules::Subject& subject) {
  Head& head = *subject.request;
  const config::ForwardFor &front = told.front, &back = told.back;
  if (told.address.is_unix()) return;
  if (front.enabled && told.front_except.contains(told.address)) return;
  if (back.enabled && told.back_except.contains(told.address)) return;
  const std::string& name = back.enabled ? back.header : front.header;
  const bool always = (front.enabled && !front.if_none) || (back.enabled && !back.if_none);
  if (!always && head.find(name) != nullptr) return;
  char space[64];
  head.fields.push_back(subject.arena, {name, subject.arena.copy(told.address.write_ip(space))});
}

// `unique-id-header`, `option forwardfor` and `originalto` of either side. The system may have to be asked for addresses.
void add_fields(const FrontendPlan& frontend, const BackendPlan& backend, rules::Subject& subject) {
  if (!frontend.unique_id_header.empty())
    subject.request->fields.push_back(subject.arena, {frontend.unique_id_header, subject.unique_id});
  if (frontend.forward_for.enabled || backend.forward_for.enabled)
    add_address({frontend.forward_for, backend.forward_for, frontend.rules.forward_for_except,
                 backend.rules->forward_for_except, subject.source()},
                subject);
  if (frontend.original_to.enabled || backend.original_to.enabled)
    add_address({frontend.original_to, backend.original_to, frontend.rules.original_to_except,
                 backend.rules->original_to_except, subject.destination()},
                subject);
}

// Most heads have none of them.
[[gnu::noinline]] void drop_those(Head& head, bool upgrades) {
  // The values stay where they are while fields go: they are views into the head's bytes.
  constexpr std::size_t kAtOnce = 8;
  std::string_view lists[kAtOnce];
  std::size_t count = 0;
  do {
    count = 0;
    for (std::size_t i = head.fields.size(); i-- > 0 && count < kAtOnce;) {
      const std::string_view name = head.fields[i].name;
      const HopField kind = hop_field(name);
      if (kind == HopField::None || (kind == HopField::Upgrade && upgrades)) continue;
      if (kind == HopField::Connection) lists[count++] = head.fields[i].value;
      head.fields.erase(i);
    }
    for (std::size_t i = 0; i < count; ++i) drop_named(head, lists[i], upgrades);
  } while (count == kAtOnce);
}

}  // namespace

void drop_hop_fields(Head& head, bool upgrades) {
  for (const Field& field : head.fields) {
    const HopField kind = hop_field(field.name);
    if (kind != HopField::None && (kind != HopField::Upgrade || !upgrades)) return drop_those(head, upgrades);
  }
}

void raise_version(Head& head) {
  if (head.version == HttpVersion::Http10 && head.find("host") != nullptr) head.version = HttpVersion::Http11;
}

void prepare(const FrontendPlan& frontend, const BackendPlan& backend, bool upgrades, rules::Subject& subject) {
  add_fields(frontend, backend, subject);
  if (upgrades) subject.request->drop("connection");
  raise_version(*subject.request);
}

bool closes_client(const FrontendPlan& frontend, const BackendPlan& backend) {
  using config::HttpMode;
  return backend.http_mode == HttpMode::Close || frontend.http_mode == HttpMode::Close;
}

bool closes_server(const FrontendPlan& frontend, const BackendPlan& backend, bool pinned) {
  using config::HttpMode;
  if (backend.http_mode == HttpMode::KeepAlive && frontend.http_mode == HttpMode::KeepAlive) return false;
  // `option http-server-close` would end with the connection what the client said on it.
  return !pinned || closes_client(frontend, backend);
}

void name_server(const BackendPlan& backend, Head& request, std::string_view name, Arena& arena) {
  request.drop(backend.name_header);
  request.fields.push_back(arena, {backend.name_header, arena.copy(name)});
}

std::uint64_t tunnel_ms(const FrontendPlan& frontend, const BackendPlan& backend, const rules::Subject& subject) {
  const std::int64_t by_rule = subject.effects.timeout_tunnel_ms;
  if (by_rule >= 0) return static_cast<std::uint64_t>(by_rule);
  return backend.tunnel_ms != 0 ? backend.tunnel_ms : frontend.tunnel_ms;
}

bool is_what_was_asked(const Head& request, const Head& response) {
  const auto lists = [](const Head& head, std::string_view protocol) {
    for (const Field& field : head.fields) {
      if (!equal_nocase(field.name, "upgrade")) continue;
      for (std::string_view rest = field.value; !rest.empty();) {
        if (equal_nocase(trim(cut(rest, ',')), protocol)) return true;
      }
    }
    return false;
  };
  for (const Field& field : response.fields) {
    if (!equal_nocase(field.name, "upgrade")) continue;
    for (std::string_view rest = field.value; !rest.empty();) {
      const std::string_view protocol = trim(cut(rest, ','));
      if (!protocol.empty() && !lists(request, protocol)) return false;
    }
  }
  return true;
}

bool carries_connection_credential(const Head& request) {
  for (const Field& field : request.fields) {
    const bool may = field.name.size() == 13 || field.name.size() == 19;
    if (may && (equal_nocase(field.name, "authorization") || equal_nocase(field.name, "proxy-authorization")) &&
        names_connection_scheme(field.value)) {
      return true;
    }
  }
  return false;
}

bool asks_connection_credential(const Head& response) {
  const bool challenge = response.status == 401 || response.status == 407;
  for (const Field& field : response.fields) {
    if (field.name.size() == 15 && equal_nocase(field.name, "persistent-auth") && equal_nocase(field.value, "true"))
      return true;
    if (!challenge) continue;
    if (!equal_nocase(field.name, "www-authenticate") && !equal_nocase(field.name, "proxy-authenticate")) continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      if (names_connection_scheme(cut_element(rest))) return true;
    }
  }
  return false;
}

}  // namespace penstock::forwarding
