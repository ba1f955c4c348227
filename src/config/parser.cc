#include "parser.h"

#include <algorithm>

#include "condition.h"
#include "keywords.h"
#include "old_words.h"
#include "user_lists.h"

namespace penstock::config {

namespace {

constexpr SectionName kSections[] = {
    {"global", SectionKind::Global, false, "Settings of the process. May be written several times."},
    {"defaults", SectionKind::Defaults, false, "What the proxies below begin with: [<name>] [from <defaults>]."},
    {"frontend", SectionKind::Frontend, false, "Where clients are welcomed: <name> [from <defaults>]."},
    {"backend", SectionKind::Backend, false, "Servers for one purpose: <name> [from <defaults>]."},
    {"listen", SectionKind::Listen, false, "A frontend and its backend in one: <name> [from <defaults>]."},
    {"http-errors", SectionKind::HttpErrors, false, "A group of 'errorfile' lines for 'errorfiles': <name>."},
    {"cache", SectionKind::Cache, false,
     "Answers kept in memory for 'http-request cache-use' and 'http-response cache-store': <name>."},
    {"crt-store", SectionKind::Skipped, true, "Name the certificates with 'crt' on 'bind' lines."},
    {"fcgi-app", SectionKind::Skipped, true, "FastCGI is not spoken."},
    {"log-forward", SectionKind::Skipped, true, "Logs of others are not forwarded; use a syslog daemon."},
    {"mailers", SectionKind::Mailers, false, "Who is sent mails by SMTP for 'email-alert mailers': <name>."},
    {"peers", SectionKind::Peers, false, "Who has the same stick tables, by HAProxy's protocol of peers: <name>."},
    {"program", SectionKind::Skipped, true, "No program is ever started; write a unit for the service manager."},
    {"resolvers", SectionKind::Resolvers, false,
     "Who is asked for the names of servers while they serve: <name>. Servers name it with 'resolvers'."},
    {"ring", SectionKind::Ring, false, "The latest lines of logs, kept in memory for 'log ring@<name>': <name>."},
    {"traces", SectionKind::Skipped, false, "Exchanges are not traced."},
    {"userlist", SectionKind::UserList, false, "Users and their passwords, for http_auth and http_auth_group: <name>."},
};

// The first word of a line that may be no valid line at all.
std::string_view first_word(std::string_view text) {
  text = trim(text);
  std::size_t end = 0;
  while (end < text.size() && static_cast<unsigned char>(text[end]) > ' ' && text[end] != '#') ++end;
  return text.substr(0, end);
}

}  // namespace

std::span<const SectionName> section_names() { return kSections; }

bool is_proxy_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.' || c == ':';
  });
}

void Parser::read_file(std::uint32_t file) {
  reading_.kind = SectionKind::None;
  reading_.section.clear();
  reading_.draft = nullptr;
  branches_.clear();
  const std::vector<std::string>& lines = reading_.config.lines[file];
  for (std::size_t i = 0; i < lines.size(); ++i) read_line(lines[i], {file, static_cast<std::uint32_t>(i + 1), 1});
  end_section();
  if (!branches_.empty()) reading_.diagnostics.add(branches_.back().place, "this '.if' has no '.endif'");
}

void Parser::read_line(std::string_view text, Place place) {
  if (take_branch(text, place) || skipping()) return;
  if (!split(text, place) || words_.empty()) return;
  warn_of_quotes();
  take_words(text);
}

// What a text processor makes of quotes are letters like others. One warning is enough.
void Parser::warn_of_quotes() {
  for (const Word& word : words_) {
    const bool is_quote = word.text.starts_with("\u201c") || word.text.starts_with("\u201d") ||
                          word.text.starts_with("\u2018") || word.text.starts_with("\u2019");
    if (!is_quote || !reading_.said.insert("quotes").second) continue;
    reading_.diagnostics.warn(word.place,
                              "this is a typographic quote, which parts nothing: write \" or ' "
                              "here and wherever else there is one");
  }
}

bool Parser::split(std::string_view text, Place place) {
  words_.clear();
  const Variables variables{reading_.environment, reading_.config.files[place.file], place.line, reading_.section};
  const auto error = split_words(text, variables, place, words_);
  if (!error) return true;
  reading_.diagnostics.add({place.file, place.line, error->column}, error->text);
  return false;
}

bool Parser::take_branch(std::string_view text, Place place) {
  const std::string_view word = first_word(text);
  if (!word.starts_with('.')) return false;
  place.column = static_cast<std::uint32_t>(word.data() - text.data() + 1);
  if (word == ".if") {
    begin_if(text, place);
    return true;
  }
  if (word != ".elif" && word != ".else" && word != ".endif") return false;
  if (branches_.empty()) {
    reading_.diagnostics.add(place, format("'{}' without an '.if' before it", word));
    return true;
  }
  Branch& branch = branches_.back();
  if (word == ".endif") {
    branches_.pop_back();
  } else if (branch.had_else) {
    reading_.diagnostics.add(place, format("'{}' behind '.else'", word));
  } else if (word == ".elif") {
    take_elif(text, place);
  } else {
    branch.had_else = true;
    branch.reads = branch.outer_reads && !branch.had_one;
  }
  if (word != ".elif" && split(text, place) && words_.size() > 1) {
    reading_.diagnostics.add(words_[1].place, format("unexpected argument '{}' behind '{}'", words_[1].text, word));
  }
  return true;
}

void Parser::begin_if(std::string_view text, Place place) {
  // More levels than anybody writes.
  constexpr std::size_t kDeepest = 1000;
  if (branches_.size() >= kDeepest) return reading_.diagnostics.add(place, "'.if' is nested too deeply");
  Branch branch;
  branch.place = place;
  branch.outer_reads = !skipping();
  if (branch.outer_reads) branch.reads = branch.had_one = condition(text, place);
  branches_.push_back(branch);
}

void Parser::take_elif(std::string_view text, Place place) {
  Branch& branch = branches_.back();
  branch.reads = branch.outer_reads && !branch.had_one && condition(text, place);
  branch.had_one = branch.had_one || branch.reads;
}

// The words behind the directive, put together again: quotes and variables are resolved by then.
bool Parser::condition(std::string_view text, Place place) {
  if (!split(text, place)) return false;
  std::string joined;
  std::vector<std::size_t> starts;
  for (std::size_t i = 1; i < words_.size(); ++i) {
    if (i > 1) joined += ' ';
    starts.push_back(joined.size());
    joined += words_[i].text;
  }
  ConditionError error;
  const auto value = judge_condition(joined, reading_.environment, error);
  if (value) return *value;
  std::size_t word = 0;
  while (word + 1 < starts.size() && starts[word + 1] <= error.offset) ++word;
  const Word& wrong = words_[word + 1];
  const std::string_view before = std::string_view(wrong.text).substr(0, error.offset - starts[word]);
  reading_.diagnostics.add(inside(reading_.config, wrong.place, before),
                           format("condition '{}': {}", joined, error.text));
  return false;
}

void Parser::take_message(Line& line, std::string_view kind) {
  line.subject = kind;
  const Word* message = line.take("a message between quotes");
  if (message == nullptr) return;
  if (line.more())
    return line.complain(line.peek().place, format("'{}' takes one word: put the message between quotes", kind));
  if (kind == ".diag") return;
  const Severity severity = kind == ".notice"    ? Severity::Notice
                            : kind == ".warning" ? Severity::Warning
                                                 : Severity::Alert;
  reading_.diagnostics.add(severity, line.place, message->text);
}

void Parser::take_words(std::string_view text) {
  Line line(reading_, words_, text);
  const Word* keyword = &line.pop();
  line.place = keyword->place;
  line.subject = keyword->text;
  for (const std::string_view kind : {".notice", ".warning", ".alert", ".diag"}) {
    if (keyword->text == kind) return take_message(line, kind);
  }
  // Alone at the beginning of a line it is no `default` of an option.
  if (keyword->text == "default" && !line.more() && begin_section_meant(line, *keyword, {})) return;
  if (keyword->text == "no" || keyword->text == "default") {
    line.negated = true;
    line.subject = keyword->text;
    line.prefix_place = keyword->place;
    keyword = line.take("a word such as 'option'");
    if (keyword == nullptr) return;
  }
  for (const SectionName& section : kSections) {
    if (section.name != keyword->text) continue;
    if (line.negated) {
      line.complain(line.prefix_place, format("'{}' cannot stand before a section", line.subject));
      line.skip_rest();
    }
    return begin_section(line, *keyword);
  }
  take_keyword(line, *keyword);
  line.end();
}

void Parser::end_section() {
  if (reading_.ring) reading_.config.rings.push_back(std::move(*reading_.ring));
  reading_.ring.reset();
  if (reading_.resolvers) reading_.config.resolvers.push_back(std::move(*reading_.resolvers));
  reading_.resolvers.reset();
  if (reading_.peers) reading_.config.peers.push_back(std::move(*reading_.peers));
  reading_.peers.reset();
  if (reading_.mailers) reading_.config.mailers.push_back(std::move(*reading_.mailers));
  reading_.mailers.reset();
  if (reading_.cache) reading_.config.caches.push_back(std::move(*reading_.cache));
  reading_.cache.reset();
}

void Parser::begin_section(Line& line, const Word& keyword) {
  end_section();
  const SectionName& section = *std::find_if(std::begin(kSections), std::end(kSections),
                                             [&](const SectionName& s) { return s.name == keyword.text; });
  reading_.kind = section.kind;
  reading_.section = line.more() ? line.peek().text : keyword.text;
  reading_.draft = nullptr;
  reading_.error_group = nullptr;
  switch (section.kind) {
    case SectionKind::Defaults:
      begin_defaults(line);
      break;
    case SectionKind::Frontend:
    case SectionKind::Backend:
    case SectionKind::Listen:
      begin_proxy(line, section.kind);
      break;
    case SectionKind::HttpErrors:
      begin_http_errors(line);
      break;
    case SectionKind::Ring:
      reading_.ring = take_ring(line);
      break;
    case SectionKind::Mailers:
      reading_.mailers = take_mailers(line);
      break;
    case SectionKind::Cache:
      reading_.cache = take_cache(line);
      break;
    case SectionKind::UserList:
      begin_user_list(line, reading_);
      break;
    case SectionKind::Resolvers:
      reading_.resolvers = take_resolvers(line);
      break;
    case SectionKind::Peers:
      reading_.peers = take_peers(line);
      break;
    case SectionKind::Skipped: {
      const std::string text = format("section '{}' {}. {}", section.name,
                                      section.is_error ? "is not offered" : "has no effect", section.help);
      line.skip_rest();
      if (section.is_error)
        line.complain(text);
      else
        line.warn(text);
      break;
    }
    case SectionKind::Global:
    case SectionKind::None:
      break;
  }
  line.end();
}

const Draft* Parser::take_from(Line& line, const Draft* otherwise) {
  if (!line.accept("from")) return otherwise;
  const Word* name = line.take("the name of a 'defaults' section");
  if (name == nullptr) return otherwise;
  Draft* found = nullptr;
  for (Draft& defaults : reading_.defaults) {
    if (defaults.proxy.name != name->text || &defaults == reading_.draft) continue;
    if (found != nullptr) {
      line.complain(name->place, format("there are several 'defaults' sections called '{}'", name->text));
      return found;
    }
    found = &defaults;
  }
  if (found != nullptr) {
    found->used_by_name = true;
    return found;
  }
  std::vector<std::string_view> names;
  for (const Draft& defaults : reading_.defaults) {
    if (!defaults.proxy.name.empty()) names.push_back(defaults.proxy.name);
  }
  const std::string_view near = nearest(name->text, names);
  line.complain(name->place, format("no 'defaults' section above is called '{}'{}", name->text,
                                    near.empty() ? "" : format("; did you mean '{}'?", near)));
  return otherwise;
}

namespace {

// A section's draft, which begins as a copy of what its defaults preset.
Draft inherit(const Draft* from, const Global& global) {
  if (from == nullptr) {
    Draft draft;
    draft.default_server.tls = global.server_defaults;
    return draft;
  }
  Draft draft = *from;
  draft.proxy.id = 0;
  // What its defaults lack for a line that was refused, it lacks for the same reason.
  draft.own_steps = draft.own_stats = draft.used_by_name = draft.used_as_last = false;
  draft.given.clear();
  draft.said.clear();
  return draft;
}

}  // namespace

void Parser::begin_defaults(Line& line) {
  const Place place = line.place;
  std::string name;
  if (line.more() && line.peek_text() != "from") name = line.pop().text;
  const Draft* from = take_from(line, nullptr);
  Draft draft = inherit(from, reading_.config.global);
  draft.kind = SectionKind::Defaults;
  draft.proxy.name = std::move(name);
  draft.proxy.place = place;
  reading_.defaults.push_back(std::move(draft));
  reading_.draft = &reading_.defaults.back();
}

void Parser::begin_proxy(Line& line, SectionKind kind) {
  const Word* name = line.take("a name");
  Draft* last = reading_.defaults.empty() ? nullptr : &reading_.defaults.back();
  const Draft* from = name == nullptr ? last : take_from(line, last);
  if (from == last && last != nullptr && !last->used_by_name) last->used_as_last = true;
  Draft draft = inherit(from, reading_.config.global);
  draft.kind = kind;
  draft.proxy.place = line.place;
  draft.proxy.name = name == nullptr ? std::string() : name->text;
  if (name != nullptr) draft.name_place = name->place;
  draft.proxy.is_frontend = kind != SectionKind::Backend;
  draft.proxy.is_backend = kind != SectionKind::Frontend;
  if (name != nullptr && !is_proxy_name(name->text)) {
    line.complain(name->place,
                  format("'{}' is no name for a proxy: letters, digits, '-', '_', '.' and ':' are", name->text));
  }
  reading_.drafts.push_back(std::move(draft));
  reading_.draft = &reading_.drafts.back();
  if (kind != SectionKind::Backend && line.more() && line.peek_text().find(':') != std::string::npos)
    parse_old_address(line, *reading_.draft, kind == SectionKind::Listen ? "listen" : "frontend");
}

void Parser::begin_http_errors(Line& line) {
  const Word* name = line.take("a name");
  if (name == nullptr) return;
  const auto [at, is_new] = reading_.error_groups.try_emplace(name->text);
  if (!is_new) return line.complain(name->place, format("there is a section 'http-errors {}' already", name->text));
  at->second.place = name->place;
  reading_.error_group = &at->second;
}

void Parser::take_http_errors_keyword(Line& line, const Word& keyword) {
  if (keyword.text != "errorfile") {
    constexpr std::string_view kWords[] = {"errorfile"};
    return complain_unknown(line, keyword, "section 'http-errors'", kWords);
  }
  ErrorReply reply;
  reply.place = keyword.place;
  reply.status = take_status(line);
  reply.file = line.take_text("a file");
  if (!line.failed() && reading_.error_group != nullptr) reading_.error_group->files.push_back(std::move(reply));
}

namespace {

bool has_no_effect(const Keyword<Reading>& row) {
  return row.parse == no_effect<Reading> || row.parse == never_done<Reading>;
}

// True unless `no` or `default` stands before a word that neither takes back; then it was
// complained about.
bool is_negatable(Line& line, std::string_view word, unsigned where) {
  const bool fits = line.subject != "default" || word == "option" || word == "numa-cpu-mapping";
  if (!line.negated || (fits && (where & kNegatable) != 0)) return true;
  line.complain(line.prefix_place, line.subject == "default"
                                       ? "'default' can stand before 'option' and 'numa-cpu-mapping' only"
                                       : "'no' can stand before 'option' and 'log', and in 'global' before "
                                         "busy-polling, insecure-fork-wanted, numa-cpu-mapping, set-dumpable and "
                                         "strict-limits");
  return false;
}

}  // namespace

// A word at the very beginning of a line that is nearer to a section's name than to any keyword:
// the section is begun, so that what stands in it draws no errors of its own, and the word
// complained about.
bool Parser::begin_section_meant(Line& line, const Word& word, std::vector<std::string_view> candidates) {
  if (word.place.column != 1 || line.negated) return false;
  for (const KnownKeyword& keyword : known_keywords()) {
    if (keyword.name == word.text) return false;
  }
  std::vector<std::string_view> sections;
  for (const SectionName& section : kSections) sections.push_back(section.name);
  const std::string_view near = nearest(word.text, sections);
  candidates.insert(candidates.end(), sections.begin(), sections.end());
  if (near.empty() || nearest(word.text, candidates) != near) return false;
  begin_section(line, {std::string(near), word.place});
  line.complain(word.place, format("'{}' begins no section; did you mean '{}'?", word.text, near));
  line.skip_rest();
  return true;
}

void Parser::take_keyword(Line& line, const Word& keyword) {
  switch (reading_.kind) {
    case SectionKind::None: {
      if (begin_section_meant(line, keyword, {})) return;
      std::vector<std::string_view> names;
      for (const SectionName& section : kSections) names.push_back(section.name);
      const std::string_view near = nearest(keyword.text, names);
      return line.complain(keyword.place,
                           format("'{}' stands before any section{}", keyword.text,
                                  near.empty() ? "; expected global, defaults, frontend, backend or listen"
                                               : format("; did you mean '{}'?", near)));
    }
    case SectionKind::Global: {
      const auto* row = find_keyword(global_keywords(), keyword.text);
      if (row == nullptr && begin_section_meant(line, keyword, names_of(global_keywords()))) return;
      if (row == nullptr) return complain_unknown(line, keyword, "section 'global'", names_of(global_keywords()));
      if (is_negatable(line, row->name, row->where)) {
        line.start(*row, keyword);
        if (has_no_effect(*row) && !is_value_sound(line)) return;
        row->parse(line, reading_);
      }
      return;
    }
    case SectionKind::Defaults:
    case SectionKind::Frontend:
    case SectionKind::Backend:
    case SectionKind::Listen: {
      const auto* row = find_keyword(proxy_keywords(), keyword.text);
      if (row == nullptr && begin_section_meant(line, keyword, names_of(proxy_keywords()))) return;
      if (row == nullptr) return complain_unknown(line, keyword, "a proxy section", names_of(proxy_keywords()));
      if (!is_negatable(line, row->name, row->where)) return;
      line.start(*row, keyword);
      if (!stands_rightly(line, *reading_.draft, row->where)) return;
      row->parse(line, *reading_.draft);
      if (keyword.text == "http-request")
        settle_old_lines(*reading_.draft, Rule::Set::HttpRequest, reading_.diagnostics);
      if (keyword.text == "http-response")
        settle_old_lines(*reading_.draft, Rule::Set::HttpResponse, reading_.diagnostics);
      return;
    }
    case SectionKind::HttpErrors:
      if (is_negatable(line, {}, 0)) take_http_errors_keyword(line, keyword);
      return;
    case SectionKind::Ring: {
      const auto* row = find_keyword(ring_keywords(), keyword.text);
      if (row == nullptr) return complain_unknown(line, keyword, "section 'ring'", names_of(ring_keywords()));
      if (!is_negatable(line, {}, 0) || !reading_.ring) return line.skip_rest();
      line.start(*row, keyword);
      row->parse(line, *reading_.ring);
      return;
    }
    case SectionKind::Mailers: {
      const auto* row = find_keyword(mailers_keywords(), keyword.text);
      if (row == nullptr) return complain_unknown(line, keyword, "section 'mailers'", names_of(mailers_keywords()));
      if (!is_negatable(line, {}, 0) || !reading_.mailers) return line.skip_rest();
      line.start(*row, keyword);
      row->parse(line, *reading_.mailers);
      return;
    }
    case SectionKind::Cache: {
      const auto* row = find_keyword(cache_keywords(), keyword.text);
      if (row == nullptr) return complain_unknown(line, keyword, "section 'cache'", names_of(cache_keywords()));
      if (!is_negatable(line, {}, 0) || !reading_.cache) return line.skip_rest();
      line.start(*row, keyword);
      row->parse(line, *reading_.cache);
      return;
    }
    case SectionKind::UserList: {
      const auto* row = find_keyword(user_list_keywords(), keyword.text);
      if (row == nullptr) return complain_unknown(line, keyword, "section 'userlist'", names_of(user_list_keywords()));
      if (!is_negatable(line, {}, 0) || !reading_.user_list) return line.skip_rest();
      line.start(*row, keyword);
      row->parse(line, reading_);
      return;
    }
    case SectionKind::Resolvers: {
      const auto* row = find_keyword(resolvers_keywords(), keyword.text);
      if (row == nullptr) return complain_unknown(line, keyword, "section 'resolvers'", names_of(resolvers_keywords()));
      if (!is_negatable(line, {}, 0) || !reading_.resolvers) return line.skip_rest();
      line.start(*row, keyword);
      row->parse(line, *reading_.resolvers);
      return;
    }
    case SectionKind::Peers: {
      const auto* row = find_keyword(peers_keywords(), keyword.text);
      if (row == nullptr) return complain_unknown(line, keyword, "section 'peers'", names_of(peers_keywords()));
      if (!is_negatable(line, {}, 0) || !reading_.peers) return line.skip_rest();
      line.start(*row, keyword);
      row->parse(line, *reading_.peers);
      return;
    }
    case SectionKind::Skipped:
      return line.skip_rest();
  }
}

}  // namespace penstock::config
