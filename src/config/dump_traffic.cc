// How servers are chosen and what requests are given, in canonical text.
#include "dump_words.h"

namespace penstock::config {

namespace {

std::string with_arguments(std::string text, const Balance& balance) {
  for (const Word& word : balance.arguments) text += " " + quoted(word.text);
  return text;
}

}  // namespace

std::string cookie_text(const Cookie& cookie) {
  static constexpr const char* kKinds[] = {"", " rewrite", " insert", " prefix"};
  std::string words = quoted(cookie.name) + kKinds[static_cast<std::size_t>(cookie.kind)];
  add_flag(words, "indirect", cookie.indirect);
  add_flag(words, "nocache", cookie.nocache);
  add_flag(words, "postonly", cookie.postonly);
  add_flag(words, "preserve", cookie.preserve);
  add_flag(words, "httponly", cookie.httponly);
  add_flag(words, "secure", cookie.secure);
  for (const std::string& domain : cookie.domains) append_format(words, " domain {}", quoted(domain));
  add_time(words, "maxidle", cookie.maxidle_s * 1000);
  add_time(words, "maxlife", cookie.maxlife_s * 1000);
  add_flag(words, "dynamic", cookie.dynamic);
  for (const std::string& attribute : cookie.attributes) append_format(words, " attr {}", quoted(attribute));
  return words;
}

std::string forward_words(const ForwardFor& forward, std::string_view usual_header) {
  std::string words;
  for (const std::string& network : forward.except) append_format(words, " except {}", quoted(network));
  if (forward.header != usual_header) add_word(words, "header", forward.header);
  add_flag(words, "if-none", forward.if_none);
  return words;
}

std::string hash_type_text(const Balance& balance) {
  constexpr std::string_view kFunctions[] = {"sdbm", "djb2", "wt6", "crc32"};
  const bool says_function = balance.function != Balance::Function::Sdbm || balance.avalanche;
  if (!balance.consistent && !says_function) return {};
  std::string text = balance.consistent ? "consistent" : "map-based";
  if (says_function) append_format(text, " {}", kFunctions[static_cast<std::size_t>(balance.function)]);
  if (balance.avalanche) text += " avalanche";
  return text;
}

std::string balance_text(const Balance& balance) {
  switch (balance.kind) {
    case Balance::Kind::Unset:
      return {};
    case Balance::Kind::RoundRobin:
      return "roundrobin";
    case Balance::Kind::StaticRoundRobin:
      return "static-rr";
    case Balance::Kind::LeastConn:
      return "leastconn";
    case Balance::Kind::First:
      return "first";
    case Balance::Kind::Source:
      return "source";
    case Balance::Kind::Uri:
      return with_arguments("uri", balance);
    case Balance::Kind::UrlParam:
      return with_arguments("url_param", balance);
    case Balance::Kind::Hash:
      return with_arguments("hash", balance);
    case Balance::Kind::Random:
      return balance.random_draws == 2 ? "random" : format("random({})", balance.random_draws);
    case Balance::Kind::RdpCookie:
      return quoted(format("rdp-cookie({})", balance.arguments[0].text));
    case Balance::Kind::Header:
      return quoted(format("hdr({})", balance.arguments[0].text)) +
             (balance.arguments.size() > 1 ? " use_domain_only" : "");
  }
  return {};
}

}  // namespace penstock::config
