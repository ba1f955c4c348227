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

TEST_CASE("what was set by command is kept in its order, set anew in its place, and forgotten") {
  Legacy legacy;
  const std::vector<Redo> first = {{{"add", "server", "bk/s9", "127.0.0.1:9"}, ""},
                                   {{"enable", "health", "bk/s9"}, ""}};
  keep(legacy, added_server("bk", "s9"), pack_redos(first));
  keep(legacy, "frontend fe disabled", pack_redos({{{"disable", "frontend", "fe"}, "payload\n"}}));
  keep(legacy, added_server("bk", "s9"), pack_redos({first[0]}));
  REQUIRE(legacy.kept.size() == 2);
  CHECK(unpack_redos(legacy.kept[0].redos.view()).size() == 1);
  const std::vector<Redo> second = unpack_redos(legacy.kept[1].redos.view());
  CHECK(second.at(0).words == std::vector<std::string>{"disable", "frontend", "fe"});
  CHECK(second.at(0).payload == "payload\n");
  // A server that was added may leave a note; one that is forgotten may not.
  take_note(legacy, pack_note(Server("bk", "s9"), {Operation::Down, 0, {}}), with_servers());
  CHECK(legacy.servers.size() == 1);
  keep(legacy, added_server("bk", "s9"), {});
  CHECK(legacy.kept.size() == 1);
  legacy.servers.clear();
  take_note(legacy, pack_note(Server("bk", "s9"), {Operation::Down, 0, {}}), with_servers());
  CHECK(legacy.servers.empty());
}

TEST_CASE("of bytes that are no commands there are none, and of too many things some") {
  const WipedText good = pack_redos({{{"a", "b"}, "c"}});
  for (std::size_t size = 0; size < good.size(); ++size)
    CHECK(unpack_redos(std::string_view(good).substr(0, size)).empty());
  CHECK(unpack_redos(std::string(good) + "x").empty());
  Legacy legacy;
  for (int i = 0; i < 3000; ++i) keep(legacy, std::to_string(i), good);
  CHECK(legacy.kept.size() == 1000);
}
