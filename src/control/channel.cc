#include "penstock/control/channel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "penstock/base/format.h"

namespace penstock {
namespace {

constexpr int kSendWaitMs = 5000;
constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

// Before the text of each packet.
struct Header {
  Message::Kind kind;
  std::uint32_t number;
  std::uint32_t packets_after;
};

constexpr std::size_t kLongestPacket = sizeof(Header) + Channel::kLongestText;

// Room for the control message that carries descriptors.
union ControlSpace {
  cmsghdr header;
  char bytes[CMSG_SPACE(Channel::kDescriptorsInPacket * sizeof(int))];
};

Result<void> send_packet(int fd, std::string_view packet, std::span<const int> descriptors, int wait_ms) {
  iovec bytes{const_cast<char*>(packet.data()), packet.size()};
  ControlSpace control{};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(&control.header), descriptors.data(), descriptors.size_bytes());
  }
  while (::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
    if (errno == EINTR) continue;
    pollfd room{fd, POLLOUT, 0};
    if (errno != EAGAIN) return Error{std::strerror(errno)};
    if (::poll(&room, 1, wait_ms) == 0) return Error{"the other side does not listen"};
  }
  return {};
}

WipedText packet_of(Message::Kind kind, std::uint32_t number, std::size_t packets_after, std::string_view text) {
  require(text.size() <= Channel::kLongestText);
  Header header{};
  header.kind = kind;
  header.number = number;
  header.packets_after = static_cast<std::uint32_t>(packets_after);
  WipedText packet(reinterpret_cast<const char*>(&header), sizeof(header));
  return packet.append(text);
}

std::vector<Descriptor> descriptors_of(msghdr& message) {
  std::vector<Descriptor> out;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
      out.emplace_back(fd);
    }
  }
  return out;
}

}  // namespace

Result<std::pair<Channel, Channel>> Channel::pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return Error{format("cannot make a line between parent and child: {}", std::strerror(errno))};
  }
  return std::pair(Channel(Descriptor(ends[0]), false), Channel(Descriptor(ends[1]), true));
}

Result<void> Channel::send(Message::Kind kind, std::string_view text, std::uint32_t number,
                           std::span<const int> descriptors) const {
  const std::size_t packets =
      std::max<std::size_t>(1, (descriptors.size() + kDescriptorsInPacket - 1) / kDescriptorsInPacket);
  for (std::size_t left = packets; left > 0; --left) {
    const auto some = descriptors.first(std::min(descriptors.size(), kDescriptorsInPacket));
    const bool is_first = left == packets;
    const WipedText packet =
        is_first ? packet_of(kind, number, left - 1, text) : packet_of(Message::Kind::More, 0, left - 1, {});
    if (auto sent = send_packet(fd(), packet, some, kSendWaitMs); !sent) return sent;
    descriptors = descriptors.subspan(some.size());
  }
  return {};
}

bool Channel::offer(Message::Kind kind, std::string_view text, std::span<const int> descriptors,
                    std::uint32_t number) const {
  if (text.size() > kLongestText) return false;
  return static_cast<bool>(send_packet(fd(), packet_of(kind, number, 0, text), descriptors, 0));
}

std::optional<Message> Channel::receive() {
  while (!closed_) {
    char packet[kLongestPacket];
    iovec bytes{packet, sizeof(packet)};
    ControlSpace control{};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes;
    message.msg_controllen = takes_descriptors_ ? sizeof(control.bytes) : 0;
    const ssize_t count = ::recvmsg(fd(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return std::nullopt;
    if (count <= 0) {
      closed_ = true;
      return std::nullopt;
    }
    take_packet({packet, static_cast<std::size_t>(count)}, descriptors_of(message),
                (message.msg_flags & MSG_CTRUNC) != 0);
    ::explicit_bzero(packet, static_cast<std::size_t>(count));  // Some are secret.
    if (coming_ && packets_left_ == 0) return std::exchange(coming_, std::nullopt);
  }
  return std::nullopt;
}

// What is no packet of ours closes the line: no other message would make sense any more.
void Channel::take_packet(std::string_view packet, std::vector<Descriptor> descriptors, bool incomplete) {
  Header header{};
  if (packet.size() < sizeof(header)) {
    closed_ = true;
    return;
  }
  std::memcpy(&header, packet.data(), sizeof(header));
  const bool is_first = header.kind != Message::Kind::More;
  if (header.kind > Message::kLast || is_first == coming_.has_value()) {
    closed_ = true;
    return;
  }
  if (is_first) {
    coming_.emplace();
    coming_->kind = header.kind;
    coming_->number = header.number;
    coming_->text = packet.substr(sizeof(header));
  }
  packets_left_ = header.packets_after;
  coming_->incomplete = coming_->incomplete || incomplete;
  std::move(descriptors.begin(), descriptors.end(), std::back_inserter(coming_->descriptors));
}

Result<Descriptor> sealed_memory(std::string_view bytes) {
  Descriptor memory(::memfd_create("penstock", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory) return Error{format("cannot make memory to hand over: {}", std::strerror(errno))};
  while (!bytes.empty()) {
    const ssize_t count = ::write(memory.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return Error{format("cannot fill memory to hand over: {}", std::strerror(errno))};
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  if (::fcntl(memory.get(), F_ADD_SEALS, kSeals) != 0) {
    return Error{format("cannot seal memory to hand over: {}", std::strerror(errno))};
  }
  return memory;
}

Result<WipedText> read_sealed(int fd) {
  struct stat facts {};
  // What is not sealed could change or shrink while it is read.
  if (::fcntl(fd, F_GET_SEALS) != kSeals || ::fstat(fd, &facts) != 0) return Error{"this is no sealed memory"};
  WipedText bytes(static_cast<std::size_t>(facts.st_size), '\0');
  std::size_t at = 0;
  while (at < bytes.size()) {
    const ssize_t count = ::pread(fd, bytes.data() + at, bytes.size() - at, static_cast<off_t>(at));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return Error{"sealed memory cannot be read"};
    at += static_cast<std::size_t>(count);
  }
  return bytes;
}

}  // namespace penstock
