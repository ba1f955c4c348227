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
    {"roundrobin", Balance::Kind::RoundRobin}, {"static-rr", Balance::Kind::StaticRoundRobin},
    {"leastconn", Balance::Kind::LeastConn},   {"first", Balance::Kind::First},
    {"source", Balance::Kind::Source},         {"uri", Balance::Kind::Uri},
    {"url_param", Balance::Kind::UrlParam},    {"hdr", Balance::Kind::Header, true},
    {"random", Balance::Kind::Random, true},   {"hash", Balance::Kind::Hash},
};

void take_uri_words(Line& line, Balance& balance) {
  while (line.more()) {
    const Word& word = line.pop();
    balance.arguments.push_back(word);
    if (word.text == "whole" || word.text == "path-only") continue;
    if (word.text == "depth") {
      balance.arguments.pop_back();
      line.warn(word.place, "'depth' has no effect: write 'len', or 'balance hash' and an expression");
      take_length(line);
      continue;
    }
    if (word.text != "len") {
      return line.complain(word.place,
                           format("'balance uri' expects len, depth, whole or path-only, not '{}'", word.text));
    }
    const Place place = line.more() ? line.peek().place : word.place;
    balance.arguments.push_back({format("{}", take_length(line)), place});
  }
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
      line.warn(line.peek().place, "'use_domain_only' has no effect: the whole value counts");
      line.skip_rest();
      return;
    case Balance::Kind::Uri:
      return take_uri_words(line, balance);
    case Balance::Kind::UrlParam: {
      const Word* name = line.take_filled("the name of a parameter");
      if (name != nullptr) balance.arguments.push_back(*name);
      if (line.peek_text() != "check_post") return;
      line.warn(line.peek().place, "'check_post' has no effect: parameters are looked for in the URL alone");
      line.skip_rest();
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
  if (name == "rdp-cookie")
    return line.complain(word->place, "'balance rdp-cookie' is not offered; 'balance source' comes near");
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
  Balance balance;
  balance.kind = row->kind;
  balance.consistent = draft.proxy.balance.consistent;
  balance.place = line.place;
  take_balance_arguments(line, balance, has_parentheses ? inner : std::string_view(), *word);
  if (!line.failed()) draft.proxy.balance = std::move(balance);
}

void parse_hash_type(Line& line, Draft& draft) {
  constexpr std::string_view kMethods[] = {"map-based", "consistent"};
  const auto method = line.take_choice(kMethods);
  if (!method) return;
  draft.proxy.balance.consistent = *method == 1;
  if (!line.more()) return;
  constexpr std::string_view kFunctions[] = {"sdbm", "djb2", "wt6", "crc32"};
  constexpr std::string_view kModifiers[] = {"avalanche"};
  const Place place = line.peek().place;
  line.take_choice(kFunctions);
  if (line.more()) line.take_choice(kModifiers);
  if (!line.failed())
    line.warn(place, "the hash function is always the same here: what stands behind the method has no effect");
}

}  // namespace penstock::config
