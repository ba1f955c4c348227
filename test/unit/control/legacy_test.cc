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
  HealthNotes notes;
  take_note(notes, pack_note(s1, {ServerStatus::Down, 0}), config);
  take_note(notes, pack_note(s2, {ServerStatus::Drain, 0}), config);
  take_note(notes, pack_note(s1, {ServerStatus::Up, 77}), config);
  CHECK(notes == HealthNotes{{{"bk", "s1"}, {ServerStatus::Up, 77}}, {{"bk", "s2"}, {ServerStatus::Drain, 0}}});
}

TEST_CASE("a note that cannot be one, or about a server nobody knows, is not taken") {
  const config::Config config = with_servers();
  const Server s1("bk", "s1");
  HealthNotes notes;
  const std::string good = pack_note(s1, {ServerStatus::Down, 0});
  for (std::size_t size = 0; size < good.size(); ++size)
    take_note(notes, std::string_view(good).substr(0, size), config);
  take_note(notes, good + "x", config);
  take_note(notes, pack_note(s1, {ServerStatus::Maintenance, 0}), config);
  take_note(notes, pack_note(s1, {static_cast<ServerStatus>(99), 0}), config);
  take_note(notes, pack_note(Server("bk", "s3"), {ServerStatus::Down, 0}), config);
  take_note(notes, pack_note(Server("other", "s1"), {ServerStatus::Down, 0}), config);
  CHECK(notes.empty());
}
