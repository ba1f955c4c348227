// config::Rule texts to programs, with the text's place in every complaint.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/config/diagnostics.h"
#include "penstock/config/settings.h"
#include "penstock/rules/address_set.h"
#include "penstock/rules/balance_key.h"
#include "penstock/rules/environment.h"
#include "penstock/rules/format.h"
#include "penstock/rules/process_variables.h"
#include "penstock/rules/program.h"
#include "penstock/rules/sample.h"
#include "penstock/rules/stick.h"
#include "penstock/rules/subject.h"
#include "penstock/rules/witness.h"

namespace penstock::config {
struct Config;
struct Proxy;
}  // namespace penstock::config

namespace penstock::rules {

// All files that rules name, each path once, so that they can be read before anything is compiled.
std::vector<NamedFile> collect_files(const config::Config& config);
// Names of hosts among the addresses that tests compare with: Environment::address_of() is asked
// for them.
std::vector<config::Word> collect_hosts(const config::Config& config);

struct UseBackend;
class RuleIndex;

// Error replies of one proxy by status.
using ErrorReplies = std::map<std::uint16_t, ReplyTemplate>;

// `stats http-request` and `stats admin`.
struct StatsRule {
  enum class Kind : std::uint8_t { Allow, Deny, Ask };
  Kind kind = Kind::Allow;
  std::string realm;  // Of Ask; empty: the page's.
  Condition condition;
};
struct StatsRules {
  std::vector<StatsRule> request;
  std::vector<Condition> admin;
  // The first rule that holds; null: none does.
  const StatsRule* find(Subject& subject) const;
  const StatsRule* find(Subject& subject, Witness& witness) const;
  bool may_change(Subject& subject) const;
};

class FrontendRules {
 public:
  FrontendRules();
  FrontendRules(FrontendRules&&) noexcept;
  FrontendRules& operator=(FrontendRules&&) noexcept;
  ~FrontendRules();

  Program tcp_connection;  // At accept; samples about the connection alone.
  Program tcp_session;     // After TLS and PROXY protocol.
  Program tcp_content;     // With subject.buffer; see Verdict::Wait.
  std::uint64_t inspect_delay_ms = 0;
  Program http_request;  // Includes `redirect` lines, behind http-request lines.
  Program http_response;
  Program http_after_response;

  // Makes the capture slots and remembers the request line; to be called first for each request, before
  // any rule. Takes what `capture request header` and `capture cookie` name. In mode tcp it makes the slots only.
  void begin(Subject& subject, std::size_t uri_limit = 1024) const;
  // Takes what `capture response header` and `capture cookie` name; to be called when the response's head came, before rules.
  void capture_response(Subject& subject) const;
  // Sets subject.unique_id if there is a unique-id-format. Adds no field.
  void make_unique_id(Subject& subject) const;
  // Number of the backend: the first use_backend rule that holds, else default_backend, else the proxy
  // itself if it is a `listen`, else -1. The only place where the choice is made.
  int choose_backend(Subject& subject) const;
  // The same, told as it goes, and those below likewise. Each line is looked at, without the help of an index.
  int choose_backend(Subject& subject, Witness& witness) const;
  // `monitor fail`: true if one of the conditions holds.
  bool monitor_fails(Subject& subject) const;
  bool monitor_fails(Subject& subject, Witness& witness) const;
  // Null: the built-in page.
  const ReplyTemplate* error(std::uint16_t status) const;

  StatsRules stats;
  // `%bi` and `%bp`, `%lc`: what must be fetched or counted for lines of the log.
  bool asks_back_address() const;
  bool asks_log_counter() const;

  Format log;        // Never empty unless there is nothing to log with.
  Format error_log;  // In its place, and in that of `refusal`, where no request could be read; empty: none.
  Format log_sd;     // Structured data of RFC 5424; empty: none.
  bool use_proxy_header = false;  // See Subject::to_proxy.
  bool log_as_json = false;       // See json_line.h; in place of `log`.
  Format refusal;                 // Begins the line of a connection that came to no request (8.2.5).
  Format unique_id;               // Empty: none.
  AddressSet forward_for_except, original_to_except;
  bool asks_client = false;  // Something in these rules does: of its address, or how it came.
  std::vector<config::Capture> captures;
  std::optional<config::Capture> cookie_capture;

 private:
  friend class FrontendCompiler;
  int backend_of(const UseBackend& use, Subject& subject) const;
  std::unique_ptr<AclTable> acls_;
  std::vector<UseBackend> use_backend_;
  std::unique_ptr<RuleIndex> use_backend_index_;  // Of many.
  int default_backend_ = -1;
  std::vector<Condition> monitor_fail_;
  ErrorReplies errors_;
  std::vector<std::size_t> capture_slots_;                         // Of each of `captures`.
  std::vector<std::uint32_t> request_lengths_, response_lengths_;  // Of the slots.
};

// `use-server`: the first that holds names the server.
struct UseServer {
  int server = -1;
  Condition condition;
};

// `force-persist`, `ignore-persist`: whether a client comes back to its server even if that is down, or
// not at all.
enum class Persistence : std::uint8_t { Usual, Forced, Ignored };
struct PersistRule {
  Persistence persistence = Persistence::Usual;
  Condition condition;
};

class BackendRules {
 public:
  BackendRules();
  BackendRules(BackendRules&&) noexcept;
  BackendRules& operator=(BackendRules&&) noexcept;
  ~BackendRules();

  Program tcp_content;
  Program tcp_response;
  std::uint64_t inspect_delay_ms = 0, response_inspect_delay_ms = 0;
  // A `listen` that a request both entered and was sent to runs its rules once, as a frontend.
  Program http_request;
  Program http_response;
  Program http_after_response;
  // -1: by balance.
  int choose_server(Subject& subject) const;
  int choose_server(Subject& subject, Witness& witness) const;
  // As the first rule that holds says.
  Persistence persistence(Subject& subject) const;
  Persistence persistence(Subject& subject, Witness& witness) const;
  const ReplyTemplate* error(std::uint16_t status) const;

  StatsRules stats;
  BalanceKey hash_key;  // Of `balance hash` and its like.
  Sample rdp_cookie;    // Of `persist rdp-cookie`.
  AddressSet forward_for_except, original_to_except;
  bool asks_client = false;  // Something in these rules does: of its address, or how it came.
  // `stick` lines that look at requests, and those that look at answers.
  std::vector<StickRule> stick_request, stick_response;
  bool sticks() const { return !stick_request.empty() || !stick_response.empty(); }

 private:
  friend class BackendCompiler;
  std::unique_ptr<AclTable> acls_;
  std::vector<UseServer> use_server_;
  std::vector<PersistRule> persist_;
  ErrorReplies errors_;
};

// Complaints go to `diagnostics`; the result is to be used only if it did not fail. A `listen` is
// compiled by both; the second says nothing again.
FrontendRules compile_frontend(const config::Config& config, const config::Proxy& proxy, const Environment& environment,
                               config::Diagnostics& diagnostics);
BackendRules compile_backend(const config::Config& config, const config::Proxy& proxy, const Environment& environment,
                             config::Diagnostics& diagnostics);
// `sni` of a server of the backend `proxy`. Empty after a complaint.
Sample compile_sni(const config::Config& config, const config::Proxy& proxy, const config::Word& expression,
                   const Environment& environment, config::Diagnostics& diagnostics);
// One expression for a place that may look at the request. Empty after a complaint.
Sample compile_sample(const std::string& text, config::Place place, const Environment& environment,
                      config::Diagnostics& diagnostics);
// `set-var` and `set-var-fmt` of `global`: what each variable is to be when the configuration is put to work.
struct ProcessSetting {
  std::shared_ptr<ProcessVariable> variable;
  Value value;
  std::string text;  // Of the value.
  void apply() const {
    Value now = value;
    if (now.is_text()) now.text = text;
    variable->set(now);
  }
};
std::vector<ProcessSetting> compile_process_variables(const config::Config& config, const Environment& environment,
                                                      config::Diagnostics& diagnostics);
// Checks of servers: there is no client, and no message but what the server answers. Whether that is HTTP.
enum class CheckAnswer : std::uint8_t { Http, Bytes };
std::optional<Format> compile_check_format(const std::string& text, config::Place place, CheckAnswer answer,
                                           const Environment& environment, config::Diagnostics& diagnostics);
// Empty after a complaint.
Sample compile_check_sample(const std::string& text, config::Place place, CheckAnswer answer,
                            const Environment& environment, config::Diagnostics& diagnostics);
// Sets a variable `check.<name>` or `proc.<name>`, or takes its value away.
class CheckVariable {
 public:
  virtual ~CheckVariable() = default;
  virtual void run(Subject& subject) const = 0;
};
struct CheckVariableWords {
  std::string name;                  // With conditions behind commas.
  std::optional<std::string> value;  // Nothing: it is to have none.
  bool formatted = false;
};
// Null after a complaint.
std::unique_ptr<CheckVariable> compile_check_variable(const CheckVariableWords& words, config::Place place,
                                                      CheckAnswer answer, const Environment& environment,
                                                      config::Diagnostics& diagnostics);
// To be called for a subject that any of these are asked about.
void prepare_for_check(Subject& subject, CheckAnswer answer);

}  // namespace penstock::rules
