#include "penstock/control/channel.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit/catch.h"

using namespace penstock;

namespace {

struct Line {
  Line() : ends(std::move(*Channel::pair())) {}
  Channel& here() { return ends.first; }
  Channel& there() { return ends.second; }
  std::pair<Channel, Channel> ends;
};

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

}  // namespace

TEST_CASE("a message arrives whole, with its text and number") {
  Line line;
  CHECK_FALSE(line.there().receive());
  REQUIRE(line.here().send(Message::Kind::Stop, "words", 15));
  REQUIRE(line.here().send(Message::Kind::Leave));
  const auto first = line.there().receive();
  REQUIRE(first);
  CHECK(first->kind == Message::Kind::Stop);
  CHECK(first->text == "words");
  CHECK(first->number == 15);
  CHECK(line.there().receive()->kind == Message::Kind::Leave);
  CHECK_FALSE(line.there().receive());
  CHECK_FALSE(line.there().closed());
}

TEST_CASE("more descriptors than one packet holds arrive in order, as one message") {
  Line line;
  const Descriptor memory = std::move(*sealed_memory("x"));
  for (const std::size_t count : {1u, 250u, 251u, 600u}) {
    const std::vector<int> descriptors(count, memory.get());
    REQUIRE(line.here().send(Message::Kind::TakeOver, "text", 0, descriptors));
    const auto message = line.there().receive();
    REQUIRE(message);
    CHECK(message->descriptors.size() == count);
    CHECK(message->text == "text");
    CHECK_FALSE(message->incomplete);
    for (const Descriptor& fd : message->descriptors) CHECK((::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
  }
}

TEST_CASE("who is left finds the line closed, after what was said") {
  Line line;
  REQUIRE(line.here().send(Message::Kind::Accepted));
  { const Channel gone = std::move(line.here()); }
  CHECK(line.there().receive());
  CHECK_FALSE(line.there().closed());
  CHECK_FALSE(line.there().receive());
  CHECK(line.there().closed());
  CHECK_FALSE(line.there().send(Message::Kind::Leave));
}

TEST_CASE("what is no packet closes the line") {
  const std::string head(12, '\0');
  const std::string unknown = std::string(1, '\x7f') + std::string(11, '\0');
  const std::string more = std::string(1, static_cast<char>(Message::Kind::More)) + std::string(11, '\0');
  for (const std::string& bytes : {std::string("x"), unknown, more}) {
    Line line;
    REQUIRE(::send(line.here().fd(), bytes.data(), bytes.size(), 0) > 0);
    CHECK_FALSE(line.there().receive());
    CHECK(line.there().closed());
  }
  Line line;  // A message that begins before the one before it has ended.
  std::string begins = head;
  begins[8] = 1;
  REQUIRE(::send(line.here().fd(), begins.data(), begins.size(), 0) > 0);
  REQUIRE(::send(line.here().fd(), begins.data(), begins.size(), 0) > 0);
  CHECK_FALSE(line.there().receive());
  CHECK(line.there().closed());
}

TEST_CASE("the parent is given no descriptor") {
  Line line;
  const Descriptor memory = std::move(*sealed_memory("x"));
  const std::vector<int> descriptors(3, memory.get());
  REQUIRE(line.there().send(Message::Kind::TicketKeys, "keys", 0, descriptors));
  const auto message = line.here().receive();
  REQUIRE(message);
  CHECK(message->text == "keys");
  CHECK(message->descriptors.empty());
  CHECK(message->incomplete);
}

TEST_CASE("an offer is not waited for") {
  Line line;
  const std::string text(Channel::kLongestText, 'x');
  int count = 0;
  while (line.here().offer(Message::Kind::WantLogSocket, text)) REQUIRE(++count < 10000);
  CHECK(line.there().receive());
  CHECK(line.here().offer(Message::Kind::WantLogSocket, "again"));
  CHECK_FALSE(line.here().offer(Message::Kind::Server, text + "x"));
}

TEST_CASE("descriptors of a message nobody keeps are closed") {
  Line line;
  const Descriptor memory = std::move(*sealed_memory("x"));
  const int fd = memory.get();
  REQUIRE(line.here().send(Message::Kind::TakeOver, "", 0, {&fd, 1}));
  int theirs = -1;
  {
    const auto message = line.there().receive();
    theirs = message->descriptors.front().get();
    CHECK(is_open(theirs));
  }
  CHECK_FALSE(is_open(theirs));
}

TEST_CASE("sealed memory is read back and cannot be changed") {
  const std::string text(100000, 'y');
  const Descriptor memory = std::move(*sealed_memory(text));
  CHECK(std::string_view(*read_sealed(memory.get())) == text);
  CHECK(::write(memory.get(), "x", 1) < 0);
  CHECK(::ftruncate(memory.get(), 0) < 0);
  CHECK(read_sealed(std::move(*sealed_memory("")).get()));
}

TEST_CASE("memory without seals is not read") {
  const Descriptor memory(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  CHECK_FALSE(read_sealed(memory.get()));
  CHECK_FALSE(read_sealed(-1));
  CHECK_FALSE(read_sealed(STDIN_FILENO));
}
