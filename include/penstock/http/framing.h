// How long is this body, and may this message be trusted at all (RFC 9112 sections 3.2 and 6.3).
// What two readers could read two ways is refused here, whatever else in front of us or behind us
// would make of it: a request that another reader ends elsewhere is how one client's bytes become
// another's request. Bytes that no line of a head may hold are refused earlier, where its end is
// looked for.
#pragma once

#include <cstdint>

#include "penstock/http/head.h"

namespace penstock::framing {

// What a head belongs to. An answer to HEAD has no body whatever its fields say, a 2xx to CONNECT
// is a tunnel.
enum class Kind : std::uint8_t { Request, Response, ResponseToHead, ResponseToConnect };

struct Judgement {
  // Why the message must go no further, a literal for the log; null if it may. What stands below
  // means something only then.
  const char* refused = nullptr;
  BodyLength body;
  bool keep_alive = true;
  bool upgrade = false;
  // Without a coding or an upgrade all that can be said about framing is one length, which was judged: digits, and the
  // first of them no zero. No reader takes it for another. False also where a name merely looks like one of these.
  bool plain = true;
};

// Looks at start line and fields, not at Head::body and the flags behind it, which it is there to
// find.
Judgement judge(const Head& head, Kind kind);

// Why this trailer section must go no further, or null: RFC 9110 section 6.5.1, fields that frame,
// route or belong to the connection have no business behind the body.
const char* judge_trailers(const Trailers& trailers);

}  // namespace penstock::framing
