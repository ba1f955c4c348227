// Head and body slices to bytes, without I/O (RFC 9112). Everything in Head::fields is written as it
// stands, in order; what belongs to the connection is added here and nowhere else.
#pragma once

#include <cstdint>

#include "penstock/http/head.h"
#include "penstock/net/outbox.h"

namespace penstock {

enum class ConnectionToken : std::uint8_t { None, Close, KeepAlive, Upgrade };

class H1Writer {
 public:
  // `connection` becomes the Connection field, last. Version: always HTTP/1.1 for both sides, except
  // that a request keeps HTTP/1.0 if `head.version` says so. Chooses how body pieces are framed from
  // head.body: Chunked writes chunks, all else writes bytes as they are. A missing Content-Length or
  // Transfer-Encoding field that head.body needs is added; such fields that contradict it are left out,
  // and never are there two.
  void request_head(Outbox& out, const Head& head, ConnectionToken connection);
  // `no_body`: an answer to HEAD, 1xx, 204 or 304: what body() is given goes nowhere (but in a tunnel), fields
  // stay as they are, save that 1xx and 204 speak of no body at all. An answer with an empty body says
  // so by Content-Length: 0.
  // `chunks_allowed` false (an HTTP/1.0 client): a chunked body is written as plain bytes ended by
  // closing, and Transfer-Encoding is left out.
  void response_head(Outbox& out, const Head& head, ConnectionToken connection, bool no_body, bool chunks_allowed);
  // An empty piece writes nothing.
  void body(Outbox& out, Slice bytes);
  // The last chunk and trailers, if the body is chunked; without chunks trailers have no place and go.
  // Bytes behind it, of a tunnel, are written as they are.
  void end(Outbox& out, const Trailers& trailers);

 private:
  enum class Framing : std::uint8_t { NoBody, Plain, Chunked };
  Framing framing_ = Framing::NoBody;
};

}  // namespace penstock
