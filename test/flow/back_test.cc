// A server's HTTP/1 connection over real sockets: what no scripted bytes can show.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <utility>

#include "penstock/http/h1_back.h"
#include "penstock/net/loop.h"
#include "unit/catch.h"

using namespace penstock;

namespace {

class Owner final : public BackOwner {
 public:
  void on_back_ready(Back&) override { ++calls; }
  void on_back_lost(Back&, const Failure&, std::string_view) override { ++calls; }
  int calls = 0;
};

// Does something and stops the loop when its time comes: in a turn, before that turn looks at
// sockets.
class Soon final : public Living {
 public:
  Soon(Loop& loop, std::function<void()> what) : Living(loop), what_(std::move(what)) { set_deadline(1); }

 private:
  void on_deadline() override {
    what_();
    loop().stop();
  }
  std::function<void()> what_;
};

}  // namespace

TEST_CASE("a connection dropped in the turn in which it is made is not heard of again") {
  // A listener with room for one, which is taken: the next one waits until there is room.
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(::listen(listener, 0) == 0);
  const SocketAddress address = SocketAddress::local_of(listener);
  const int first = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(::connect(first, address.raw(), address.length()) == 0);
  Loop loop;
  Owner owner;
  const BackOptions options;
  Owned<H1Back> back = H1Back::connect(loop, address, SocketOptions(), TlsTarget(), TlsTicket(), options, owner);
  {
    const Owned<Soon> look(new Soon(loop, [] {}));
    loop.run();
  }
  REQUIRE(owner.calls == 0);
  // Made as far as the system goes, while the loop has yet to look, and the deadline has passed.
  ::close(::accept(listener, nullptr, nullptr));
  const Owned<Soon> dropping(new Soon(loop, [&] { back.reset(); }));
  pollfd made{back->connection().descriptor(), POLLOUT, 0};
  REQUIRE(::poll(&made, 1, 10000) == 1);
  ::poll(nullptr, 0, 5);
  loop.run();
  CHECK(back == nullptr);
  CHECK(owner.calls == 0);
  ::close(first);
  ::close(listener);
}
