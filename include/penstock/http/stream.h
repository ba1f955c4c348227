// The two faces between a codec and a transaction, the same for client and server side.
#pragma once

#include <cstdint>
#include <string_view>

#include "penstock/base/block.h"
#include "penstock/http/head.h"

namespace penstock {

// Why a transaction ended early. The letters are the access log's termination state.
enum class Cause : char {
  None = '-',
  ClientClosed = 'C',
  ClientTimeout = 'c',
  ServerClosed = 'S',
  ServerTimeout = 's',
  Denied = 'P',
  Local = 'L',
  Exhausted = 'R',
  Internal = 'I',
  Down = 'D',
  Killed = 'K',
};
enum class Phase : char {
  None = '-',
  Request = 'R',
  Queue = 'Q',
  Connect = 'C',
  Headers = 'H',
  Data = 'D',
  Last = 'L',
  Tarpit = 'T'
};

struct Failure {
  // `status`: the answer that a client should get.
  static Failure of(Cause cause, Phase phase, std::uint16_t status = 0, const char* detail = "") {
    return {.cause = cause, .phase = phase, .status = status, .detail = detail};
  }
  // What came is not HTTP, or not to be trusted. `seen`: of its head.
  static Failure unread(Phase phase, std::uint16_t status, const char* detail, std::string_view seen) {
    Failure failure = of(Cause::Denied, phase, status, detail);
    failure.seen = seen;
    return failure;
  }
  // No connection to the server came about, so that another try does no harm.
  static Failure not_connected(Cause cause, const char* detail, int uv_status = 0) {
    return {cause, Phase::Connect, true, 503, uv_status, detail};
  }

  Cause cause = Cause::None;
  Phase phase = Phase::None;
  bool retry_safe = false;     // Nothing of the request can have been acted upon.
  std::uint16_t status = 0;    // The answer a client should get, 0: by the table of outcome.
  int uv_status = 0;           // The system's word, if it was the system's.
  const char* detail = "";     // What exactly, for the log: a literal.
  bool empty = false;          // No head of an answer had come, or not all of it.
  std::string_view seen = {};  // Of a head that cannot be read, up to where that shows. Good during the call.
};

// What a stream tells the transaction it serves: heads (1xx first), body, then on_end(). Instead, or
// later while we still send, on_failure() may come; nothing follows it. No call comes from inside
// a call that the transaction makes.
class StreamEvents {
 public:
  virtual void on_head(Head& head) = 0;   // Views in `head` live as long as its slices.
  virtual void on_body(Slice bytes) = 0;  // Without chunk or frame bytes.
  virtual void on_end(const Trailers& trailers) = 0;
  virtual void on_failure(const Failure& failure) = 0;
  virtual void on_writable() = 0;  // After send_body() returned false.

 protected:
  ~StreamEvents() = default;
};

// What the transaction may ask of a stream. The message's end is not the connection's end: whether
// the connection can serve again is the codec's knowledge.
class Stream {
 public:
  virtual void send_head(const Head& head) = 0;
  virtual bool send_body(Slice bytes) = 0;  // False: taken, but send no more until on_writable().
  virtual void send_end(const Trailers& trailers) = 0;
  virtual void set_reading(bool on) = 0;
  virtual void abandon(const Failure& failure) = 0;  // The transaction hears nothing more.

 protected:
  ~Stream() = default;
};

}  // namespace penstock
