// What parent and child say to each other: messages, whole and in order, with descriptors.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/base/result.h"
#include "penstock/base/secret.h"
#include "penstock/net/socket.h"

namespace penstock {

struct Message {
  enum class Kind : std::uint8_t {
    // To the child.
    // The first descriptor is sealed memory: a packed handover; the others are its own. `number`, here and of Failed:
    // so many WantReload had come when it began.
    TakeOver,
    Leave,      // Drain and end, as after SIGUSR1.
    Stop,       // End now; `number` is the signal.
    LogSocket,  // An answer to WantLogSocket, with the socket if there is one.
    Visitor,    // An administrator's connection; the text is what was read from it, `number` the level.
    Failed,     // A reload ended before it came to a TakeOver; the text says why.
    Processes,  // An answer to WantProcesses.
    // An answer to WantStateFile: the path, and the new file, or behind a line end why there is none. And to
    // StateWritten: nothing behind it if the file has taken its place.
    StateFile,
    // To the parent.
    Complaints,     // A piece of what is to be said of the handover; goes before:
    Accepted,       // The handover is at work. The text is the last word about it.
    Refused,        // It is not; all goes on as before. The same.
    TicketKeys,     // For a child that comes after this one; secret.
    Server,         // A note about a server, for that one too.
    Kept,           // A piece of a packed KeptChange; `number` is 1 if more of it follows.
    WantReload,     // An administrator asked the child.
    WantLogSocket,  // The text is a unix socket's path.
    WantProcesses,  // `show proc`
    WantStateFile,  // The text is the path of one that the configuration names.
    StateWritten,   // The same; `number` is 1 if all went well.
    // Between packets of one message.
    More,
  };
  static constexpr Kind kLast = Kind::More;

  Kind kind = Kind::More;
  std::uint32_t number = 0;
  std::string text;  // Short: kLongestText at most.
  std::vector<Descriptor> descriptors;
  bool incomplete = false;  // Descriptors were lost, because there was no room for them.
};

class Channel {
 public:
  static constexpr std::size_t kLongestText = 4096;
  // The kernel passes 253 at a time (SCM_MAX_FD).
  static constexpr std::size_t kDescriptorsInPacket = 250;

  // Two ends of a line, the parent's and the child's. Only the child is given descriptors: the
  // parent takes none from whoever the child may have become. Who is left when the other end closes
  // finds `closed()` at its next receive().
  static Result<std::pair<Channel, Channel>> pair();

  int fd() const { return socket_.get(); }
  // Waits for room, but not for ever. From any thread if there are no descriptors.
  Result<void> send(Message::Kind kind, std::string_view text = {}, std::uint32_t number = 0,
                    std::span<const int> descriptors = {}) const;
  // The same in one packet, and only if there is room now: for what may get lost.
  bool offer(Message::Kind kind, std::string_view text, std::span<const int> descriptors = {},
             std::uint32_t number = 0) const;
  // The next whole message; none if it has not come yet, or never will.
  std::optional<Message> receive();
  bool closed() const { return closed_; }

 private:
  Channel(Descriptor socket, bool takes_descriptors)
      : socket_(std::move(socket)), takes_descriptors_(takes_descriptors) {}
  void take_packet(std::string_view packet, std::vector<Descriptor> descriptors, bool incomplete);

  Descriptor socket_;
  bool takes_descriptors_;
  std::optional<Message> coming_;
  std::size_t packets_left_ = 0;
  bool closed_ = false;
};

// Memory that can be passed on but not changed any more, by nobody.
Result<Descriptor> sealed_memory(std::string_view bytes);
// What it holds; an error if it is not such memory.
Result<WipedText> read_sealed(int fd);

}  // namespace penstock
