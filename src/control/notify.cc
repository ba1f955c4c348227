#include "penstock/control/notify.h"

#include <cstdlib>

#include "penstock/base/format.h"
#include "penstock/net/socket.h"

namespace penstock {

std::string ready_text(int main_pid, std::string_view status) {
  return format("READY=1\nSTATUS={}\nMAINPID={}\n", status, main_pid);
}

std::string reloading_text(std::uint64_t monotonic_us) {
  return format("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=Reading the configuration anew.\n", monotonic_us);
}

std::string stopping_text() { return "STOPPING=1\nSTATUS=Stopping.\n"; }

bool notify(const std::string& socket, std::string_view text) {
  if (socket.size() < 2 || (socket.front() != '/' && socket.front() != '@')) return false;
  const SocketAddress address =
      socket.front() == '@' ? SocketAddress::abstract(socket.substr(1)) : SocketAddress::unix_path(socket);
  const Result<Descriptor> fd = datagrams_to(address);
  return fd && send_datagram((*fd).get(), text);
}

void notify_supervisor(std::string_view text) {
  if (const char* socket = std::getenv("NOTIFY_SOCKET")) notify(socket, text);
}

}  // namespace penstock
