// A server's HTTP/1 connection over real sockets: what no scripted bytes can show.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "penstock/http/h1_back.h"
#include "penstock/net/loop.h"
#include "unit/catch.h"

using namespace penstock;

namespace {

class Owner final : public H1BackOwner {
 public:
  void on_back_ready(H1Back&) override { ++calls; }
  void on_back_lost(H1Back&, const Failure&, std::string_view) override { ++calls; }
  int calls = 0;
};

// Drops a connection when its time comes: in a turn, before that turn looks at sockets.
class Dropping final : public Living {
 public:
  Dropping(Loop& loop, Owned<H1Back>& back) : Living(loop), back_(back) { set_deadline(1); }

 private:
  void on_deadline() override {
    back_.reset();
    loop().stop();
  }
  Owned<H1Back>& back_;
};

}  // namespace

TEST_CASE("a connection dropped in the turn in which it is made is not heard of again") {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(::listen(listener, 8) == 0);
  Loop loop;
  Owner owner;
  const H1BackOptions options;
  Owned<H1Back> back = H1Back::connect(loop, SocketAddress::local_of(listener), SocketOptions(),
                                       TlsTarget(), TlsTicket(), options, owner);
  const Owned<Dropping> dropping(new Dropping(loop, back));
  // Made as far as the system goes, while the loop has yet to look, and the deadline has passed.
  pollfd made{back->connection().descriptor(), POLLOUT, 0};
  REQUIRE(::poll(&made, 1, 10000) == 1);
  ::poll(nullptr, 0, 5);
  loop.run();
  CHECK(back == nullptr);
  CHECK(owner.calls == 0);
  ::close(listener);
}
