// The keyword tables, one for each area of the grammar, and the pieces of grammar that they share.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "reading.h"

namespace penstock::config {

std::span<const Keyword<Reading>> global_keywords();
std::span<const Keyword<Draft>> proxy_keywords();
std::span<const Keyword<Ring>> ring_keywords();
// Of a `userlist` whose beginning was taken.
std::span<const Keyword<Reading>> user_list_keywords();
std::span<const Keyword<Resolvers>> resolvers_keywords();
std::span<const Keyword<PeerSection>> peers_keywords();
std::span<const Keyword<Mailers>> mailers_keywords();
std::span<const Keyword<Cache>> cache_keywords();
std::span<const Keyword<Draft>> option_keywords();   // Behind `option`.
std::span<const Keyword<Draft>> timeout_keywords();  // Behind `timeout`.
std::span<const Keyword<Draft>> http_check_keywords();
std::span<const Keyword<Draft>> tcp_check_keywords();
std::span<const Keyword<Draft>> stats_keywords();
std::span<const Keyword<Cookie>> cookie_keywords();           // Behind `cookie <name>`.
std::span<const Keyword<StickTable>> stick_table_keywords();  // Behind `stick-table`.
std::span<const Keyword<Bind>> bind_keywords();
std::span<const Keyword<StatsSocket>> stats_socket_keywords();  // Those that `bind` lines do not have, or not so.
std::span<const Keyword<Reading>> global_stats_keywords();      // Behind `stats` in `global`.
// Words of `proxy-v2-options`.
struct ProxyV2Word {
  std::string_view name;
  unsigned option = 0;
};
std::span<const ProxyV2Word> proxy_v2_words();
std::span<const Keyword<Server>> server_keywords();

// The server that `dispatch` and `option transparent` are; no line can give it its name.
constexpr const char* kDispatchName = "<NOSRV>";
constexpr std::uint32_t kDispatchId = 65535;

// Address: what may be left out depends on the line.
enum class AddressUse { Bind, Server, Log, Plain, Source };
// The address in `text`, or nothing after filling `error`.
std::optional<Address> parse_address(std::string_view text, AddressUse use, std::string& error);
std::optional<Address> take_address(Line& line, AddressUse use);
// The text of an address with its variables put in: there they need no quotes. Nothing after a
// complaint.
std::optional<std::string> address_word(Line& line, const Word& word);
// The canonical writing of an address.
std::string address_text(const Address& address, AddressUse use);

// `source` behind its keyword, on lines of servers and of sections.
std::optional<Address> take_source(Line& line, bool may_be_range);

// `compression` and `filter` behind their keywords.
void parse_compression(Line& line, Draft& draft);
void parse_filter(Line& line, Draft& draft);
void parse_cookie(Line& line, Draft& draft);
void parse_balance(Line& line, Draft& draft);
void parse_persist(Line& line, Draft& draft);
void parse_transparent(Line& line, Draft& draft);
void parse_hash_balance_factor(Line& line, Draft& draft);
void parse_hash_type(Line& line, Draft& draft);

// `bind` behind its keyword, `server` and `default-server` behind theirs.
void parse_bind(Line& line, Draft& draft);
// The same, by itself; nothing after a complaint.
std::optional<Bind> take_bind(Line& line);
// `stats` of `global` behind its keyword.
void parse_global_stats(Line& line, Reading& reading);
void parse_server(Line& line, Draft& draft);
void parse_default_server(Line& line, Draft& draft);
void parse_server_template(Line& line, Draft& draft);

// `ring` behind its keyword: what a section begins with, or nothing after a complaint.
std::optional<Ring> take_ring(Line& line);
// What `log ring@<name>` is about is known once all rings are.
void resolve_rings(Reading& reading);

// The same of `resolvers`.
std::optional<Resolvers> take_resolvers(Line& line);
// Which of them servers ask is known once all are.
void settle_resolvers(Reading& reading);
// On server lines, behind their keywords.
void parse_init_addr(Line& line, Server& server);
void parse_resolvers(Line& line, Server& server);
void parse_resolve_prefer(Line& line, Server& server);
void parse_resolve_net(Line& line, Server& server);
void parse_resolve_opts(Line& line, Server& server);

// `peers` behind its keyword: what a section begins with, or nothing after a complaint.
std::optional<PeerSection> take_peers(Line& line);
// Which of them we are: `told`, else what -L says, else the system.
void resolve_peers(Reading& reading, const std::string& told);
// Whether there is the section that a table names.
void resolve_peers_of(Reading& reading, const StickTable& table);

// The same of `mailers`, and `email-alert` behind its keyword.
std::optional<Mailers> take_mailers(Line& line);
void parse_email_alert(Line& line, Draft& draft);
// Whether there are the sections that alerts name, and all that an alert takes.
void resolve_mailers(Reading& reading);

// The same of `cache`.
std::optional<Cache> take_cache(Line& line);
// Whether there are the sections that rules and filters name, and what a section says fits together.
void resolve_caches(Reading& reading);

// `stick` and `stick-table` behind their keywords.
void parse_stick(Line& line, Draft& draft);
void parse_stick_table(Line& line, Draft& draft);
// What stands behind it; nothing after a complaint.
std::optional<StickTable> take_stick_table(Line& line, std::string_view what);

// `log` behind its keyword: a target, or nothing after a complaint or a warning.
std::optional<LogTarget> take_log_target(Line& line);
std::span<const std::string_view> log_formats();     // In the order of LogTarget::Format.
std::span<const std::string_view> log_facilities();  // In syslog's order.
std::span<const std::string_view> log_levels();      // In syslog's order.

// TLS words shared by bind lines, server lines and ssl-default-*-options.
void take_min_version(Line& line, Tls& tls);
void take_max_version(Line& line, Tls& tls);
std::string_view version_text(TlsVersion version);
void exclude_version(Line& line, Tls& tls, TlsVersion version);
void force_version(Line& line, Tls& tls, TlsVersion version);
std::vector<std::string> take_alpn(Line& line);
void warn_ciphersuites(Line& line);
// False after a complaint: the value of a word that has no effect is none that it could have.
bool is_value_sound(Line& line);
// `path` below `base`, unless it is absolute or begins with '@'.
std::string based(std::string_view base, std::string path);
// The next word, with a base put before it.
void take_based(Line& line, std::string_view base, std::string_view what, std::string& path, Place& place);

// Whether the keyword may stand in the draft's section; if not, it was complained about, and the
// rest of the line is passed over.
bool stands_rightly(Line& line, Draft& draft, unsigned where);
// One of the statuses that we answer ourselves.
std::uint32_t take_status(Line& line);
bool is_proxy_name(std::string_view name);
// What may stand before and behind the '=' of a cookie, or as one of its attributes.
bool is_cookie_name(std::string_view text);
bool is_cookie_text(std::string_view text);
// Begins the section's own health check: what it inherited is dropped.
void begin_own_check(Draft& draft);

// An unknown word: says the nearest of `candidates`, and in which other section the word is known.
void complain_unknown(Line& line, const Word& word, std::string_view what,
                      std::span<const std::string_view> candidates);

// Takes one word from the line, finds its row, and lets that parse.
template <class T>
void parse_with(Line& line, std::span<const Keyword<T>> table, T& target, std::string_view prefix) {
  const Word* word = line.take("one more word");
  if (word == nullptr) return;
  const Keyword<T>* keyword = find_keyword(table, word->text);
  if (keyword == nullptr) {
    // "set-var(name)": words with something in parentheses are only refused.
    keyword = find_keyword(table, std::string_view(word->text).substr(0, word->text.find('(')));
    if (keyword != nullptr && keyword->parse != refused<T>) keyword = nullptr;
  }
  if (keyword == nullptr) return complain_unknown(line, *word, format("'{}'", prefix), names_of(table));
  line.start(*keyword, *word, prefix);
  keyword->parse(line, target);
}

// One line of all tables, for keyword_list() and for finding where else a word is known.
struct KnownKeyword {
  std::string_view section;
  std::string name;
  std::string help;  // Says first if the word is known and not carried out.
};
std::vector<KnownKeyword> known_keywords();

}  // namespace penstock::config
