#include "penstock/control/legacy.h"

#include "penstock/config/model.h"
#include "unit/catch.h"

using namespace penstock;

namespace {

config::Config with_servers() {
  config::Config config;
  config::Proxy& backend = config.proxies.emplace_back();
  backend.name = "bk";
  backend.is_backend = true;
  for (const char* name : {"s1", "s2"}) backend.servers.emplace_back().name = name;
  return config;
}

}  // namespace

TEST_CASE("the last note about a server is kept") {
  const config::Config config = with_servers();
  const Server s1("bk", "s1"), s2("bk", "s2");
  Legacy legacy;
  ServerNotes& notes = legacy.servers;
  take_note(legacy, pack_note(s1, {Operation::Down, 0, {}}), config);
  take_note(legacy, pack_note(s2, {Operation::Drain, 0, {}}), config);
  take_note(legacy, pack_note(s1, {Operation::Up, 77, {}}), config);
  CHECK(notes == ServerNotes{{{"bk", "s1"}, {Operation::Up, 77, {}}}, {{"bk", "s2"}, {Operation::Drain, 0, {}}}});
}

TEST_CASE("a note that cannot be one, or about a server nobody knows, is not taken") {
  const config::Config config = with_servers();
  const Server s1("bk", "s1");
  Legacy legacy;
  ServerNotes& notes = legacy.servers;
  const std::string good = pack_note(s1, {Operation::Down, 0, {}});
  for (std::size_t size = 0; size < good.size(); ++size)
    take_note(legacy, std::string_view(good).substr(0, size), config);
  take_note(legacy, good + "x", config);
  take_note(legacy, pack_note(s1, {static_cast<Operation>(3), 0, {}}), config);
  take_note(legacy, pack_note(s1, {static_cast<Operation>(99), 0, {}}), config);
  take_note(legacy, pack_note(Server("bk", "s3"), {Operation::Down, 0, {}}), config);
  take_note(legacy, pack_note(Server("other", "s1"), {Operation::Down, 0, {}}), config);
  CHECK(notes.empty());
}

TEST_CASE("what was set about a server is told with it") {
  const config::Config config = with_servers();
  ServerNote note{Operation::Drain, 5, {}};
  note.orders.administration = {Administration::Maintenance, Administration::Ready};
  note.orders.weight = {7, 1};
  note.orders.maxconn = {0, 100};
  note.orders.address.emplace();
  ServerAddress& address = note.orders.address->value;
  REQUIRE(SocketAddress::from_ip("::1", 443, address.address));
  address.port_from_client = true;
  address.port_offset = -7;
  note.orders.address->file.address = SocketAddress::unix_path("/run/s1");
  Legacy legacy;
  ServerNotes& notes = legacy.servers;
  const std::string packed = pack_note(Server("bk", "s1"), note);
  for (std::size_t size = 0; size < packed.size(); ++size)
    take_note(legacy, std::string_view(packed).substr(0, size), config);
  CHECK(notes.empty());
  take_note(legacy, packed, config);
  CHECK(notes == ServerNotes{{{"bk", "s1"}, note}});
}

TEST_CASE("an order that cannot be one is not taken") {
  const config::Config config = with_servers();
  Legacy legacy;
  ServerNotes& notes = legacy.servers;
  ServerNote note;
  note.orders.administration = {static_cast<Administration>(3), Administration::Ready};
  take_note(legacy, pack_note(Server("bk", "s1"), note), config);
  note.orders = {};
  note.orders.address.emplace();
  sockaddr_storage raw{};
  raw.ss_family = AF_NETLINK;
  note.orders.address->value.address = SocketAddress(reinterpret_cast<const sockaddr*>(&raw), 16);
  take_note(legacy, pack_note(Server("bk", "s1"), note), config);
  CHECK(notes.empty());
}

namespace {

using Kind = KeptChange::Kind;
void change(Legacy& legacy, Kind kind, const std::string& name, Redo redo = {}, const std::string& from = {}) {
  take_change(legacy, pack_change({kind, name, std::move(redo), from}));
}
std::vector<std::string> names_of(const Legacy& legacy) {
  std::vector<std::string> names;
  for (const KeptThing& thing : legacy.kept) names.push_back(thing.name);
  return names;
}

}  // namespace

TEST_CASE("what was set by command is kept in its order, joined, and forgotten") {
  Legacy legacy;
  change(legacy, Kind::Set, "frontend fe disabled", {{"disable", "frontend", "fe"}, ""});
  change(legacy, Kind::Set, "transaction", {{"set", "ssl", "cert", "c"}, "pem\n"});
  change(legacy, Kind::Append, "transaction", {{"commit", "ssl", "cert", "c"}, ""});
  change(legacy, Kind::Join, "certificate", {}, "transaction");
  CHECK(names_of(legacy) == std::vector<std::string>{"frontend fe disabled", "certificate"});
  REQUIRE(legacy.kept[1].redos.size() == 2);
  const std::optional<Redo> first = unpack_redo(legacy.kept[1].redos[0].packed.view());
  REQUIRE(first);
  CHECK(first->words == std::vector<std::string>{"set", "ssl", "cert", "c"});
  CHECK(first->payload == "pem\n");
  // Said again it is there once, and later; without a command it is lost with the process, and is said to be.
  change(legacy, Kind::Set, "frontend fe disabled", {{"disable", "frontend", "fe"}, ""});
  CHECK(names_of(legacy) == std::vector<std::string>{"certificate", "frontend fe disabled"});
  change(legacy, Kind::Set, "map a");
  change(legacy, Kind::Append, "map a", {{"add", "map", "a", "k", "v"}, ""});
  change(legacy, Kind::Set, "frontend fe disabled");
  CHECK(take_lost(legacy) == "map a, frontend fe disabled");
  CHECK(take_lost(legacy).empty());
  change(legacy, Kind::Join, "other", {}, "nothing");
  change(legacy, Kind::Forget, "nothing");
  CHECK(names_of(legacy) == std::vector<std::string>{"certificate"});
  change(legacy, Kind::ForgetAll, "");
  CHECK(legacy.kept.empty());
}

TEST_CASE("a server that was added may leave a note, one that was deleted not") {
  Legacy legacy;
  const std::string note = pack_note(Server("bk", "s9"), {Operation::Down, 0, {}});
  change(legacy, Kind::Set, added_server("bk", "s9"), {{"add", "server", "bk/s9"}, ""});
  take_note(legacy, note, with_servers());
  CHECK(legacy.servers.size() == 1);
  legacy.servers.clear();
  change(legacy, Kind::Forget, added_server("bk", "s9"));
  take_note(legacy, note, with_servers());
  CHECK(legacy.servers.empty());
}

TEST_CASE("bytes that are no change change nothing, and there is a measure") {
  Legacy legacy;
  const WipedText good = pack_change({Kind::Set, "a", {{"b"}, "c"}, {}});
  for (std::size_t size = 0; size < good.size(); ++size) take_change(legacy, std::string_view(good).substr(0, size));
  take_change(legacy, std::string(good) + "x");
  take_change(legacy, pack_change({static_cast<Kind>(77), "a", {{"b"}, "c"}, {}}));
  CHECK(legacy.kept.empty());
  CHECK_FALSE(unpack_redo("x"));
  for (int i = 0; i < 3000; ++i) change(legacy, Kind::Set, std::to_string(i), {{"a"}, ""});
  CHECK(legacy.kept.size() == 1000);
  // Half of what made it would make something else.
  change(legacy, Kind::ForgetAll, "");
  change(legacy, Kind::Set, "a", {{"a"}, ""});
  for (int i = 1; i < 200; ++i) change(legacy, Kind::Append, "a", {{"a"}, ""});
  CHECK(legacy.kept.at(0).redos.size() == 200);
  change(legacy, Kind::Append, "a", {{"a"}, ""});
  CHECK(take_lost(legacy) == "a");
  CHECK(legacy.kept.empty());
  for (int i = 0; i < 100; ++i) change(legacy, Kind::Set, std::to_string(i), {{"a"}, std::string(1 << 20, 'x')});
  CHECK(take_lost(legacy).starts_with("64, 65, "));
}

namespace {

void change_map(Legacy& legacy, const std::string& verb, const std::string& key, const std::string& value = "",
                bool given = false) {
  Redo redo{{verb, "map", "m"}, given ? "given" : ""};
  if (!key.empty()) redo.words.push_back(key);
  if (!value.empty()) redo.words.push_back(value);
  change(legacy, Kind::Entry, "map m", std::move(redo), key);
}

std::string text_of(const Legacy& legacy) {
  std::string text;
  const auto found = legacy.entries.find("map m");
  if (found == legacy.entries.end()) return text;
  for (const Redo& redo : found->second.commands()) {
    for (const std::string& word : redo.words) text += word + " ";
    text += redo.payload + "|";
  }
  return text;
}

}  // namespace

TEST_CASE("of the commands about a map those are kept that still say something") {
  Legacy legacy;
  // Neither of a key that came and went nor of values between is anything left.
  for (int i = 0; i < 1000; ++i) {
    change_map(legacy, "add", std::to_string(i), "v");
    change_map(legacy, "set", "a", std::to_string(i));
    change_map(legacy, "del", std::to_string(i));
  }
  CHECK(text_of(legacy) == "set map m a 999 |");
  change_map(legacy, "del", "a", "", true);
  change_map(legacy, "add", "a", "1");
  change_map(legacy, "add", "b", "2");
  change_map(legacy, "add", "with blank", "3");
  change_map(legacy, "set", "a", "4");
  CHECK(text_of(legacy) == "del map m a |add map m a 1\nb 2\n|add map m with blank 3 |set map m a 4 |");
  // What is known of a command's order stays when it goes and comes again.
  change_map(legacy, "del", "b");
  CHECK(text_of(legacy) == "del map m a |add map m a 1\n|add map m with blank 3 |set map m a 4 |");
  change_map(legacy, "clear", "");
  change_map(legacy, "add", "c", "5");
  CHECK(text_of(legacy) == "clear map m |add map m c 5\n|");
  CHECK(take_lost(legacy).empty());
  change(legacy, Kind::ForgetAll, "");
  CHECK_FALSE(legacy.has_kept());
}

TEST_CASE("a map that was changed too much, or in a way that cannot be told, is lost as a whole") {
  Legacy legacy;
  for (std::size_t i = 0; i <= KeptEntries::kMost; ++i) change_map(legacy, "add", std::to_string(i), "v");
  CHECK(text_of(legacy).empty());
  change_map(legacy, "add", "more", "v");
  CHECK(text_of(legacy).empty());
  CHECK(take_lost(legacy) == "map m");
  change_map(legacy, "add", "a", "v");
  change(legacy, Kind::Set, "map m");
  change_map(legacy, "add", "b", "v");
  CHECK(text_of(legacy).empty());
  CHECK(take_lost(legacy) == "map m");
}
