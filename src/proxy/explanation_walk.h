// One way of an explanation: from the bind line to the server, as a transaction or a tunnel goes it, where all that only
// traffic knows is assumed. The order of its steps is that of greeter.cc, transaction.cc and tunnel.cc.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "explanation_words.h"
#include "penstock/balance/policy.h"
#include "penstock/base/arena.h"
#include "penstock/http/h1_parser.h"
#include "penstock/proxy/explanation.h"
#include "penstock/rules/program.h"

namespace penstock::explanation {

class Walk final : private rules::Witness, private Endpoints {
 public:
  // What was assumed so far, in order. `running`: see explain().
  Walk(const Snapshot& snapshot, const rules::Numbers* running, const Supposed& supposed,
       const std::vector<bool>& assumed);
  ~Walk();

  // What comes behind the last assumption, up to where another is needed.
  std::vector<Event> go();
  // What that one is about.
  const std::optional<std::string>& unknown() const { return unknown_; }

 private:
  class SeenNumbers;
  using Facts = std::vector<std::pair<std::string_view, std::string>>;

  void on_rule(const rules::RulePlace& place) override;
  void on_test(const rules::Tested& told) override;
  bool assume(const void* what, const rules::Tested& told) override;
  void on_judged(bool holds) override;
  void on_done(bool failed) override;
  const SocketAddress& peer() override { return supposed_.source; }
  const SocketAddress& local() override { return destination_; }

  void say(Event::Kind kind, std::string text, std::string place = {});
  bool end(std::string text, Facts facts);
  void tell_changes(const Portrait& before, bool secret);

  bool choose_door();
  void tell_door(std::string why, const std::vector<const BindSpec*>& others);
  bool tell_certificate();
  void equip(rules::Subject& subject);
  bool pass_door(const rules::Program& rules, std::string_view name);
  bool read_request();
  void walk_request();
  void walk_connection();
  bool run(const rules::Program& rules, std::string_view name);
  bool obey(const rules::Verdict& verdict, std::string_view name);
  bool answer(const rules::Verdict& verdict);
  bool answer(const rules::Reply& reply, std::string_view outcome, std::string_view why);
  bool asks_monitor_uri();
  bool shows_statistics(const std::optional<config::StatsPage>& page, const rules::StatsRules& rules);
  bool choose_backend();
  bool is_listen() const { return backend_->balance.name == frontend_->name; }
  bool is_http() const { return frontend_->mode == config::Mode::Http; }
  void prepare_request();
  void tell_request();
  void choose_server();
  bool ask_rules_about_server();
  void ask_cookie();
  void ask_tables();
  void look_up(const rules::StickRule& rule, const std::string& name, const rules::Value& value);
  std::uint64_t numbers_now() const;
  void balance();
  std::optional<std::uint32_t> key();
  std::vector<Candidate> candidates() const;
  bool is_in_service(const ServerSpec& server) const;
  void tell_servers();
  std::string words_of(const ServerSpec& server);
  void tell_timeouts();
  void walk_answer();
  void finish();
  std::string where_it_goes() const;

  const Snapshot& snapshot_;
  const bool is_running_;
  const Supposed& supposed_;
  const std::vector<bool>& assumed_;
  std::size_t assumed_so_far_ = 0;
  std::map<const void*, bool> known_;
  std::optional<std::string> unknown_;
  bool just_assumed_ = false;
  bool after_server_ = false;  // Its answer is thought of: much is unknown, and what it may do is only told.
  std::vector<Event> events_;
  Words words_;
  std::unique_ptr<SeenNumbers> numbers_;
  rules::Explained explained_;

  const BindSpec* bind_ = nullptr;
  const FrontendPlan* frontend_ = nullptr;
  const BackendPlan* backend_ = nullptr;
  SocketAddress destination_;
  Arena arena_;
  rules::ClientFacts facts_;
  rules::Subject subject_;
  rules::Subject* asked_ = nullptr;  // Whom rules are asked about at the moment.
  std::string message_;              // The request's bytes, or those of TLS's first message.
  std::optional<H1Parser> parser_;
  Head answer_;
  rules::RulePlace rule_;  // The one looked at, and whether it holds.
  bool held_ = false;
  Portrait before_;
  const ServerSpec* server_ = nullptr;  // The one that a rule, a cookie or a key names.
  std::string chosen_by_;
};

}  // namespace penstock::explanation
