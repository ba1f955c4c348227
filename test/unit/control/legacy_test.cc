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
  ServerNotes notes;
  take_note(notes, pack_note(s1, {Operation::Down, 0, {}}), config);
  take_note(notes, pack_note(s2, {Operation::Drain, 0, {}}), config);
  take_note(notes, pack_note(s1, {Operation::Up, 77, {}}), config);
  CHECK(notes == ServerNotes{{{"bk", "s1"}, {Operation::Up, 77, {}}}, {{"bk", "s2"}, {Operation::Drain, 0, {}}}});
}

TEST_CASE("a note that cannot be one, or about a server nobody knows, is not taken") {
  const config::Config config = with_servers();
  const Server s1("bk", "s1");
  ServerNotes notes;
  const std::string good = pack_note(s1, {Operation::Down, 0, {}});
  for (std::size_t size = 0; size < good.size(); ++size)
    take_note(notes, std::string_view(good).substr(0, size), config);
  take_note(notes, good + "x", config);
  take_note(notes, pack_note(s1, {static_cast<Operation>(3), 0, {}}), config);
  take_note(notes, pack_note(s1, {static_cast<Operation>(99), 0, {}}), config);
  take_note(notes, pack_note(Server("bk", "s3"), {Operation::Down, 0, {}}), config);
  take_note(notes, pack_note(Server("other", "s1"), {Operation::Down, 0, {}}), config);
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
  ServerNotes notes;
  const std::string packed = pack_note(Server("bk", "s1"), note);
  for (std::size_t size = 0; size < packed.size(); ++size)
    take_note(notes, std::string_view(packed).substr(0, size), config);
  CHECK(notes.empty());
  take_note(notes, packed, config);
  CHECK(notes == ServerNotes{{{"bk", "s1"}, note}});
}

TEST_CASE("an order that cannot be one is not taken") {
  const config::Config config = with_servers();
  ServerNotes notes;
  ServerNote note;
  note.orders.administration = {static_cast<Administration>(3), Administration::Ready};
  take_note(notes, pack_note(Server("bk", "s1"), note), config);
  note.orders = {};
  note.orders.address.emplace();
  sockaddr_storage raw{};
  raw.ss_family = AF_NETLINK;
  note.orders.address->value.address = SocketAddress(reinterpret_cast<const sockaddr*>(&raw), 16);
  take_note(notes, pack_note(Server("bk", "s1"), note), config);
  CHECK(notes.empty());
}
