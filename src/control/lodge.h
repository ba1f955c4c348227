// Where administrators come to the parent: the socket of `-S`. One line of each is read. What is the parent's own
// matter (reload, show proc, show startup-logs, help, quit) is answered here; with all else the connection is shown on
// to the serving process, whose desk goes on with it. Nothing here waits, and what a visitor may cost is bounded.
#pragma once

#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/config/diagnostics.h"
#include "penstock/config/settings.h"
#include "penstock/net/socket.h"

namespace penstock {

struct BoundAddress;

class LodgeOwner {
 public:
  virtual std::string processes() const = 0;
  virtual const std::string& startup_logs() const = 0;
  // reload_begun() and reload_ended() follow, now or later.
  virtual void on_reload_asked() = 0;
  // False: there is nobody to take it.
  virtual bool show_on(int connection, config::AccessLevel level, std::string_view said) = 0;

 protected:
  ~LodgeOwner() = default;
};

class Lodge final {
 public:
  static constexpr std::size_t kLongestLine = 4096;

  // Listens where `line` says, the value of `-S`. Null after complaints.
  static std::unique_ptr<Lodge> open(const std::string& line, bool replaces, LodgeOwner& owner,
                                     config::Diagnostics& diagnostics);
  ~Lodge();
  Lodge(const Lodge&) = delete;
  Lodge& operator=(const Lodge&) = delete;

  // Adds what is to be waited for;
  void watch(std::vector<pollfd>& to) const;
  // of which this has come. `now_ms` is any clock that never steps back.
  void look(std::span<const pollfd> watched, std::uint64_t now_ms);
  // When look() should be called at the latest; 0: whenever something comes.
  std::uint64_t due_ms() const;

  // Whoever has asked for a reload up to now is answered at its end.
  void reload_begun();
  void reload_ended(bool success, const std::string& said);

 private:
  struct Visitor;
  Lodge(LodgeOwner& owner, config::AccessLevel level);
  void welcome(int listening);
  void look_at(Visitor& visitor, short events);
  void hear(Visitor& visitor);
  void obey(Visitor& visitor, const std::string& line);
  bool answer(Visitor& visitor, const std::string& line);
  void say(Visitor& visitor, std::string_view text);
  void part(Visitor& visitor);

  LodgeOwner& owner_;
  const config::AccessLevel level_;
  std::vector<std::shared_ptr<const BoundAddress>> doors_;
  std::list<Visitor> visitors_;
  std::uint64_t now_ms_ = 0;
};

}  // namespace penstock
