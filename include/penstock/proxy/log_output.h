// Where log lines go: one LogOutput for each distinct `log` line of the configuration
// (configuration manual, section 4.2 "log"), shared by all workers.
//
// A line is never waited for. Datagrams are sent without waiting; an inherited descriptor (stdout,
// stderr, fd@N) has a bounded ring and a thread of its own. What does not fit or cannot be
// delivered is counted and told to whoever asks. Losing the target loses no traffic.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "penstock/base/log.h"
#include "penstock/base/result.h"
#include "penstock/base/ring.h"
#include "penstock/config/settings.h"
#include "penstock/net/address.h"
#include "penstock/net/socket.h"

namespace penstock {

class LogDescriptor;

// Who speaks, as the headers of a line name it.
struct LogIdentity {
  std::string tag;  // `log-tag`
  int pid = 0;
  std::string hostname;  // `log-send-hostname`; empty: none given.
};

// Counts lines that were lost, and says so to whoever asks now and then: the first loss at once, what
// follows at most once in ten minutes.
class LogLosses {
 public:
  explicit LogLosses(std::string target) : target_(std::move(target)) {}
  // `reason` is an errno, EAGAIN for what did not fit.
  void add(std::uint64_t lines, int reason);
  std::uint64_t count() const { return count_.load(std::memory_order_relaxed); }
  // How many were lost since the last report, and why; nothing if none were or it is too early. For
  // one thread.
  std::optional<std::string> report(std::int64_t now_us);

 private:
  const std::string target_;
  std::atomic<std::uint64_t> count_{0};
  std::atomic<int> reason_{0};  // Of the latest.
  std::uint64_t told_ = 0;
  AtMostEvery reports_{600 * 1000000};
};

// The threads that write to inherited descriptors, one for each descriptor, so that lines of
// several outputs do not mix. The process has one, which outlives its outputs; made after any fork.
class LogDescriptors {
 public:
  LogDescriptors();
  ~LogDescriptors();
  LogDescriptors(const LogDescriptors&) = delete;
  LogDescriptors& operator=(const LogDescriptors&) = delete;
  // Fails if `fd` is not open. Not thread safe: outputs are opened by the master alone.
  Result<LogDescriptor*> writer(int fd, const std::string& name);

 private:
  std::map<int, std::unique_ptr<LogDescriptor>> writers_;
};

// Reaches unix log sockets for a process that cannot, because its root is another folder.
class LogReach {
 public:
  // To be answered, sooner or later, by a call of LogOutput::reached(). From any thread.
  virtual void want_log_socket(const std::string& name) = 0;

 protected:
  ~LogReach() = default;
};

class LogOutput final : public LogSink {
 public:
  // `resolved` is where a target given by name is; empty: asked when it is opened.
  LogOutput(const config::LogTarget& target, const LogIdentity& identity, const SocketAddress& resolved = {});
  // One that writes to a ring.
  LogOutput(const config::LogTarget& target, const LogIdentity& identity, std::shared_ptr<Ring> ring);
  // To be called before anybody writes. A UDP or unix target that cannot be reached now is not an error: it is tried
  // again. Outputs on one descriptor share its thread if they are given the same `descriptors`.
  Result<void> open(LogDescriptors* descriptors = nullptr);
  bool opened() const { return descriptor_ != nullptr || datagrams_ || ring_; }
  // Gives an inherited descriptor a tenth of a second to take what is left. Nobody may write any
  // more.
  ~LogOutput();

  // Says `message`, without line end, if `level` is severe enough for this target.
  void write(Level level, std::string_view message) override { write(level, message, std::string_view()); }
  // `data`: structured data of RFC 5424, for a target of that format; empty: none.
  void write(Level level, std::string_view message, std::string_view data);
  // The same for a caller who has read the clock: Unix time in microseconds.
  void write(Level level, std::string_view message, std::int64_t now_us, std::string_view data = {});

  // For an output whose unix socket is out of reach: `connected` is a socket to begin with (-1: none),
  // `reach` gets others when nobody listens there any more; it must outlive this.
  void reach_by(LogReach& reach, int connected);
  // From now on lines go to this one. Others may be writing meanwhile.
  void reached(const Descriptor& connected);
  // By the text of a unix socket's address; empty if the target is none.
  std::string socket_name() const { return address_.is_unix() ? address_.text() : ""; }

  // What is to be said about lost lines, if anything. For the master's thread.
  std::optional<std::string> loss_report(std::int64_t now_us) { return losses_->report(now_us); }
  // Lines lost so far; on an inherited descriptor those of all outputs that share its thread.
  std::uint64_t dropped() const { return losses_->count(); }
  // As the configuration names it: "127.0.0.1:514", "/dev/log", "stdout", "fd@3".
  const std::string& name() const { return name_; }

 private:
  Result<void> open_datagrams();
  Result<void> open_descriptor(int fd, LogDescriptors* descriptors);
  void send(std::string_view line, std::int64_t now_us);
  int utc_offset(std::int64_t seconds);

  const std::string name_;
  const config::LogTarget::Kind kind_;
  const config::Address target_;
  const int fd_;
  const config::LogTarget::Format format_;
  const Level level_, min_level_;
  const int facility_;
  const std::size_t limit_;    // Bytes of a line, its end not counted.
  const std::string speaker_;  // What stands between date and message.
  // A quarter of an hour and the offset of local time in it: zones change at no other moments. One
  // word, so that threads need no lock.
  std::atomic<std::int64_t> offset_{-1};

  const std::shared_ptr<Ring> ring_;
  SocketAddress address_;
  Descriptor datagrams_;
  AtMostEvery reconnects_{1000000};
  LogReach* reach_ = nullptr;
  std::unique_ptr<LogDescriptors> own_descriptors_;
  LogDescriptor* descriptor_ = nullptr;  // Null: datagrams.
  LogLosses own_losses_;
  LogLosses* losses_ = &own_losses_;
};

}  // namespace penstock
