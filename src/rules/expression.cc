#include "expression.h"

#include <time.h>

#include <bit>
#include <charconv>

#include "hex.h"
#include "penstock/rules/sample.h"

namespace penstock::rules {

std::string_view Call::text(std::size_t index) const {
  return has(index) ? std::string_view(arguments[index].text) : std::string_view("");
}

// Running.

bool evaluate(const Expression& expression, Subject& subject, Cursor& cursor, Value& out) {
  cursor.more = false;
  if (subject.explained != nullptr && only_traffic_knows(expression, subject)) return out.set_text(kUnknownHere), true;
  if (!expression.fetch.fetch->fetch(expression.fetch, subject, cursor, out)) return false;
  for (const Call& call : expression.converters) {
    if (subject.explained != nullptr && only_traffic_knows(call, subject, out)) return out.set_text(kUnknownHere), true;
    if (!cast(subject, out, call.converter->in)) return false;
    if (call.converter->convert(call, subject, out) && subject.has_room()) continue;
    subject.note_trouble(expression.place);
    return false;
  }
  return true;
}

std::string_view integer_text(Subject& subject, std::int64_t number) {
  char* space = static_cast<char*>(subject.arena.allocate(20, 1));
  const auto [end, error] = std::to_chars(space, space + 20, number);
  return {space, static_cast<std::size_t>(end - space)};
}

std::int64_t leading_integer(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size() && (text[at] == ' ' || text[at] == '\t')) ++at;
  const bool negative = at < text.size() && text[at] == '-';
  if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
  std::uint64_t number = 0;
  const std::uint64_t most = static_cast<std::uint64_t>(INT64_MAX) + (negative ? 1 : 0);
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    const auto digit = static_cast<std::uint64_t>(text[at] - '0');
    number = number > (most - digit) / 10 ? most : number * 10 + digit;
  }
  return static_cast<std::int64_t>(negative ? -number : number);
}

bool castable(Type from, Type to) {
  if (from == to || from == Type::None || to == Type::None) return true;
  switch (to) {
    case Type::Text:
      return true;
    case Type::Binary:
      return from == Type::Text || from == Type::Address || from == Type::Integer || from == Type::Bool;
    case Type::Bool:
      return from == Type::Integer || from == Type::Text;
    case Type::Integer:
      return from == Type::Bool || from == Type::Text || from == Type::Address;
    case Type::Address:
      return from == Type::Text || from == Type::Integer;
    case Type::None:
      return true;
  }
  return false;
}

namespace {

bool to_text(Subject& subject, Value& value) {
  switch (value.type) {
    case Type::Bool:
    case Type::Integer:
      value.set_text(integer_text(subject, value.integer));
      return true;
    case Type::Address: {
      char* space = static_cast<char*>(subject.arena.allocate(64, 1));
      value.set_text(value.ip.write(space));
      return true;
    }
    case Type::Text:
    case Type::Binary:
      value.type = Type::Text;
      return true;
    case Type::None:
      return false;
  }
  return false;
}

// Numbers are eight bytes in network order.
bool to_binary(Subject& subject, Value& value) {
  switch (value.type) {
    case Type::Bool:
    case Type::Integer: {
      char* bytes = static_cast<char*>(subject.arena.allocate(8, 1));
      for (int i = 0; i < 8; ++i) bytes[i] = static_cast<char>(value.integer >> (56 - 8 * i));
      value.set_binary({bytes, 8});
      return true;
    }
    case Type::Address:
      value.set_binary(subject.arena.copy(value.ip.view()));
      return true;
    case Type::Text:
    case Type::Binary:
      value.type = Type::Binary;
      return true;
    case Type::None:
      return false;
  }
  return false;
}

bool to_integer(Value& value) {
  switch (value.type) {
    case Type::Bool:
    case Type::Integer:
      value.type = Type::Integer;
      return true;
    case Type::Text:
      if (value.text.empty()) return false;
      value.set_integer(leading_integer(value.text));
      return true;
    case Type::Address:
      if (value.ip.is6) return false;
      value.set_integer((std::int64_t{value.ip.bytes[0]} << 24) | (value.ip.bytes[1] << 16) | (value.ip.bytes[2] << 8) |
                        value.ip.bytes[3]);
      return true;
    case Type::Binary:
    case Type::None:
      return false;
  }
  return false;
}

bool to_address(Value& value) {
  Ip ip;
  if (value.type == Type::Integer) {
    for (int i = 0; i < 4; ++i) ip.bytes[i] = static_cast<unsigned char>(value.integer >> (24 - 8 * i));
  } else if (!value.is_text() || !Ip::parse_leading(value.text, ip)) {
    return false;
  }
  value.set_ip(ip);
  return true;
}

}  // namespace

bool cast(Subject& subject, Value& value, Type type) {
  if (value.type == type || type == Type::None) return true;
  switch (type) {
    case Type::Text:
      return to_text(subject, value);
    case Type::Binary:
      return to_binary(subject, value);
    case Type::Integer:
      return to_integer(value);
    case Type::Bool:
      if (value.type == Type::Address || !to_integer(value)) return false;
      value.set_bool(value.integer != 0);
      return true;
    case Type::Address:
      return to_address(value);
    case Type::None:
      return true;
  }
  return false;
}

std::int64_t wall_clock_us(const Subject& subject) {
  if (subject.now_us != 0) return subject.now_us;
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return std::int64_t{now.tv_sec} * 1000000 + now.tv_nsec / 1000;
}

std::uint64_t next_random(Subject& subject) {
  std::uint64_t own = 0;
  std::uint64_t* state = subject.random;
  if (state == nullptr) {
    own = static_cast<std::uint64_t>(wall_clock_us(subject)) ^ reinterpret_cast<std::uintptr_t>(&subject);
    state = &own;
  }
  // SplitMix64: any state will do, each step visits another.
  *state += 0x9e3779b97f4a7c15ull;
  std::uint64_t z = *state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

bool keep_capture(Subject& subject, bool of_response, std::size_t slot, std::string_view text) {
  const std::span<std::string_view> slots = of_response ? subject.response_captures : subject.request_captures;
  if (slot >= slots.size()) return false;
  const std::string_view kept =
      text.substr(0, (of_response ? subject.response_capture_lengths : subject.request_capture_lengths)[slot]);
  slots[slot] = kept.empty() ? std::string_view("") : subject.arena.copy(kept);
  return true;
}

// Variables.

VariableSet& variables_of(Subject& subject, Scope scope) {
  switch (scope) {
    case Scope::Connection:
      if (subject.client == nullptr) return subject.transaction;
      if (!subject.client->variables) subject.client->variables = std::make_unique<ConnectionVariables>();
      return *subject.client->variables;
    case Scope::Transaction:
      return subject.transaction;
    case Scope::Request:
      return subject.request_variables;
    case Scope::Response:
      return subject.response_variables;
    case Scope::Process:
      break;  // Those are no set.
  }
  return subject.transaction;
}

namespace {

// `req` variables last while the request is worked on, `res` ones from the answer on, the log included.
bool is_open(const Subject& subject, Scope scope) {
  if (scope != Scope::Request && scope != Scope::Response) return true;
  bool answering = (subject.available & kNeedsAnswer) != 0 && (subject.available & kNeedsBuffer) == 0;
  if ((subject.available & kNeedsKeptResponse) != 0) {
    answering = (subject.available & kNeedsRequest) == 0 || subject.response != nullptr;
  }
  return answering == (scope == Scope::Response);
}

Variable* look_up(VariableSet& set, const VariableName& name) {
  for (Variable& variable : set.items) {
    if (variable.hash == name.hash && variable.name == name.name) return &variable;
  }
  return nullptr;
}

Variable* add_variable(VariableSet& set, Arena& arena, const VariableName& name) {
  // The name lives in the compiled rules, which a connection may outlive.
  set.items.push_back(arena, Variable{name.hash, arena.copy(name.name), {}, {}});
  return &set.items[set.items.size() - 1];
}

}  // namespace

const Value* find_variable(Subject& subject, const VariableName& name) {
  if (name.of_process) return name.of_process->get(subject.arena);
  if (!is_open(subject, name.scope)) return nullptr;
  const Variable* variable = look_up(variables_of(subject, name.scope), name);
  return variable != nullptr && variable->value.type != Type::None ? &variable->value : nullptr;
}

bool set_variable(Subject& subject, const VariableName& name, const Value& value, unsigned conditions) {
  if (!is_open(subject, name.scope)) return false;
  if (name.of_process) {
    if (subject.explained == nullptr) name.of_process->set(value, conditions);
    forget(subject, kOnVariables);
    return true;
  }
  VariableSet& set = variables_of(subject, name.scope);
  Variable* variable = look_up(set, name);
  if (!may_set(variable == nullptr ? nullptr : &variable->value, value, conditions)) return true;
  Arena& arena = set.arena != nullptr ? *set.arena : subject.arena;
  Value kept = value;
  // A view into a head or buffer would not outlive it.
  if (kept.is_text() && !kept.text.empty()) {
    if (variable == nullptr) variable = add_variable(set, arena, name);
    // The room it has is used again, so that a variable set on each request of a connection does not grow.
    if (variable->room.size() < kept.text.size()) {
      const std::size_t size = std::bit_ceil(kept.text.size());
      // What a connection keeps is bounded as what a transaction makes.
      if (arena.held() + size > subject.memory_limit) return subject.trouble = Trouble::Memory, false;
      variable->room = {static_cast<char*>(arena.allocate(size, 1)), size};
    }
    std::memmove(variable->room.data(), kept.text.data(), kept.text.size());
    kept.text = {variable->room.data(), kept.text.size()};
  }
  if (variable == nullptr) variable = add_variable(set, arena, name);
  variable->value = kept;
  forget(subject, kOnVariables);
  return true;
}

void unset_variable(Subject& subject, const VariableName& name) {
  if (name.of_process) {
    if (subject.explained == nullptr) name.of_process->unset();
    return forget(subject, kOnVariables);
  }
  Variable* variable = look_up(variables_of(subject, name.scope), name);
  if (variable != nullptr) variable->value.type = Type::None;
  forget(subject, kOnVariables);
}

void forget(Subject& subject, unsigned what) {
  const AclDependence* acls = subject.memory.owner;
  if (acls == nullptr) return;
  if ((what & kOnTarget) != 0) subject.memory.known &= ~acls->on_target;
  if ((what & kOnFields) != 0) subject.memory.known &= ~acls->on_fields;
  if ((what & kOnVariables) != 0) subject.memory.known &= ~acls->on_variables;
}

// Sample.

Sample::Sample() = default;
Sample::Sample(std::unique_ptr<Expression> expression) : expression_(std::move(expression)) {}
Sample::Sample(Sample&&) noexcept = default;
Sample& Sample::operator=(Sample&&) noexcept = default;
Sample::~Sample() = default;

bool Sample::value(Subject& subject, Value& out) const {
  if (expression_ == nullptr) return false;
  // Asked for between programs: what the last one could see is not what this one may.
  subject.available = expression_->available;
  Cursor cursor;
  return evaluate(*expression_, subject, cursor, out);
}

std::optional<std::string_view> Sample::text(Subject& subject) const {
  Value value_found;
  if (!value(subject, value_found) || !cast(subject, value_found, Type::Text)) return std::nullopt;
  return value_found.text;
}

std::optional<std::string_view> Sample::bytes(Subject& subject) const {
  Value value_found;
  if (!value(subject, value_found) || !cast(subject, value_found, Type::Binary)) return std::nullopt;
  return value_found.text;
}

}  // namespace penstock::rules
