// Files of server states: where the configuration has them, read once at the start, written when the process is told to
// stop or an administrator asks. They are written beside and renamed, by whoever keeps the privileges.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "penstock/base/result.h"
#include "penstock/config/diagnostics.h"
#include "penstock/net/socket.h"
#include "servers_state.h"

namespace penstock::config {
struct Config;
}

namespace penstock {

struct StateFile {
  std::string path;
  std::string backend;  // Empty: all backends stand there.
};
// Each path once.
std::vector<StateFile> state_files(const config::Config& config);

// What they say of servers that are to take it from there. What is wrong in a file is a warning.
ServersState read_state_files(const config::Config& config, config::Diagnostics& diagnostics);

// A new file beside `path`, to be filled; then it takes its place, or goes.
Result<Descriptor> begin_state_file(const std::string& path);
Result<void> fill_state_file(int fd, std::string_view text);
Result<void> end_state_file(const std::string& path, bool is_good);

}  // namespace penstock
