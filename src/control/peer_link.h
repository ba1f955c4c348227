// What this process and one peer tell each other of the tables that both have, for as long as both are in the
// configuration, over one connection after the other. It is called, and called again after a while; or it calls.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "penstock/net/connection.h"
#include "penstock/net/living.h"
#include "penstock/proxy/counters.h"
#include "penstock/proxy/ground.h"
#include "penstock/tables/journal.h"
#include "penstock/tables/peer_codec.h"

namespace penstock {

// A table that a section of peers has.
struct SharedTable {
  std::string name;
  config::StickTable line;
  peers::Definition definition;  // As we have it, with the number that we give it.
  std::shared_ptr<Journal> journal;
  StickTable& table() const { return journal->table(); }
};
using SharedTables = std::vector<std::shared_ptr<SharedTable>>;

class PeerLink;

class PeerLinkOwner {
 public:
  virtual void on_linked(PeerLink& link) = 0;
  virtual void on_parted(PeerLink& link) = 0;
  // It has told all it knew when it was asked. Not whole: it does not know everything itself.
  virtual void on_lesson_over(PeerLink& link, bool whole) = 0;
  // Whether we know what there is to know.
  virtual bool knows_all() const = 0;
  // It is told this, and no more.
  virtual void see_off(Owned<Connection> connection, std::string_view last_words) = 0;
  virtual void report(const std::string& what) = 0;
  virtual PeerCounts& counts() = 0;

 protected:
  ~PeerLinkOwner() = default;
};

class PeerLink final : public Living, private ConnectionEvents {
 public:
  PeerLink(Loop& loop, const PeerPlan& plan, std::string local, PeerLinkOwner& owner);
  const PeerPlan& plan() const { return plan_; }
  bool up() const { return state_ == State::Up; }

  // Which tables there are. Those that stay go on where they were.
  void set_tables(const SharedTables& tables);
  // Takes over a connection of a peer that has said who it is, and what came behind that. The last one wins.
  void welcome(Owned<Connection> connection, std::string said);
  // Asks for all that it knows.
  void ask();
  // It has asked for all that we know, has got it, and has said so; and it knows what has changed since.
  bool was_taught() const { return taught_; }
  bool teaches() const { return lesson_.under_way; }
  bool knows_changes();
  bool calls() const { return state_ == State::Connecting || state_ == State::Greeting; }
  bool was_up() const { return counts_.greeted_ms != 0; }
  // How many times it was called, or has come.
  std::uint64_t connections() const { return counts_.connections; }
  // For `show peers`.
  void describe(std::string& to, bool with_texts) const;

 private:
  enum class State : std::uint8_t { Waiting, Connecting, Greeting, Up };
  // What is to be told of a table.
  struct Telling {
    std::shared_ptr<SharedTable> table;
    std::uint64_t pushed = 0, acknowledged = 0;  // Numbers of its journal.
    std::uint64_t origin = 0;                    // Where its journal was when a lesson began.
  };
  // What is told of one.
  struct Hearing {
    peers::Definition definition;
    std::shared_ptr<SharedTable> table;  // Null: we have none of that kind.
    std::uint32_t number = 0;
    bool owed = false;  // An acknowledgement.
  };
  // A lesson that we give.
  struct Lesson {
    bool under_way = false;
    std::size_t table = 0, place = 0;
  };
  // What `show peers` says.
  struct Counts {
    std::uint64_t connections = 0, errors = 0, collisions = 0, heartbeats_sent = 0, heartbeats_heard = 0, silences = 0;
    std::uint64_t greeted_ms = 0;
    int status = 0;  // The last one that it answered.
  };

  void on_close() override;
  void on_deadline() override;
  void on_ready() override;
  void on_bytes(Slice bytes) override;
  void on_read_end(bool) override { part(); }
  void on_sent() override { send(); }
  void on_lost(const Loss&) override { part(); }
  void on_time_out() override { part(); }

  void set_state(State state);
  void connect();
  void begin();
  void part();
  void leave();
  void wait();
  void refuse(peers::Kind error, const char* why);
  void read_status();
  void read_messages();
  bool take(const peers::Message& message);
  bool take_definition(const peers::Message& message);
  bool take_switch(const peers::Message& message);
  bool take_acknowledgement(const peers::Message& message);
  bool take_update(const peers::Message& message);
  void learn(const SharedTable& table);
  StickTable::Mark mark_of_values();
  void match(Hearing& hearing) const;
  void begin_lesson();
  void end_lesson();
  void send();
  void put_acknowledgements(std::string& to);
  bool put_lesson(std::string& to);
  bool put_changes(std::string& to);
  void put_definition(std::string& to, const SharedTable& table);
  void put_entry(std::string& to, const SharedTable& table, const StickTable::Hold& hold, std::uint64_t number,
                 bool timed);
  void put_text(const std::string& text, peers::Value& value);
  void tick();

  const PeerPlan plan_;
  const std::string local_;
  PeerLinkOwner& owner_;
  State state_ = State::Waiting;
  Owned<Connection> connection_;
  std::string inbox_;
  std::uint64_t sent_ms_ = 0, heard_ms_ = 0, ticked_ms_ = 0;
  std::vector<Telling> tellings_;
  std::map<std::uint64_t, Hearing> hearings_;  // By the peer's numbers.
  Hearing* heard_of_ = nullptr;                // Whose updates come now.
  const SharedTable* told_of_ = nullptr;       // Whose updates go now.
  std::size_t next_ = 0;                       // Whose turn it is.
  Lesson lesson_;
  bool taught_ = false;
  bool owes_confirm_ = false;  // That it has told all it knows.
  std::string pending_;        // To be sent before all else.
  peers::Update update_, own_update_;
  std::array<std::string, peers::kTexts + 1> texts_heard_;
  std::unordered_map<std::string, std::uint64_t> texts_told_;
  std::array<const std::string*, peers::kTexts + 1> told_by_number_{};
  std::uint64_t next_text_ = 1;
  Counts counts_;
};

}  // namespace penstock
