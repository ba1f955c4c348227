// `ring` sections (configuration manual, section 3.9).
#include <algorithm>
#include <tuple>
#include <utility>

#include "finish.h"
#include "keywords.h"
#include "penstock/base/text.h"

namespace penstock::config {

namespace {

using RingKeyword = Keyword<Ring>;

constexpr std::string_view kProtocols[] = {"legacy", "octet-count"};
constexpr std::string_view kTimeouts[] = {"connect", "server"};
constexpr std::string_view kOtherSinks[] = {Ring::kBuiltIn, "stdout", "stderr"};
constexpr std::uint64_t kSmallest = 16384, kLargest = std::uint64_t{1} << 30;

void parse_description(Line& line, Ring& ring) {
  ring.description = line.take_text("a text");
  for (const Word& word : line.take_rest()) append_format(ring.description, " {}", word.text);
}

void parse_format(Line& line, Ring& ring) {
  if (const auto choice = line.take_choice(log_formats())) ring.format = static_cast<LogTarget::Format>(*choice);
}

void parse_maxlen(Line& line, Ring& ring) { ring.length = line.take_number("a length", 1, kLargest); }

void parse_size(Line& line, Ring& ring) {
  const Place place = line.more() ? line.peek().place : line.place;
  const std::uint64_t size = line.take_size();
  if (line.failed()) return;
  if (size < kSmallest || size > kLargest)
    return line.complain(place, format("'size' expects {} bytes to 1g, not {}", kSmallest, size));
  ring.size = size;
}

void parse_timeout(Line& line, Ring& ring) {
  const Word* word = line.take("'connect' or 'server'");
  if (word == nullptr) return;
  if (word->text == "connect" || word->text == "server") {
    line.subject = "timeout " + word->text;
    (word->text == "connect" ? ring.connect_ms : ring.server_ms) = line.take_ms();
    return;
  }
  if (find_keyword(timeout_keywords(), word->text) == nullptr)
    return complain_unknown(line, *word, "'timeout' of a ring", kTimeouts);
  line.warn(word->place, format("'timeout {}' has no effect in a ring: 'connect' and 'server' have", word->text));
  line.skip_rest();
}

auto tls_of(const Server& server) {
  return std::tie(server.tls, server.sni, server.verify_host, server.certificate, server.password_file);
}

// The name in `str(<name>)`: there is no request that others could be about.
void take_tls_name(Line& line, RingServer& server) {
  std::string_view name = server.line.sni->text;
  const bool is_fixed = name.starts_with("str(") && name.ends_with(")");
  if (is_fixed) name = trim(name.substr(4, name.size() - 5));
  if (!is_fixed || name.empty() || name.find_first_of("\"'\\,() ") != std::string_view::npos)
    return line.complain(server.line.sni->place, "'sni' of a server of a ring is a fixed name: str(<name>)");
  server.tls_name = name;
}

// What else a server line may say than of TLS is about traffic, which a ring has none of.
void take_server_words(Line& line, RingServer& server) {
  bool said = false;
  while (line.more()) {
    const Word& word = line.pop();
    if (word.text == "log-proto") {
      line.subject = word.text;
      if (const auto choice = line.take_choice(kProtocols)) server.octet_count = *choice == 1;
      continue;
    }
    const Keyword<Server>* row = find_keyword(server_keywords(), word.text);
    if (row == nullptr) return complain_unknown(line, word, "a 'server' line", names_of(server_keywords()));
    if (word.text.starts_with("send-proxy")) {
      return line.complain(word.place,
                           format("'{}' is not offered in a ring: what is sent is nobody's connection", word.text));
    }
    Server other = server.line;
    line.start(*row, word);
    row->parse(line, other);
    if (tls_of(other) != tls_of(server.line)) {
      std::swap(server.line, other);
    } else if (!std::exchange(said, true)) {
      line.warn(word.place, format("'{}' has no effect in a ring: its servers are sent lines, and nothing is asked of "
                                   "them; 'log-proto' and words about TLS have",
                                   word.text));
    }
  }
  if (!line.failed() && server.line.sni) take_tls_name(line, server);
}

void parse_ring_server(Line& line, Ring& ring) {
  RingServer server;
  server.line.place = line.place;
  server.line.tls = line.reading.config.global.server_defaults;
  server.line.tls.place = line.place;
  const Word* name = line.take("a name and an address");
  if (name == nullptr) return;
  if (!is_proxy_name(name->text)) return line.complain(name->place, format("'{}' is no name for a server", name->text));
  if (std::any_of(ring.servers.begin(), ring.servers.end(),
                  [&](const auto& other) { return other.line.name == name->text; }))
    return line.complain(name->place, format("this ring has a server '{}' already", name->text));
  server.line.name = name->text;
  const Place place = line.more() ? line.peek().place : line.place;
  auto address = take_address(line, AddressUse::Server);
  if (!address) return;
  using Kind = Address::Kind;
  const bool is_path = address->kind == Kind::Unix || address->kind == Kind::Abstract;
  const bool has_port = !address->port_is_offset && address->port_low != 0 && address->port_low == address->port_high;
  if (address->kind == Kind::Any || address->kind == Kind::Fd || (!is_path && !has_port))
    return line.complain(place,
                         "a server of a ring is an address with its port, such as 127.0.0.1:514, or the path "
                         "of a unix socket");
  server.line.address = std::move(*address);
  take_server_words(line, server);
  if (!line.failed()) ring.servers.push_back(std::move(server));
}

// Whom to trust, if nothing says that; then nobody is spoken to.
void finish_ring_server(Reading& reading, Server& server) {
  finish_server_tls(reading, server, server.tls.enabled);
  if (server.tls.enabled && server.tls.verify == Tls::Verify::Required && server.tls.ca_file.empty()) {
    reading.diagnostics.add(
        server.tls.place, format("server '{}' is to be verified, which is the default, and no 'ca-file' says by whom: "
                                 "write 'ca-file FILE' ('@system-ca' for public authorities), or 'verify none'",
                                 server.name));
  }
}

constexpr RingKeyword kRingKeywords[] = {
    {"backing-file", no_effect<Ring>, "Rings are in memory; 'show events' reads them, and a server has a copy."},
    {"description", parse_description, "What 'show events' says of the ring: <text>."},
    {"format", parse_format,
     "How lines look in the ring, whatever the 'log' line says: raw unless said otherwise; see 'log'."},
    {"maxlen", parse_maxlen, "Longest line of the ring; longer ones are cut."},
    {"server", parse_ring_server,
     "Gets a copy of each line over TCP: <name> <address>:<port> [log-proto legacy|octet-count] [ssl and other words "
     "about TLS; sni str(<name>)]. While it is slow or away nobody waits; what is overwritten meanwhile it never "
     "gets."},
    {"size", parse_size, "Bytes of lines that the ring keeps at least, 16k unless said otherwise."},
    {"timeout", parse_timeout,
     "connect <time>: for a connection to a server, 5s unless said otherwise. server <time>: for a server that takes "
     "nothing."},
};
static_assert(is_sorted(kRingKeywords));

// Says in the target what its ring says. False: there is no such ring.
bool resolve(LogTarget& target, std::vector<Ring>& rings, std::vector<bool>& used) {
  if (target.ring == Ring::kBuiltIn) {
    target.format = Ring::kBuiltInFormat;
    target.ring_size = Ring::kBuiltInSize;
    return true;
  }
  const auto found =
      std::find_if(rings.begin(), rings.end(), [&](const Ring& ring) { return ring.name == target.ring; });
  if (found == rings.end()) return false;
  used[static_cast<std::size_t>(found - rings.begin())] = true;
  target.format = found->format;
  target.ring_size = found->size;
  if (found->length != 0)
    target.length = static_cast<std::uint32_t>(std::min<std::uint64_t>(target.length, found->length));
  return true;
}

}  // namespace

std::span<const Keyword<Ring>> ring_keywords() { return kRingKeywords; }

std::optional<Ring> take_ring(Line& line) {
  const Word* name = line.take("a name");
  if (name == nullptr) return std::nullopt;
  Ring ring;
  ring.place = name->place;
  ring.name = name->text;
  const auto has_name = [&](const Ring& other) { return other.name == ring.name; };
  const std::vector<Ring>& others = line.reading.config.rings;
  if (!is_proxy_name(ring.name)) {
    line.complain(name->place,
                  format("'{}' is no name for a ring: letters, digits, '-', '_', '.' and ':' are", ring.name));
  } else if (std::any_of(others.begin(), others.end(), has_name)) {
    line.complain(name->place, format("there is a section 'ring {}' already", ring.name));
  } else if (std::find(std::begin(kOtherSinks), std::end(kOtherSinks), ring.name) != std::end(kOtherSinks)) {
    line.complain(name->place, format("'{}' is there without a section: give the ring another name", ring.name));
  }
  return line.failed() ? std::nullopt : std::optional(std::move(ring));
}

void resolve_rings(Reading& reading) {
  std::vector<Ring>& rings = reading.config.rings;
  std::vector<bool> used(rings.size());
  std::vector<std::string_view> names{Ring::kBuiltIn};
  for (Ring& ring : rings) {
    names.push_back(ring.name);
    for (RingServer& server : ring.servers) finish_ring_server(reading, server.line);
    if (ring.length <= ring.size) continue;
    reading.diagnostics.warn(
        ring.place,
        format("'maxlen {}' is more than the ring has: a line has at most its size, {}", ring.length, ring.size));
    ring.length = ring.size;
  }
  const auto resolve_all = [&](std::vector<LogTarget>& targets) {
    std::erase_if(targets, [&](LogTarget& target) {
      if (target.kind != LogTarget::Kind::Ring || resolve(target, rings, used)) return false;
      const std::string_view near = nearest(target.ring, names);
      reading.diagnostics.warn(target.place,
                               format("there is no section 'ring {}': this line logs nothing{}", target.ring,
                                      near.empty() ? "" : format("; did you mean '{}'?", near)));
      return true;
    });
  };
  resolve_all(reading.config.global.logs);
  for (Draft& draft : reading.drafts) resolve_all(draft.proxy.logs);
  for (std::size_t i = 0; i < rings.size(); ++i) {
    if (used[i]) continue;
    reading.diagnostics.warn(rings[i].place, format("'ring {}' stays empty: no 'log ring@{}' line writes to it",
                                                    rings[i].name, rings[i].name));
  }
}

}  // namespace penstock::config
