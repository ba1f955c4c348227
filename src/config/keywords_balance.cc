// `balance` and `hash-type`: how a backend's servers are chosen (configuration manual section 4.2).
#include <algorithm>

#include "keywords.h"

namespace penstock::config {

namespace {

std::uint32_t take_length(Line& line) {
  return static_cast<std::uint32_t>(line.take_number("a number", 1, 2147483647));
}

struct BalanceWord {
  std::string_view name;
  Balance::Kind kind;
  bool has_argument = false;  // "hdr(name)", "random(2)"
};
constexpr BalanceWord kBalances[] = {
    {"roundrobin", Balance::Kind::RoundRobin},
    {"static-rr", Balance::Kind::StaticRoundRobin},
    {"leastconn", Balance::Kind::LeastConn},
    {"first", Balance::Kind::First},
    {"source", Balance::Kind::Source},
    {"uri", Balance::Kind::Uri},
    {"url_param", Balance::Kind::UrlParam},
    {"hdr", Balance::Kind::Header, true},
    {"random", Balance::Kind::Random, true},
    {"hash", Balance::Kind::Hash},
    {"rdp-cookie", Balance::Kind::RdpCookie, true},
};

void take_uri_words(Line& line, Balance& balance) {
  while (line.more()) {
    const Word& word = line.pop();
    balance.arguments.push_back(word);
    if (word.text == "whole" || word.text == "path-only") continue;
    if (word.text != "len" && word.text != "depth") {
      return line.complain(word.place,
                           format("'balance uri' expects len, depth, whole or path-only, not '{}'", word.text));
    }
    const Place place = line.more() ? line.peek().place : word.place;
    balance.arguments.push_back({format("{}", take_length(line)), place});
  }
}

// What may stand before the '=' of a cookie of RDP, and in the parentheses of a sample.
bool is_cookie_of_rdp(std::string_view name) {
  return !name.empty() && name.find_first_of("=(),\"'\\ ") == std::string_view::npos;
}

void take_balance_arguments(Line& line, Balance& balance, std::string_view inner, const Word& word) {
  switch (balance.kind) {
    case Balance::Kind::Random: {
      if (inner.empty()) return;
      const auto draws = parse_unsigned(inner);
      if (!draws || *draws < 1 || *draws > 1000)
        return line.complain(word.place, format("'random' expects a number of draws from 1 to 1000, not '{}'", inner));
      balance.random_draws = static_cast<std::uint32_t>(*draws);
      return;
    }
    case Balance::Kind::Header:
      if (inner.empty()) return line.complain(word.place, "'hdr' expects the name of a header: hdr(Host)");
      balance.arguments.push_back({std::string(inner), word.place});
      if (line.peek_text() != "use_domain_only") return;
      balance.arguments.push_back(line.pop());
      return;
    case Balance::Kind::RdpCookie:
      balance.arguments.push_back({inner.empty() ? "mstshash" : std::string(inner), word.place});
      return;
    case Balance::Kind::Uri:
      return take_uri_words(line, balance);
    case Balance::Kind::UrlParam: {
      const Word* name = line.take_filled("the name of a parameter");
      if (name != nullptr) balance.arguments.push_back(*name);
      if (line.peek_text() != "check_post") return;
      balance.arguments.push_back(line.pop());
      if (line.more()) line.pop();  // How long to wait for the body, once.
      return;
    }
    case Balance::Kind::Hash: {
      const Word* expression = line.take("an expression such as req.hdr(Host)");
      if (expression != nullptr) balance.arguments.push_back(*expression);
      return;
    }
    case Balance::Kind::Unset:
    case Balance::Kind::RoundRobin:
    case Balance::Kind::StaticRoundRobin:
    case Balance::Kind::LeastConn:
    case Balance::Kind::First:
    case Balance::Kind::Source:
      return;
  }
}

}  // namespace

void parse_balance(Line& line, Draft& draft) {
  const Word* word = line.take("a way to choose servers, for example roundrobin or leastconn");
  if (word == nullptr) return;
  std::string_view inner = word->text;
  std::string_view name = cut(inner, '(');
  const bool has_parentheses = name.size() != word->text.size();
  const auto* row =
      std::find_if(std::begin(kBalances), std::end(kBalances), [&](const BalanceWord& b) { return b.name == name; });
  if (row == std::end(kBalances)) {
    std::vector<std::string_view> names;
    for (const BalanceWord& balance : kBalances) names.push_back(balance.name);
    return complain_unknown(line, *word, "'balance'", names);
  }
  if (has_parentheses && (!row->has_argument || !inner.ends_with(')'))) {
    return line.complain(word->place, format("'{}' is not how '{}' is written", word->text, name));
  }
  if (has_parentheses) inner.remove_suffix(1);
  if (has_parentheses && row->kind == Balance::Kind::RdpCookie && !is_cookie_of_rdp(inner))
    return line.complain(word->place, "'rdp-cookie' expects the name of a cookie in its parentheses, or none of them");
  Balance balance = draft.proxy.balance;
  balance.kind = row->kind;
  balance.arguments.clear();
  balance.random_draws = Balance().random_draws;
  balance.place = line.place;
  take_balance_arguments(line, balance, has_parentheses ? inner : std::string_view(), *word);
  if (!line.failed()) draft.proxy.balance = std::move(balance);
}

void parse_persist(Line& line, Draft& draft) {
  const Word* word = line.take("rdp-cookie");
  if (word == nullptr) return;
  std::string_view inner = word->text;
  const std::string_view name = cut(inner, '(');
  const bool has_parentheses = name.size() != word->text.size();
  if (name != "rdp-cookie" || (has_parentheses && !inner.ends_with(')')))
    return line.complain(word->place,
                         format("'persist' expects rdp-cookie or rdp-cookie(<name>), not '{}'", word->text));
  if (has_parentheses) inner.remove_suffix(1);
  if (has_parentheses && !is_cookie_of_rdp(inner))
    return line.complain(word->place, "'rdp-cookie' expects the name of a cookie in its parentheses, or none of them");
  draft.proxy.rdp_cookie = {has_parentheses ? std::string(inner) : "msts", word->place};
}

void parse_hash_type(Line& line, Draft& draft) {
  constexpr std::string_view kMethods[] = {"map-based", "consistent"};
  const auto method = line.take_choice(kMethods);
  if (!method) return;
  Balance& balance = draft.proxy.balance;
  balance.consistent = *method == 1;
  balance.function = Balance::Function::Sdbm;
  balance.avalanche = false;
  constexpr std::string_view kFunctions[] = {"sdbm", "djb2", "wt6", "crc32"};
  constexpr std::string_view kModifiers[] = {"avalanche"};
  if (!line.more()) return;
  if (const auto function = line.take_choice(kFunctions)) balance.function = static_cast<Balance::Function>(*function);
  if (line.more()) balance.avalanche = line.take_choice(kModifiers).has_value();
}

void parse_hash_balance_factor(Line& line, Draft& draft) {
  const Place place = line.more() ? line.peek().place : line.end_place();
  const std::uint64_t factor = line.take_number("a number of percent", 0, 2147483647);
  if (line.failed()) return;
  if (factor != 0 && factor <= 100)
    return line.complain(place, "'hash-balance-factor' expects more than 100, or 0 for no limit");
  draft.proxy.balance.factor = static_cast<std::uint32_t>(factor);
}

}  // namespace penstock::config
