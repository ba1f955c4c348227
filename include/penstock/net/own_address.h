// Which addresses are this machine's.
#pragma once

#include "penstock/net/address.h"

namespace penstock {

// The system is asked each time. A unix address is.
bool is_own_address(const SocketAddress& address);

}  // namespace penstock
