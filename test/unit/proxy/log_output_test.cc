#include "penstock/proxy/log_output.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "unit/catch.h"

using namespace penstock;
using Format = config::LogTarget::Format;
using Kind = config::LogTarget::Kind;

namespace {

constexpr std::int64_t kSecond = 1000000;
// 2026-02-06 17:14:14.000123 UTC.
constexpr std::int64_t kNow = 1770398054 * kSecond + 123;

// Local time of this program while it lives.
class Zone {
 public:
  explicit Zone(const char* name) {
    const char* old = getenv("TZ");
    had_ = old != nullptr;
    if (had_) old_ = old;
    setenv("TZ", name, 1);
    tzset();
  }
  ~Zone() {
    if (had_) setenv("TZ", old_.c_str(), 1);
    if (!had_) unsetenv("TZ");
    tzset();
  }

 private:
  bool had_ = false;
  std::string old_;
};

// What an administrator would read about losses at that moment, or "nothing".
std::string report_of(LogOutput& output, std::int64_t now_us) { return output.loss_report(now_us).value_or("nothing"); }

// A datagram that has arrived, or "nothing".
std::string next_datagram(int fd) {
  char space[70000];
  const ssize_t count = recv(fd, space, sizeof(space), MSG_DONTWAIT);
  return count < 0 ? "nothing" : std::string(space, static_cast<std::size_t>(count));
}

Descriptor udp_receiver(std::uint16_t port) {
  SocketAddress address;
  REQUIRE(SocketAddress::from_ip("127.0.0.1", port, address));
  Descriptor fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  REQUIRE(bind(fd.get(), address.raw(), address.length()) == 0);
  return fd;
}

Descriptor unix_receiver(const std::string& path) {
  unlink(path.c_str());
  const SocketAddress address = SocketAddress::unix_path(path);
  Descriptor fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  REQUIRE(bind(fd.get(), address.raw(), address.length()) == 0);
  return fd;
}

class Folder {
 public:
  Folder() { REQUIRE(mkdtemp(path_) != nullptr); }
  ~Folder() {
    unlink(file("log").c_str());
    rmdir(path_);
  }
  std::string file(const std::string& name) const { return std::string(path_) + "/" + name; }

 private:
  char path_[32] = "/tmp/penstock-log-XXXXXX";
};

struct Pipe {
  Pipe() {
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    out = Descriptor(ends[0]);
    in = Descriptor(ends[1]);
  }
  // The next `count` lines, waited for.
  std::vector<std::string> read_lines(std::size_t count) {
    std::vector<std::string> lines;
    while (lines.size() < count) {
      const std::size_t end = rest.find('\n', from);
      if (end != std::string::npos) {
        lines.push_back(rest.substr(from, end - from));
        from = end + 1;
        continue;
      }
      rest.erase(0, from);
      from = 0;
      char space[65536];
      const ssize_t got = read(out.get(), space, sizeof(space));
      REQUIRE(got > 0);
      rest.append(space, static_cast<std::size_t>(got));
    }
    return lines;
  }
  // No byte more than was read is there.
  bool quiet() {
    pollfd wait{out.get(), POLLIN, 0};
    return from == rest.size() && poll(&wait, 1, 0) == 0;
  }
  Descriptor out, in;
  std::string rest;
  std::size_t from = 0;
};

config::LogTarget udp_target(int receiver, Format format = Format::Local) {
  config::LogTarget target;
  target.kind = Kind::Udp;
  target.address.kind = config::Address::Kind::Ip4;
  target.address.host = "127.0.0.1";
  target.address.port_low = target.address.port_high = SocketAddress::local_of(receiver).port();
  target.format = format;
  target.facility = 16;  // local0
  return target;
}

config::LogTarget unix_target(const std::string& path) {
  config::LogTarget target;
  target.kind = Kind::Unix;
  target.address.kind = config::Address::Kind::Unix;
  target.address.host = path;
  target.format = Format::Raw;
  return target;
}

config::LogTarget fd_target(int fd) {
  config::LogTarget target;
  target.kind = Kind::Fd;
  target.fd = fd;
  target.format = Format::Raw;
  return target;
}

std::unique_ptr<LogOutput> open_output(const config::LogTarget& target,
                                       const LogIdentity& identity = {"penstock", 4711, ""},
                                       LogDescriptors* descriptors = nullptr) {
  auto output = std::make_unique<LogOutput>(target, identity);
  const Result<void> opened = output->open(descriptors);
  if (!opened) FAIL(opened.error().text);
  return output;
}

// What arrives of one "hello" at level info.
std::string hello(Format format, const std::string& hostname = "") {
  const Descriptor receiver = udp_receiver(0);
  auto output = open_output(udp_target(receiver.get(), format), {"penstock", 4711, hostname});
  output->write(Level::Info, "hello", kNow);
  return next_datagram(receiver.get());
}

}  // namespace

TEST_CASE("each format puts before a message what HAProxy puts there") {
  Zone zone("EST5");
  CHECK(hello(Format::Local) == "<134>Feb  6 12:14:14 penstock[4711]: hello\n");
  CHECK(hello(Format::Rfc3164) == "<134>Feb  6 12:14:14 localhost penstock[4711]: hello\n");
  CHECK(hello(Format::Rfc5424) == "<134>1 2026-02-06T12:14:14.000123-05:00 - penstock 4711 - - hello\n");
  CHECK(hello(Format::Priority) == "<134>hello\n");
  CHECK(hello(Format::Short) == "<6>hello\n");
  CHECK(hello(Format::Timed) == "<6>2026-02-06T12:14:14.000123-05:00 hello\n");
  CHECK(hello(Format::Iso) == "2026-02-06T12:14:14.000123-05:00 hello\n");
  CHECK(hello(Format::Raw) == "hello\n");
}

TEST_CASE("the host's name stands in the two formats that have a place for it") {
  Zone zone("<+0545>-5:45");
  CHECK(hello(Format::Rfc3164, "mail") == "<134>Feb  6 22:59:14 mail penstock[4711]: hello\n");
  CHECK(hello(Format::Rfc5424, "mail") == "<134>1 2026-02-06T22:59:14.000123+05:45 mail penstock 4711 - - hello\n");
  CHECK(hello(Format::Local, "mail") == "<134>Feb  6 22:59:14 penstock[4711]: hello\n");
}

TEST_CASE("dates are those of the system's calendar, in summer and winter, in any order") {
  Zone zone("CET-1CEST,M3.5.0,M10.5.0/3");
  const Descriptor receiver = udp_receiver(0);
  auto local = open_output(udp_target(receiver.get(), Format::Local));
  auto iso = open_output(udp_target(receiver.get(), Format::Iso));
  std::mt19937_64 random(7);
  for (int i = 0; i < 3000; ++i) {
    const auto seconds = static_cast<time_t>(86400 + random() % 4102444800);  // To 2100.
    tm parts{};
    localtime_r(&seconds, &parts);
    char text[64];
    local->write(Level::Info, "", seconds * kSecond);
    strftime(text, sizeof(text), "<134>%b %e %H:%M:%S penstock[4711]: \n", &parts);
    REQUIRE(next_datagram(receiver.get()) == text);
    iso->write(Level::Info, "", seconds * kSecond);
    strftime(text, sizeof(text), parts.tm_isdst > 0 ? "%FT%T.000000+02:00 \n" : "%FT%T.000000+01:00 \n", &parts);
    REQUIRE(next_datagram(receiver.get()) == text);
  }
}

TEST_CASE("the hour changes in the second in which summer time begins") {
  Zone zone("CET-1CEST,M3.5.0,M10.5.0/3");
  const Descriptor receiver = udp_receiver(0);
  auto output = open_output(udp_target(receiver.get(), Format::Iso));
  constexpr std::int64_t kSummer = 1774746000;  // 2026-03-29 01:00 UTC.
  output->write(Level::Info, "", (kSummer - 1) * kSecond);
  CHECK(next_datagram(receiver.get()) == "2026-03-29T01:59:59.000000+01:00 \n");
  output->write(Level::Info, "", kSummer * kSecond);
  CHECK(next_datagram(receiver.get()) == "2026-03-29T03:00:00.000000+02:00 \n");
}

TEST_CASE("without a time given a line bears the present one") {
  Zone zone("UTC0");
  const Descriptor receiver = udp_receiver(0);
  auto output = open_output(udp_target(receiver.get(), Format::Iso));
  const auto text_of = [](time_t time) {
    tm parts{};
    gmtime_r(&time, &parts);
    char text[32];
    strftime(text, sizeof(text), "%FT%T", &parts);
    return std::string(text);
  };
  const std::string before = text_of(time(nullptr));
  output->write(Level::Info, "x");
  // That clock may lag by a few milliseconds.
  const std::string after = text_of(time(nullptr) + 1);
  const std::string line = next_datagram(receiver.get());
  CHECK(line.substr(0, 19) >= before);
  CHECK(line.substr(0, 19) <= after);
}

TEST_CASE("what is less severe than a target's level is not sent") {
  const Descriptor receiver = udp_receiver(0);
  config::LogTarget target = udp_target(receiver.get(), Format::Short);
  target.level = Level::Notice;
  auto output = open_output(target);
  output->write(Level::Info, "too small");
  CHECK(next_datagram(receiver.get()) == "nothing");
  output->write(Level::Notice, "just so");
  CHECK(next_datagram(receiver.get()) == "<5>just so\n");
  CHECK(output->dropped() == 0);
}

TEST_CASE("what is more severe than a target's minimum is lowered to it") {
  const Descriptor receiver = udp_receiver(0);
  config::LogTarget target = udp_target(receiver.get(), Format::Priority);
  target.min_level = Level::Warning;
  auto output = open_output(target);
  output->write(Level::Emerg, "down");
  CHECK(next_datagram(receiver.get()) == "<132>down\n");
  output->write(Level::Info, "up");
  CHECK(next_datagram(receiver.get()) == "<134>up\n");
}

TEST_CASE("a line is cut to its length, the line end not counted but in a raw one") {
  const Descriptor receiver = udp_receiver(0);
  const std::string message(200, 'x');
  for (const Format format : {Format::Rfc3164, Format::Rfc5424, Format::Local, Format::Priority, Format::Short,
                              Format::Timed, Format::Iso, Format::Raw}) {
    config::LogTarget target = udp_target(receiver.get(), format);
    target.length = 80;
    auto output = open_output(target);
    output->write(Level::Info, message);
    const std::string line = next_datagram(receiver.get());
    CHECK(line.size() == (format == Format::Raw ? 80 : 81));
    CHECK(line.substr(line.size() - 3) == "xx\n");
  }
}

TEST_CASE("a header longer than the line is cut as well") {
  const Descriptor receiver = udp_receiver(0);
  config::LogTarget target = udp_target(receiver.get(), Format::Rfc3164);
  target.length = 80;
  auto output = open_output(target, {"penstock", 1, std::string(100, 'h')});
  output->write(Level::Info, "hello");
  CHECK(next_datagram(receiver.get()).size() == 81);
}

TEST_CASE("a line end in a message is not doubled") {
  const Descriptor receiver = udp_receiver(0);
  auto output = open_output(udp_target(receiver.get(), Format::Raw));
  output->write(Level::Info, "one\ntwo\n\n");
  CHECK(next_datagram(receiver.get()) == "one\ntwo\n");
}

TEST_CASE("a target known by name is sent to where the name was found to be") {
  const Descriptor receiver = udp_receiver(0);
  config::LogTarget target = udp_target(receiver.get(), Format::Raw);
  target.address.kind = config::Address::Kind::Name;
  target.address.host = "syslog.invalid";
  LogOutput output(target, {"penstock", 1, ""}, SocketAddress::local_of(receiver.get()));
  REQUIRE(output.open());
  output.write(Level::Info, "here");
  CHECK(next_datagram(receiver.get()) == "here\n");
}

TEST_CASE("a line that nobody at a UDP port takes is counted, and the next reader gets the next line") {
  Descriptor receiver = udp_receiver(0);
  const std::uint16_t port = SocketAddress::local_of(receiver.get()).port();
  auto output = open_output(udp_target(receiver.get(), Format::Raw));
  receiver = Descriptor();
  output->write(Level::Info, "one", kNow);
  output->write(Level::Info, "two", kNow);
  output->write(Level::Info, "three", kNow);
  CHECK(output->dropped() == 2);  // The refusal of a line comes with the next.
  CHECK(report_of(*output, kNow) == "2 lines to " + output->name() + " were lost: Connection refused");
  receiver = udp_receiver(port);
  output->write(Level::Info, "four", kNow);
  CHECK(output->dropped() == 3);
  CHECK(next_datagram(receiver.get()) == "four\n");
  CHECK(next_datagram(receiver.get()) == "nothing");
}

TEST_CASE("a line longer than a datagram can be is counted") {
  const Descriptor receiver = udp_receiver(0);
  config::LogTarget target = udp_target(receiver.get(), Format::Raw);
  target.length = 65535;
  auto output = open_output(target);
  output->write(Level::Info, std::string(65530, 'x'), kNow);
  CHECK(output->dropped() == 1);
  CHECK(report_of(*output, kNow) == "1 line to " + output->name() + " was lost: Message too long");
  output->write(Level::Info, "short", kNow);
  CHECK(next_datagram(receiver.get()) == "short\n");
}

TEST_CASE("a unix socket that is not there yet, or was made anew, is tried at most once a second") {
  Folder folder;
  auto output = open_output(unix_target(folder.file("log")));
  output->write(Level::Info, "lost 1", kNow);
  CHECK(output->dropped() == 1);
  Descriptor receiver = unix_receiver(folder.file("log"));
  output->write(Level::Info, "lost 2", kNow + kSecond - 1);
  CHECK(output->dropped() == 2);
  output->write(Level::Info, "seen 1", kNow + kSecond);
  CHECK(next_datagram(receiver.get()) == "seen 1\n");

  receiver = unix_receiver(folder.file("log"));
  output->write(Level::Info, "lost 3", kNow + 2 * kSecond - 1);
  CHECK(output->dropped() == 3);
  output->write(Level::Info, "seen 2", kNow + 2 * kSecond);
  output->write(Level::Info, "seen 3", kNow + 2 * kSecond);
  CHECK(next_datagram(receiver.get()) == "seen 2\n");
  CHECK(next_datagram(receiver.get()) == "seen 3\n");
  CHECK(output->dropped() == 3);
  CHECK(report_of(*output, kNow) == "3 lines to " + folder.file("log") + " were lost: Connection refused");
}

TEST_CASE("a loss is said at once, then at most once in ten minutes while it goes on") {
  Folder folder;
  auto output = open_output(unix_target(folder.file("log")));
  CHECK(report_of(*output, kNow) == "nothing");
  std::vector<std::string> reports;
  for (int second = 0; second < 1300; ++second) {
    const std::int64_t now = kNow + second * kSecond;
    output->write(Level::Info, "x", now);
    if (const auto report = output->loss_report(now)) reports.push_back(*report);
  }
  const std::string end = " to " + folder.file("log") + " were lost: No such file or directory";
  CHECK(reports == std::vector<std::string>{"1 line to " + folder.file("log") + " was lost: No such file or directory",
                                            "600 lines" + end, "600 lines" + end});
}

TEST_CASE("who cannot reach a unix socket asks for one, once a second, and uses what it gets") {
  struct Reach final : LogReach {
    void want_log_socket(const std::string& name) override { wanted.push_back(name); }
    std::vector<std::string> wanted;
  } reach;
  Folder outside, inside;
  const Descriptor receiver = unix_receiver(outside.file("log"));
  const Descriptor first = std::move(*datagrams_to(SocketAddress::unix_path(outside.file("log"))));
  auto output = open_output(unix_target(inside.file("log")));
  output->reach_by(reach, first.get());
  output->write(Level::Info, "by the first", kNow);
  CHECK(next_datagram(receiver.get()) == "by the first\n");

  const Descriptor again = unix_receiver(outside.file("log"));
  CHECK(shutdown(receiver.get(), SHUT_RDWR) == 0);
  output->write(Level::Info, "lost 1", kNow + kSecond);
  output->write(Level::Info, "lost 2", kNow + kSecond);
  CHECK(reach.wanted == std::vector<std::string>{inside.file("log")});
  output->reached(std::move(*datagrams_to(SocketAddress::unix_path(outside.file("log")))));
  output->write(Level::Info, "by another", kNow + kSecond);
  CHECK(next_datagram(again.get()) == "by another\n");
  CHECK(output->dropped() == 2);
}

TEST_CASE("a clock set back keeps nobody from trying again") {
  Folder folder;
  auto output = open_output(unix_target(folder.file("log")));
  output->write(Level::Info, "x", kNow);
  const Descriptor receiver = unix_receiver(folder.file("log"));
  output->write(Level::Info, "y", kNow - 3600 * kSecond);
  CHECK(next_datagram(receiver.get()) == "y\n");
}

TEST_CASE("a unix socket whose reader is slow loses what does not fit and nothing else") {
  Folder folder;
  const Descriptor receiver = unix_receiver(folder.file("log"));
  auto output = open_output(unix_target(folder.file("log")));
  std::uint64_t written = 0;
  while (output->dropped() < 10) output->write(Level::Info, std::to_string(written++), kNow);
  std::uint64_t seen = 0;
  for (std::string line = next_datagram(receiver.get()); line != "nothing"; line = next_datagram(receiver.get())) {
    CHECK(line == std::to_string(seen++) + "\n");
  }
  CHECK(seen + output->dropped() == written);
  CHECK(report_of(*output, kNow) == "10 lines to " + folder.file("log") + " were lost: its reader is too slow");
  output->write(Level::Info, "again", kNow);
  CHECK(next_datagram(receiver.get()) == "again\n");
}

TEST_CASE("a path too long for a socket is told when it is opened") {
  LogOutput output(unix_target("/tmp/" + std::string(200, 'x')), {"penstock", 1, ""});
  const Result<void> opened = output.open();
  REQUIRE(!opened);
  CHECK(opened.error().text.find("at most 107 bytes") != std::string::npos);
}

TEST_CASE("a descriptor that is not open is told when it is opened") {
  LogOutput output(fd_target(999999), {"penstock", 1, ""});
  CHECK_FALSE(output.opened());
  const Result<void> opened = output.open();
  REQUIRE(!opened);
  CHECK(opened.error().text == "cannot log to fd@999999: Bad file descriptor");
}

TEST_CASE("a reader that stops reading a pipe stops nobody, and loses only what does not fit") {
  Pipe pipe;
  auto output = open_output(fd_target(pipe.in.get()));
  const std::string filler(100, '.');
  std::uint64_t written = 0;
  std::vector<std::string> expected;
  while (output->dropped() < 1000) {
    const std::string line = std::to_string(written++) + filler;
    const std::uint64_t before = output->dropped();
    output->write(Level::Info, line, kNow);
    if (output->dropped() == before) expected.push_back(line);
  }
  CHECK(written > 10000);  // A megabyte was kept.
  CHECK(report_of(*output, kNow) == "1000 lines to " + output->name() + " were lost: its reader is too slow");
  CHECK(pipe.read_lines(expected.size()) == expected);
  output->write(Level::Info, "again", kNow);
  CHECK(pipe.read_lines(1) == std::vector<std::string>{"again"});
  CHECK(pipe.quiet());
  CHECK(output->dropped() == 1000);
}

TEST_CASE("an inherited descriptor keeps its mode") {
  for (const int mode : {0, O_NONBLOCK}) {
    Pipe pipe;
    fcntl(pipe.in.get(), F_SETFL, mode);
    const int before = fcntl(pipe.in.get(), F_GETFL);
    auto output = open_output(fd_target(pipe.in.get()));
    output->write(Level::Info, "x");
    CHECK(pipe.read_lines(1) == std::vector<std::string>{"x"});
    CHECK(fcntl(pipe.in.get(), F_GETFL) == before);
  }
}

TEST_CASE("lines of every length pass a descriptor whole") {
  Pipe pipe;
  config::LogTarget target = fd_target(pipe.in.get());
  target.length = 65535;
  auto output = open_output(target);
  std::vector<std::string> lines;
  for (std::size_t size = 1; size < 65534; size = size * 3 / 2 + 1)
    lines.emplace_back(size, static_cast<char>('a' + size % 26));
  // Several rounds of the ring, so that lines lie over its end.
  for (int round = 0; round < 40; ++round) {
    for (const std::string& line : lines) output->write(Level::Info, line);
    REQUIRE(pipe.read_lines(lines.size()) == lines);
  }
  CHECK(output->dropped() == 0);
}

TEST_CASE("a pipe without a reader costs its lines and no more") {
  Pipe pipe;
  auto output = open_output(fd_target(pipe.in.get()));
  pipe.out = Descriptor();
  output->write(Level::Info, "x");
  while (output->dropped() == 0) std::this_thread::yield();
  CHECK(output->dropped() == 1);
  CHECK(report_of(*output, kNow) == "1 line to " + output->name() + " was lost: Broken pipe");
}

TEST_CASE("what a reader has not taken when the outputs end is not waited for") {
  Pipe pipe;
  {
    LogDescriptors descriptors;
    auto output = open_output(fd_target(pipe.in.get()), {"penstock", 1, ""}, &descriptors);
    for (int i = 0; i < 2000; ++i) output->write(Level::Info, std::string(100, 'x'));
    CHECK(output->dropped() == 0);
  }
  CHECK(!pipe.quiet());
}

TEST_CASE("what was written before an output ends arrives") {
  Pipe pipe;
  {
    auto output = open_output(fd_target(pipe.in.get()));
    for (int i = 0; i < 300; ++i) output->write(Level::Info, std::string(100, 'x'));
  }
  CHECK(pipe.read_lines(300).back() == std::string(100, 'x'));
  CHECK(pipe.quiet());
}

TEST_CASE("outputs on one descriptor share its thread and keep their order") {
  Pipe pipe;
  LogDescriptors descriptors;
  config::LogTarget target = fd_target(pipe.in.get());
  auto raw = open_output(target, {"penstock", 1, ""}, &descriptors);
  target.format = Format::Short;
  auto brief = open_output(target, {"penstock", 1, ""}, &descriptors);
  std::vector<std::string> expected;
  for (int i = 0; i < 500; ++i) {
    raw->write(Level::Info, std::to_string(i));
    brief->write(Level::Info, std::to_string(i));
    expected.push_back(std::to_string(i));
    expected.push_back("<6>" + std::to_string(i));
  }
  CHECK(pipe.read_lines(1000) == expected);
}

TEST_CASE("a stream socket is as good a descriptor as a pipe") {
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  Pipe pipe;
  pipe.out = Descriptor(ends[0]);
  pipe.in = Descriptor(ends[1]);
  auto output = open_output(fd_target(ends[1]));
  std::vector<std::string> expected;
  for (int i = 0; i < 8000; ++i) expected.push_back(std::to_string(i) + std::string(80, '.'));
  for (const std::string& line : expected) output->write(Level::Info, line);
  CHECK(pipe.read_lines(8000) == expected);
}

TEST_CASE("a datagram socket as descriptor gets a message for each line") {
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
  const Descriptor reader(ends[0]);
  const Descriptor writer(ends[1]);
  {
    auto output = open_output(fd_target(ends[1]));
    for (int i = 0; i < 5; ++i) output->write(Level::Info, std::to_string(i));
  }
  for (int i = 0; i < 5; ++i) CHECK(next_datagram(ends[0]) == std::to_string(i) + "\n");
  CHECK(next_datagram(ends[0]) == "nothing");
}

TEST_CASE("stdout and stderr are what they were when the output was opened") {
  for (const auto& [kind, fd] : {std::pair{Kind::Stdout, 1}, std::pair{Kind::Stderr, 2}}) {
    Pipe pipe;
    const Descriptor saved(dup(fd));
    dup2(pipe.in.get(), fd);
    config::LogTarget target = fd_target(-1);
    target.kind = kind;
    LogOutput output(target, {"penstock", 1, ""});
    const Result<void> opened = output.open();
    dup2(saved.get(), fd);
    REQUIRE(opened);
    output.write(Level::Info, "to the pipe");
    CHECK(pipe.read_lines(1) == std::vector<std::string>{"to the pipe"});
    CHECK(output.name() == (fd == 1 ? "stdout" : "stderr"));
  }
}

TEST_CASE("lines of many threads arrive whole and each thread's in order") {
  constexpr int kThreads = 3, kLines = 20000;
  Pipe pipe;
  auto output = open_output(fd_target(pipe.in.get()));
  std::vector<std::thread> threads;
  std::atomic<int> running{kThreads};
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kLines; ++i) {
        output->write(Level::Info, std::to_string(thread) + " " + std::to_string(i) +
                                       std::string(static_cast<std::size_t>(i % 97), '.'));
      }
      --running;
    });
  }
  std::vector<int> last(kThreads, -1);
  std::uint64_t seen = 0;
  // Those who write are told what they lose: what is not lost must come.
  while (running != 0 || seen + output->dropped() < kThreads * kLines) {
    if (running != 0 && pipe.quiet()) continue;
    const std::string line = pipe.read_lines(1)[0];
    ++seen;
    const auto thread = static_cast<std::size_t>(line[0] - '0');
    REQUIRE(thread < kThreads);
    const int number = std::stoi(line.substr(2));
    REQUIRE(number > last[thread]);
    last[thread] = number;
    REQUIRE(line == std::to_string(thread) + " " + std::to_string(number) +
                        std::string(static_cast<std::size_t>(number % 97), '.'));
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(seen + output->dropped() == kThreads * kLines);
  CHECK(pipe.quiet());
}

TEST_CASE("datagrams of two threads arrive or are counted, also while their reader is made anew") {
  constexpr int kLines = 5000;
  Folder folder;
  Descriptor receiver = unix_receiver(folder.file("log"));
  auto output = open_output(unix_target(folder.file("log")));
  std::atomic<int> running{2};
  // Each line is a second later, so that every loss of the reader is followed by a new try.
  const auto write_all = [&] {
    for (int i = 0; i < kLines; ++i) output->write(Level::Info, std::to_string(i), kNow + i * kSecond);
    --running;
  };
  std::thread one(write_all), two(write_all);
  std::uint64_t seen = 0;
  for (int rounds = 0; running != 0; ++rounds) {
    while (next_datagram(receiver.get()) != "nothing") ++seen;
    if (rounds % 50 == 0) receiver = unix_receiver(folder.file("log"));
  }
  one.join();
  two.join();
  while (next_datagram(receiver.get()) != "nothing") ++seen;
  // What a reader had not read when it was closed is lost without a trace.
  CHECK(seen + output->dropped() <= 2 * kLines);
  output->write(Level::Info, "last", kNow + (kLines + 1) * kSecond);
  CHECK(next_datagram(receiver.get()) == "last\n");
}
