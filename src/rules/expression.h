// Sample expressions, compiled: rows of the tables of fetches and converters, calls of them with
// their arguments, and the parser that makes calls from text.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "json_path.h"
#include "map_table.h"
#include "penstock/config/diagnostics.h"
#include "penstock/config/settings.h"
#include "penstock/net/signature.h"
#include "penstock/rules/environment.h"
#include "penstock/rules/process_variables.h"
#include "penstock/rules/subject.h"
#include "regex.h"
#include "set_var_if.h"

namespace penstock::config {
struct Config;
struct Proxy;
}  // namespace penstock::config

namespace penstock::rules {

// What a sample needs to be there, and what a place in the configuration has to offer.
enum Needs : unsigned {
  kNeedsNothing = 0,
  kNeedsClient = 1,     // Addresses of the connection.
  kNeedsHandshake = 2,  // TLS facts: after the handshake.
  kNeedsBuffer = 4,     // Raw bytes, mode tcp only.
  kNeedsRequest = 8,    // The request's head.
  kNeedsResponse = 16,
  kNeedsMessage = 32,      // Request or response, whichever the rule is about.
  kNeedsKeptRequest = 64,  // What was kept of the request: capture.*, unique-id.
  kNeedsKeptResponse = 128,
  kNeedsAnswer = 256,  // Raw bytes of the server, mode tcp only.
  kNeedsBytes = 512,   // Raw bytes of either, whichever the rule is about.
};

// What the places offer.
constexpr unsigned kForConnection = kNeedsClient;
constexpr unsigned kForWelcomed = kForConnection | kNeedsHandshake;
constexpr unsigned kForTcpContent = kForWelcomed | kNeedsBuffer;
constexpr unsigned kForTcpAnswer = kForWelcomed | kNeedsAnswer;
constexpr unsigned kForRequest = kForWelcomed | kNeedsRequest | kNeedsKeptRequest;
constexpr unsigned kForResponse = kForWelcomed | kNeedsResponse | kNeedsKeptRequest | kNeedsKeptResponse;
constexpr unsigned kForError = kForRequest | kForResponse;
constexpr unsigned kForLog = kForWelcomed | kNeedsKeptRequest | kNeedsKeptResponse;

// What an ACL's answer depends on: it can be remembered until that changes.
enum Depends : unsigned { kOnNothing = 0, kOnTarget = 1, kOnFields = 2, kOnVariables = 4, kOnMoment = 8 };

enum class Scope : std::uint8_t { Connection, Transaction, Request, Response, Process };

struct VariableName {
  Scope scope = Scope::Transaction;
  std::uint64_t hash = 0;
  std::string name;
  std::shared_ptr<ProcessVariable> of_process;  // Of that scope.
};

// Public keys by the names of their files.
using NamedKeys = std::vector<std::pair<std::string, std::shared_ptr<const PublicKey>>>;

// Those of a `userlist`, by name.
struct Users;

struct Argument {
  bool given = false;
  std::string text;
  std::int64_t integer = 0;  // Numbers; indexes; for "v or number" with `is_variable` false.
  std::int64_t second = -1;  // Server arguments: the server's index, `integer` being the backend's.
  bool is_variable = false;
  VariableName variable;
  std::unique_ptr<Regex> regex;
  std::unique_ptr<MapTable> map;
  std::shared_ptr<const NamedKeys> keys;
  std::unique_ptr<JsonPath> json;
  std::shared_ptr<const Users> users;
  Ip ip;
};

// Where an iteration over several values of one fetch stands; ACLs look at all of them.
struct Cursor {
  bool all = false;  // Yield one value after the other, and say `more`.
  bool more = false;
  bool undecided = false;  // More bytes could change the answer.
  std::size_t field = 0;
  std::size_t offset = 0;
};

struct Call;
using FetchFunction = bool (*)(const Call&, Subject&, Cursor&, Value&);
using ConvertFunction = bool (*)(const Call&, Subject&, Value&);

// Arguments by letters, those behind '|' may be left out: t text, i integer, b backend, f frontend,
// s server, v variable, n variable or number, x variable or text, 6 variable or text in base64, which is
// decoded, u unit of time, m mask, T stick table (the section's own if nothing is
// given), o stick table or none, c number of a counter. Empty text for none.
struct Fetch {
  std::string_view name;
  Type type;  // None: known when it runs.
  std::string_view arguments;
  unsigned needs;
  unsigned depends;
  FetchFunction fetch;
};

struct Converter {
  std::string_view name;
  Type in;   // None: takes any.
  Type out;  // None: as it came in.
  std::string_view arguments;
  ConvertFunction convert;
};

struct Call {
  const Fetch* fetch = nullptr;
  const Converter* converter = nullptr;
  std::vector<Argument> arguments;
  bool has(std::size_t index) const { return index < arguments.size() && arguments[index].given; }
  // Empty if it was not given.
  std::string_view text(std::size_t index) const;
  std::int64_t integer(std::size_t index, std::int64_t otherwise) const {
    return has(index) ? arguments[index].integer : otherwise;
  }
};

struct Expression {
  Call fetch;
  std::vector<Call> converters;
  Type type = Type::None;  // Of the result.
  unsigned needs = 0;
  unsigned depends = 0;
  unsigned available = ~0u;  // What the place it was compiled for offers.
  std::string name;          // Of the fetch as written, for complaints.
  RulePlace place;
};

std::span<const Fetch> internal_fetches();
std::span<const Fetch> connection_fetches();
std::span<const Fetch> certificate_fetches();
std::span<const Fetch> http_fetches();
std::span<const Fetch> path_fetches();
std::span<const Fetch> body_fetches();
std::span<const Fetch> auth_fetches();
std::span<const Fetch> counter_fetches();
std::span<const Fetch> table_fetches();
std::span<const Fetch> tls_fetches();
std::span<const Converter> basic_converters();
std::span<const Converter> text_converters();
std::span<const Converter> digest_converters();
std::span<const Converter> json_converters();
std::span<const Converter> wire_converters();
std::span<const Converter> mqtt_converters();
std::span<const Converter> table_converters();

const Fetch* find_fetch(std::string_view name);
std::vector<std::string_view> fetch_names();

// The fetch alone, then its converters. False: nothing found, see the cursor.
bool evaluate(const Expression& expression, Subject& subject, Cursor& cursor, Value& out);
// In an explanation: whether nobody knows before there is traffic what an expression says, or what a converter makes of
// `value`. See unknown.cc.
bool only_traffic_knows(const Expression& expression, const Subject& subject);
bool only_traffic_knows(const Call& converter, const Subject& subject, const Value& value);
// Changes the type if there is a way (manual section 7.1, "converters"); Type::None takes all.
bool cast(Subject& subject, Value& value, Type type);
// Whether there is a way at all.
bool castable(Type from, Type to);
// Whether a sample is a method, and so a text that is never a number or an address.
bool is_method(const Expression& expression);
// Leading digits with a sign, as lenient as C's strtoll; 0 if there are none.
std::int64_t leading_integer(std::string_view text);
std::string_view integer_text(Subject& subject, std::int64_t number);
std::uint64_t next_random(Subject& subject);
std::int64_t wall_clock_us(const Subject& subject);

// Into a slot for captures, as far as it holds; false if there is none: the frontend that a backend serves may
// have fewer.
bool keep_capture(Subject& subject, bool of_response, std::size_t slot, std::string_view text);

VariableSet& variables_of(Subject& subject, Scope scope);
const Value* find_variable(Subject& subject, const VariableName& name);
// `conditions` are SetVarIf bits. The value is copied to where it lives as long as its scope. False if the scope is
// not open.
bool set_variable(Subject& subject, const VariableName& name, const Value& value, unsigned conditions);
void unset_variable(Subject& subject, const VariableName& name);
// Remembered answers of ACLs that depend on `what` hold no longer.
void forget(Subject& subject, unsigned what);

// What compiling one proxy's texts knows.
struct AclTable;
struct Compiling {
  const config::Config* config = nullptr;
  const config::Proxy* proxy = nullptr;
  const Environment& environment;
  config::Diagnostics& diagnostics;
  int own_frontend = -1;
  int own_backend = -1;
  AclTable* acls = nullptr;
  std::map<std::string, std::shared_ptr<const Users>, std::less<>> users;  // Those that were asked for.
  std::vector<std::shared_ptr<const Users>> asked_users;                   // Of the text being compiled.
  bool asks_client = false;  // Whether anything compiled so far needs to know of the client's connection.
  std::int32_t part() const {
    if (own_frontend >= 0) return part_of_frontend(own_frontend);
    return own_backend >= 0 ? part_of_backend(own_backend) : -1;
  }
};

// Takes an expression from the front of `text` and leaves the rest there. Null after a complaint.
// The fetch may be an ACL's derived name ("path_beg") if `derived` is given, which then says the
// suffix ("beg").
std::unique_ptr<Expression> parse_expression(Compiling& compiling, std::string_view& text, config::Place place,
                                             std::string_view* derived = nullptr);
// The type of what an expression gives, None if that is not known; it is not judged.
Type result_type(std::string_view expression);
// The whole text, for a place that offers `available` (Needs); complains if it does not suffice.
std::unique_ptr<Expression> parse_whole_expression(Compiling& compiling, std::string_view text, config::Place place,
                                                   unsigned available);
bool parse_variable_name(Compiling& compiling, std::string_view text, config::Place place, VariableName& out);
// "ifexists" ...; 0 after a complaint.
unsigned parse_set_var_condition(Compiling& compiling, std::string_view word, config::Place place);
// "name(a,'b,c',"d")": takes the list from the front of `text`, which begins with '('. False if it does not end.
bool take_arguments(std::string_view& text, std::vector<std::string>& out);
// True if `needs` is offered by `available`.
bool offered(unsigned needs, unsigned available);
// The same of an expression; after a warning for one about raw bytes where there is a message: it never has a value.
bool accepted(Compiling& compiling, const Expression& expression, unsigned available, config::Place place);
std::string_view needs_text(unsigned needs);

// The set of a file; null: it is read with another number of columns elsewhere.
std::shared_ptr<PatternSet> patterns_of_file(Compiling& compiling, const std::string& path, const std::string& content,
                                             bool two_columns);

// False: the subject is in trouble, as it is not known yet whether who the client says it is, is one of them.
bool knows_users(std::span<const std::shared_ptr<const Users>> all, Subject& subject);
// What http_auth and its kin need of their arguments; false after a complaint.
bool finish_auth(Compiling& compiling, Call& call, config::Place place);
// In a condition, unless it says another way of matching, they are compared with groups.
void ask_groups(Call& call);
bool has_group(const Call& call, const std::string& group);

// What single converters check and prepare beyond the kind of their arguments; false after a complaint.
bool finish_converter(Compiling& compiling, Call& call, config::Place place);
bool finish_text_converter(Compiling& compiling, Call& call, config::Place place);
bool finish_digest_converter(Compiling& compiling, Call& call, config::Place place);
bool finish_json_converter(Compiling& compiling, Call& call, config::Place place);
bool finish_wire_converter(Compiling& compiling, Call& call, config::Place place);
bool finish_mqtt_converter(Compiling& compiling, Call& call, config::Place place);

// Whether a token's algorithm of that name takes a public key, so that a file is named for it.
bool names_key_file(std::string_view algorithm);
// Whether a text begins as variables do, with a scope.
bool is_variable_name(std::string_view text);

struct KeyFile;
// Files of keys, and of maps, that a word with expressions in it names.
void collect_key_files(const config::Word& word, std::vector<KeyFile>& files);
void collect_map_files(const config::Word& word, std::vector<NamedFile>& files);

// " (did you mean 'x'?)" or "".
std::string hint(std::string_view word, std::span<const std::string_view> known);

}  // namespace penstock::rules
