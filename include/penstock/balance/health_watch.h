// Sees that a whole machine went, where each pool by itself only sees its own server go: nine pools
// of one Exchange server are nine lines in the log, and one more says what they have in common.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/balance/server.h"

namespace penstock {

// Of the master. Times are milliseconds of any one clock.
class AddressWatch {
 public:
  struct Pool {
    std::string backend;
    std::string server;
    std::string address;  // Pools of one machine and port have the same.
    std::uint64_t inter_ms = 0;
  };
  // At the address that the orders have it, or the file.
  static Pool pool_of(const BackendSpec& backend, const ServerSpec& server, const Orders& orders = {});

  // Checked servers of the configuration now in force that were not there or are others now, and those that are gone
  // or were something else. What was known of who stays at its address is kept.
  void watch(std::vector<Pool> come, const std::vector<Pool>& gone = {});
  // To be told of each change of status. The line to be logged, if this change completes the picture.
  std::optional<std::string> on_change(std::string_view backend, std::string_view server, bool up,
                                       std::uint64_t now_ms);

 private:
  struct Member {
    std::string address;
    std::uint64_t inter_ms = 0;
    bool down = false;
    std::uint64_t down_at_ms = 0;
  };
  struct Address {
    std::vector<const Member*> members;
    std::size_t down = 0;
  };
  void forget(const std::string& name);
  static std::string key(std::string_view backend, std::string_view server);

  std::map<std::string, Member> members_;  // By backend and server.
  std::map<std::string, Address> addresses_;
};

}  // namespace penstock
