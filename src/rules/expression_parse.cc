// Text to expressions: names found in the tables, arguments read as their rows ask, what the place offers.
#include <algorithm>
#include <array>
#include <cstdlib>

#include "expression.h"
#include "hex.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/config/model.h"
#include "penstock/config/not_offered.h"
#include "penstock/net/hashing.h"
#include "penstock/rules/key_files.h"
#include "penstock/tables/tracking.h"
#include "rows.h"
#include "track.h"

namespace penstock::rules {

bool is_method(const Expression& expression) {
  const std::string_view name = expression.fetch.fetch->name;
  return expression.converters.empty() && (name == "method" || name == "meth");
}

namespace {

std::array<std::span<const Fetch>, 10> families() {
  return {internal_fetches(), connection_fetches(), path_fetches(),  certificate_fetches(), http_fetches(),
          body_fetches(),     counter_fetches(),    table_fetches(), auth_fetches(),        tls_fetches()};
}

std::array<std::span<const Converter>, 7> converter_families() {
  return {basic_converters(), text_converters(), digest_converters(), json_converters(),
          wire_converters(),  mqtt_converters(), table_converters()};
}

}  // namespace

const Fetch* find_fetch(std::string_view name) {
  if (name.empty()) return nullptr;
  for (std::span<const Fetch> table : families()) {
    for (const Fetch& fetch : table) {
      if (fetch.name == name) return &fetch;
    }
  }
  return nullptr;
}

std::vector<std::string_view> fetch_names() {
  std::vector<std::string_view> names;
  for (std::span<const Fetch> table : families()) {
    for (const Fetch& fetch : table) {
      if (!fetch.name.empty()) names.push_back(fetch.name);
    }
  }
  return names;
}

std::vector<std::string_view> converter_names() {
  std::vector<std::string_view> names;
  for (std::span<const Converter> table : converter_families()) {
    for (const Converter& converter : table) names.push_back(converter.name);
  }
  return names;
}

std::string hint(std::string_view word, std::span<const std::string_view> known) {
  // Of one letter, any other is as near.
  if (word.size() < 2) return "";
  const std::string_view near = nearest(word, known);
  return near.empty() ? "" : format(" (did you mean '{}'?)", near);
}

bool offered(unsigned needs, unsigned available) {
  if ((needs & kNeedsMessage) != 0 && (available & (kNeedsRequest | kNeedsResponse)) == 0) return false;
  if ((needs & kNeedsBytes) != 0 && (available & (kNeedsBuffer | kNeedsAnswer)) == 0) return false;
  return (needs & ~unsigned{kNeedsMessage | kNeedsBytes} & ~available) == 0;
}

bool accepted(Compiling& compiling, const Expression& expression, unsigned available, config::Place place) {
  if (offered(expression.needs, available)) return true;
  const bool is_of_back = expression.name.starts_with("ssl_bc") && available == kForLog;
  if (is_of_back || expression.name.starts_with("ssl_s_")) {
    compiling.diagnostics.warn(place, format("'{}' never has a value here: it is for rules about an answer, such as "
                                             "'http-response set-var(txn.x) {}'",
                                             expression.name, expression.name));
    return true;
  }
  constexpr unsigned kRaw = kNeedsBuffer | kNeedsAnswer | kNeedsBytes, kHead = kNeedsRequest | kNeedsResponse;
  if ((available & kHead) == 0 || !offered(expression.needs & ~kRaw, available)) return false;
  compiling.diagnostics.warn(place,
                             format("'{}' never has a value here: raw bytes are seen by content rules in mode tcp "
                                    "only; of a body there is req.body",
                                    expression.name));
  return true;
}

std::string_view needs_text(unsigned needs) {
  if ((needs & kNeedsBuffer) != 0) return "raw bytes of a client, which only 'tcp-request content' in mode tcp has";
  if ((needs & kNeedsAnswer) != 0) return "raw bytes of a server, which only 'tcp-response content' in mode tcp has";
  if ((needs & kNeedsBytes) != 0) return "raw bytes, which only content rules in mode tcp have";
  if ((needs & kNeedsRequest) != 0) return "the request's head";
  if ((needs & kNeedsResponse) != 0) return "the response's head";
  if ((needs & kNeedsMessage) != 0) return "a message's head";
  if ((needs & kNeedsKeptRequest) != 0) return "an HTTP request";
  if ((needs & kNeedsKeptResponse) != 0) return "an HTTP response";
  if ((needs & kNeedsHandshake) != 0) return "the end of the TLS handshake";
  return "a client connection";
}

namespace {

constexpr std::string_view kDerivedSuffixes[] = {"beg", "dir", "dom", "end", "len", "reg", "sub"};

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         c == '-' || c == '+';
}

std::string_view take_name(std::string_view& text) {
  std::size_t size = 0;
  while (size < text.size() && is_name_character(text[size])) ++size;
  const std::string_view name = text.substr(0, size);
  text.remove_prefix(size);
  return name;
}

std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ull;  // FNV-1a.
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return hash;
}

const Converter* find_converter(std::string_view name) {
  for (std::span<const Converter> table : converter_families()) {
    for (const Converter& converter : table) {
      if (converter.name == name) return &converter;
    }
  }
  return nullptr;
}

// The texts of one call's arguments to what its row asks for.
class ArgumentReader {
 public:
  ArgumentReader(Compiling& compiling, std::string_view name, config::Place place)
      : compiling_(compiling), name_(name), place_(place) {}

  bool read(std::string_view letters, const std::vector<std::string>& texts, std::vector<Argument>& out) {
    const std::size_t mandatory = letters.find('|') == std::string_view::npos ? letters.size() : letters.find('|');
    std::string kinds(letters);
    std::erase(kinds, '|');
    if (texts.size() > kinds.size()) {
      return complain(kinds.empty() ? format("'{}' takes no arguments", name_)
                                    : format("'{}' takes at most {} argument{}, not {}", name_, kinds.size(),
                                             kinds.size() == 1 ? "" : "s", texts.size()));
    }
    for (std::size_t i = 0; i < texts.size(); ++i) {
      Argument argument;
      argument.text = texts[i];
      // An empty text is a text; of any other kind it is an argument left out.
      argument.given = !texts[i].empty() || kinds[i] == 't' || kinds[i] == 'x' || kinds[i] == '6';
      if (!argument.given && i < mandatory) return complain(format("argument {} of '{}' is empty", i + 1, name_));
      if (argument.given && !fill(kinds[i], argument)) return false;
      out.push_back(std::move(argument));
    }
    if (texts.size() < mandatory && !(texts.empty() && kinds.starts_with('T')))
      return complain(format("'{}' needs {} argument{}", name_, mandatory, mandatory == 1 ? "" : "s"));
    // A backend or server left out is the section's own.
    if (kinds == "b" && out.empty()) out.emplace_back().integer = compiling_.own_backend;
    if (kinds == "f" && out.empty()) out.emplace_back().integer = compiling_.own_frontend;
    if (kinds.starts_with('T') && out.empty()) return fill_table(out.emplace_back());
    return true;
  }

 private:
  bool complain(std::string text) {
    compiling_.diagnostics.add(place_, std::move(text));
    return false;
  }

  bool fill(char kind, Argument& argument) {
    switch (kind) {
      case 't':
        return true;
      case 'i':
        return fill_integer(argument);
      case 'b':
        return fill_backend(argument);
      case 'f':
        return fill_frontend(argument);
      case 's':
        return fill_server(argument);
      case 'v':
        return fill_variable(argument);
      case 'n':
        return fill_number_or_variable(argument);
      case 'x':
        return !is_variable_name(argument.text) || fill_variable(argument);
      case '6':
        return is_variable_name(argument.text) ? fill_variable(argument) : fill_bytes(argument);
      case 'u':
        if (argument.text == "s" || argument.text == "ms" || argument.text == "us") return true;
        return complain(format("'{}' of '{}' is no unit of time: s, ms or us was expected", argument.text, name_));
      case 'm':
        return true;
      case 'T':
      case 'o':
        return fill_table(argument);
      case 'c':
        return fill_counter(argument);
    }
    return false;
  }

  bool fill_table(Argument& argument) {
    argument.integer = find_table(compiling_, argument.text, place_, nullptr);
    return argument.integer >= 0;
  }

  bool fill_counter(Argument& argument) {
    if (!fill_integer(argument)) return false;
    if (argument.integer < 0 || argument.integer >= static_cast<std::int64_t>(Tracking::kCounters))
      compiling_.diagnostics.warn(place_, format("'{}({})' never has a value: counters are 0 to {}", name_,
                                                 argument.text, Tracking::kCounters - 1));
    return true;
  }

  bool fill_integer(Argument& argument) {
    const auto number = parse_integer(argument.text);
    if (!number) return complain(format("'{}' of '{}' is no number", argument.text, name_));
    argument.integer = *number;
    return true;
  }

  bool fill_number_or_variable(Argument& argument) {
    if (const auto number = parse_integer(argument.text)) {
      argument.integer = *number;
      return true;
    }
    return fill_variable(argument);
  }

  bool fill_variable(Argument& argument) {
    argument.is_variable = true;
    return parse_variable_name(compiling_, argument.text, place_, argument.variable);
  }

  bool fill_bytes(Argument& argument) {
    std::string bytes(argument.text.size(), '\0');
    const auto size = read_base64(argument.text, bytes.data());
    // It is not shown: mostly it is a key.
    if (!size) return complain(format("what '{}' is given is neither base64 nor a variable", name_));
    bytes.resize(*size);
    argument.text = std::move(bytes);
    return true;
  }

  bool fill_backend(Argument& argument) {
    argument.integer = compiling_.environment.backend_index(argument.text);
    return argument.integer >= 0 ||
           complain(format("there is no backend '{}'{}", argument.text, backend_hint(argument.text)));
  }

  bool fill_frontend(Argument& argument) {
    argument.integer = compiling_.environment.frontend_index(argument.text);
    return argument.integer >= 0 || complain(format("there is no frontend '{}'", argument.text));
  }

  bool fill_server(Argument& argument) {
    std::string server = argument.text;
    const std::size_t slash = server.find('/');
    std::string backend;
    if (slash != std::string::npos) {
      backend = server.substr(0, slash);
      server.erase(0, slash + 1);
    }
    argument.integer =
        slash == std::string::npos ? compiling_.own_backend : compiling_.environment.backend_index(backend);
    if (argument.integer < 0) {
      return complain(slash == std::string::npos
                          ? format("'{}' names no backend: write {}(<backend>/{})", argument.text, name_, server)
                          : format("there is no backend '{}'{}", backend, backend_hint(backend)));
    }
    argument.second = compiling_.environment.server_index(static_cast<int>(argument.integer), server);
    return argument.second >= 0 || complain(format("there is no server '{}'", argument.text));
  }

  std::string backend_hint(std::string_view word) {
    std::vector<std::string_view> names;
    if (compiling_.config != nullptr) {
      for (const config::Proxy& proxy : compiling_.config->proxies) {
        if (proxy.is_backend) names.push_back(proxy.name);
      }
    }
    return hint(word, names);
  }

  Compiling& compiling_;
  std::string_view name_;
  config::Place place_;
};

// A variable of the process, as `setenv` and its kin have changed it.
std::optional<std::string> variable(const Compiling& compiling, const std::string& name) {
  if (compiling.config != nullptr) {
    const config::Global& global = compiling.config->global;
    if (const auto at = global.set_env.find(name); at != global.set_env.end()) return at->second;
    if (global.kept_env && std::find(global.kept_env->begin(), global.kept_env->end(), name) == global.kept_env->end())
      return std::nullopt;
  }
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

// What single fetches and converters check beyond the kind of their arguments.
bool finish_fetch(Compiling& compiling, Expression& expression, config::Place place) {
  const std::string_view name = expression.fetch.fetch->name;
  std::vector<Argument>& arguments = expression.fetch.arguments;
  if (name == "http_auth" || name == "http_auth_group") return finish_auth(compiling, expression.fetch, place);
  if (name == "ipv4" || name == "ipv6") {
    const bool good = Ip::parse(arguments[0].text, arguments[0].ip) && arguments[0].ip.is6 == (name == "ipv6");
    if (!good)
      compiling.diagnostics.add(place,
                                format("'{}' is no {} address", arguments[0].text, name == "ipv6" ? "IPv6" : "IPv4"));
    return good;
  }
  if (name.ends_with("payload_lv") && expression.fetch.has(2)) {
    std::string_view digits = arguments[2].text;
    const bool back = digits.starts_with('-');
    if (back || digits.starts_with('+')) digits.remove_prefix(1);
    const auto number = parse_unsigned(digits);
    if (!number || *number > 65536) {
      compiling.diagnostics.add(place,
                                format("'{}' is no place of a block: 4, +4 or -4 was expected", arguments[2].text));
      return false;
    }
    arguments[2].integer = back ? -static_cast<std::int64_t>(*number) : static_cast<std::int64_t>(*number);
    return true;
  }
  if (name.starts_with("fc_rtt") && expression.fetch.text(0) == "s") {
    compiling.diagnostics.add(place, format("'{}' counts in ms or us", name));
    return false;
  }
  if (name == "bool") {
    const std::string& text = arguments[0].text;
    arguments[0].integer = text == "true" || text == "1" ? 1 : 0;
    if (arguments[0].integer == 1 || text == "false" || text == "0") return true;
    compiling.diagnostics.add(place, format("'{}' is no bool: true or false was expected", text));
    return false;
  }
  if (name == "bin") {
    std::string bytes;
    if (decode_hex(arguments[0].text, bytes)) return arguments[0].text = bytes, true;
    compiling.diagnostics.add(place, format("'{}' is no even number of hexadecimal digits", arguments[0].text));
    return false;
  }
  if (name == "env") {
    const std::optional<std::string> value = variable(compiling, arguments[0].text);
    arguments[0].given = value.has_value();
    arguments[0].text = value.value_or("");
    return true;
  }
  if (name == "hostname") {
    expression.fetch.arguments.emplace_back().text = std::string(compiling.environment.hostname());
    arguments[0].given = true;
    return true;
  }
  if (name == "uuid" && expression.fetch.has(0) && arguments[0].integer != 4) {
    compiling.diagnostics.add(place, "only version 4 of a uuid can be had");
    return false;
  }
  const bool by_occurrence =
      expression.fetch.has(1) && (name.ends_with("hdr") || name.ends_with("hdr_ip") || name.ends_with("hdr_val"));
  if (by_occurrence && arguments[1].integer == 0) arguments[1].given = false;
  return true;
}

// Where `part` stands, which follows in the same text the word at `place`, whose beginning is `from`.
config::Place place_of(const Compiling& compiling, config::Place place, const char* from, std::string_view part) {
  if (compiling.config == nullptr) return place;
  return config::inside(*compiling.config, place, {from, static_cast<std::size_t>(part.data() - from)});
}

bool parse_call(Compiling& compiling, std::string_view& text, std::string_view name, std::string_view letters,
                config::Place place, std::vector<Argument>& out) {
  std::vector<std::string> texts;
  if (!text.empty() && text[0] == '(' && !take_arguments(text, texts)) {
    compiling.diagnostics.add(place, format("the parenthesis behind '{}' is not closed", name));
    return false;
  }
  return ArgumentReader(compiling, name, place).read(letters, texts, out);
}

// False after a complaint.
// A row for what never has a value.
const Fetch* row_without_value(std::string_view name) {
  static constexpr auto kNothing = [](const Call&, Subject&, Cursor&, Value&) { return false; };
  static constexpr Fetch kRows[] = {{"", Type::Text, "|t", kNeedsNothing, kOnNothing, kNothing},
                                    {"", Type::Integer, "|t", kNeedsNothing, kOnNothing, kNothing},
                                    {"", Type::Bool, "|t", kNeedsNothing, kOnNothing, kNothing}};
  if (name.ends_with("has_eom") || name.ends_with("is_htx")) return &kRows[2];
  const bool is_number = name.starts_with("cpu_") || name.starts_with("lat_") || name.ends_with(".size") ||
                         name.starts_with("internal.htx.");
  return &kRows[is_number ? 1 : 0];
}

bool parse_fetch(Compiling& compiling, std::string_view& text, config::Place place, Expression& expression,
                 std::string_view* derived) {
  const std::string_view name = take_name(text);
  expression.name = std::string(name);
  const Fetch* fetch = find_fetch(name);
  if (fetch == nullptr && derived != nullptr) {
    for (const std::string_view suffix : kDerivedSuffixes) {
      if (name.size() < suffix.size() + 2 || !name.ends_with(suffix) || name[name.size() - suffix.size() - 1] != '_')
        continue;
      fetch = find_fetch(name.substr(0, name.size() - suffix.size() - 1));
      if (fetch != nullptr && fetch->type != Type::Text) fetch = nullptr;
      if (fetch != nullptr) *derived = suffix;
      break;
    }
  }
  if (const auto why = fetch == nullptr ? config::without_value(name) : std::nullopt) {
    compiling.diagnostics.warn(place, format("the sample '{}' has no effect, it never has a value: {}", name, *why));
    fetch = row_without_value(name);
  }
  const auto said = fetch == nullptr ? config::not_offered(config::NotOffered::Kind::Sample, name) : std::nullopt;
  if (said) {
    compiling.diagnostics.add(place, format("the sample '{}' {}", name, *said));
    return false;
  }
  if (fetch == nullptr) {
    compiling.diagnostics.add(
        place, name.empty() ? format("a sample such as req.hdr(host) was expected, not '{}'", text)
                            : format("the sample '{}' is not known here{}", name, hint(name, fetch_names())));
    return false;
  }
  // In ACLs `hdr` and its derived names apply to the request, whatever the rule is about.
  if (derived != nullptr && fetch->name == "hdr") fetch = find_fetch("req.hdr");
  expression.fetch.fetch = fetch;
  expression.type = fetch->type;
  expression.needs = fetch->needs;
  if ((fetch->needs & kNeedsClient) != 0) compiling.asks_client = true;
  expression.depends = fetch->depends;
  return parse_call(compiling, text, name, fetch->arguments, place, expression.fetch.arguments) &&
         finish_fetch(compiling, expression, place);
}

bool parse_converter(Compiling& compiling, std::string_view& text, config::Place place, Expression& expression) {
  const std::string_view name = take_name(text);
  const Converter* converter = find_converter(name);
  if (converter == nullptr) {
    const auto said = config::not_offered(config::NotOffered::Kind::Converter, name);
    compiling.diagnostics.add(
        place, said ? format("the converter '{}' {}", name, *said)
                    : format("the converter '{}' is not known here{}", name, hint(name, converter_names())));
    return false;
  }
  const bool keeps_method = converter->in == Type::None || converter->in == Type::Text || converter->in == Type::Binary;
  if (!castable(expression.type, converter->in) || (is_method(expression) && !keeps_method)) {
    compiling.diagnostics.add(place, format("the converter '{}' cannot take what stands before it", name));
    return false;
  }
  Call call;
  call.converter = converter;
  if (!parse_call(compiling, text, name, converter->arguments, place, call.arguments)) return false;
  if (!finish_converter(compiling, call, place)) return false;
  for (const Argument& argument : call.arguments) {
    if (argument.is_variable) expression.depends |= kOnVariables;
  }
  if (name == "set-var" || name == "unset-var" || name == "nbsrv" || name == "srv_queue" || name == "in_table" ||
      name.starts_with("table_"))
    expression.depends |= kOnMoment;
  if (converter->out != Type::None)
    expression.type = converter->out;
  else if (converter->in != Type::None)
    expression.type = converter->in;
  expression.converters.push_back(std::move(call));
  return true;
}

}  // namespace

bool is_variable_name(std::string_view text) {
  constexpr std::string_view kScopes[] = {"sess", "txn", "req", "res", "proc", "check"};
  return text.find('.') != std::string_view::npos &&
         std::find(std::begin(kScopes), std::end(kScopes), text.substr(0, text.find('.'))) != std::end(kScopes);
}

bool take_arguments(std::string_view& text, std::vector<std::string>& out) {
  std::string argument;
  char quote = '\0';
  for (std::size_t i = 1; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && quote != '\'' && i + 1 < text.size() &&
        std::string_view("\\\"' ,()").find(text[i + 1]) != std::string_view::npos) {
      argument += text[++i];
    } else if (quote != '\0') {
      if (c == quote)
        quote = '\0';
      else
        argument += c;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == ',' || c == ')') {
      if (c == ',' || !out.empty() || !argument.empty() || text[i - 1] != '(')
        out.push_back(std::exchange(argument, {}));
      if (c == ',') continue;
      text.remove_prefix(i + 1);
      return true;
    } else {
      argument += c;
    }
  }
  return false;
}

namespace {

// Each converter, with its arguments, of the expression that `text` begins with; what is none has none. Leaves what
// stands behind it.
template <class Each>
void each_converter_of(std::string_view& text, Each each) {
  const std::string_view fetch = take_name(text);
  // An ACL's name may have a suffix: "path_beg".
  if (find_fetch(fetch) == nullptr && find_fetch(fetch.substr(0, fetch.rfind('_'))) == nullptr) return;
  const Converter* converter = nullptr;
  for (;;) {
    std::vector<std::string> arguments;
    if (text.starts_with('(') && !take_arguments(text, arguments)) return;
    if (converter != nullptr) each(converter->name, arguments);
    if (!text.starts_with(',')) return;
    text.remove_prefix(1);
    converter = find_converter(take_name(text));
  }
}

template <class Each>
void each_converter(std::string_view text, Each each) {
  if (text.find("%[") == std::string_view::npos && text.find("%{") == std::string_view::npos)
    return each_converter_of(text, each);
  // A format: "%%" is a text, "%{+Q}[" begins a sample as "%[" does.
  for (std::size_t at = text.find('%'); at != std::string_view::npos; at = text.find('%')) {
    text.remove_prefix(std::min(at + 1, text.size()));
    if (text.starts_with('{')) text.remove_prefix(std::min(text.find('}'), text.size() - 1) + 1);
    const bool is_sample = text.starts_with('[');
    if (is_sample || text.starts_with('%')) text.remove_prefix(1);
    if (is_sample) each_converter_of(text, each);
  }
}

}  // namespace

void collect_map_files(const config::Word& word, std::vector<NamedFile>& files) {
  each_converter(word.text, [&](std::string_view name, const std::vector<std::string>& arguments) {
    if (name.starts_with("map") && !arguments.empty()) files.push_back({arguments[0], word.place});
  });
}

void collect_key_files(const config::Word& word, std::vector<KeyFile>& files) {
  each_converter(word.text, [&](std::string_view name, const std::vector<std::string>& arguments) {
    if (name != "jwt_verify" || arguments.size() < 2 || is_variable_name(arguments[1])) return;
    // Of an algorithm that is not known yet it may be a secret.
    const bool may_be_secret = is_variable_name(arguments[0]);
    if (may_be_secret || names_key_file(arguments[0])) files.push_back({arguments[1], word.place, may_be_secret});
  });
}

Type result_type(std::string_view expression) {
  const std::string_view name = take_name(expression);
  const Fetch* fetch = find_fetch(name);
  Type type = fetch != nullptr ? fetch->type : name.ends_with("_ip") ? Type::Address : Type::None;
  std::vector<std::string> arguments;
  while (!expression.empty()) {
    if (expression[0] == '(' && take_arguments(expression, arguments)) continue;
    if (expression[0] != ',') return type;
    expression.remove_prefix(1);
    const Converter* converter = find_converter(take_name(expression));
    if (converter != nullptr && converter->out != Type::None) type = converter->out;
  }
  return type;
}

std::unique_ptr<Expression> parse_expression(Compiling& compiling, std::string_view& text, config::Place place,
                                             std::string_view* derived) {
  auto expression = std::make_unique<Expression>();
  expression->place = {place, compiling.part()};
  const char* const from = text.data();
  if (!parse_fetch(compiling, text, place, *expression, derived)) return nullptr;
  while (!text.empty() && text[0] == ',') {
    text.remove_prefix(1);
    if (!parse_converter(compiling, text, place_of(compiling, place, from, text), *expression)) return nullptr;
  }
  return expression;
}

std::unique_ptr<Expression> parse_whole_expression(Compiling& compiling, std::string_view text, config::Place place,
                                                   unsigned available) {
  const char* const from = text.data();
  std::unique_ptr<Expression> expression = parse_expression(compiling, text, place);
  if (expression == nullptr) return nullptr;
  if (!text.empty()) {
    compiling.diagnostics.add(
        place_of(compiling, place, from, text),
        format("'{}' behind the sample '{}' is not understood: ',<converter>' or the end was expected", text,
               expression->name));
    return nullptr;
  }
  expression->available = available;
  if (accepted(compiling, *expression, available, place)) return expression;
  compiling.diagnostics.add(place, format("the sample '{}' cannot be used here: it needs {}", expression->name,
                                          needs_text(expression->needs & ~available)));
  return nullptr;
}

// Without a process there is one for each place.
std::shared_ptr<ProcessVariable> variable_of_process(Compiling& compiling, const std::string& name) {
  if (ProcessVariables* all = compiling.environment.process_variables()) return all->of(name);
  return std::make_shared<ProcessVariable>(std::make_shared<PatternBin>());
}

bool parse_variable_name(Compiling& compiling, std::string_view text, config::Place place, VariableName& out) {
  std::string_view rest = text;
  const std::string_view scope = cut(rest, '.');
  if (scope == "sess")
    out.scope = Scope::Connection;
  else if (scope == "txn")
    out.scope = Scope::Transaction;
  else if (scope == "req")
    out.scope = Scope::Request;
  else if (scope == "res")
    out.scope = Scope::Response;
  else if (scope == "proc")
    out.scope = Scope::Process;
  else if (scope == "check")
    // A check of a server lasts as a transaction does. In traffic it is one more of its kind.
    out.scope = Scope::Transaction;
  else {
    compiling.diagnostics.add(
        place, format("the variable '{}' must begin with its scope: proc., sess., txn., req. or res.", text));
    return false;
  }
  for (const char c : rest) {
    if (is_name_character(c) && c != '-' && c != '+') continue;
    compiling.diagnostics.add(place, format("the variable '{}' may hold letters, digits, '.' and '_' only", text));
    return false;
  }
  if (rest.empty()) {
    compiling.diagnostics.add(place, format("the variable '{}' has no name behind its scope", text));
    return false;
  }
  out.name = std::string(rest);
  // `sess` variables of a transaction without a connection's set share a list with `txn`: keep them apart.
  out.hash = hash_of(rest) ^ static_cast<std::uint64_t>(out.scope);
  constexpr std::uint64_t kOfCheck = 0x100;
  if (scope == "check") out.hash ^= kOfCheck;
  if (out.scope == Scope::Process) out.of_process = variable_of_process(compiling, out.name);
  return true;
}

unsigned parse_set_var_condition(Compiling& compiling, std::string_view word, config::Place place) {
  constexpr std::string_view kWords[] = {"ifexists", "ifnotexists", "ifempty", "ifnotempty",
                                         "ifset",    "ifnotset",    "ifgt",    "iflt"};
  for (unsigned i = 0; i < std::size(kWords); ++i) {
    if (kWords[i] == word) return 1u << i;
  }
  compiling.diagnostics.add(place, format("'{}' is no condition of set-var{}", word, hint(word, kWords)));
  return 0;
}

std::shared_ptr<PatternSet> patterns_of_file(Compiling& compiling, const std::string& path, const std::string& content,
                                             bool two_columns) {
  if (PatternBook* book = compiling.environment.patterns()) return book->of_file(path, content, two_columns);
  auto set = std::make_shared<PatternSet>(path, two_columns, std::make_shared<PatternBin>());
  set->load(content);
  return set;
}

}  // namespace penstock::rules
