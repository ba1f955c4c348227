// Runs a fuzz target once over each file of the folders and files named on the command line, so
// that what a fuzzer once found stays tested by every build, without libFuzzer.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

bool replay_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::fprintf(stderr, "replay: cannot read %s\n", path.c_str());
    return false;
  }
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  return true;
}

// The number of files replayed below `path`, or -1 if one could not be read.
long replay(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return replay_file(path) ? 1 : -1;
  long count = 0;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path, error)) {
    if (!entry.is_regular_file(error)) continue;
    if (!replay_file(entry.path())) return -1;
    ++count;
  }
  return error ? -1 : count;
}

}  // namespace

int main(int argc, char** argv) {
  long total = 0;
  for (int i = 1; i < argc; ++i) {
    const long count = replay(argv[i]);
    if (count <= 0) {
      std::fprintf(stderr, "replay: nothing to run in %s\n", argv[i]);
      return 1;
    }
    total += count;
  }
  std::printf("replay: %ld inputs\n", total);
  return total > 0 ? 0 : 1;
}
