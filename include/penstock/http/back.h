// The two faces of a codec towards a server: the connection, and one request on it. The same for every version.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "penstock/base/arena.h"
#include "penstock/http/hop.h"
#include "penstock/http/stream.h"
#include "penstock/net/connection.h"
#include "penstock/net/living.h"

namespace penstock {

class Back;

// A connection that has served so many requests has been lent again and stood it: HAProxy calls it safe.
constexpr bool is_safe(std::uint32_t served) { return served > 1; }

// What whoever holds a connection that serves no request hears of it.
class BackOwner {
 public:
  virtual void on_back_ready(Back& back) = 0;  // Connected; open() may be called.
  // Not connected, or ended while idle: to be dropped. `failure` says which.
  virtual void on_back_lost(Back& back, const Failure& failure, std::string_view why) = 0;

 protected:
  ~BackOwner() = default;
};

struct BackOptions {
  HeadLimits limits;
  std::uint64_t connect_ms = 0;  // timeout connect: until TLS is agreed on.
};

// What a request is, as far as its answer must be read accordingly, and what it says of the connection.
struct Ask {
  bool to_head = false;  // Method HEAD.
  bool to_connect = false;
  bool upgrade = false;  // To the protocols that its field names.
  bool last = false;     // The connection ends with its answer.
};

// One request and its answer.
class BackStream : public Stream {
 public:
  // Of the newest head of the answer.
  virtual const Hop& hop() const = 0;
  // timeout server (tunnel once it is one): the server's silence while something is owed by it.
  virtual void set_server_ms(std::uint64_t ms) = 0;
  // The server may still take what is left of a request that it has answered.
  virtual bool takes_more() const = 0;

 protected:
  ~BackStream() = default;
};

// One between two workers: see Back::park().
struct ParkedBack {
  DetachedConnection connection;
  std::string tls_name;
  std::uint32_t served = 0;
};

// A connection to a server.
class Back : public Mortal {
 public:
  virtual void set_owner(BackOwner& owner) = 0;
  virtual Connection& connection() = 0;
  // The name TLS was asked for, if any: a connection serves requests of that name only.
  virtual const std::string& tls_name() const = 0;
  // Requests begun on it.
  virtual std::uint32_t served() const = 0;
  // Requests that may be begun now; 0 of one that is not ready, or serves no more.
  virtual unsigned room() const = 0;
  // Begins one; send_head() follows. `arena` holds the answer's head until the next.
  virtual BackStream& open(StreamEvents& events, Arena& arena, const Ask& ask) = 0;
  // It serves nobody for a while.
  virtual void rest() = 0;
  // The server has said something while it rested, be it its end, that was not told yet.
  virtual bool has_news() const = 0;
  // What it is made of, for another worker, and only to be dropped from now on. None if it has to stay.
  virtual std::optional<ParkedBack> park() = 0;

 protected:
  using Mortal::Mortal;
};

}  // namespace penstock
