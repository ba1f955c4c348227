// The last step of a reading: where inherited and written settings become a Config.
#pragma once

#include "reading.h"

namespace penstock::config {

// Moves the drafts into the Config, every name and default in its place. The drafts' other members
// stay for judge().
void finish(Reading& reading);

// Words about TLS of a server line: versions, and whom to trust.
void finish_server_tls(Reading& reading, Server& server, bool is_spoken);

// Words about TLS of a bind line, or of one in a crt-list, that speak of each other.
void finish_bind_tls(Tls& tls, bool is_http, Diagnostics& diagnostics);

}  // namespace penstock::config
