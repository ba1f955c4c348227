// Questions to one name server, over UDP, over TCP if an answer is too long. The only door to c-ares.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/net/address.h"
#include "penstock/net/living.h"

namespace penstock {

enum class DnsType : std::uint16_t { A = 1, Aaaa = 28, Srv = 33 };

struct SrvRecord {
  std::uint16_t priority = 0, weight = 0, port = 0;
  std::string target;
  bool operator==(const SrvRecord&) const = default;
};

// What came of one question.
struct DnsAnswer {
  enum class Status : std::uint8_t {
    Valid,
    Empty,  // The name is there, without such records.
    NoName,
    Refused,
    Timeout,
    Invalid,  // Not to be read.
    Other,
  };
  Status status = Status::Timeout;
  std::vector<SocketAddress> addresses;  // Of A and AAAA, without ports.
  std::vector<SrvRecord> services;
};

// What a whole answer of a name server says, whoever made it.
DnsAnswer read_dns_answer(DnsType type, std::string_view bytes);

struct NameserverOptions {
  SocketAddress address;
  bool tcp = false;  // Never over UDP.
  std::uint64_t timeout_ms = 1000;
  std::uint32_t payload = 512;  // Of an answer over UDP; 4096 at most.
};

class NameserverOwner {
 public:
  // Never from within ask(). May drop the name server.
  virtual void on_answer(std::uint64_t question, DnsAnswer answer) = 0;

 protected:
  ~NameserverOwner() = default;
};

class Nameserver final : public Living, private Later {
 public:
  // Null: there is no memory, or no entropy, for one.
  static Owned<Nameserver> open(Loop& loop, const NameserverOptions& options, NameserverOwner& owner);
  ~Nameserver() override;

  // Each question is answered once, at the latest when its time is over. `question` is the owner's number of it.
  void ask(const std::string& name, DnsType type, std::uint64_t question);

 private:
  friend struct DnsCallbacks;
  class Socket;
  struct Channel;
  struct Asked;
  struct Answered {
    std::uint64_t question;
    DnsAnswer answer;
  };
  Nameserver(Loop& loop, const NameserverOptions& options, NameserverOwner& owner);
  void on_deadline() override;
  void on_close() override;
  void run_later() override;
  void send(const std::string& name, DnsType type, std::uint64_t question);
  void answered(std::uint64_t question, DnsAnswer answer);
  void wait();

  const NameserverOptions options_;
  NameserverOwner& owner_;
  std::unique_ptr<Channel> channel_;
  bool is_plain_ = false;  // The name server does not know EDNS (RFC 6891).
  std::vector<Answered> answered_;
};

}  // namespace penstock
