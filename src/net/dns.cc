#include "penstock/net/dns.h"

#include <ares.h>
#include <ares_nameser.h>
#include <sys/random.h>
#include <uv.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "holder.h"

namespace penstock {
namespace {

constexpr int kInternet = 1;  // The class of all that is asked.
constexpr int kMostAddresses = 256;
constexpr std::size_t kMostServices = 256;
constexpr std::size_t kHead = 12;
constexpr unsigned kNotUnderstood = 1, kNoName = 3, kRefused = 5;

// Numbers of questions are not to be guessed; the library's own are where it cannot open its file, as in a chroot.
std::uint16_t random_number() {
  std::uint16_t number = 0;
  (void)!::getrandom(&number, sizeof number, 0);
  return number;
}

SocketAddress ip4(const in_addr& from) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_addr = from;
  return {reinterpret_cast<const sockaddr*>(&out), sizeof out};
}

SocketAddress ip6(const ares_in6_addr& from) {
  sockaddr_in6 out{};
  out.sin6_family = AF_INET6;
  static_assert(sizeof out.sin6_addr == sizeof from);
  std::memcpy(&out.sin6_addr, &from, sizeof from);
  return {reinterpret_cast<const sockaddr*>(&out), sizeof out};
}

void take_hosts(DnsType type, const unsigned char* bytes, int size, DnsAnswer& answer, int& status) {
  int count = kMostAddresses;
  if (type == DnsType::A) {
    std::vector<ares_addrttl> found(kMostAddresses);
    status = ares_parse_a_reply(bytes, size, nullptr, found.data(), &count);
    for (int i = 0; status == ARES_SUCCESS && i < count; ++i)
      answer.addresses.push_back(ip4(found[static_cast<std::size_t>(i)].ipaddr));
    return;
  }
  std::vector<ares_addr6ttl> found(kMostAddresses);
  status = ares_parse_aaaa_reply(bytes, size, nullptr, found.data(), &count);
  for (int i = 0; status == ARES_SUCCESS && i < count; ++i)
    answer.addresses.push_back(ip6(found[static_cast<std::size_t>(i)].ip6addr));
}

void take_services(const unsigned char* bytes, int size, DnsAnswer& answer, int& status) {
  ares_srv_reply* first = nullptr;
  status = ares_parse_srv_reply(bytes, size, &first);
  for (const ares_srv_reply* at = first; status == ARES_SUCCESS && at != nullptr; at = at->next) {
    std::string target(at->host);
    if (answer.services.size() == kMostServices) break;
    if (!target.empty()) answer.services.push_back({at->priority, at->weight, at->port, std::move(target)});
  }
  if (first != nullptr) ares_free_data(first);
}

unsigned code_of(const unsigned char* bytes) { return bytes[3] & 0x0fu; }

}  // namespace

DnsAnswer read_dns_answer(DnsType type, std::string_view text) {
  const auto* const bytes = reinterpret_cast<const unsigned char*>(text.data());
  const int size = static_cast<int>(text.size());
  DnsAnswer answer;
  answer.status = DnsAnswer::Status::Invalid;
  if (text.size() < kHead || text.size() > UINT16_MAX) return answer;
  const unsigned code = code_of(bytes);
  if (code != 0) {
    answer.status = code == kNoName    ? DnsAnswer::Status::NoName
                    : code == kRefused ? DnsAnswer::Status::Refused
                                       : DnsAnswer::Status::Other;
    return answer;
  }
  int status = ARES_EBADRESP;
  if (type == DnsType::Srv)
    take_services(bytes, size, answer, status);
  else
    take_hosts(type, bytes, size, answer, status);
  if (status == ARES_ENODATA || (status == ARES_SUCCESS && answer.addresses.empty() && answer.services.empty()))
    answer.status = DnsAnswer::Status::Empty;
  else if (status == ARES_SUCCESS)
    answer.status = DnsAnswer::Status::Valid;
  return answer;
}

// One of the library's sockets, watched for it.
class Nameserver::Socket final : public Living {
 public:
  static Owned<Socket> open(Loop& loop, int fd, Nameserver& owner) {
    Owned<Socket> self(new Socket(loop, fd, owner));
    auto* poll = reinterpret_cast<uv_poll_t*>(self->space_);
    if (uv_poll_init(loop.raw(), poll, fd) != 0) return nullptr;
    self->hold(reinterpret_cast<uv_handle_t*>(poll));
    return self;
  }

  void watch(bool reads, bool writes);

 private:
  friend struct DnsCallbacks;
  Socket(Loop& loop, int fd, Nameserver& owner) : Living(loop), fd_(fd), owner_(owner) {
    static_assert(sizeof(uv_poll_t) <= kSpace);
  }
  void on_deadline() override {}

  static constexpr std::size_t kSpace = 192;
  alignas(8) char space_[kSpace];
  const int fd_;
  Nameserver& owner_;
};

struct Nameserver::Channel {
  ares_channel channel = nullptr;
  std::map<int, Owned<Socket>> sockets;
};

struct Nameserver::Asked {
  Nameserver* owner;
  std::string name;
  DnsType type;
  std::uint64_t question;
  bool is_plain;
};

struct DnsCallbacks {
  static void on_uv_poll(uv_poll_t* poll, int status, int events) {
    const auto& self = holder_of<Nameserver::Socket>(poll);
    Loop& loop = self.loop();
    Nameserver& owner = self.owner_;
    const int fd = self.fd_;
    // What is wrong with it the library finds out.
    const bool reads = status != 0 || (events & UV_READABLE) != 0, writes = status != 0 || (events & UV_WRITABLE) != 0;
    ares_process_fd(owner.channel_->channel, reads ? fd : ARES_SOCKET_BAD, writes ? fd : ARES_SOCKET_BAD);
    owner.wait();
    loop.settle();
  }

  static void on_ares_socket(void* data, ares_socket_t fd, int reads, int writes) {
    auto& self = *static_cast<Nameserver*>(data);
    auto& sockets = self.channel_->sockets;
    if (reads == 0 && writes == 0) return void(sockets.erase(fd));
    auto& socket = sockets[fd];
    if (!socket) socket = Nameserver::Socket::open(self.loop(), fd, self);
    if (socket) socket->watch(reads != 0, writes != 0);
  }

  static void on_ares_answer(void* data, int status, int, unsigned char* bytes, int size) {
    const std::unique_ptr<Nameserver::Asked> asked(static_cast<Nameserver::Asked*>(data));
    if (status == ARES_EDESTRUCTION) return;
    Nameserver& owner = *asked->owner;
    const bool is_whole = status == ARES_SUCCESS && bytes != nullptr && size >= static_cast<int>(kHead);
    // The library asks again itself, but only once.
    if (is_whole && code_of(bytes) == kNotUnderstood && !asked->is_plain) {
      owner.is_plain_ = true;
      return owner.send(asked->name, asked->type, asked->question);
    }
    DnsAnswer answer;
    if (status == ARES_SUCCESS)
      answer = read_dns_answer(asked->type, {reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)});
    owner.answered(asked->question, std::move(answer));
  }
};

void Nameserver::Socket::watch(bool reads, bool writes) {
  uv_poll_start(reinterpret_cast<uv_poll_t*>(space_), (reads ? UV_READABLE : 0) | (writes ? UV_WRITABLE : 0),
                DnsCallbacks::on_uv_poll);
}

Nameserver::Nameserver(Loop& loop, const NameserverOptions& options, NameserverOwner& owner)
    : Living(loop), options_(options), owner_(owner), channel_(std::make_unique<Channel>()) {}

Nameserver::~Nameserver() = default;

Owned<Nameserver> Nameserver::open(Loop& loop, const NameserverOptions& options, NameserverOwner& owner) {
  if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) return nullptr;
  Owned<Nameserver> self(new Nameserver(loop, options, owner));
  // Nothing of the system's files: neither is it known whether they can be read, nor are they meant.
  char nothing[] = "/dev/null", lookups[] = "b";
  ares_options how{};
  how.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_NOCHECKRESP | ARES_FLAG_EDNS;
  if (options.tcp) how.flags |= ARES_FLAG_USEVC;
  how.timeout = static_cast<int>(std::min<std::uint64_t>(options.timeout_ms, 3'600'000));
  how.tries = 1;
  how.ednspsz = static_cast<int>(options.payload);
  how.lookups = lookups;
  how.resolvconf_path = nothing;
  how.sock_state_cb = DnsCallbacks::on_ares_socket;
  how.sock_state_cb_data = self.get();
  constexpr int kGiven = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ | ARES_OPT_LOOKUPS |
                         ARES_OPT_DOMAINS | ARES_OPT_SORTLIST | ARES_OPT_RESOLVCONF | ARES_OPT_SOCK_STATE_CB;
  if (ares_init_options(&self->channel_->channel, &how, kGiven) != ARES_SUCCESS) return nullptr;
  ares_addr_port_node server{};
  server.family = options.address.family();
  server.udp_port = server.tcp_port = options.address.port();
  const std::string_view ip = options.address.ip_bytes();
  std::memcpy(&server.addr, ip.data(), std::min(ip.size(), sizeof server.addr));
  if (ares_set_servers_ports(self->channel_->channel, &server) != ARES_SUCCESS) return nullptr;
  return self;
}

void Nameserver::on_close() {
  if (channel_->channel != nullptr) ares_destroy(channel_->channel);
  channel_->channel = nullptr;
  channel_->sockets.clear();
  Later::unlink();
  ares_library_cleanup();
}

void Nameserver::ask(const std::string& name, DnsType type, std::uint64_t question) {
  send(name, type, question);
  wait();
}

void Nameserver::send(const std::string& name, DnsType type, std::uint64_t question) {
  unsigned char* bytes = nullptr;
  int size = 0;
  const int made = ares_create_query(name.c_str(), kInternet, static_cast<int>(type), random_number(), 1, &bytes, &size,
                                     is_plain_ ? 0 : static_cast<int>(options_.payload));
  if (made != ARES_SUCCESS) {
    DnsAnswer answer;
    answer.status = DnsAnswer::Status::Other;
    return answered(question, std::move(answer));
  }
  ares_send(channel_->channel, bytes, size, DnsCallbacks::on_ares_answer,
            new Asked{this, name, type, question, is_plain_});
  ares_free_string(bytes);
}

// Told when the library is done with what it does now: whoever hears it may ask more, or drop us.
void Nameserver::answered(std::uint64_t question, DnsAnswer answer) {
  answered_.push_back({question, std::move(answer)});
  loop().later(*this);
}

void Nameserver::run_later() {
  for (Answered& one : std::exchange(answered_, {})) {
    if (closed()) return;
    owner_.on_answer(one.question, std::move(one.answer));
  }
}

void Nameserver::on_deadline() {
  ares_process_fd(channel_->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  wait();
}

void Nameserver::wait() {
  timeval left{};
  if (ares_timeout(channel_->channel, nullptr, &left) == nullptr) return clear_deadline();
  set_deadline(static_cast<std::uint64_t>(left.tv_sec) * 1000 + static_cast<std::uint64_t>(left.tv_usec) / 1000 + 1);
}

}  // namespace penstock
