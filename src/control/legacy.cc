#include "penstock/control/legacy.h"

#include <algorithm>
#include <cstdint>

#include "penstock/base/packing.h"
#include "penstock/config/model.h"

namespace penstock {
namespace {

bool has_server(const config::Config& config, const std::string& backend, const std::string& server) {
  const config::Proxy* proxy = config.find_backend(backend);
  return proxy != nullptr && std::any_of(proxy->servers.begin(), proxy->servers.end(),
                                         [&server](const config::Server& each) { return each.name == server; });
}

}  // namespace

std::string pack_note(const Server& server, const HealthNote& note) {
  Packer packer;
  packer.put_text(server.backend_name);
  packer.put_text(server.name);
  packer.put_number(static_cast<std::uint64_t>(note.status));
  packer.put_number(note.up_since_ms);
  return std::string(std::string_view(packer.bytes()));
}

void take_note(HealthNotes& notes, std::string_view bytes, const config::Config& config) {
  Unpacker from(bytes);
  const std::string backend(from.take_text());
  const std::string server(from.take_text());
  const auto status = static_cast<ServerStatus>(from.take_number());
  const std::uint64_t up_since_ms = from.take_number();
  const bool is_status = status == ServerStatus::Up || status == ServerStatus::Down || status == ServerStatus::Drain;
  if (!from.ended() || !is_status || !has_server(config, backend, server)) return;
  notes[{backend, server}] = {status, up_since_ms};
}

}  // namespace penstock
