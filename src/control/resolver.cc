#include "penstock/control/resolver.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>
#include <utility>

#include "penstock/base/format.h"
#include "penstock/base/packing.h"

namespace penstock {
namespace {

std::string packed_answers(const std::set<Name>& names) {
  Packer packer;
  for (const auto& [host, version] : names) {
    const Result<SocketAddress> answer = SocketAddress::resolve(host, 0, version);
    packer.put_text(host);
    packer.put_number(static_cast<std::uint64_t>(version));
    packer.put_number(static_cast<bool>(answer));
    if (answer) {
      packer.put_text({reinterpret_cast<const char*>((*answer).raw()), (*answer).length()});
    } else {
      packer.put_text(answer.error().text);
    }
  }
  return std::string(std::string_view(packer.bytes()));
}

NameAnswers unpack(std::string_view bytes) {
  NameAnswers out;
  Unpacker from(bytes);
  while (!from.ended() && !from.failed()) {
    std::string host(from.take_text());
    const int version = static_cast<int>(from.take_number());
    const bool is_known = from.take_number() != 0;
    const std::string_view answer = from.take_text();
    if (from.failed()) break;
    const Name name(std::move(host), version);
    if (is_known) {
      out.emplace(
          name, SocketAddress(reinterpret_cast<const sockaddr*>(answer.data()), static_cast<socklen_t>(answer.size())));
    } else {
      out.emplace(name, Error{std::string(answer)});
    }
  }
  return out;
}

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

}  // namespace

Result<std::unique_ptr<Resolver>> Resolver::start(const std::set<Name>& names) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return Error{format("cannot ask the resolver: {}", std::strerror(errno))};
  Descriptor answers(ends[0]), theirs(ends[1]);
  ::fcntl(answers.get(), F_SETFL, O_NONBLOCK);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return Error{format("cannot ask the resolver: {}", std::strerror(errno))};
  if (pid > 0) return std::unique_ptr<Resolver>(new Resolver(pid, std::move(answers)));
  // It has our listening sockets too, which must not stay open when we are gone.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() == parent) write_all(theirs.get(), packed_answers(names));
  ::_exit(0);
}

Resolver::~Resolver() {
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

std::optional<NameAnswers> Resolver::take() {
  char piece[4096];
  while (true) {
    const ssize_t count = ::read(answers_.get(), piece, sizeof(piece));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return std::nullopt;
    if (count <= 0) return unpack(bytes_);
    bytes_.append(piece, static_cast<std::size_t>(count));
  }
}

}  // namespace penstock
