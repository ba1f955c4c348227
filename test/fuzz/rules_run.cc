// Tries cases of rules and messages by their numbers:
//   rules_run [--from N] [--count N | --seconds S]   each in a child; what ended one is printed as
//   text rules_run --show N                               the case of that number
// The same number makes the same case.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>

#include "fuzz/rules_case.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" std::size_t rules_cases_tried();

namespace {

constexpr unsigned kBatch = 2000;
constexpr unsigned kHangSeconds = 60;

// SplitMix64.
std::string bytes_of(std::uint64_t number) {
  std::string bytes;
  std::uint64_t state = number * 0x9e3779b97f4a7c15ull;
  for (int i = 0; i < 60; ++i) {
    state += 0x9e3779b97f4a7c15ull;
    std::uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    z ^= z >> 31;
    for (int k = 0; k < 8; ++k) bytes += static_cast<char>(z >> (8 * k));
  }
  return bytes;
}

struct Progress {
  std::uint64_t number;
  std::uint64_t tried;
};

[[noreturn]] void try_all(std::uint64_t from, std::uint64_t to, std::time_t end, volatile Progress* progress) {
  const std::uint64_t tried = progress->tried;
  for (std::uint64_t number = from; number < to && std::time(nullptr) < end; ++number) {
    progress->number = number;
    const std::string bytes = bytes_of(number);
    ::alarm(kHangSeconds);
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    progress->tried = tried + rules_cases_tried();
  }
  progress->number = to;
  std::_Exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t from = 1, count = 10000;
  std::time_t end = std::time(nullptr) + 365 * 86400;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view option = argv[i];
    const std::uint64_t value = std::strtoull(argv[i + 1], nullptr, 10);
    if (option == "--show")
      return std::fputs(penstock::test::text_of(penstock::test::make_rules_case(bytes_of(value))).c_str(), stdout), 0;
    if (option == "--from") from = value;
    if (option == "--count") count = value;
    if (option == "--seconds") end = std::time(nullptr) + static_cast<std::time_t>(value), count = UINT64_MAX - from;
  }
  void* shared = ::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto* progress = static_cast<volatile Progress*>(shared);
  std::uint64_t found = 0, at = from;
  while (at < from + count && std::time(nullptr) < end) {
    const std::uint64_t to = from + count - at < kBatch ? from + count : at + kBatch;
    const pid_t child = ::fork();
    if (child == 0) try_all(at, to, end, progress);
    int status = 0;
    ::waitpid(child, &status, 0);
    at = to;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
    const std::uint64_t number = progress->number;
    std::printf("==== case %llu ended the process (status %#x)\n%s\n", static_cast<unsigned long long>(number),
                static_cast<unsigned>(status),
                penstock::test::text_of(penstock::test::make_rules_case(bytes_of(number))).c_str());
    std::fflush(stdout);
    ++found;
    at = number + 1;
  }
  std::printf("rules_run: cases %llu to %llu, %llu of them tried, %llu ended the process\n",
              static_cast<unsigned long long>(from), static_cast<unsigned long long>(at),
              static_cast<unsigned long long>(progress->tried), static_cast<unsigned long long>(found));
  return found == 0 ? 0 : 1;
}
