// The server connections that are one client's own (http-reuse never; a connection that has carried a
// credential), and the server that this client was served by last.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "penstock/http/back.h"
#include "penstock/proxy/snapshot.h"

namespace penstock {

class PinBookOwner {
 public:
  // A credential was seen for the first time.
  virtual void on_pinned() = 0;
  // A pinned client has lost a connection of its own, and with it whom it said to be there: its own connection is to
  // end too, once nothing else is under way.
  virtual void on_pin_lost() = 0;
  // So many may be idle.
  virtual std::size_t most_pins() const = 0;

 protected:
  ~PinBookOwner() = default;
};

class PinBook final : private BackOwner {
 public:
  explicit PinBook(PinBookOwner& owner) : owner_(owner) {}
  PinBook(const PinBook&) = delete;
  PinBook& operator=(const PinBook&) = delete;

  // A credential was seen: from now on every server connection is this client's own.
  void pin();
  bool pinned() const { return pinned_; }
  // "backend/server" of each of its own that is idle.
  std::vector<std::string> names() const;
  // For a credential that belongs to the connection: brought, or asked for.
  void look_at_request(const Head& head);
  void look_at_answer(const Head& head);

  // Its own connection to `server`, if there is one idle; `where`: see keep().
  Owned<Back> lend(const Server& server, std::string_view tls_name, std::uint64_t& where) {
    return kept_ ? lend_own(server, tls_name, where) : nullptr;
  }
  // `where`: a digest of the address that it goes to.
  void keep(const ServerSpec& server, std::uint64_t where, Owned<Back> back);
  // One more is to be made: the one that was idle longest ends if there are too many.
  void make_room();
  // The server of the latest of its own in this backend; null: none.
  const Server* server(std::string_view backend) const;
  // One that was lent to a pinned client ended on its way.
  void lose() { owner_.on_pin_lost(); }
  // One of them has ended, and with it whom the client said to be there.
  bool lost(std::string_view backend) const;

  // The server that served the last request, where the next is to go there if it can. Must stay: half of what
  // identifies the client was said there.
  const Server* last() const { return kept_ ? kept_->last.get() : nullptr; }
  bool must_stay() const { return kept_ && kept_->must_stay; }
  void set_last(const std::shared_ptr<Server>& server, bool must_stay);
  void forget_last() {
    if (kept_) kept_->last = nullptr;
  }

  // Those whose server is gone, or is elsewhere now by the configuration, end. What a change
  // has moved keeps those that it has.
  void adopt(const Snapshot& snapshot);
  // `on-marked-down shutdown-sessions`
  void shut_down(const Server& server);
  void clear() { kept_.reset(); }

 private:
  // Each belongs to one server of one backend, which its state stands for. Null if it ended: whom the client said to
  // be there is forgotten, and no other connection may stand in.
  struct Pin {
    std::shared_ptr<Server> server;
    Owned<Back> back;
    std::uint64_t where = 0;       // It goes there.
    std::uint64_t configured = 0;  // The configuration had the server there when it was kept.
  };
  void on_back_ready(Back&) override {}
  void on_back_lost(Back& back, const Failure& failure, std::string_view why) override;
  template <typename Which>
  void lose_some(Which which);

  // What few clients have.
  struct Kept {
    std::vector<Pin> pins;
    std::shared_ptr<Server> last;
    bool must_stay = false;
  };
  Kept& kept();
  Owned<Back> lend_own(const Server& server, std::string_view tls_name, std::uint64_t& where);
  std::span<Pin> pins() const { return kept_ ? std::span<Pin>(kept_->pins) : std::span<Pin>(); }

  PinBookOwner& owner_;
  std::unique_ptr<Kept> kept_;
  bool pinned_ = false;
};

}  // namespace penstock
