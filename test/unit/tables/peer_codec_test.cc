#include "penstock/tables/peer_codec.h"

#include <random>
#include <string>

#include "unit/catch.h"

using namespace penstock;
using namespace penstock::peers;
using Data = config::StickData;

namespace {

std::string bytes(std::string_view digits) {
  const auto value = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string out;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    out += static_cast<char>(value(digits[i]) << 4 | value(digits[i + 1]));
  return out;
}

Message message_of(std::string_view text) {
  Message message;
  REQUIRE(take_message(text, message) == Cut::Done);
  REQUIRE(text.empty());
  return message;
}

// As haproxy 2.6 sent them.
const std::string kServers = bytes("0a820d04016b0510f1f1fe00f0e9c803");
const std::string kServersUpdate = bytes(
    "0a801a0000000300000000000000000000ffff7f0000010504010273"
    "31");
const std::string kTexts_ = bytes("0a82100301730615f091ff0a0015f0b1cac801");
const std::string kTextsUpdate = bytes("0a85140000000200000000022f780100f2dfe5eb0e0000");
const std::string kArrays = bytes("0a821801032f70740204f0f1fe6ef0d9dc0c160217031802f89a06");
const std::string kArraysUpdate = bytes("0a801700000004000000070000000200f1dfe5eb0e0000470200");

}  // namespace

TEST_CASE("numbers of all sizes come back as they went") {
  for (const std::uint64_t number :
       {0ull, 239ull, 240ull, 2287ull, 2288ull, 264431ull, 264432ull, 33818864ull, 0x1234ull, 4328786160ull, ~0ull}) {
    std::string text;
    put_number(text, number);
    Reader reader(text);
    CHECK(reader.number() == number);
    CHECK(reader.at_end());
    CHECK(!reader.failed());
  }
  std::string text;
  put_number(text, 0x1234);
  CHECK(text == bytes("f49401"));
}

TEST_CASE("a hello is read when all of it has come, and refused for what is wrong") {
  Hello hello;
  Status refusal{};
  const auto take = [&](std::string_view text) { return take_hello(text, hello, refusal); };
  const std::string whole = hello_text({"b", "a"}, 7);
  CHECK(whole == "HAProxyS 2.1\nb\na 7 1\n");
  for (std::size_t size = 0; size < whole.size(); ++size) CHECK(take(whole.substr(0, size)) == Progress::More);
  CHECK(take(whole + "more") == Progress::Done);
  CHECK(hello.to == "b");
  CHECK(hello.from == "a");
  CHECK(take("HAProxyS 3.0\n") == Progress::Wrong);
  CHECK(refusal == Status::BadVersion);
  for (const char* text : {"GET / HTTP/1.1\n", "\n", "HAProxyS 2.1\n\na 1 1\n", "HAProxyS 2.1\nb\na\n"}) {
    CHECK(take(text) == Progress::Wrong);
    CHECK(refusal == Status::ProtocolError);
  }
  CHECK(take("HAProxyS 2." + std::string(2000, '1')) == Progress::Wrong);
}

TEST_CASE("a status is three digits") {
  int status = 0;
  std::string_view text = "200\nmore";
  CHECK(take_status(text, status) == Progress::Done);
  CHECK(status == 200);
  CHECK(text == "more");
  for (std::string_view wrong : {"2000\n", "20a\n", "\n", "20000"})
    CHECK(take_status(wrong, status) == Progress::Wrong);
  std::string_view part = "20";
  CHECK(take_status(part, status) == Progress::More);
}

TEST_CASE("definitions and updates of haproxy are read, and written the same") {
  const auto same = [](const std::string& definition_text, const std::string& update_text) {
    const auto definition = read_definition(message_of(definition_text).body);
    REQUIRE(definition);
    REQUIRE(definition->understood);
    Update update;
    const Message message = message_of(update_text);
    REQUIRE(read_update(message, *definition, update));
    std::string out;
    put_definition(out, *definition);
    CHECK(out == definition_text);
    out.clear();
    put_update(out, *definition, update);
    CHECK(out == update_text);
  };
  same(kServers, kServersUpdate);
  same(kTexts_, kTextsUpdate);
  same(kArrays, kArraysUpdate);
}

TEST_CASE("what haproxy says is understood") {
  const auto servers = read_definition(message_of(kServers).body);
  CHECK(servers->id == 4);
  CHECK(servers->name == "k");
  CHECK(servers->key == config::StickTable::Key::Ip6);
  CHECK(servers->key_length == 16);
  CHECK(servers->expire_ms == 1200000);
  Update update;
  const Message message = message_of(kServersUpdate);
  REQUIRE(read_update(message, *servers, update));
  CHECK(update.number == 3u);
  REQUIRE(update.values.size() == 2);
  CHECK(update.values[0].number == 5);
  CHECK(update.values[1].text_number == 1);
  CHECK(update.values[1].text == "s1");

  const auto arrays = read_definition(message_of(kArrays).body);
  CHECK(arrays->name == "/pt");
  REQUIRE(arrays->stored.size() == 3);
  CHECK(arrays->stored[2] == config::StickTable::Stored{Data::GpcRate, 2, 15000});
  const Message of_arrays = message_of(kArraysUpdate);
  REQUIRE(read_update(of_arrays, *arrays, update));
  REQUIRE(update.values.size() == 7);
  CHECK(update.values[3].number == 2);
  CHECK(update.values[6].current == 2);

  const auto texts = read_definition(message_of(kTexts_).body);
  const Message of_texts = message_of(kTextsUpdate);
  REQUIRE(read_update(of_texts, *texts, update));
  CHECK(update.left_ms == 0u);
  CHECK(update.key == "/x");

  const auto acknowledgement = read_acknowledgement(message_of(bytes("0a84050400000003")).body);
  CHECK(acknowledgement->id == 4);
  CHECK(acknowledgement->update == 3);
}

TEST_CASE("a message is taken when all of it has come, and none is longer than any may be") {
  Message message;
  for (std::size_t size = 0; size < kServers.size(); ++size) {
    std::string_view part = std::string_view(kServers).substr(0, size);
    CHECK(take_message(part, message) == Cut::More);
  }
  std::string huge = bytes("0a82");
  put_number(huge, kLongest + 1);
  std::string_view text = huge;
  CHECK(take_message(text, message) == Cut::TooLong);
  const std::string endless = bytes("0a82ffffffffffffffffffffffff");
  text = endless;
  CHECK(take_message(text, message) == Cut::Wrong);
}

TEST_CASE("cut and changed bytes are read without harm") {
  std::minstd_rand random(7);
  for (int turn = 0; turn < 20000; ++turn) {
    std::string text = turn % 3 == 0   ? kServers + kServersUpdate
                       : turn % 3 == 1 ? kArrays + kArraysUpdate
                                       : kTexts_ + kTextsUpdate;
    for (int change = 0; change < 3; ++change) text[random() % text.size()] = static_cast<char>(random());
    if (turn % 2 == 0) text.resize(random() % text.size());
    std::string_view rest = text;
    std::optional<Definition> definition;
    Update update;
    for (Message message; take_message(rest, message) == Cut::Done;) {
      if (message.kind == static_cast<std::uint16_t>(Kind::Definition))
        definition = read_definition(message.body);
      else if (definition)
        (void)read_update(message, *definition, update);
    }
  }
}

TEST_CASE("a table's name is no longer than a name") {
  Definition definition;
  definition.name = std::string(2000, 'n');
  std::string text;
  put_definition(text, definition);
  CHECK(!read_definition(message_of(text).body));
  definition.name.resize(1000);
  text.clear();
  put_definition(text, definition);
  CHECK(read_definition(message_of(text).body));
}
