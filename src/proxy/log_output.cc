#include "penstock/proxy/log_output.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "penstock/base/format.h"
#include "penstock/net/loop.h"

namespace penstock {
namespace {

using Format = config::LogTarget::Format;
using Kind = config::LogTarget::Kind;

constexpr std::size_t kLongestLine = 65535;
constexpr std::uint16_t kSyslogPort = 514;
constexpr std::size_t kLongestUnixPath = 107;
// Of a pipe: a write of up to this much is taken as a whole or not at all (PIPE_BUF, pipe(7)).
constexpr std::size_t kWholeWrite = 4096;
constexpr std::size_t kRingSize = 1 << 20;
constexpr std::int64_t kLastWordsUs = 100 * 1000;

// What the formats of the manual put before a message.
struct Shape {
  enum class Number { None, Severity, Priority };
  enum class Date { None, Rfc3164, Iso };
  Number number;
  Date date;
};

constexpr Shape shape_of(Format format) {
  switch (format) {
    case Format::Rfc3164:
    case Format::Local:
      return {Shape::Number::Priority, Shape::Date::Rfc3164};
    case Format::Rfc5424:
      return {Shape::Number::Priority, Shape::Date::Iso};
    case Format::Priority:
      return {Shape::Number::Priority, Shape::Date::None};
    case Format::Short:
      return {Shape::Number::Severity, Shape::Date::None};
    case Format::Timed:
      return {Shape::Number::Severity, Shape::Date::Iso};
    case Format::Iso:
      return {Shape::Number::None, Shape::Date::Iso};
    case Format::Raw:
      break;
  }
  return {Shape::Number::None, Shape::Date::None};
}

// RFC 3164 section 4.1.2 wants a name; without `log-send-hostname` users of HAProxy find this one.
std::string speaker_text(Format format, const LogIdentity& identity) {
  const std::string& host = identity.hostname;
  switch (format) {
    case Format::Rfc3164:
      return penstock::format(" {} {}[{}]: ", host.empty() ? "localhost" : host, identity.tag, identity.pid);
    case Format::Local:
      return penstock::format(" {}[{}]: ", identity.tag, identity.pid);
    case Format::Rfc5424:  // No MSGID (RFC 5424 section 6); structured data follow.
      return penstock::format(" {} {} {} - ", host.empty() ? "-" : host, identity.tag, identity.pid);
    case Format::Timed:
    case Format::Iso:
      return " ";
    case Format::Priority:
    case Format::Short:
    case Format::Raw:
      break;
  }
  return {};
}

std::string name_text(const config::LogTarget& target) {
  switch (target.kind) {
    case Kind::Stdout:
      return "stdout";
    case Kind::Stderr:
      return "stderr";
    case Kind::Fd:
      return format("fd@{}", target.fd);
    case Kind::Unix:
      return target.address.host;
    case Kind::Ring:
      return "ring@" + target.ring;
    case Kind::Udp:
      break;
  }
  const bool ip6 = target.address.host.find(':') != std::string::npos;
  const int port = target.address.port_low != 0 ? target.address.port_low : kSyslogPort;
  return ip6 ? format("[{}]:{}", target.address.host, port) : format("{}:{}", target.address.host, port);
}

// A line being written; what does not fit is cut.
class Line {
 public:
  Line(char* space, std::size_t limit) : begin_(space), at_(space), limit_(space + limit) {}
  void append(std::string_view text) {
    const std::size_t count = std::min(text.size(), static_cast<std::size_t>(limit_ - at_));
    std::memcpy(at_, text.data(), count);
    at_ += count;
  }
  std::string_view text() const { return {begin_, static_cast<std::size_t>(at_ - begin_)}; }
  // The line end stands beyond the limit.
  std::string_view ended() {
    *at_++ = '\n';
    return {begin_, static_cast<std::size_t>(at_ - begin_)};
  }

 private:
  char* begin_;
  char* at_;
  char* limit_;
};

// Digits of a number below 10^`width`, with zeros in front.
char* put_digits(char* at, unsigned value, int width) {
  for (int i = width - 1; i >= 0; --i, value /= 10) at[i] = static_cast<char>('0' + value % 10);
  return at + width;
}

struct Day {
  unsigned year, month, day;  // month and day from 1
};

// The Gregorian calendar, by years that begin in March: so a leap day is the last of its year, and
// the lengths of months follow one line (153 days in each five). `days` since 1970, not before.
Day calendar(std::int64_t days) {
  constexpr unsigned kDaysTo1970 = 719468;  // From 0000-03-01.
  const auto since = static_cast<unsigned>(days) + kDaysTo1970;
  const unsigned era = since / 146097;  // 400 years each.
  const unsigned of_era = since % 146097;
  const unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  const unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
  const unsigned march_month = (5 * of_year + 2) / 153;
  const unsigned month = march_month < 10 ? march_month + 3 : march_month - 9;
  return {era * 400 + year + (month <= 2 ? 1 : 0), month, of_year - (153 * march_month + 2) / 5 + 1};
}

char* put_clock(char* at, unsigned second_of_day) {
  at = put_digits(at, second_of_day / 3600, 2);
  *at++ = ':';
  at = put_digits(at, second_of_day / 60 % 60, 2);
  *at++ = ':';
  return put_digits(at, second_of_day % 60, 2);
}

// "Feb  6 12:14:14" (RFC 3164 section 4.1.2), of local time.
char* put_rfc3164_date(char* at, std::int64_t local_seconds) {
  constexpr char kMonths[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const Day day = calendar(local_seconds / 86400);
  std::memcpy(at, kMonths + 3 * (day.month - 1), 3);
  at[3] = ' ';
  put_digits(at + 4, day.day, 2);
  if (day.day < 10) at[4] = ' ';
  at[6] = ' ';
  return put_clock(at + 7, static_cast<unsigned>(local_seconds % 86400));
}

// "2026-02-06T12:14:14.123456+01:00" (RFC 5424 section 6.2.3).
char* put_iso_date(char* at, std::int64_t local_seconds, unsigned micros, int offset) {
  const Day day = calendar(local_seconds / 86400);
  at = put_digits(at, day.year, 4);
  *at++ = '-';
  at = put_digits(at, day.month, 2);
  *at++ = '-';
  at = put_digits(at, day.day, 2);
  *at++ = 'T';
  at = put_clock(at, static_cast<unsigned>(local_seconds % 86400));
  *at++ = '.';
  at = put_digits(at, micros, 6);
  *at++ = offset < 0 ? '-' : '+';
  const auto minutes = static_cast<unsigned>(offset < 0 ? -offset : offset) / 60;
  at = put_digits(at, minutes / 60, 2);
  *at++ = ':';
  return put_digits(at, minutes % 60, 2);
}

char* put_number(char* at, unsigned number) {
  *at++ = '<';
  if (number >= 100) *at++ = static_cast<char>('0' + number / 100);
  if (number >= 10) *at++ = static_cast<char>('0' + number / 10 % 10);
  *at++ = static_cast<char>('0' + number % 10);
  *at++ = '>';
  return at;
}

// Lines on their way from any number of threads to one, whole and in order. Nobody waits: a line is
// taken if it fits. A record is a length in four bytes, which is written last and tells that the
// record is complete, and the line; records begin at multiples of eight, and free space is zero.
class LineRing {
 public:
  LineRing() : bytes_(new std::uint64_t[kRingSize / 8]()) {}

  bool push(std::string_view line) {
    const std::uint64_t size = record_size(line.size());
    std::uint64_t position = 0;
    do {
      // In this order: what is reserved is never behind what was consumed before.
      const std::uint64_t consumed = consumed_.load(std::memory_order_acquire);
      position = reserved_.load(std::memory_order_relaxed);
      if (position + size - consumed > kRingSize) return false;
    } while (!reserved_.compare_exchange_weak(position, position + size, std::memory_order_relaxed));
    copy_in(position + kHeaderSize, line);
    header(position).store(static_cast<std::uint32_t>(line.size()), std::memory_order_seq_cst);
    return true;
  }
  // Length of the oldest line, 0 if none is complete. For the one consumer, as is take().
  std::size_t next_size() {
    const std::uint64_t consumed = consumed_.load(std::memory_order_relaxed);
    return header(consumed).load(std::memory_order_seq_cst);
  }
  // Moves the oldest line, which is `size` bytes long, behind `to`.
  void take(std::size_t size, std::vector<char>& to) {
    const std::uint64_t consumed = consumed_.load(std::memory_order_relaxed);
    const auto [first, rest] = parts(consumed + kHeaderSize, size);
    to.insert(to.end(), first.data(), first.data() + first.size());
    to.insert(to.end(), rest.data(), rest.data() + rest.size());
    erase(consumed, record_size(size));
    consumed_.store(consumed + record_size(size), std::memory_order_release);
  }

 private:
  static constexpr std::size_t kHeaderSize = 4;
  static std::uint64_t record_size(std::size_t size) { return (kHeaderSize + size + 7) & ~std::uint64_t{7}; }
  char* begin() { return reinterpret_cast<char*>(bytes_.get()); }
  std::atomic_ref<std::uint32_t> header(std::uint64_t position) {
    return std::atomic_ref<std::uint32_t>(*reinterpret_cast<std::uint32_t*>(begin() + position % kRingSize));
  }
  // The place of `size` bytes at `position`, which may lie at the end and at the beginning.
  std::pair<std::span<char>, std::span<char>> parts(std::uint64_t position, std::size_t size) {
    const std::size_t at = position % kRingSize;
    const std::size_t first = std::min(size, kRingSize - at);
    return {{begin() + at, first}, {begin(), size - first}};
  }
  void copy_in(std::uint64_t position, std::string_view line) {
    const auto [first, rest] = parts(position, line.size());
    std::memcpy(first.data(), line.data(), first.size());
    std::memcpy(rest.data(), line.data() + first.size(), rest.size());
  }
  void erase(std::uint64_t position, std::size_t size) {
    const auto [first, rest] = parts(position, size);
    std::memset(first.data(), 0, first.size());
    std::memset(rest.data(), 0, rest.size());
  }

  const std::unique_ptr<std::uint64_t[]> bytes_;
  alignas(64) std::atomic<std::uint64_t> reserved_{0};
  alignas(64) std::atomic<std::uint64_t> consumed_{0};
};

// A pipe or terminal once more, as an open file of our own, so that it can be told not to wait
// while the inherited one, which others share, stays as it is. Where that cannot be (sockets,
// files, another user's pipe) a duplicate serves: it is polled before each write.
Descriptor open_again(int fd) {
  struct stat facts {};
  if (fstat(fd, &facts) == 0 && (S_ISFIFO(facts.st_mode) || S_ISCHR(facts.st_mode))) {
    const int own = ::open(format("/proc/self/fd/{}", fd).c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (own >= 0) return Descriptor(own);
  }
  return Descriptor(fcntl(fd, F_DUPFD_CLOEXEC, 3));
}

// A loss of what was to be sent now; any other reason speaks of the way to the target.
bool did_not_fit(int reason) { return reason == EAGAIN || reason == EMSGSIZE || reason == ENOBUFS || reason == ENOMEM; }

}  // namespace

// One inherited descriptor: a ring that takes lines, and a thread that writes them.
class LogDescriptor {
 public:
  LogDescriptor(Descriptor fd, Descriptor wake, const std::string& name)
      : losses(name), fd_(std::move(fd)), wake_(std::move(wake)) {
    int type = 0;
    socklen_t size = sizeof(type);
    is_socket_ = getsockopt(fd_.get(), SOL_SOCKET, SO_TYPE, &type, &size) == 0;
    one_by_one_ = is_socket_ && type != SOCK_STREAM;
    thread_ = std::thread([this] { run(); });
  }
  ~LogDescriptor() {
    stopping_.store(true);
    wake();
    thread_.join();
  }

  void push(std::string_view line) {
    if (!ring_.push(line)) return losses.add(1, EAGAIN);
    // Sequentially consistent with rest(): either we see that it rests, or it sees our line.
    if (resting_.load() && resting_.exchange(false)) wake();
  }

  LogLosses losses;

 private:
  void run();
  void rest();
  bool gather();
  void deliver();
  bool wait_writable();
  ssize_t write_some(std::string_view bytes);
  void lose(std::size_t written, int reason);
  void wake() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t done = ::write(wake_.get(), &one, sizeof(one));
  }
  void clear_wake() {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t done = ::read(wake_.get(), &count, sizeof(count));
  }

  const Descriptor fd_;
  const Descriptor wake_;
  bool is_socket_ = false;
  bool one_by_one_ = false;  // A message of the socket is one line.
  LineRing ring_;
  std::atomic<bool> resting_{false};
  std::atomic<bool> stopping_{false};
  std::int64_t end_us_ = 0;        // When stopping: no waiting after it.
  std::vector<char> batch_;        // Whole lines to be written at once.
  std::vector<std::size_t> ends_;  // Where in it each of them ends.
  std::thread thread_;
};

void LogDescriptor::run() {
  // Signals are the master's business; a pipe without reader is an error of write() here.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  while (true) {
    if (gather()) {
      deliver();
      continue;
    }
    if (stopping_.load()) return;
    rest();
  }
}

void LogDescriptor::rest() {
  resting_.store(true);
  if (ring_.next_size() == 0 && !stopping_.load()) {
    pollfd wait{wake_.get(), POLLIN, 0};
    ::poll(&wait, 1, -1);
    clear_wake();
  }
  resting_.store(false);
}

// Several lines leave in one write, if a pipe takes it whole; a longer line goes alone.
bool LogDescriptor::gather() {
  batch_.clear();
  ends_.clear();
  while (const std::size_t size = ring_.next_size()) {
    if (!ends_.empty() && (one_by_one_ || batch_.size() + size > kWholeWrite)) break;
    ring_.take(size, batch_);
    ends_.push_back(batch_.size());
  }
  return !ends_.empty();
}

void LogDescriptor::deliver() {
  std::size_t written = 0;
  while (written < batch_.size()) {
    if (!wait_writable()) return lose(written, EAGAIN);
    const ssize_t count = write_some({batch_.data() + written, batch_.size() - written});
    if (count >= 0) {
      written += static_cast<std::size_t>(count);
    } else if (errno != EAGAIN && errno != EINTR) {
      return lose(written, errno);
    }
  }
}

ssize_t LogDescriptor::write_some(std::string_view bytes) {
  if (is_socket_) return ::send(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  // A pipe that could not be opened again might make a longer write wait.
  return ::write(fd_.get(), bytes.data(), std::min(bytes.size(), kWholeWrite));
}

// False when we are stopping and the reader had its time.
bool LogDescriptor::wait_writable() {
  while (true) {
    int wait_ms = -1;
    if (stopping_.load()) {
      const std::int64_t now = Loop::wall_us();
      if (end_us_ == 0) end_us_ = now + kLastWordsUs;
      // Never longer than this, even if the clock was set back.
      wait_ms = static_cast<int>(std::clamp<std::int64_t>(end_us_ - now, 0, kLastWordsUs) / 1000);
    }
    pollfd waits[2] = {{fd_.get(), POLLOUT, 0}, {wake_.get(), POLLIN, 0}};
    const int ready = ::poll(waits, 2, wait_ms);
    if (waits[0].revents != 0) return true;  // An error too: the write will say which.
    if (waits[1].revents != 0) clear_wake();
    if (ready == 0) return false;
  }
}

void LogDescriptor::lose(std::size_t written, int reason) {
  const auto lost = std::count_if(ends_.begin(), ends_.end(), [written](std::size_t end) { return end > written; });
  losses.add(static_cast<std::uint64_t>(lost), reason);
}

LogDescriptors::LogDescriptors() = default;
LogDescriptors::~LogDescriptors() = default;

Result<LogDescriptor*> LogDescriptors::writer(int fd, const std::string& name) {
  const auto known = writers_.find(fd);
  if (known != writers_.end()) return known->second.get();
  Descriptor own = open_again(fd);
  if (!own) return Error{format("cannot log to {}: {}", name, std::generic_category().message(errno))};
  Descriptor wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return Error{format("cannot log to {}: {}", name, std::generic_category().message(errno))};
  auto writer = std::make_unique<LogDescriptor>(std::move(own), std::move(wake), name);
  return writers_.emplace(fd, std::move(writer)).first->second.get();
}

void LogLosses::add(std::uint64_t lines, int reason) {
  if (lines == 0) return;
  // That the socket is connected to nobody says less than why it could not be.
  if (reason != ENOTCONN || reason_.load(std::memory_order_relaxed) == 0)
    reason_.store(reason, std::memory_order_relaxed);
  count_.fetch_add(lines, std::memory_order_release);
}

std::optional<std::string> LogLosses::report(std::int64_t now_us) {
  const std::uint64_t lost = count_.load(std::memory_order_acquire) - told_;
  if (lost == 0 || !reports_.due(now_us)) return std::nullopt;
  told_ += lost;
  const int reason = reason_.load(std::memory_order_relaxed);
  const std::string why = reason == EAGAIN ? "its reader is too slow" : std::generic_category().message(reason);
  return format("{} {} to {} {} lost: {}", lost, lost == 1 ? "line" : "lines", target_, lost == 1 ? "was" : "were",
                why);
}

LogOutput::LogOutput(const config::LogTarget& target, const LogIdentity& identity, const SocketAddress& resolved)
    : LogOutput(target, identity, std::shared_ptr<Ring>()) {
  address_ = resolved;
}

LogOutput::LogOutput(const config::LogTarget& target, const LogIdentity& identity, std::shared_ptr<Ring> ring)
    : name_(name_text(target)),
      kind_(target.kind),
      target_(target.address),
      fd_(target.fd),
      format_(target.format.value_or(Format::Local)),
      level_(target.level),
      min_level_(target.min_level),
      facility_(target.facility),
      // As HAProxy counts: of a raw line its end is part of the length. In a ring lines have none.
      limit_(std::clamp<std::size_t>(target.length, 1, kLongestLine) - (format_ == Format::Raw && !ring ? 1 : 0)),
      speaker_(speaker_text(format_, identity)),
      ring_(std::move(ring)),
      own_losses_(name_) {}

LogOutput::~LogOutput() = default;

Result<void> LogOutput::open(LogDescriptors* descriptors) {
  switch (kind_) {
    case Kind::Stdout:
      return open_descriptor(STDOUT_FILENO, descriptors);
    case Kind::Stderr:
      return open_descriptor(STDERR_FILENO, descriptors);
    case Kind::Fd:
      return open_descriptor(fd_, descriptors);
    case Kind::Unix:
    case Kind::Udp:
      break;
    case Kind::Ring:
      return {};
  }
  return open_datagrams();
}

Result<void> LogOutput::open_datagrams() {
  const config::Address& to = target_;
  if (address_.empty() && kind_ == Kind::Unix) {
    if (to.host.size() > kLongestUnixPath) {
      return Error{format("cannot log to {}: a socket's path has at most {} bytes", name_, kLongestUnixPath)};
    }
    const bool abstract = to.kind == config::Address::Kind::Abstract;
    address_ = abstract ? SocketAddress::abstract(to.host) : SocketAddress::unix_path(to.host);
  }
  if (address_.empty()) {
    const Result<SocketAddress> found = SocketAddress::resolve(to.host, to.port_low);
    if (!found) return Error{format("cannot log to {}: {}", name_, found.error().text)};
    address_ = *found;
  }
  if (!address_.is_unix() && address_.port() == 0) address_.set_port(kSyslogPort);
  Result<Descriptor> fd = datagram_socket(address_);
  if (!fd) return fd.error();
  datagrams_ = std::move(*fd);
  // If nobody is there yet, the first line will find out and try again.
  connect_datagrams(datagrams_.get(), address_);
  return {};
}

Result<void> LogOutput::open_descriptor(int fd, LogDescriptors* descriptors) {
  if (descriptors == nullptr) {
    own_descriptors_ = std::make_unique<LogDescriptors>();
    descriptors = own_descriptors_.get();
  }
  const Result<LogDescriptor*> writer = descriptors->writer(fd, name_);
  if (!writer) return writer.error();
  descriptor_ = *writer;
  losses_ = &descriptor_->losses;
  return {};
}

void LogOutput::reach_by(LogReach& reach, int connected) {
  if (!address_.is_unix()) return;
  reach_ = &reach;
  if (connected >= 0) ::dup3(connected, datagrams_.get(), O_CLOEXEC);
}

void LogOutput::reached(const Descriptor& connected) { ::dup3(connected.get(), datagrams_.get(), O_CLOEXEC); }

void LogOutput::write(Level level, std::string_view message, std::string_view data) {
  if (level > level_) return;
  write(level, message, Loop::wall_us(), data);
}

void LogOutput::write(Level level, std::string_view message, std::int64_t now_us, std::string_view data) {
  if (level > level_) return;
  const auto severity = static_cast<unsigned>(std::max(level, min_level_));
  const Shape shape = shape_of(format_);
  char front[48];
  char* at = front;
  if (shape.number == Shape::Number::Severity) at = put_number(at, severity);
  if (shape.number == Shape::Number::Priority) at = put_number(at, static_cast<unsigned>(facility_) * 8 + severity);
  if (format_ == Format::Rfc5424) {  // Its version.
    *at++ = '1';
    *at++ = ' ';
  }
  if (shape.date != Shape::Date::None) {
    const std::int64_t seconds = now_us / 1000000;
    const int offset = utc_offset(seconds);
    const auto micros = static_cast<unsigned>(now_us % 1000000);
    at = shape.date == Shape::Date::Iso ? put_iso_date(at, seconds + offset, micros, offset)
                                        : put_rfc3164_date(at, seconds + offset);
  }
  while (!message.empty() && message.back() == '\n') message.remove_suffix(1);
  char space[kLongestLine + 1];
  Line line(space, limit_);
  line.append({front, static_cast<std::size_t>(at - front)});
  line.append(speaker_);
  if (format_ == Format::Rfc5424) {
    line.append(data.empty() ? "-" : data);
    line.append(" ");
  }
  line.append(message);
  if (ring_) return ring_->write(line.text());
  if (descriptor_ != nullptr) return descriptor_->push(line.ended());
  send(line.ended(), now_us);
}

void LogOutput::send(std::string_view line, std::int64_t now_us) {
  int reason = try_send_datagram(datagrams_.get(), line);
  if (reason == ECONNREFUSED && !address_.is_unix()) {
    losses_->add(1, reason);  // Of a line before; this one was not sent yet.
    reason = try_send_datagram(datagrams_.get(), line);
  }
  if (reason == 0) return;
  if (!did_not_fit(reason) && reconnects_.due(now_us)) {
    reason = connect_datagrams(datagrams_.get(), address_);
    if (reason == 0) reason = try_send_datagram(datagrams_.get(), line);
    if (reason != 0 && reach_ != nullptr) reach_->want_log_socket(socket_name());
  }
  if (reason != 0) losses_->add(1, reason);
}

// Seconds that local time is ahead of UTC.
int LogOutput::utc_offset(std::int64_t seconds) {
  constexpr int kBits = 20, kBias = 1 << 19;
  const std::int64_t quarter = seconds / 900;
  const std::int64_t known = offset_.load(std::memory_order_relaxed);
  if (known >> kBits == quarter) return static_cast<int>(known & ((1 << kBits) - 1)) - kBias;
  const auto time = static_cast<time_t>(seconds);
  tm local{};
  localtime_r(&time, &local);
  const auto offset = static_cast<int>(local.tm_gmtoff);
  offset_.store((quarter << kBits) | (offset + kBias), std::memory_order_relaxed);
  return offset;
}

}  // namespace penstock
