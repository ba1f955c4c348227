#include "penstock/proxy/explanation.h"

#include <algorithm>

#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/proxy/statistics_text.h"

namespace penstock::explanation {

// ---- What is asked.

namespace {

// "host", "host:port", "[2001:db8::1]:port".
bool take_authority(std::string_view authority, Supposed& out) {
  const std::size_t user = authority.rfind('@');
  if (user != std::string_view::npos) authority.remove_prefix(user + 1);
  out.authority = authority;
  std::string_view port;
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return false;
    out.host = authority.substr(1, end - 1);
    port = authority.substr(end + 1);
  } else {
    out.host = authority.substr(0, authority.find(':'));
    port = authority.substr(out.host.size());
  }
  if (out.host.empty() || out.host.find_first_of(" \t\r\n/") != std::string::npos) return false;
  out.port = out.tls ? 443 : 80;
  if (port.empty()) return true;
  const auto number = port.starts_with(':') ? parse_unsigned(port.substr(1)) : std::nullopt;
  if (!number || *number == 0 || *number > 65535) return false;
  out.port = static_cast<std::uint16_t>(*number);
  return true;
}

bool take_url(std::string_view url, Supposed& out) {
  if (starts_with_nocase(url, "https://"))
    out.tls = true;
  else if (!starts_with_nocase(url, "http://"))
    return false;
  url.remove_prefix(out.tls ? 8 : 7);
  const std::size_t end = url.find_first_of("/?#");
  if (!take_authority(url.substr(0, end), out)) return false;
  std::string_view target = end == std::string_view::npos ? std::string_view() : url.substr(end);
  target = target.substr(0, target.find('#'));
  out.target = target.starts_with('/') ? std::string(target) : format("/{}", target);
  return true;
}

// "10.0.0.1", "2001:db8::1", "10.0.0.1:40000", "[2001:db8::1]:40000".
bool take_source(std::string_view text, SocketAddress& out) {
  if (SocketAddress::from_ip(text, 0, out)) return !text.empty() && text != "*";
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  std::string_view ip = text.substr(0, colon);
  if (ip.starts_with('[') && ip.ends_with(']')) ip = ip.substr(1, ip.size() - 2);
  const auto port = parse_unsigned(text.substr(colon + 1));
  return port && *port != 0 && *port <= 65535 && !ip.empty() &&
         SocketAddress::from_ip(ip, static_cast<std::uint16_t>(*port), out);
}

bool take_field(std::string_view text, Supposed& out) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  out.fields.emplace_back(text.substr(0, colon), trim(text.substr(colon + 1)));
  return text.find_first_of("\r\n") == std::string_view::npos;
}

// A text between quotes that came as several words is one.
std::vector<std::string> unquoted(const std::vector<std::string>& words) {
  std::vector<std::string> out;
  char quote = 0;
  for (std::string word : words) {
    const bool begins = quote == 0 && !word.empty() && (word[0] == '"' || word[0] == '\'');
    if (quote != 0)
      (out.back() += ' ') += word;
    else
      out.push_back(word);
    if (begins) {
      quote = word[0];
      out.back().erase(0, 1);
    }
    if (quote == 0 || !out.back().ends_with(quote)) continue;
    out.back().pop_back();
    quote = 0;
  }
  return out;
}

// "GET https://host/" may come as one word or as two.
std::vector<std::string> parted(const std::vector<std::string>& words) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::size_t blank = words[i].find(' ');
    if (i != 0 || blank == std::string::npos) {
      out.push_back(words[i]);
      continue;
    }
    out.push_back(words[i].substr(0, blank));
    out.emplace_back(trim(std::string_view(words[i]).substr(blank)));
  }
  return out;
}

}  // namespace

Result<Supposed> suppose(const std::vector<std::string>& given) {
  const std::vector<std::string> words = parted(unquoted(given));
  Supposed out;
  std::size_t at = 0;
  if (at < words.size() && words[at].find("://") == std::string::npos) out.method = words[at++];
  if (at == words.size() || !take_url(words[at++], out))
    return Error{"expected '[METHOD] URL', such as 'GET https://mail.contoso.com/EWS/Exchange.asmx'"};
  while (at < words.size()) {
    std::string_view word = words[at++];
    if (word.starts_with("--")) word.remove_prefix(2);
    if (word != "src" && word != "header" && word != "to")
      return Error{format("'{}' is not understood: 'src ADDRESS', 'header \"NAME: VALUE\"' or 'to WHERE'", word)};
    if (at == words.size()) return Error{format("'{}' needs a value", word)};
    const std::string& value = words[at++];
    if (word == "to") out.door = value;
    if (word == "src" && !take_source(value, out.source)) return Error{format("'{}' is no address of a client", value)};
    if (word == "header" && !take_field(value, out)) return Error{format("'{}' is no 'NAME: VALUE'", value)};
  }
  return out;
}

// ---- In words, and for programs.

bool is_taken(const Branch& branch) {
  return branch.events.empty() || branch.events.back().kind != Event::Kind::End || branch.events.back().facts.empty() ||
         branch.events.back().facts.front().second != "nobody";
}

namespace {

class Printer {
 public:
  std::string take(const Branch& branch) {
    add(branch, 0);
    return std::move(out_);
  }

 private:
  void add(const Branch& branch, std::size_t depth) {
    for (const Event& event : branch.events) add(event, depth);
    if (branch.yes == nullptr) return;
    line(depth + 2, format("unknown here: {}", branch.unknown));
    // What ends here is over: what goes on instead needs no deeper place.
    if (ends(*branch.no) && branch.no->events.size() < branch.yes->events.size()) {
      line(depth + 2, "if it does not hold:");
      add(*branch.no, depth + 2);
      line(depth + 2, "else:");
      return add(*branch.yes, depth);
    }
    line(depth + 2, "if it holds:");
    add(*branch.yes, depth + 2);
    if (ends(*branch.yes)) {
      line(depth + 2, "else:");
      return add(*branch.no, depth);
    }
    if (!branch.no->events.empty() || branch.no->yes != nullptr) {
      line(depth + 2, "else:");
      add(*branch.no, depth + 2);
    }
    if (branch.rejoined == nullptr) return;
    line(depth + 2, "in both cases:");
    add(*branch.rejoined, depth);
  }

  static bool ends(const Branch& branch) {
    return branch.yes == nullptr && !branch.events.empty() && branch.events.back().kind == Event::Kind::End;
  }

  void add(const Event& event, std::size_t depth) {
    using Kind = Event::Kind;
    const std::string text = event.place.empty() ? event.text : format("{}: {}", event.place, event.text);
    switch (event.kind) {
      case Kind::Heading:
        if (!out_.empty() && depth == 0) out_ += '\n';
        return line(depth, text);
      case Kind::Fact:
      case Kind::Rule:
        return line(depth + 1, text);
      case Kind::Test:
      case Kind::Effect:
        return line(depth + 2, text);
      case Kind::End:
        return line(depth, "=> " + text);
    }
  }

  void line(std::size_t depth, std::string_view text) {
    out_.append(depth * 2, ' ');
    // Bytes of clients and of lines: nothing that a terminal would obey.
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte >= ' ' && byte != 0x7f)
        out_ += c;
      else
        append_format(out_, "\\x{:02x}", byte);
    }
    out_ += '\n';
  }

  std::string out_;
};

void add_json(const Branch& branch, std::string& out);

void add_json(const Event& event, std::string& out) {
  static constexpr std::string_view kNames[] = {"heading", "fact", "rule", "test", "effect", "end"};
  append_format(out, "{{\"kind\": \"{}\", ", kNames[static_cast<std::size_t>(event.kind)]);
  if (!event.place.empty()) {
    out += "\"place\": ";
    append_json_text(event.place, out);
    out += ", ";
  }
  out += "\"text\": ";
  append_json_text(event.text, out);
  for (const auto& [name, value] : event.facts) {
    append_format(out, ", \"{}\": ", name);
    append_json_text(value, out);
  }
  out += '}';
}

void add_json(const Branch& branch, std::string& out) {
  out += "[";
  std::string_view separator = "\n";
  for (const Event& event : branch.events) {
    out += std::exchange(separator, ",\n");
    add_json(event, out);
  }
  if (branch.yes != nullptr) {
    out += separator;
    out += "{\"kind\": \"unknown\", \"text\": ";
    append_json_text(branch.unknown, out);
    out += ", \"if\": ";
    add_json(*branch.yes, out);
    out += ", \"else\": ";
    add_json(*branch.no, out);
    if (branch.rejoined != nullptr) {
      out += ", \"both\": ";
      add_json(*branch.rejoined, out);
    }
    out += '}';
  }
  out += "]";
}

}  // namespace

std::string text_of(const Branch& branch) { return Printer().take(branch); }

std::string json_of(const Branch& branch) {
  std::string out;
  add_json(branch, out);
  return out + "\n";
}

}  // namespace penstock::explanation
