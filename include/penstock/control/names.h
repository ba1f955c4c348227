// Names of servers, asked again and again while they serve, as `resolvers` sections say. Lives on the master's loop,
// once in the process: what comes of it are changes of servers, which their keepers carry out.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/config/model.h"
#include "penstock/net/dns.h"
#include "penstock/net/living.h"

namespace penstock {

class Crew;

// What is counted of a name server, in HAProxy's order.
struct NameserverCounts {
  std::uint64_t sent = 0, send_error = 0, valid = 0, update = 0, alias = 0, alias_error = 0, empty = 0, no_name = 0,
                timeout = 0, refused = 0, other = 0, invalid = 0, too_big = 0, truncated = 0, outdated = 0;
};
struct NameserverColumn {
  std::string_view column;  // Of `show stat`.
  std::string_view text;    // Of `show resolvers`.
  std::string_view help;    // Of `show stat ... desc`.
  std::uint64_t NameserverCounts::*count;
};
const std::array<NameserverColumn, 15>& nameserver_columns();

class Names final {
 public:
  Names(Loop& loop, Crew& crew);
  ~Names();
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;

  // The crew's snapshot is at work: its sections are asked, for its servers. What was known before is known still.
  void adopt();

  // In the order of the configuration.
  using Show = std::function<void(const std::string& section, const std::string& server, const NameserverCounts&)>;
  void for_each_nameserver(const Show& show) const;
  bool has_section(std::string_view name) const { return sections_.contains(name); }
  void clear_counts();

  // A name that a rule wants to know (`do-resolve`). `done` hears its address once, maybe from within; none: there is
  // none, or nobody can say.
  using Found = std::function<void(const SocketAddress& address)>;
  void look_up(const std::string& section, std::string_view name, bool ip4_first, Found done);

  // The name that a server is asked by now; no such text: it is not asked at all. Of one that is found by SRV records
  // it is the target, maybe empty.
  struct Asked {
    std::string name, record;
    bool by_command = false;
  };
  std::optional<Asked> asked(const std::string& backend, const std::string& server) const;
  // Until the next reload. An empty name: that of the configuration.
  void rename(const std::string& backend, const std::string& server, std::string name);

 private:
  class Clock;
  class Line;
  struct Section;
  struct Question;
  struct Client;
  enum class Kind : std::uint8_t { Srv, Ip4First, Ip6First };
  using Key = std::pair<std::pair<std::string, std::string>, Kind>;  // Section and name.
  struct Pending {
    Key question;
    std::uint64_t round = 0;
  };

  void adopt_sections();
  void adopt_clients();
  void tick();
  void arm();
  Question& question(const std::string& section, const std::string& name, Kind kind);
  void attach(Client& client, Question* question);
  void ask(Question& question, std::uint64_t due_ms);
  void begin(Question& question);
  void send(Question& question);
  void on_answer(Section& section, std::size_t server, std::uint64_t number, DnsAnswer answer);
  void ask_again(Question& question, const Section& section);
  void tell(Question& question, const SocketAddress& address);
  void next_try(Question& question, DnsAnswer::Status status);
  void found(Question& question, const DnsAnswer& answer, const std::string& by);
  void not_found(Question& question, DnsAnswer::Status status);
  bool give_addresses(Question& question, const std::string& by);
  void give_services(Question& question);
  bool give(Client& client, const SocketAddress& address, const std::string& by);
  void take_away(Client& client, std::string_view why);
  bool is_wanted(const Question& question) const;
  void forget(Question& question);
  void drop_idle();

  Loop& loop_;
  Crew& crew_;
  std::map<std::string, std::unique_ptr<Section>, std::less<>> sections_;
  std::vector<std::string> order_;  // Of sections, as the configuration has them.
  std::map<std::pair<std::string, std::string>, std::unique_ptr<Client>> clients_;
  std::map<Key, std::unique_ptr<Question>> questions_;
  std::set<std::pair<std::uint64_t, Key>> due_;
  std::map<std::uint64_t, Pending> pending_;
  std::map<std::pair<std::string, std::string>, std::string> renamed_;
  std::uint64_t next_number_ = 1;
  struct Early {
    std::string section, name;
    bool ip4_first = false;
    Found done;
  };
  std::vector<Early> early_;   // Wanted by a worker that has new rules, while others have not.
  std::size_t looked_up_ = 0;  // Of the questions, those that rules have asked.
  Owned<Clock> clock_;
};

}  // namespace penstock
