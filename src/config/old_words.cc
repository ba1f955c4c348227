#include "old_words.h"

#include <algorithm>

#include "keywords.h"
#include "old_patterns.h"
#include "penstock/config/rule_words.h"
#include "penstock/config/secrets.h"

namespace penstock::config {

namespace {

using Words = std::span<const Word>;

std::string text_of(Words words) {
  std::string text;
  for (const Word& word : words) text += (text.empty() ? "" : " ") + quoted(word.text);
  return text;
}

// Words of a new line; each stands where the old word does.
std::vector<Word> line_of(Place place, std::initializer_list<std::string> texts, Words rest = {}) {
  std::vector<Word> words;
  for (const std::string& text : texts) words.push_back({text, place});
  words.insert(words.end(), rest.begin(), rest.end());
  return words;
}

Successor equal(std::vector<Word> words, OldOrder order = OldOrder::Here) {
  return {true, std::move(words), {}, order};
}
Successor nothing_any_more() { return {true, {}, {}, OldOrder::Here}; }
Successor shown(std::string text) { return {false, {}, std::move(text), OldOrder::Here}; }

// "reqirep" and its kin, taken apart.
struct Filter {
  bool is_request = true;
  bool any_case = false;
  std::string_view deed;

  std::string_view set() const { return is_request ? "http-request" : "http-response"; }
};

Filter filter_of(std::string_view name) {
  if (name == "cliexp") name = "reqrep";
  if (name == "srvexp") name = "rsprep";
  Filter filter{name.starts_with("req"), false, name.substr(3)};
  filter.any_case = filter.deed.starts_with('i');
  if (filter.any_case) filter.deed.remove_prefix(1);
  return filter;
}

std::string with_case(const Filter& filter, std::string_view regex) {
  return format("{}{}", filter.any_case && has_letters(regex) ? "(?i)" : "", regex);
}

// A test, with the condition that stood behind the old line where the two can be joined.
std::string joined(std::string_view test, Words condition) {
  const bool is_simple =
      std::all_of(condition.begin(), condition.end(), [](const Word& w) { return w.text != "or" && w.text != "||"; });
  if (condition.empty()) return format("if {}", test);
  if (condition[0].text == "if" && is_simple) return format("if {} {}", test, text_of(condition.subspan(1)));
  return format("if {}', together with the line's own condition '{}", test, text_of(condition));
}

std::string test_of(const Filter& filter, std::string_view regex) {
  const auto field = field_pattern(regex);
  const std::string flags = filter.any_case ? "-m reg -i" : "-m reg";
  if (field && field->is_whole_name)
    return format("{{ {}.fhdr({}) {} {} }}", filter.is_request ? "req" : "res", field->name, flags,
                  quoted("^" + field->value));
  if (!filter.is_request) return format("{{ res.hdrs {} {} }}", flags, quoted(regex));
  return format("{{ url {} {} }}", flags, quoted(target_pattern(regex)));
}

Successor addition(const Filter& filter, Place place, Words rest) {
  std::string_view value = rest[0].text;
  const std::string name(cut(value, ':'));
  value = trim(value);
  std::string text;
  for (const char c : value) text += c == '%' ? "%%" : std::string(1, c);
  const auto words = line_of(place, {std::string(filter.set()), "add-header", name, text}, rest.subspan(1));
  if (is_cookie_name(name) && !value.empty()) return equal(words, OldOrder::Last);
  return shown(format("{} add-header NAME VALUE", filter.set()));
}

Successor deletion(const Filter& filter, Place place, Words rest) {
  const auto field = field_pattern(rest[0].text);
  if (!field) return shown(format("{} del-header NAME", filter.set()));
  std::vector<Word> words = line_of(place, {std::string(filter.set()), "del-header", field->name});
  if (!field->is_whole_name) words.insert(words.end(), {{"-m", place}, {"beg", place}});
  const Words condition = rest.subspan(1);
  words.insert(words.end(), condition.begin(), condition.end());
  const bool is_all = field->value.empty() || field->value == ".*" || field->value == ".*$";
  if (filter.any_case && field->is_certain && is_all) return equal(words, OldOrder::BehindRules);
  if (is_all) return shown(text_of(words));
  return shown(
      format("{} del-header {} {}", filter.set(), field->name, joined(test_of(filter, rest[0].text), condition)));
}

Successor field_change(const Filter& filter, Place place, Words rest, const FieldPattern& field) {
  const auto text = field_replacement(field.name, rest[1].text);
  const std::vector<Word> words = line_of(place,
                                          {std::string(filter.set()), "replace-header", field.name,
                                           with_case(filter, "^" + field.value), text ? *text : rest[1].text},
                                          rest.subspan(2));
  if (text && filter.any_case && field.is_certain) return equal(words, OldOrder::BehindRules);
  return shown(text_of(words));
}

Successor change(const Filter& filter, Place place, Words rest) {
  const auto field = field_pattern(rest[0].text);
  if (field && field->is_whole_name) return field_change(filter, place, rest, *field);
  const auto target = filter.is_request ? target_change(rest[0].text, rest[1].text) : std::nullopt;
  if (!target) {
    return shown(format("{} replace-header NAME {} {}", filter.set(), quoted(rest[0].text), quoted(rest[1].text)));
  }
  const std::vector<Word> words = line_of(
      place, {"http-request", "replace-uri", with_case(filter, target->regex), target->replacement}, rest.subspan(2));
  return target->is_certain ? equal(words, OldOrder::BehindRules) : shown(text_of(words));
}

Successor filter_successor(std::string_view name, Place place, Words rest) {
  const Filter filter = filter_of(name);
  if (filter.deed == "add") return addition(filter, place, rest);
  if (filter.deed == "del") return deletion(filter, place, rest);
  if (filter.deed == "rep") return change(filter, place, rest);
  if (filter.deed == "setbe")
    return shown(
        format("use_backend {} {}", quoted(rest[1].text), joined(test_of(filter, rest[0].text), rest.subspan(2))));
  // What is passed is asked no more of these lines.
  const std::string_view action = filter.deed == "pass" ? "allow" : filter.deed;
  return shown(format("{} {} {}", filter.set(), action, joined(test_of(filter, rest[0].text), rest.subspan(1))));
}

Successor appsession(Words rest) {
  std::string length = "64", expire = "1h";
  bool learns = false;
  for (std::size_t i = 1; i < rest.size(); ++i) {
    if (rest[i].text == "len" && i + 1 < rest.size()) length = rest[i + 1].text;
    if (rest[i].text == "timeout" && i + 1 < rest.size()) expire = rest[i + 1].text;
    learns = learns || rest[i].text == "request-learn";
  }
  return shown(
      format("stick-table type string len {} size 1m expire {}', 'stick {} req.cook({})' and 'stick "
             "store-response res.cook({})",
             length, expire, learns ? "on" : "match", rest[0].text, rest[0].text));
}

using Translate = Successor (*)(Place place, Words rest);

struct OldWord {
  std::string_view name;
  std::size_t arguments;  // At least.
  Translate translate;
};

// But for those of Filter.
constexpr OldWord kOldWords[] = {
    {"appsession", 1, [](Place, Words rest) { return appsession(rest); }},
    {"block", 0,
     [](Place place, Words rest) {
       return equal(line_of(place, {"http-request", "deny"}, rest), OldOrder::BeforeRules);
     }},
    {"clitimeout", 1,
     [](Place place, Words rest) {
       return equal(line_of(place, {"timeout", "client"}, rest));
     }},
    {"contimeout", 1,
     [](Place place, Words rest) {
       return equal(line_of(place, {"timeout", "connect"}, rest));
     }},
    {"forceclose", 0,
     [](Place place, Words rest) {
       return equal(line_of(place, {"option", "httpclose"}, rest));
     }},
    {"grace", 0, [](Place, Words rest) { return shown(format("grace {}' in section 'global", text_of(rest))); }},
    {"http-tunnel", 0, [](Place, Words) { return shown("option http-keep-alive"); }},
    {"http-use-htx", 0, [](Place, Words) { return nothing_any_more(); }},
    {"monitor-net", 1,
     [](Place, Words rest) {
       return shown(
           format("http-request return status 200 if {{ src {} }}' above all other http-request lines, or in "
                  "mode tcp 'tcp-request connection reject if {{ src {} }}",
                  quoted(rest[0].text), quoted(rest[0].text)));
     }},
    {"nbproc", 1,
     [](Place, Words rest) {
       return rest[0].text == "1" ? nothing_any_more() : shown(format("nbthread {}", quoted(rest[0].text)));
     }},
    {"redisp", 0,
     [](Place place, Words rest) {
       return equal(line_of(place, {"option", "redispatch"}, rest));
     }},
    {"redispatch", 0,
     [](Place place, Words rest) {
       return equal(line_of(place, {"option", "redispatch"}, rest));
     }},
    {"srvtimeout", 1,
     [](Place place, Words rest) {
       return equal(line_of(place, {"timeout", "server"}, rest));
     }},
    {"tune.chksize", 1, [](Place, Words) { return nothing_any_more(); }},
};

// So many words must stand behind it.
std::size_t arguments_of(std::string_view name) {
  for (const OldWord& word : kOldWords) {
    if (word.name == name) return word.arguments;
  }
  const std::string_view deed = filter_of(name).deed;
  return deed == "rep" || deed == "setbe" ? 2 : 1;
}

// A value that a variable gave would be written out.
bool names_variable(std::string_view text) {
  return text.find('"') != std::string_view::npos && text.find('$') != std::string_view::npos;
}

// Tells of the old line; its new words if they are to be carried out.
std::optional<Successor> take_old(Line& line, std::string_view name) {
  for (std::size_t i = 0; i < arguments_of(name); ++i) {
    if (line.take("one more word") == nullptr) return std::nullopt;
  }
  for (std::size_t i = 0; i < arguments_of(name); ++i) line.step_back();
  const std::vector<Word> rest = line.take_rest();
  Successor now = successor_of(name, line.place, rest);
  if (line.negated && name == "http-tunnel") now = nothing_any_more();
  if (!now.is_equal) {
    line.complain(format("'{}' is no longer part of the grammar, and no line is certain to do the same: write '{}'",
                         line.subject, without_secrets(now.shown)));
    return std::nullopt;
  }
  const std::string text = (line.negated ? "no " : "") + text_of(now.words);
  std::optional<std::string> instead;
  if (!names_variable(line.text())) instead = now.words.empty() ? std::string() : text;
  if (now.words.empty())
    line.warn(format("'{}' is an old word that says nothing any more: remove the line", line.subject));
  else
    line.warn(format("'{}' is an old word: write '{}'", line.subject, without_secrets(text)));
  line.reading.diagnostics.set_instead(std::move(instead));
  return now;
}

// Reads the new words as if they stood there.
void replay(Line& line, Draft& draft, Words words) {
  Line now(line.reading, words, line.text());
  now.negated = line.negated;
  now.subject = line.negated ? "no" : "";
  now.prefix_place = line.prefix_place;
  const Word& keyword = now.pop();
  const Keyword<Draft>* row = find_keyword(proxy_keywords(), keyword.text);
  if (row == nullptr) return;
  now.start(*row, keyword);
  if (stands_rightly(now, draft, row->where)) row->parse(now, draft);
  now.end();
}

}  // namespace

Successor successor_of(std::string_view name, Place place, Words rest) {
  for (const OldWord& word : kOldWords) {
    if (word.name == name) return word.translate(place, rest);
  }
  return filter_successor(name, place, rest);
}

void parse_old(Line& line, Draft& draft) {
  const auto now = take_old(line, line.subject);
  if (!now || now->words.empty()) return;
  Diagnostics& diagnostics = line.reading.diagnostics;
  const std::size_t complaint = diagnostics.complaints().size() - 1;
  std::vector<Rule>& rules = draft.proxy.rules;
  const std::size_t count = rules.size();
  replay(line, draft, now->words);
  if (now->order == OldOrder::Here || rules.size() == count) return;
  OldRule old{std::move(rules.back()), now->order, complaint};
  rules.pop_back();
  // Below what it acts ahead of, the new line would come too late; above, an older one too early.
  const auto is_passed = [&](const Rule& rule) { return rule.set == old.rule.set; };
  const auto acts_later = [&](const OldRule& other) { return is_passed(other.rule) && other.order > old.order; };
  if (old.order == OldOrder::BeforeRules && (std::any_of(rules.begin(), rules.end(), is_passed) ||
                                             std::any_of(draft.old_rules.begin(), draft.old_rules.end(), acts_later)))
    diagnostics.withdraw_instead(complaint);
  for (const OldRule& other : draft.old_rules) {
    if (acts_later(other)) diagnostics.withdraw_instead(other.complaint);
  }
  draft.old_rules.push_back(std::move(old));
}

void parse_old_second(Line& line, Draft& draft) {
  const std::string name = line.subject.substr(line.subject.find(' ') + 1);
  const auto now = take_old(line, name);
  if (now && !now->words.empty()) replay(line, draft, now->words);
}

void parse_old_global(Line& line, Reading&) { take_old(line, line.subject); }

void parse_old_address(Line& line, Draft& draft, std::string_view section) {
  const Place place = line.peek().place;
  std::vector<Word> words = line.take_rest();
  const std::string text = text_of(words);
  line.warn(place, format("addresses stand on lines of their own: write 'bind {}' below", text));
  if (!names_variable(line.text()))
    line.reading.diagnostics.set_instead(format("{} {}\n    bind {}", section, draft.proxy.name, text));
  words.insert(words.begin(), {"bind", place});
  replay(line, draft, words);
}

void settle_old_lines(Draft& draft, Rule::Set set, Diagnostics& diagnostics) {
  for (const OldRule& old : draft.old_rules) {
    if (old.rule.set == set && old.order != OldOrder::BeforeRules) diagnostics.withdraw_instead(old.complaint);
  }
}

void place_old_rules(Reading& reading, Draft& draft) {
  std::vector<OldRule> old_rules = std::move(draft.old_rules);
  draft.old_rules.clear();
  std::stable_sort(old_rules.begin(), old_rules.end(),
                   [](const OldRule& a, const OldRule& b) { return a.order < b.order; });
  std::vector<Rule>& rules = draft.proxy.rules;
  std::size_t blocks = 0;
  for (OldRule& old : old_rules) {
    if (draft.proxy.mode != Mode::Http && old.order != OldOrder::Last)
      reading.diagnostics.add(old.rule.place, "this old line needs mode http: nothing would be refused or deleted");
    if (old.order == OldOrder::BeforeRules) {
      rules.insert(rules.begin() + static_cast<std::ptrdiff_t>(blocks++), std::move(old.rule));
      continue;
    }
    const bool may_end = std::any_of(rules.begin(), rules.end(), [&](const Rule& rule) {
      return rule.set == old.rule.set && rule.words[0].text == "allow";
    });
    if (may_end) {
      const std::string_view set = name_of(old.rule.set);
      const std::string words = without_secrets(format("{} {}", set, text_of(old.rule.words)));
      reading.diagnostics.add(old.rule.place, format("this old line acted behind '{} allow' too, where its new words "
                                                     "would not: write '{}' above it",
                                                     set, words));
    }
    // Behind the last of its set, as if it stood there.
    const auto last =
        std::find_if(rules.rbegin(), rules.rend(), [&](const Rule& rule) { return rule.set == old.rule.set; });
    rules.insert(last == rules.rend() ? rules.end() : last.base(), std::move(old.rule));
  }
}

}  // namespace penstock::config
