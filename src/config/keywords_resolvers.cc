// `resolvers` sections (configuration manual, section 5.3), and the words of servers about them.
#include <algorithm>
#include <utility>

#include "keywords.h"

namespace penstock::config {

namespace {

using ResolversKeyword = Keyword<Resolvers>;

constexpr std::string_view kTimeouts[] = {"resolve", "retry"};
constexpr std::string_view kFamilies[] = {"ipv4", "ipv6"};
constexpr std::size_t kMostNetworks = 5;
constexpr std::uint64_t kMostRetries = 1000;
constexpr std::uint64_t kLeastPayload = 512, kMostPayload = 65535;
// What the library reads of a datagram.
constexpr std::uint64_t kUsefulPayload = 4096;

struct HoldWord {
  std::string_view name;
  std::uint64_t Resolvers::Hold::*ms;
};
constexpr HoldWord kHolds[] = {{"nx", &Resolvers::Hold::nx_ms},           {"obsolete", &Resolvers::Hold::obsolete_ms},
                               {"other", &Resolvers::Hold::other_ms},     {"refused", &Resolvers::Hold::refused_ms},
                               {"timeout", &Resolvers::Hold::timeout_ms}, {"valid", &Resolvers::Hold::valid_ms}};

void parse_payload(Line& line, Resolvers& section) {
  const Place place = line.more() ? line.peek().place : line.place;
  const std::uint64_t size = line.take_number("a number of bytes", 12, kMostPayload);
  if (line.failed()) return;
  section.payload = static_cast<std::uint32_t>(std::clamp(size, kLeastPayload, kUsefulPayload));
  if (size < kLeastPayload)
    line.warn(place, format("{} is less than any name server may be told: {} is", size, kLeastPayload));
  if (size > kUsefulPayload) {
    line.warn(place, format("answers over UDP are read up to {} bytes, which name servers are told; they send longer "
                            "ones over TCP",
                            kUsefulPayload));
  }
}

void parse_hold(Line& line, Resolvers& section) {
  const Word* word = line.take("nx, obsolete, other, refused, timeout or valid");
  if (word == nullptr) return;
  for (const HoldWord& hold : kHolds) {
    if (hold.name != word->text) continue;
    line.subject = "hold " + word->text;
    section.hold.*hold.ms = line.take_ms();
    return;
  }
  std::vector<std::string_view> names;
  for (const HoldWord& hold : kHolds) names.push_back(hold.name);
  complain_unknown(line, *word, "'hold'", names);
}

// Those who are asked by TCP alone are named so.
bool is_stream(std::string_view address) { return address.starts_with("tcp") || address.starts_with("stream+"); }

void parse_nameserver(Line& line, Resolvers& section) {
  Nameserver server;
  server.place = line.place;
  const Word* name = line.take("a name and an address with its port");
  if (name == nullptr) return;
  for (const Nameserver& other : section.servers) {
    if (other.name == name->text)
      return line.complain(name->place, format("this section has a nameserver '{}' already", name->text));
  }
  server.name = name->text;
  const Word* word = line.take("an address with its port");
  if (word == nullptr) return;
  server.tcp = is_stream(word->text);
  std::string_view text = word->text;
  for (const std::string_view prefix : {"udp@", "udp4@", "udp6@", "dgram+"}) {
    if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  }
  std::string error;
  auto address = parse_address(text, AddressUse::Plain, error);
  if (!address) return line.complain(word->place, format("'nameserver': {}", error));
  const bool is_ip = address->kind == Address::Kind::Ip4 || address->kind == Address::Kind::Ip6;
  if (!is_ip || address->port_low == 0 || address->port_low != address->port_high) {
    return line.complain(word->place, format("'{}' is no address of a nameserver: write an IP address and a port, "
                                             "for example 127.0.0.1:53",
                                             word->text));
  }
  server.address = std::move(*address);
  section.servers.push_back(std::move(server));
  if (!line.more()) return;
  const Word& more = line.peek();
  if (find_keyword(server_keywords(), more.text) == nullptr) return;
  line.warn(more.place, format("'{}' has no effect: a nameserver is an address, and is asked over UDP, then TCP if an "
                               "answer is too long",
                               more.text));
  line.skip_rest();
}

void parse_resolv_conf(Line&, Resolvers& section) { section.system_servers = true; }

void parse_retries(Line& line, Resolvers& section) {
  const Place place = line.more() ? line.peek().place : line.place;
  section.retries = static_cast<std::uint32_t>(line.take_number("a number of queries", 0, kMostRetries));
  if (line.failed() || section.retries != 0) return;
  section.retries = 1;
  line.warn(place, "0 queries would find nothing: there is 1");
}

void parse_timeout(Line& line, Resolvers& section) {
  const Word* word = line.take("'resolve' or 'retry'");
  if (word == nullptr) return;
  if (word->text != "resolve" && word->text != "retry")
    return complain_unknown(line, *word, "'timeout' of a resolvers section", kTimeouts);
  line.subject = "timeout " + word->text;
  const Place place = line.more() ? line.peek().place : line.place;
  const std::uint64_t ms = line.take_ms();
  if (line.failed()) return;
  if (ms == 0) return line.complain(place, format("'{}' must not be 0", line.subject));
  (word->text == "retry" ? section.retry_ms : section.resolve_ms) = ms;
}

constexpr ResolversKeyword kResolversKeywords[] = {
    {"accepted_payload_size", parse_payload,
     "Bytes that an answer over UDP may have, 512 unless said otherwise, 4096 at most; longer ones are asked for over "
     "TCP."},
    {"hold", parse_hold,
     "nx|other|refused|timeout <time>: how long a server keeps its address when that is the answer, 30s unless said "
     "otherwise. obsolete <time>: how long an address counts that is in no answer any more, 0 unless said otherwise. "
     "valid <time>: how long an answer serves 'do-resolve', 10s unless said otherwise."},
    {"nameserver", parse_nameserver,
     "<name> <address>:<port>. All of a section are asked at once, the first good answer counts. With 'tcp@' before "
     "the address over TCP alone."},
    {"parse-resolv-conf", parse_resolv_conf, "The nameservers of /etc/resolv.conf too, read at start and at reload."},
    {"resolve_retries", parse_retries, "Queries until a name counts as unanswered, 3 unless said otherwise."},
    {"timeout", parse_timeout,
     "resolve <time>: time between two rounds for a name. retry <time>: how long an answer is waited for. 1s each "
     "unless said otherwise."},
};
static_assert(is_sorted(kResolversKeywords));

bool is_network(std::string_view text) {
  const std::string_view ip = cut(text, '/');
  std::string error;
  const auto address = parse_address(ip, AddressUse::Plain, error);
  const bool is_ip4 = address && address->kind == Address::Kind::Ip4;
  if (!address || (!is_ip4 && address->kind != Address::Kind::Ip6)) return false;
  if (text.empty()) return true;
  const auto bits = parse_unsigned(text);
  return bits && *bits <= (is_ip4 ? 32u : 128u);
}

const Resolvers* find_resolvers(const Config& config, std::string_view name) {
  for (const Resolvers& section : config.resolvers) {
    if (section.name == name) return &section;
  }
  return nullptr;
}

// Known afterwards, or complained about.
void want_resolvers(Reading& reading, const Word& name, std::string_view who) {
  if (find_resolvers(reading.config, name.text) != nullptr) return;
  if (name.text == Resolvers::kDefault) {
    Resolvers section;
    section.place = name.place;
    section.name = Resolvers::kDefault;
    section.system_servers = true;
    reading.config.resolvers.push_back(std::move(section));
    return;
  }
  std::vector<std::string_view> names{Resolvers::kDefault};
  for (const Resolvers& section : reading.config.resolvers) names.push_back(section.name);
  const std::string_view near = nearest(name.text, names);
  reading.diagnostics.add(name.place, format("{}: there is no section 'resolvers {}'{}", who, name.text,
                                             near.empty() ? "" : format("; did you mean '{}'?", near)));
}

// do-resolve(<variable>,<resolvers>...)
void want_resolvers_of(Reading& reading, const Rule& rule) {
  if (rule.words.empty() || !rule.words[0].text.starts_with("do-resolve(")) return;
  std::string_view rest = rule.words[0].text;
  cut(rest, ',');
  const std::string_view name = rest.substr(0, rest.find_first_of(",)"));
  if (!name.empty()) want_resolvers(reading, {std::string(name), rule.words[0].place}, "'do-resolve'");
}

}  // namespace

bool asks_system(const Server& server) {
  if (server.address.kind != Address::Kind::Name) return true;
  if (server.is_srv()) return false;
  for (const InitAddr& way : server.init_addr) {
    if (way.way == InitAddr::Way::Libc) return true;
    if (way.way != InitAddr::Way::Last) return false;
  }
  return std::any_of(server.init_addr.begin(), server.init_addr.end(),
                     [](const InitAddr& way) { return way.way == InitAddr::Way::Last; });
}

std::span<const Keyword<Resolvers>> resolvers_keywords() { return kResolversKeywords; }

std::optional<Resolvers> take_resolvers(Line& line) {
  const Word* name = line.take("a name");
  if (name == nullptr) return std::nullopt;
  Resolvers section;
  section.place = name->place;
  section.name = name->text;
  if (!is_proxy_name(section.name)) {
    line.complain(name->place,
                  format("'{}' is no name for a section: letters, digits, '-', '_', '.' and ':' are", section.name));
  } else if (find_resolvers(line.reading.config, section.name) != nullptr) {
    line.complain(name->place, format("there is a section 'resolvers {}' already", section.name));
  }
  return line.failed() ? std::nullopt : std::optional(std::move(section));
}

void settle_resolvers(Reading& reading) {
  for (const Resolvers& section : reading.config.resolvers) {
    if (section.servers.empty() && !section.system_servers)
      reading.diagnostics.warn(section.place,
                               format("'resolvers {}' has no nameserver: names that are asked there stay "
                                      "unanswered",
                                      section.name));
  }
  for (Draft& draft : reading.drafts) {
    for (const Rule& rule : draft.proxy.rules) want_resolvers_of(reading, rule);
    for (Server& server : draft.proxy.servers) {
      if (server.resolvers.text.empty()) continue;
      want_resolvers(reading, server.resolvers, format("server '{}/{}'", draft.proxy.name, server.name));
      const bool is_name = server.address.kind == Address::Kind::Name;
      if (!is_name && server.resolvers.place.line == server.place.line)
        reading.diagnostics.warn(server.resolvers.place,
                                 "'resolvers' is for servers that have a name: this one has an address");
    }
  }
}

void parse_init_addr(Line& line, Server& server) {
  const Word* word = line.take("a list of last, libc, none and an IP address");
  if (word == nullptr) return;
  std::vector<InitAddr> ways;
  std::string_view rest = word->text;
  while (!rest.empty()) {
    const std::string_view way = cut(rest, ',');
    std::string error;
    if (way == "last") {
      ways.push_back({InitAddr::Way::Last, {}});
    } else if (way == "libc") {
      ways.push_back({InitAddr::Way::Libc, {}});
    } else if (way == "none") {
      ways.push_back({InitAddr::Way::None, {}});
    } else if (const auto address = parse_address(way, AddressUse::Plain, error);
               address && address->port_low == 0 &&
               (address->kind == Address::Kind::Ip4 || address->kind == Address::Kind::Ip6)) {
      ways.push_back({InitAddr::Way::Ip, std::string(way)});
    } else {
      return line.complain(word->place, format("'init-addr' expects last, libc, none or an IP address, not '{}'", way));
    }
  }
  const auto is_ip = [](const InitAddr& way) { return way.way == InitAddr::Way::Ip; };
  if (std::count_if(ways.begin(), ways.end(), is_ip) > 1)
    return line.complain(word->place, "'init-addr' takes one IP address");
  server.init_addr = std::move(ways);
}

void parse_resolvers(Line& line, Server& server) {
  if (const Word* word = line.take("the name of a 'resolvers' section")) server.resolvers = *word;
}

void parse_resolve_prefer(Line& line, Server& server) {
  if (const auto choice = line.take_choice(kFamilies)) server.prefer_ip4 = *choice == 0;
}

void parse_resolve_net(Line& line, Server& server) {
  const Word* word = line.take("networks such as 10.0.0.0/8,192.168.0.0/16");
  if (word == nullptr) return;
  std::vector<std::string> networks;
  std::string_view rest = word->text;
  while (!rest.empty()) {
    const std::string_view network = cut(rest, ',');
    if (!is_network(network)) return line.complain(word->place, format("'{}' is no network", network));
    networks.emplace_back(network);
  }
  if (networks.size() > kMostNetworks)
    return line.complain(word->place, format("'resolve-net' takes {} networks at most", kMostNetworks));
  server.resolve_net = std::move(networks);
}

void parse_resolve_opts(Line& line, Server& server) {
  constexpr std::string_view kOptions[] = {"allow-dup-ip", "ignore-weight", "prevent-dup-ip"};
  const Word* word = line.take("allow-dup-ip, ignore-weight, prevent-dup-ip");
  if (word == nullptr) return;
  std::string_view rest = word->text;
  while (!rest.empty()) {
    const std::string_view option = cut(rest, ',');
    if (option == "allow-dup-ip")
      server.allow_dup_ip = true;
    else if (option == "prevent-dup-ip")
      server.allow_dup_ip = false;
    else if (option == "ignore-weight")
      server.ignore_weight = true;
    else
      return complain_unknown(line, {std::string(option), word->place}, "'resolve-opts'", kOptions);
  }
}

}  // namespace penstock::config
