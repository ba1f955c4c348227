// What else in this module looks at of a session.
#pragma once

#include <openssl/ssl.h>

#include "tls_context_parts.h"

namespace penstock {

class TlsSession;

SSL* library_session_of(TlsSession& session);
const ClientNotes& notes_of(TlsSession& session);

}  // namespace penstock
