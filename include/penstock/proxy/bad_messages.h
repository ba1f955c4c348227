// The last request and the last answer of each proxy that could not be read, for `show errors`. They come seldom: a lock
// is taken for one. What credentials there are in them is not kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock {

struct BadMessage {
  static constexpr std::size_t kLongest = 16384;

  bool is_answer = false;
  // Whose it is: the frontend of a request, the backend of an answer. The other one where there is one.
  std::string frontend, backend, server;
  std::uint32_t frontend_id = 0, backend_id = 0, server_id = 0;
  std::int64_t when_us = 0;
  std::uint64_t event = 0;
  std::string source;  // "10.0.0.1:4711"
  std::string reason;
  std::string text;      // Of the head, up to where it could not be read.
  std::size_t size = 0;  // Of what came of it.
  const std::string& proxy() const { return is_answer ? backend : frontend; }
};

// Values of fields that carry credentials are replaced, also in a head that is none.
std::string without_credentials(std::string_view head);

class BadMessages {
 public:
  // Counts it, and keeps it in the place of the one before.
  void note(BadMessage message);
  std::uint64_t count() const;
  std::vector<BadMessage> all() const;  // By proxy, requests first.

 private:
  mutable std::mutex lock_;
  std::uint64_t count_ = 0;
  std::map<std::pair<std::string, bool>, BadMessage> last_;
};

}  // namespace penstock
