// `mailers` sections, and `email-alert` of proxies (configuration manual, section 3.6).
#include <algorithm>
#include <utility>

#include "keywords.h"

namespace penstock::config {

namespace {

// What goes into a line of SMTP or of a mail's head as it is.
bool is_mail_word(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) > ' ' && c != '<' && c != '>' && c != '\x7f';
  });
}

void parse_mailer(Line& line, Mailers& mailers) {
  const Word* name = line.take("a name");
  if (name == nullptr) return;
  Mailer mailer{name->place, name->text, {}};
  const Place place = line.more() ? line.peek().place : line.place;
  auto address = take_address(line, AddressUse::Server);
  if (!address) return;
  using Kind = Address::Kind;
  const bool is_host = address->kind == Kind::Ip4 || address->kind == Kind::Ip6 || address->kind == Kind::Name;
  const bool has_port = !address->port_is_offset && address->port_low != 0 && address->port_low == address->port_high;
  if (!is_host || !has_port) return line.complain(place, "a mailer is an address with its port, such as 192.0.2.1:25");
  mailer.address = std::move(*address);
  mailers.mailers.push_back(std::move(mailer));
}

void parse_timeout(Line& line, Mailers& mailers) {
  constexpr std::string_view kTimeouts[] = {"mail"};
  if (!line.take_choice(kTimeouts)) return;
  line.subject = "timeout mail";
  mailers.timeout_ms = line.take_ms();
}

constexpr Keyword<Mailers> kMailersKeywords[] = {
    {"mailer", parse_mailer, "A server of SMTP that gets each mail: <name> <address>:<port>."},
    {"timeout", parse_timeout, "mail <time>: for a connection and all that is said on it, 10s unless said otherwise."},
};
static_assert(is_sorted(kMailersKeywords));

}  // namespace

std::span<const Keyword<Mailers>> mailers_keywords() { return kMailersKeywords; }

std::optional<Mailers> take_mailers(Line& line) {
  const Word* name = line.take("a name");
  if (name == nullptr) return std::nullopt;
  Mailers mailers;
  mailers.place = name->place;
  mailers.name = name->text;
  const std::vector<Mailers>& others = line.reading.config.mailers;
  if (!is_proxy_name(mailers.name)) {
    line.complain(name->place,
                  format("'{}' is no name for a section: letters, digits, '-', '_', '.' and ':' are", mailers.name));
  } else if (std::any_of(others.begin(), others.end(), [&](const Mailers& m) { return m.name == mailers.name; })) {
    line.complain(name->place, format("there is a section 'mailers {}' already", mailers.name));
  }
  return line.failed() ? std::nullopt : std::optional(std::move(mailers));
}

void parse_email_alert(Line& line, Draft& draft) {
  constexpr std::string_view kParts[] = {"from", "level", "mailers", "myhostname", "to"};
  const auto part = line.take_choice(kParts);
  if (!part) return;
  EmailAlert& alert = draft.proxy.email_alert;
  alert.place = line.place;
  line.subject = format("email-alert {}", kParts[*part]);
  if (*part == 1) {
    if (const auto level = line.take_choice(log_levels())) alert.level = static_cast<Level>(*level);
    return;
  }
  if (*part == 2) {
    if (const Word* name = line.take("the name of a section 'mailers'")) alert.mailers = *name;
    return;
  }
  const Word* word = line.take(*part == 3 ? "a host name" : "an address such as admin@example.com");
  if (word == nullptr) return;
  if (!is_mail_word(word->text))
    return line.complain(word->place, format("'{}' is no {}", word->text, *part == 3 ? "host name" : "mail address"));
  (*part == 0 ? alert.from : *part == 3 ? alert.hostname : alert.to) = word->text;
}

void resolve_mailers(Reading& reading) {
  std::vector<Mailers>& sections = reading.config.mailers;
  std::vector<bool> used(sections.size());
  std::vector<std::string_view> names;
  for (const Mailers& section : sections) names.push_back(section.name);
  for (Draft& draft : reading.drafts) {
    EmailAlert& alert = draft.proxy.email_alert;
    if (alert == EmailAlert()) continue;
    if (alert.from.empty() || alert.to.empty() || !alert.mailers) {
      reading.diagnostics.warn(alert.place, format("'email-alert' has no effect in '{}': it takes 'email-alert "
                                                   "mailers', 'email-alert from' and 'email-alert to'",
                                                   draft.proxy.name));
      alert = EmailAlert();
      continue;
    }
    const auto found = std::find(names.begin(), names.end(), alert.mailers->text);
    if (found != names.end()) {
      used[static_cast<std::size_t>(found - names.begin())] = true;
      continue;
    }
    const std::string_view near = nearest(alert.mailers->text, names);
    reading.diagnostics.add(alert.mailers->place, format("there is no section 'mailers {}'{}", alert.mailers->text,
                                                         near.empty() ? "" : format("; did you mean '{}'?", near)));
  }
  for (std::size_t i = 0; i < sections.size(); ++i) {
    if (used[i]) continue;
    reading.diagnostics.warn(sections[i].place, format("'mailers {}' has no effect: no 'email-alert mailers {}' with "
                                                       "'from' and 'to' names it",
                                                       sections[i].name, sections[i].name));
  }
}

}  // namespace penstock::config
