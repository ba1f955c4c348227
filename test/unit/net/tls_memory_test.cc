#include "net/tls_memory.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "../catch.h"
#include "penstock/base/require.h"

using namespace penstock;

namespace {

struct Held {
  unsigned char* at;
  std::size_t size;
  unsigned char mark;
};

Held take(std::size_t size, unsigned char mark) {
  auto* at = static_cast<unsigned char*>(take_tls_memory(size));
  require(at != nullptr && reinterpret_cast<std::uintptr_t>(at) % 8 == 0);
  std::memset(at, mark, size);
  return {at, size, mark};
}

// Whether nobody else has written there; gives it back.
bool untouched(const Held& held) {
  const bool good = tls_memory_size(held.at) == held.size &&
                    std::all_of(held.at, held.at + held.size, [&](unsigned char byte) { return byte == held.mark; });
  give_back_tls_memory(held.at);
  return good;
}

// Of small ones more than of large ones, as the library asks.
std::size_t some_size(std::mt19937& random) { return random() % (std::size_t{1} << random() % 18); }

// VmFlags of the mapping that holds `at`.
std::string flags_of(const void* at) {
  std::ifstream maps("/proc/self/smaps");
  const auto wanted = reinterpret_cast<std::uintptr_t>(at);
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0, end = 0;
    char dash = 0;
    std::istringstream words(line);
    if (words >> std::hex >> begin >> dash >> end && dash == '-') inside = begin <= wanted && wanted < end;
    if (inside && line.starts_with("VmFlags:")) return line + " ";
  }
  return {};
}

}  // namespace

TEST_CASE("pieces of the TLS library's memory are its own, of every size") {
  std::vector<Held> all;
  for (std::size_t size = 0; size < 70000; size += size < 2100 ? 1 : 97) {
    all.push_back(take(size, static_cast<unsigned char>(size % 251 + 1)));
  }
  CHECK(std::all_of(all.begin(), all.end(), untouched));
}

TEST_CASE("no core dump takes what the TLS library has, small or large") {
  for (const std::size_t size : {1, 100, 4096, 60000, 65528, 65529, 1000000}) {
    const Held held = take(size, 1);
    CHECK(flags_of(held.at).find(" dd ") != std::string::npos);
    CHECK(untouched(held));
  }
}

TEST_CASE("what the TLS library gives back is wiped") {
  for (const std::size_t size : {1, 16, 100, 4096, 60000}) {
    const Held held = take(size, 0xa5);
    give_back_tls_memory(held.at);
    auto* again = static_cast<unsigned char*>(take_tls_memory(size));
    REQUIRE(again == held.at);
    CHECK(std::all_of(again, again + size, [](unsigned char byte) { return byte == 0; }));
    give_back_tls_memory(again);
  }
}

TEST_CASE("a piece of the TLS library's memory may come back on any thread") {
  constexpr std::size_t kThreads = 4, kRounds = 3000, kShared = 256;
  std::vector<std::atomic<Held*>> shared(kShared);
  std::atomic<int> bad = 0;
  const auto work = [&](unsigned seed) {
    std::mt19937 random(seed);
    for (std::size_t round = 0; round < kRounds; ++round) {
      auto* mine = new Held(take(some_size(random), static_cast<unsigned char>(random() % 255 + 1)));
      Held* other = shared[random() % kShared].exchange(mine);
      if (other != nullptr && !untouched(*other)) ++bad;
      delete other;
    }
  };
  for (int again = 0; again < 2; ++again) {  // What ended threads had kept is used by the next.
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < kThreads; ++i) threads.emplace_back(work, i);
    for (std::thread& thread : threads) thread.join();
  }
  for (std::atomic<Held*>& slot : shared) {
    Held* last = slot.load();
    if (last != nullptr && !untouched(*last)) ++bad;
    delete last;
  }
  CHECK(bad == 0);
}

TEST_CASE("more than there can be is refused") {
  CHECK(take_tls_memory(SIZE_MAX) == nullptr);
  CHECK(take_tls_memory(std::size_t{1} << 40) == nullptr);
}
