// Words behind `cookie <name>` (configuration manual section 4.2).
#include <algorithm>

#include "keywords.h"

namespace penstock::config {

namespace {

template <bool Cookie::*Member>
void parse_flag(Line&, Cookie& cookie) {
  cookie.*Member = true;
}

template <Cookie::Kind Kind>
void parse_kind(Line& line, Cookie& cookie) {
  if (cookie.kind != Cookie::Kind::Passive && cookie.kind != Kind)
    return line.complain("a cookie is of one kind: 'insert', 'rewrite' or 'prefix'");
  cookie.kind = Kind;
}

template <std::vector<std::string> Cookie::*Member>
void parse_text(Line& line, Cookie& cookie) {
  const Place place = line.more() ? line.peek().place : line.place;
  std::string text = line.take_text("a text");
  if (line.failed()) return;
  if (!is_cookie_text(text)) return line.complain(place, format("'{}' cannot stand in a cookie", text));
  (cookie.*Member).push_back(std::move(text));
}

template <std::uint64_t Cookie::*Member>
void parse_limit(Line& line, Cookie& cookie) {
  cookie.*Member = (line.take_ms("a time such as 30m", TimeUnit::Second) + 999) / 1000;
}

using CookieKeyword = Keyword<Cookie>;

constexpr CookieKeyword kCookieKeywords[] = {
    {"attr", parse_text<&Cookie::attributes>, "An attribute more of inserted cookies, for example SameSite=None."},
    {"domain", parse_text<&Cookie::domains>, "Domain of inserted cookies; several may be given."},
    {"dynamic", parse_flag<&Cookie::dynamic>,
     "Servers without a value get one made of their address and 'dynamic-cookie-key'."},
    {"httponly", parse_flag<&Cookie::httponly>, "Inserted cookies are hidden from scripts."},
    {"indirect", parse_flag<&Cookie::indirect>,
     "Who has the right cookie gets no other; with 'insert' servers do not see it."},
    {"insert", parse_kind<Cookie::Kind::Insert>, "Answers get the cookie where the client did not have it."},
    {"maxidle", parse_limit<&Cookie::maxidle_s>, "Time without a request after which an inserted cookie is ignored."},
    {"maxlife", parse_limit<&Cookie::maxlife_s>, "Age at which an inserted cookie is ignored."},
    {"nocache", parse_flag<&Cookie::nocache>,
     "An answer that gets the cookie is made private if caches could keep it."},
    {"postonly", parse_flag<&Cookie::postonly>, "Insert in answers to POST alone."},
    {"prefix", parse_kind<Cookie::Kind::Prefix>,
     "The server's value is put before that of its own cookie, with a '~' between."},
    {"preserve", parse_flag<&Cookie::preserve>, "A cookie that the server sets itself stays."},
    {"rewrite", parse_kind<Cookie::Kind::Rewrite>, "The cookie that the server sets gets the server's value."},
    {"secure", parse_flag<&Cookie::secure>, "Inserted cookies are sent over TLS alone."},
};
static_assert(is_sorted(kCookieKeywords));

}  // namespace

std::span<const Keyword<Cookie>> cookie_keywords() { return kCookieKeywords; }

bool is_cookie_name(std::string_view text) {
  return is_cookie_text(text) && text.find_first_of(" =\"") == std::string_view::npos;
}

bool is_cookie_text(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) >= ' ' && c != ';' && c != ',' && c != '\x7f';
  });
}

void parse_cookie(Line& line, Draft& draft) {
  Cookie cookie;
  cookie.place = line.place;
  const Place name_place = line.more() ? line.peek().place : line.place;
  cookie.name = line.take_text("the name of a cookie");
  if (line.failed()) return;
  if (!is_cookie_name(cookie.name))
    return line.complain(name_place, format("'{}' is no name for a cookie", cookie.name));
  while (line.more()) parse_with(line, cookie_keywords(), cookie, "cookie");
  if (line.failed()) return;
  if (cookie.kind == Cookie::Kind::Rewrite && cookie.indirect)
    return line.complain(cookie.place, "'indirect' does not go with 'rewrite'");
  if (cookie.preserve && cookie.kind != Cookie::Kind::Insert && !cookie.indirect)
    return line.complain(cookie.place, "'preserve' needs 'insert' or 'indirect'");
  draft.proxy.cookie = std::move(cookie);
}

}  // namespace penstock::config
