// Tells the service manager how we are (sd_notify(3)): one datagram to the socket that
// $NOTIFY_SOCKET names. Without such a variable nothing is said.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace penstock {

// Texts of the datagrams. READY=1 comes first: some look no further.
std::string ready_text(int main_pid, std::string_view status);
std::string reloading_text(std::uint64_t monotonic_us);
std::string stopping_text();

// "/path", or "@name" for an abstract socket; false if it could not be delivered.
bool notify(const std::string& socket, std::string_view text);
// The same to the manager that started us, if there is one.
void notify_supervisor(std::string_view text);

}  // namespace penstock
