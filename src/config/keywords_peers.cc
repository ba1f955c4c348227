// `peers` sections (configuration manual, section 3.5).
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "keywords.h"

namespace penstock::config {

namespace {

using PeersKeyword = Keyword<PeerSection>;

// What our own name is among peers: -L says, else the system.
std::string local_name(const Reading& reading) {
  if (const std::string* told = reading.environment.find("HAPROXY_LOCALPEER"); told != nullptr && !told->empty())
    return *told;
  char name[256] = "";
  gethostname(name, sizeof(name) - 1);
  return name;
}

constexpr const char* kNoTls =
    "TLS is not offered between peers: let them speak over a private network or a tunnel, and leave the word out";

// Words of server lines, which are known, and of which none changes anything between peers.
void take_server_words(Line& line) {
  Server other;
  bool said = false;
  while (line.more()) {
    const Word& word = line.pop();
    const Keyword<Server>* row = find_keyword(server_keywords(), word.text);
    if (row == nullptr) return complain_unknown(line, word, "a 'peer' line", names_of(server_keywords()));
    line.start(*row, word);
    row->parse(line, other);
    if (other.tls.enabled) return line.complain(word.place, kNoTls);
    if (!std::exchange(said, true))
      line.warn(word.place, format("'{}' has no effect here: a peer is neither checked nor chosen", word.text));
  }
}

void add_peer(Line& line, PeerSection& section) {
  Peer peer;
  peer.place = line.place;
  const Word* name = line.take_filled("a name");
  if (name == nullptr) return;
  peer.name = name->text;
  if (std::any_of(section.peers.begin(), section.peers.end(),
                  [&](const Peer& other) { return other.name == peer.name; }))
    return line.complain(name->place, format("this section has a peer '{}' already", peer.name));
  // Who is here, at a `bind` line, has none.
  if (line.more() && find_keyword(server_keywords(), line.peek_text()) == nullptr) {
    const Place place = line.peek().place;
    peer.address = take_address(line, AddressUse::Server);
    if (!peer.address) return;
    using Kind = Address::Kind;
    const bool is_path = peer.address->kind == Kind::Unix || peer.address->kind == Kind::Abstract;
    const bool has_port = !peer.address->port_is_offset && peer.address->port_low != 0 &&
                          peer.address->port_low == peer.address->port_high;
    if (peer.address->kind == Kind::Fd || (!is_path && !has_port))
      return line.complain(place, "the address of a peer has its port, such as 192.0.2.1:1024");
  }
  take_server_words(line);
  if (!line.failed()) section.peers.push_back(std::move(peer));
}

void parse_peers_bind(Line& line, PeerSection& section) {
  const Place place = line.place;
  auto bind = take_bind(line);
  if (!bind) return;
  if (section.bind) return line.complain(place, "a section of peers has one 'bind' line, and this one has it already");
  if (bind->tls.enabled) return line.complain(place, kNoTls);
  const Address& address = bind->addresses.front();
  if (bind->addresses.size() > 1 || address.port_low != address.port_high)
    return line.complain(place, "a 'bind' line of peers has one address with one port");
  section.bind = std::move(bind);
}

void parse_default_bind(Line& line, PeerSection&) {
  const Place place = line.place;
  Bind bind;
  while (line.more()) {
    const Word& word = line.pop();
    const Keyword<Bind>* row = find_keyword(bind_keywords(), word.text);
    if (row == nullptr) return complain_unknown(line, word, "a 'default-bind' line", names_of(bind_keywords()));
    line.start(*row, word);
    row->parse(line, bind);
  }
  if (bind.tls.enabled) return line.complain(place, kNoTls);
  if (!line.failed()) line.warn(place, "'default-bind' has no effect: write its words on the 'bind' line");
}

void parse_default_server_of_peers(Line& line, PeerSection&) { take_server_words(line); }
void parse_disabled(Line&, PeerSection& section) { section.disabled = true; }
void parse_enabled(Line&, PeerSection& section) { section.disabled = false; }

void parse_table(Line& line, PeerSection& section) {
  const Word* name = line.take_filled("a name");
  if (name == nullptr) return;
  if (!is_proxy_name(name->text)) return line.complain(name->place, format("'{}' is no name for a table", name->text));
  NamedTable named{format("{}/{}", section.name, name->text), {}};
  if (std::any_of(section.tables.begin(), section.tables.end(),
                  [&](const NamedTable& other) { return other.name == named.name; }))
    return line.complain(name->place, format("this section has a table '{}' already", name->text));
  auto table = take_stick_table(line, "table");
  if (!table) return;
  if (!table->peers.empty())
    return line.complain(table->peers_place, "'peers' is said already by the section that the table stands in");
  named.table = std::move(*table);
  named.table.peers = section.name;
  section.tables.push_back(std::move(named));
}

constexpr PeersKeyword kPeersKeywords[] = {
    {"bind", parse_peers_bind,
     "Where other peers come to: an address and words of 'bind' lines; the local peer then has no address."},
    {"default-bind", parse_default_bind, "Has no effect: the 'bind' line has its own words."},
    {"default-server", parse_default_server_of_peers, "Words of 'server' lines: none of them changes anything here."},
    {"disabled", parse_disabled, "Nobody is called, nobody may come; tables are this process's alone."},
    {"enabled", parse_enabled, "Takes 'disabled' back."},
    {"log", no_effect<PeerSection>, "What peers do is told in the process's own log."},
    {"peer", add_peer,
     "<name> <address>:<port>: another process that has the same tables; or, if it has the name of this one, where "
     "others come to."},
    {"server", add_peer, "The same as 'peer'; without an address if it is this process and there is a 'bind' line."},
    {"table", parse_table,
     "<name> and words of 'stick-table': a table that all of these peers have. Rules call it <section>/<name>."},
};
static_assert(is_sorted(kPeersKeywords));

// Our own line is where others come to.
void find_local(Reading& reading, PeerSection& section, const std::string& name) {
  const auto local =
      std::find_if(section.peers.begin(), section.peers.end(), [&](const Peer& peer) { return peer.name == name; });
  if (local == section.peers.end()) {
    reading.diagnostics.warn(section.place,
                             format("'peers {}' shares nothing: none of its peers is called '{}', as this process is; "
                                    "name one so, or say which we are by 'localpeer' in global or by -L",
                                    section.name, name));
    return;
  }
  section.local = name;
  if (section.bind && local->address)
    reading.diagnostics.warn(
        local->place, format("the address of '{}' has no effect: the 'bind' line says where others come to", name));
  if (section.disabled) return;
  if (section.bind) {
    section.listen = *section.bind;
  } else if (local->address) {
    section.listen.place = local->place;
    section.listen.addresses.push_back(*local->address);
  }
  for (const Peer& peer : section.peers) {
    if (peer.name != name && !peer.address)
      reading.diagnostics.warn(peer.place,
                               format("peer '{}' has no address: it is waited for, and never called", peer.name));
  }
}

}  // namespace

std::span<const Keyword<PeerSection>> peers_keywords() { return kPeersKeywords; }

std::optional<PeerSection> take_peers(Line& line) {
  const Word* name = line.take("a name");
  if (name == nullptr) return std::nullopt;
  PeerSection section;
  section.place = name->place;
  section.name = name->text;
  const std::vector<PeerSection>& others = line.reading.config.peers;
  if (!is_proxy_name(section.name)) {
    line.complain(name->place,
                  format("'{}' is no name for peers: letters, digits, '-', '_', '.' and ':' are", section.name));
  } else if (std::any_of(others.begin(), others.end(),
                         [&](const PeerSection& other) { return other.name == section.name; })) {
    line.complain(name->place, format("there is a section 'peers {}' already", section.name));
  }
  return line.failed() ? std::nullopt : std::optional(std::move(section));
}

void resolve_peers(Reading& reading, const std::string& told) {
  const std::string name = told.empty() ? local_name(reading) : told;
  for (PeerSection& section : reading.config.peers) find_local(reading, section, name);
}

void resolve_peers_of(Reading& reading, const StickTable& table) {
  if (table.peers.empty()) return;
  std::vector<std::string_view> names;
  for (const PeerSection& section : reading.config.peers) names.push_back(section.name);
  if (std::find(names.begin(), names.end(), table.peers) != names.end()) return;
  const std::string_view near = nearest(table.peers, names);
  reading.diagnostics.add(table.peers_place, format("there is no section 'peers {}'{}", table.peers,
                                                    near.empty() ? "" : format("; did you mean '{}'?", near)));
}

}  // namespace penstock::config
