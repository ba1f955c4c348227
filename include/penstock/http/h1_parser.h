// Bytes to head and body slices, without I/O: one HTTP/1 direction of one connection (RFC 9112).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "penstock/base/arena.h"
#include "penstock/base/block.h"
#include "penstock/http/head.h"
#include "penstock/http/hop.h"

namespace penstock {

namespace framing {
enum class Kind : std::uint8_t;
}

// What was wrong with a message. `status` is what a client should be told (400, 431, 414, 501, 505);
// for an answer it is always 502. `what` is a literal for the log.
struct H1Error {
  std::uint16_t status = 0;
  const char* what = "";
};

class H1Parser {
 public:
  enum class Step {
    More,   // `input` is used up (possibly kept here, when a head is incomplete); bring more bytes.
    Head,   // head() is complete and judged. A 1xx other than 101 is followed by another Head.
    Body,   // body() is a piece of it, a part of `input` without chunk bytes; in a tunnel, whatever came.
    End,    // The message is complete, trailers() included. `input` keeps what stands behind it.
    Error,  // error() says why; nothing more can be read from this connection.
  };

  explicit H1Parser(const HeadLimits& limits);
  ~H1Parser();
  H1Parser(const H1Parser&) = delete;
  H1Parser& operator=(const H1Parser&) = delete;

  // Prepares for the next message; its Head's arrays, and texts that do not lie in the input, go to
  // `arena`. Heads' bytes are kept alive by the parser until release_head() or the next start_*().
  void start_request(Arena& arena);
  // The answer to a request: a HEAD has no body whatever its fields say, a 2xx to CONNECT is a tunnel.
  void start_response(Arena& arena, bool to_head, bool to_connect);

  // One step. Consumes from the front of `input`. After End, start_*() must come first. Only More says
  // that bytes are missing: a step may be due although `input` is empty (End after the last of a body).
  Step next(Slice& input);
  // The sender closed. End if the message was one that ends so, or was complete; More if nothing of a
  // message had come; else Error (cut short).
  Step end_of_input();

  Head& head() { return head_; }
  const Hop& hop() const { return hop_; }
  // Moves out the body piece that the last Step::Body announced.
  Slice take_body() { return std::move(body_); }
  const Trailers& trailers() const { return trailers_; }
  const H1Error& error() const { return error_; }
  // True once a byte of the message was seen (a blank line before a request is not one).
  bool begun() const { return begun_; }
  // Bytes of the (possibly incomplete) message head that came so far, for the log of a bad request.
  std::string_view raw_head() const { return head_bytes_.view(); }
  // Lets the head's bytes go: head() must not be looked at any more.
  void release_head();

 private:
  struct Machine;  // llhttp's state; only h1_parser.cc knows it.
  void start(Arena& arena, framing::Kind kind);
  void start_head();
  Step fail(const H1Error& error);
  Step fail_too_large();
  bool skip_blank_lines(Slice& input);
  Step read_head(Slice& input);
  H1Error read_fields(std::string_view lines, ArenaVector<Field>& fields);
  bool agree_on_head();
  H1Error read_start_line();
  Step finish_head();
  Step start_body();
  void cut_body(Slice& input);
  Step read_counted(Slice& input);
  Step read_chunked(Slice& input);
  Step read_trailers(Slice& input);

  HeadLimits limits_;
  Head head_;
  Hop hop_;
  Trailers trailers_;
  Slice body_;
  Slice head_bytes_;
  H1Error error_;
  bool begun_ = false;
  std::unique_ptr<Machine> machine_;
};

}  // namespace penstock
