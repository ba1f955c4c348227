// HAProxy's protocol of peers, version 2.1, as bytes and values: nothing of connections, nothing of tables. What comes is
// believed in nothing: a length counts only as far as there are bytes, and no number of elements is taken that was not
// read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/config/settings.h"

namespace penstock::peers {

// The longest message that anybody of good will sends: a key of 64 KiB and all that an entry can hold.
constexpr std::size_t kLongest = 128 * 1024;
constexpr std::size_t kLongestHello = 1024;
// Texts are told once, and then by their number, from 1 to this.
constexpr std::uint64_t kTexts = 128;

enum class Status : std::uint16_t {
  Fine = 200,
  Later = 300,
  ProtocolError = 501,
  BadVersion = 502,
  NotMe = 503,    // We are not whom the caller means.
  Unknown = 504,  // The caller is nobody that we know.
};

// How a conversation begins.
struct Hello {
  std::string to, from;
};
std::string hello_text(const Hello& hello, int pid);
std::string status_text(Status status);

enum class Progress : std::uint8_t { Done, More, Wrong };
// Takes a hello from the beginning of `bytes`. `refusal`: what to answer if it is wrong.
Progress take_hello(std::string_view& bytes, Hello& hello, Status& refusal);
// Takes a status; its number.
Progress take_status(std::string_view& bytes, int& status);

// Class and type of a message, one behind the other.
enum class Kind : std::uint16_t {
  ResyncRequest = 0x0000,
  ResyncFinished = 0x0001,
  ResyncPartial = 0x0002,
  ResyncConfirm = 0x0003,
  Heartbeat = 0x0004,
  ErrorProtocol = 0x0100,
  ErrorSize = 0x0101,
  Update = 0x0a80,
  NextUpdate = 0x0a81,  // Its number is one more than that of the one before.
  Definition = 0x0a82,
  Switch = 0x0a83,
  Acknowledgement = 0x0a84,
  TimedUpdate = 0x0a85,  // With how long the entry lives.
  NextTimedUpdate = 0x0a86,
};
struct Message {
  std::uint16_t kind = 0;
  std::string_view body;
};
enum class Cut : std::uint8_t { Done, More, Wrong, TooLong };
// Takes one message from the beginning of `bytes`.
Cut take_message(std::string_view& bytes, Message& message);
void put_message(std::string& to, Kind kind, std::string_view body = {});

// A number of 1 to 10 bytes.
void put_number(std::string& to, std::uint64_t number);

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  bool failed() const { return failed_; }
  bool at_end() const { return rest_.empty(); }
  std::uint64_t number();
  std::uint32_t word();  // Of 4 bytes.
  std::string_view bytes(std::uint64_t count);
  void fail() { failed_ = true, rest_ = {}; }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

// A table, as its side has it.
struct Definition {
  std::uint64_t id = 0;
  std::string name;
  config::StickTable::Key key = config::StickTable::Key::Ip;
  std::uint64_t key_length = 0;  // A String's is one more than its longest.
  std::uint64_t expire_ms = 0;
  std::vector<config::StickTable::Stored> stored;  // In the order of their numbers.
  bool understood = true;                          // All that entries hold is known here: they can be read.
};
std::uint64_t wire_key_length(const config::StickTable& table);
void put_definition(std::string& to, const Definition& definition);
std::optional<Definition> read_definition(std::string_view body);

struct Acknowledgement {
  std::uint64_t id = 0;  // Of the table, as its sender calls it.
  std::uint32_t update = 0;
};
void put_acknowledgement(std::string& to, const Acknowledgement& acknowledgement);
std::optional<Acknowledgement> read_acknowledgement(std::string_view body);

// One value of an entry.
struct Value {
  config::StickData data = config::StickData::ServerId;
  std::uint32_t element = 0;
  std::uint64_t number = 0;                             // Of a rate: since when its period is, in ms.
  std::uint64_t current = 0, previous = 0;              // Of a rate.
  std::uint64_t text_number = 0;                        // Of a text; 0: none.
  std::optional<std::string_view> text = std::nullopt;  // The first time.
};
struct Update {
  std::optional<std::uint32_t> number;
  std::optional<std::uint32_t> left_ms;
  std::string_view key;
  std::vector<Value> values;
};
// Into `update`, whose memory is used again. False: it is not what the definition says.
bool read_update(const Message& message, const Definition& definition, Update& update);
void put_update(std::string& to, const Definition& definition, const Update& update);

}  // namespace penstock::peers
