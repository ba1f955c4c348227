#include "action_row.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/config/model.h"

namespace penstock::rules {

using config::Word;

namespace {

template <End end, bool is_port>
std::unique_ptr<Action> compile_set_end(Work& work) {
  const unsigned of_connection = kConnection | kWelcomed;
  std::unique_ptr<Expression> expression = work.take_expression();
  if (expression == nullptr) return nullptr;
  const Type wanted = is_port ? Type::Integer : Type::Address;
  if (!castable(expression->type, wanted)) {
    return work.complain(expression->place, format("'{}' is no {}", expression->name, is_port ? "number" : "address"));
  }
  const bool lasts = (in(work.rule.set) & of_connection) != 0;
  work.compiling.asks_client = true;
  return make_set_end(end, is_port, lasts, std::move(expression));
}

// Decimal, or hexadecimal behind 0x.
std::optional<std::uint32_t> take_bits(Work& work, std::uint64_t most) {
  const Word* word = work.words.take("a number");
  if (word == nullptr) return std::nullopt;
  std::string_view digits = word->text;
  std::optional<std::uint64_t> number;
  if (digits.starts_with("0x") || digits.starts_with("0X")) {
    digits.remove_prefix(2);
    std::uint64_t value = 0;
    bool good = !digits.empty() && digits.size() <= 8;
    for (const char c : digits) {
      const std::size_t digit = std::string_view("0123456789abcdef").find(to_lower(c));
      good = good && digit != std::string_view::npos;
      value = value * 16 + digit;
    }
    if (good) number = value;
  } else {
    number = parse_unsigned(digits);
  }
  if (number && *number <= most) return static_cast<std::uint32_t>(*number);
  work.complain(word->place, format("'{}' is no number from 0 to {}", word->text, most));
  return std::nullopt;
}

std::unique_ptr<Action> compile_set_tos(Work& work) {
  const auto tos = take_bits(work, 255);
  return tos ? make_set_tos(static_cast<int>(*tos)) : nullptr;
}

std::unique_ptr<Action> compile_set_mark(Work& work) {
  const auto mark = take_bits(work, UINT32_MAX);
  return mark ? make_set_mark(*mark) : nullptr;
}

std::unique_ptr<Action> compile_set_nice(Work& work) {
  const Word* word = work.words.take("a number from -1024 to 1024");
  if (word == nullptr) return nullptr;
  if (!parse_integer(word->text))
    return work.complain(word->place, format("'{}' is no number from -1024 to 1024", word->text));
  work.compiling.diagnostics.warn(
      work.rule.place, "'set-nice' has no effect: who has something to do takes turns, nobody is put before others");
  return make_nothing();
}

template <bool is_class>
std::unique_ptr<Action> compile_set_priority(Work& work) {
  std::unique_ptr<Expression> expression = work.take_expression();
  if (expression == nullptr) return nullptr;
  if (!castable(expression->type, Type::Integer))
    return work.complain(expression->place, format("'{}' is no number", expression->name));
  return make_set_priority(is_class, std::move(expression));
}

std::unique_ptr<Action> compile_wait_for_handshake(Work&) { return make_nothing(); }

std::unique_ptr<Action> compile_early_hint(Work& work) {
  const Word* name = work.take_field_name();
  if (name == nullptr) return nullptr;
  auto value = work.take_format("the field's value");
  if (!value) return nullptr;
  if (value->constant() && !is_field_value(*value->constant()))
    return work.complain(name->place, format("the value of '{}' holds a line end", name->text));
  return make_early_hint(name->text, std::move(*value));
}

std::unique_ptr<Action> compile_wait_for_body(Work& work) {
  std::uint64_t limit_ms = 0, at_least = 0;
  while (work.words.more()) {
    const Word& word = work.words.peek();
    if (word.text != "time" && word.text != "at-least") break;
    work.words.pop();
    const Word* value = work.words.take(word.text == "time" ? "a time such as 1s" : "a size");
    if (value == nullptr) return nullptr;
    const bool is_time = word.text == "time";
    const auto number = is_time ? parse_duration_ms(value->text) : parse_size(value->text);
    if (!number || (is_time && *number == 0))
      return work.complain(value->place, format("'{}' is no {}", value->text, is_time ? "time" : "size"));
    (is_time ? limit_ms : at_least) = *number;
  }
  if (limit_ms == 0) return work.complain(work.words.place(), "'wait-for-body' expects 'time' and how long: time 1s");
  return make_wait_for_body(limit_ms, at_least);
}

std::unique_ptr<Action> compile_auth(Work& work) {
  std::string realm = work.compiling.proxy->name;
  if (work.words.accept("realm")) {
    const Word* word = work.words.take("a realm");
    if (word == nullptr) return nullptr;
    if (!is_field_value(word->text) || word->text.find('"') != std::string::npos)
      return work.complain(word->place, "a realm cannot hold a line end or a quotation mark");
    realm = word->text;
  }
  return make_ask_password(std::move(realm));
}

constexpr unsigned kTcpRequest = kConnection | kWelcomed | kContent;
constexpr unsigned kMessages = kRequest | kResponse;

constexpr ActionRow kActions[] = {
    {"auth", kRequest, compile_auth},
    {"early-hint", kRequest, compile_early_hint},
    {"set-dst", kTcpRequest | kRequest, compile_set_end<End::Destination, false>},
    {"set-dst-port", kTcpRequest | kRequest, compile_set_end<End::Destination, true>},
    {"set-mark", kTcp | kMessages, compile_set_mark},
    {"set-nice", kContent | kTcpResponse | kMessages, compile_set_nice},
    {"set-priority-class", kContent | kRequest, compile_set_priority<true>},
    {"set-priority-offset", kContent | kRequest, compile_set_priority<false>},
    {"set-src", kTcpRequest | kRequest, compile_set_end<End::Source, false>},
    {"set-src-port", kTcpRequest | kRequest, compile_set_end<End::Source, true>},
    {"set-tos", kTcp | kMessages, compile_set_tos},
    {"wait-for-body", kMessages, compile_wait_for_body},
    {"wait-for-handshake", kRequest, compile_wait_for_handshake},
};

}  // namespace

std::span<const ActionRow> client_actions() { return kActions; }

}  // namespace penstock::rules
