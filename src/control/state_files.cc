#include "state_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <utility>

#include "penstock/base/format.h"
#include "penstock/config/model.h"

namespace penstock {
namespace {

using StateFrom = config::Proxy::StateFrom;

std::string whole_path(const config::Global& global, const std::string& file) {
  if (file.starts_with('/') || global.server_state_base.empty()) return file;
  return global.server_state_base + (global.server_state_base.ends_with('/') ? "" : "/") + file;
}

std::string new_name(const std::string& path) { return path + ".new"; }

Result<std::string> text_of(const std::string& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  std::string text;
  char piece[65536];
  ssize_t count = fd ? ::read(fd.get(), piece, sizeof(piece)) : -1;
  for (; count > 0; count = ::read(fd.get(), piece, sizeof(piece))) text.append(piece, static_cast<std::size_t>(count));
  if (count < 0) return Error{std::strerror(errno)};
  return text;
}

std::uint64_t monotonic_ms() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

bool is_from(const config::Proxy& proxy, const StateFile& file) {
  if (!proxy.is_backend || proxy.disabled) return false;
  return file.backend.empty() ? proxy.state_from == StateFrom::Global
                              : proxy.state_from == StateFrom::Local && proxy.name == file.backend;
}

const config::Proxy& reader_of(const config::Config& config, const StateFile& file) {
  return *std::find_if(config.proxies.begin(), config.proxies.end(),
                       [&](const config::Proxy& proxy) { return is_from(proxy, file); });
}

// `init-addr` may be without `last`: what a name had does not count then.
void forget_unwanted(const config::Proxy& proxy, const std::string& name, Orders& orders) {
  if (!orders.address || orders.address->value.name == 0) return;
  for (const config::Server& server : proxy.servers) {
    const auto is_last = [](const config::InitAddr& way) { return way.way == config::InitAddr::Way::Last; };
    if (server.name == name && std::none_of(server.init_addr.begin(), server.init_addr.end(), is_last))
      orders.address.reset();
  }
}

void take_file(const config::Config& config, const StateFile& file, ServersState& to,
               config::Diagnostics& diagnostics) {
  const config::Place place = reader_of(config, file).state_place;
  Result<std::string> text = text_of(file.path);
  if (!text && errno == ENOENT) {
    return diagnostics.add(config::Severity::Notice, place,
                           format("there is no '{}' yet: servers begin as this configuration has them", file.path));
  }
  if (!text) return diagnostics.warn(place, format("cannot read '{}': {}", file.path, text.error().text));
  ServersState found = read_servers_state(*text, monotonic_ms());
  for (const std::string& complaint : found.complaints)
    diagnostics.warn(place, format("'{}', {}", file.path, complaint));
  for (auto& [name, note] : found.notes) {
    const config::Proxy* proxy = config.find_backend(name.first);
    if (proxy != nullptr) forget_unwanted(*proxy, name.second, note.orders);
    if (proxy != nullptr && is_from(*proxy, file)) to.notes.try_emplace(name, std::move(note));
  }
  to.addresses.merge(found.addresses);
}

}  // namespace

std::vector<StateFile> state_files(const config::Config& config) {
  std::vector<StateFile> files;
  const auto add = [&](StateFile file) {
    const bool is_known =
        std::any_of(files.begin(), files.end(), [&](const auto& each) { return each.path == file.path; });
    if (!is_known) files.push_back(std::move(file));
  };
  for (const config::Proxy& proxy : config.proxies) {
    if (!proxy.is_backend || proxy.disabled) continue;
    const std::string& shared = config.global.server_state_file;
    if (proxy.state_from == StateFrom::Global && !shared.empty()) add({whole_path(config.global, shared), ""});
    if (proxy.state_from != StateFrom::Local) continue;
    add({whole_path(config.global, proxy.state_file.empty() ? proxy.name : proxy.state_file), proxy.name});
  }
  return files;
}

ServersState read_state_files(const config::Config& config, config::Diagnostics& diagnostics) {
  ServersState out;
  for (const StateFile& file : state_files(config)) take_file(config, file, out, diagnostics);
  return out;
}

Result<Descriptor> begin_state_file(const std::string& path) {
  const std::string name = new_name(path);
  ::unlink(name.c_str());
  Descriptor fd(::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return Error{format("cannot write '{}': {}", name, std::strerror(errno))};
  struct stat before {};
  if (::stat(path.c_str(), &before) == 0) ::fchmod(fd.get(), before.st_mode & 0777);
  return fd;
}

Result<void> fill_state_file(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return Error{std::strerror(errno)};
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  if (::fsync(fd) != 0) return Error{std::strerror(errno)};
  return {};
}

Result<void> end_state_file(const std::string& path, bool is_good) {
  const std::string name = new_name(path);
  if (!is_good) {
    ::unlink(name.c_str());
    return {};
  }
  if (::rename(name.c_str(), path.c_str()) != 0)
    return Error{format("cannot rename '{}' to '{}': {}", name, path, std::strerror(errno))};
  return {};
}

}  // namespace penstock
