#include "keywords.h"

#include "penstock/config/not_offered.h"

namespace penstock::config {

namespace {

// What becomes of words that are known and not carried out.
template <class T>
std::string_view verdict_of(const Keyword<T>& keyword) {
  const auto parse = keyword.parse;
  if (parse == no_effect<T> || parse == never_done<T> || parse == no_effect_parameter<T, 0> ||
      parse == no_effect_parameter<T, 1>)
    return "Has no effect. ";
  if (parse == not_yet<T> || parse == not_yet_parameter<T, 0> || parse == not_yet_parameter<T, 1>)
    return "Not offered yet, has no effect. ";
  if (parse == refused<T>) return "Not offered, an error. ";
  if (parse == obsolete<T>) return "Obsolete, an error. ";
  return "";
}

template <class T>
void add_keywords(std::vector<KnownKeyword>& to, std::string_view section, std::string_view prefix,
                  std::span<const Keyword<T>> table) {
  for (const Keyword<T>& keyword : table) {
    to.push_back({section, prefix.empty() ? std::string(keyword.name) : format("{} {}", prefix, keyword.name),
                  format("{}{}", verdict_of(keyword), keyword.help)});
  }
}

}  // namespace

std::vector<KnownKeyword> known_keywords() {
  std::vector<KnownKeyword> all;
  add_keywords(all, "global", "", global_keywords());
  add_keywords(all, "proxy", "", proxy_keywords());
  add_keywords(all, "ring", "", ring_keywords());
  add_keywords(all, "userlist", "", user_list_keywords());
  add_keywords(all, "resolvers", "", resolvers_keywords());
  add_keywords(all, "peers", "", peers_keywords());
  add_keywords(all, "mailers", "", mailers_keywords());
  add_keywords(all, "cache", "", cache_keywords());
  add_keywords(all, "proxy", "option", option_keywords());
  add_keywords(all, "proxy", "timeout", timeout_keywords());
  add_keywords(all, "proxy", "http-check", http_check_keywords());
  add_keywords(all, "proxy", "tcp-check", tcp_check_keywords());
  add_keywords(all, "proxy", "stats", stats_keywords());
  add_keywords(all, "global", "stats", global_stats_keywords());
  add_keywords(all, "stats socket", "", stats_socket_keywords());
  add_keywords(all, "proxy", "cookie", cookie_keywords());
  add_keywords(all, "proxy", "stick-table", stick_table_keywords());
  add_keywords(all, "bind", "", bind_keywords());
  add_keywords(all, "server", "", server_keywords());
  return all;
}

namespace {

std::string_view place_name(std::string_view section) {
  if (section == "global") return "section 'global'";
  if (section == "bind") return "a 'bind' line";
  if (section == "server") return "a 'server' line";
  if (section == "stats socket") return "a 'stats socket' line";
  return "a proxy section";
}

}  // namespace

void complain_unknown(Line& line, const Word& word, std::string_view what,
                      std::span<const std::string_view> candidates) {
  if (const auto said = not_offered(NotOffered::Kind::Keyword, word.text))
    return line.complain(word.place, format("'{}' {}", word.text, *said));
  std::string text = format("'{}' is not known in {}", word.text, what);
  // The very word first, then one that is written behind another: "option httplog" for httplog.
  const std::vector<KnownKeyword> all = known_keywords();
  for (const bool whole : {true, false}) {
    for (const KnownKeyword& known : all) {
      const bool fits = whole ? known.name == word.text : known.name.ends_with(" " + word.text);
      if (!fits) continue;
      append_format(text, "; '{}' is known in {}", known.name, place_name(known.section));
      return line.complain(word.place, std::move(text));
    }
  }
  const std::string_view near = nearest(word.text, candidates);
  if (!near.empty()) append_format(text, "; did you mean '{}'?", near);
  line.complain(word.place, std::move(text));
}

}  // namespace penstock::config
