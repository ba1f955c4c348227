// The two faces of a codec towards a client: the connection, and one request on it. The same for every version.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "penstock/base/arena.h"
#include "penstock/http/drains.h"
#include "penstock/http/hop.h"
#include "penstock/http/stream.h"
#include "penstock/net/connection.h"
#include "penstock/net/living.h"

namespace penstock {

// Times in ms, 0 for none.
struct FrontOptions {
  HeadLimits limits;
  std::uint64_t head_ms = 0;        // timeout http-request: from the first byte to the last of a head.
  std::uint64_t keep_alive_ms = 0;  // timeout http-keep-alive: silence between requests.
  std::uint64_t client_ms = 0;      // timeout client
  std::uint64_t client_fin_ms = 0;  // timeout client-fin
};

// The shorter of two times, of which 0 is none.
inline std::uint64_t shorter(std::uint64_t a, std::uint64_t b) { return a == 0 || (b != 0 && b < a) ? b : a; }

// What the codec counts of one request. Times are those of the loop, in ms.
struct Tally {
  std::uint32_t number = 1;         // Of its connection's requests, from 1.
  std::uint64_t waiting_since = 0;  // When the connection was ready, or free for this request.
  std::uint64_t begun_at = 0;       // When its first byte came; 0: none did.
  bool heard = false;               // A byte came since that wait began, be it of a request or not.
  std::uint64_t handshake_ms = 0;   // Of TLS and of the PROXY protocol, before the first request.
  std::uint64_t bytes_written = 0;  // Of the answer, handed over so far, head and framing included.
  std::uint64_t bytes_unsent = 0;   // Those of them that the client will not get, should it be gone.
};

// One request of a client and its answer.
class FrontStream : public Stream {
 public:
  // Holds what belongs to this request; goes after the end of it.
  virtual Arena& arena() = 0;
  virtual Tally tally() const = 0;
  // Of the answer, as the tally has it.
  virtual std::uint64_t bytes_written() const = 0;
  // Of the request's head.
  virtual const Hop& hop() const = 0;
  // Bytes of a head that could not be read, for the log.
  virtual std::string_view raw_head() const = 0;
  // False: some of the answer waits for a slow reader; on_writable() tells when all has gone.
  virtual bool all_sent() = 0;
  // Bytes of the request's body that are known to be still missing.
  virtual std::uint64_t body_left() const = 0;
  // Nobody wants what is still to come of the request. It is read and dropped, since a client may not look at an
  // answer before it has said all: behind an answer of our own as much as costs little, behind a server's up to
  // kServedDrainLimit. What is certain to be more ends the connection after the answer.
  enum class Rest : std::uint8_t { OfOwnAnswer, OfServersAnswer };
  static constexpr std::uint64_t kServedDrainLimit = 64 * 1024 * 1024;
  virtual void drop_rest(Rest rest) = 0;
  // The transaction is over. What is left of the request, if the answer came first, is read and dropped.
  virtual void detach() = 0;
  // The connection ends without a sign of it to the client.
  virtual void vanish() = 0;
  // The answer now being given is this connection's last.
  virtual void close_after_answer() = 0;
  // From now on silence of the client is judged by this, in ms (timeout client; tunnel once it is one).
  virtual void set_client_ms(std::uint64_t ms) = 0;
  // A client that stops sending while its request waits has given up (option abortonclose).
  virtual void set_abort_on_close(bool on) = 0;

 protected:
  ~FrontStream() = default;
};

// A client's connection, greeted: requests come on it.
class Front : public Mortal {
 public:
  virtual Connection& connection() = 0;
  // For a request, or for the rest of its head.
  virtual bool waiting() const = 0;
  // While waiting(): what holds for the next request.
  virtual void set_options(const FrontOptions& options) = 0;
  // The request being served is the last; one that serves none ends at once, or soon if none has come yet.
  virtual void leave() = 0;

 protected:
  using Mortal::Mortal;
};

class FrontOwner {
 public:
  // A request begins, or something that should have been one. What is returned hears of it: on_head()
  // follows, or on_failure() alone.
  virtual StreamEvents& on_request(FrontStream& stream) = 0;
  // Between two requests: which times and limits hold for the next one, or null if there shall be none.
  virtual const FrontOptions* next_options() = 0;
  // The connection is over and no transaction is served; the owner drops the front.
  virtual void on_front_end() = 0;
  // Of this front's worker.
  virtual Drains& drains() = 0;

 protected:
  ~FrontOwner() = default;
};

}  // namespace penstock
