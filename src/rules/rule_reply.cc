#include "rule_reply.h"

#include <algorithm>

#include "action_row.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/base/token.h"
#include "penstock/config/rule_words.h"

namespace penstock::rules {

using config::Word;

namespace {

// Replies.

// What `deny_status` may name (manual, "errorfile"): a page is built in or can be configured.
bool has_page(std::uint16_t status) {
  constexpr std::uint16_t kWithPage[] = {200, 400, 401, 403, 404, 405, 407, 408, 410, 413,
                                         421, 422, 425, 429, 431, 500, 501, 502, 503, 504};
  return std::find(std::begin(kWithPage), std::end(kWithPage), status) != std::end(kWithPage);
}

bool has_no_content(std::uint16_t status) { return status == 204 || status == 304; }

class ReplyCompiler {
 public:
  ReplyCompiler(Compiling& compiling, RuleWords& words, unsigned available)
      : compiling_(compiling), words_(words), available_(available) {}

  // `fixed_status`: an http-error's, which its words do not say again.
  std::optional<ReplyTemplate> compile(std::uint16_t status, bool standard_by_default, bool fixed_status) {
    reply_.status = status;
    may_deny_ = standard_by_default;
    while (words_.more()) {
      const Word& word = words_.pop();
      if (!take_keyword(word, fixed_status)) return std::nullopt;
    }
    reply_.standard =
        payload_ == "default-errorfiles" || (payload_.empty() && reply_.headers.empty() && standard_by_default);
    if (reply_.reason.empty()) reply_.reason = std::string(reason_of(reply_.status));
    const bool has_body = reply_.body_format.has_value() || !reply_.body.empty();
    if (has_body && payload_ != "errorfile" && has_no_content(reply_.status)) {
      words_.complain(payload_place_,
                      format("an answer of status {} has no content: take '{}' away", reply_.status, payload_));
      return std::nullopt;
    }
    if (reply_.standard && deny_status_ != nullptr && !has_page(reply_.status)) {
      words_.complain(deny_status_->place,
                      format("there is no page for status {}: write 'status {}', or give it a content", reply_.status,
                             reply_.status));
      return std::nullopt;
    }
    if (payload_ == "default-errorfiles" && !has_page(reply_.status)) {
      words_.complain(payload_place_,
                      format("there is no page for status {}: give the answer a content", reply_.status));
      return std::nullopt;
    }
    if (reply_.content_type.empty() && has_body && payload_ != "errorfile") {
      words_.complain(payload_place_, format("'{}' needs a 'content-type' for its text", payload_));
      return std::nullopt;
    }
    return std::move(reply_);
  }

 private:
  bool take_keyword(const Word& word, bool fixed_status) {
    const bool is_deny_status = word.text == "deny_status" && may_deny_;
    if ((word.text == "status" || is_deny_status) && !fixed_status) {
      deny_status_ = is_deny_status && words_.more() ? &words_.peek() : nullptr;
      return take_status();
    }
    if (word.text == "content-type") return take_content_type();
    if (word.text == "hdr") return take_header();
    constexpr std::string_view kPayloads[] = {
        "default-errorfiles", "errorfile", "errorfiles", "file", "lf-file", "string", "lf-string"};
    if (std::find(std::begin(kPayloads), std::end(kPayloads), word.text) == std::end(kPayloads)) {
      constexpr std::string_view kKnown[] = {
          "deny_status", "status", "content-type", "hdr",    "default-errorfiles", "errorfile",
          "errorfiles",  "file",   "lf-file",      "string", "lf-string"};
      const std::span known = std::span(kKnown).subspan(may_deny_ ? 0 : 1);
      return complain(word.place,
                      format("'{}' is not understood in '{}'{}", word.text, words_.subject(), hint(word.text, known)));
    }
    if (!payload_.empty())
      return complain(word.place, format("'{}' after '{}': an answer has one content", word.text, payload_));
    payload_ = word.text;
    payload_place_ = word.place;
    return take_payload();
  }

  bool complain(config::Place place, std::string text) {
    words_.complain(place, std::move(text));
    return false;
  }

  bool take_status() {
    const Word* word = words_.take("a status");
    if (word == nullptr) return false;
    const auto status = parse_unsigned(word->text);
    if (!status || *status < 200 || *status > 599)
      return complain(word->place, format("'{}' is no status from 200 to 599", word->text));
    reply_.status = static_cast<std::uint16_t>(*status);
    return true;
  }

  bool take_content_type() {
    const Word* word = words_.take("a media type such as text/plain");
    if (word == nullptr) return false;
    if (!is_field_value(word->text)) return complain(word->place, "a media type cannot hold a line end");
    reply_.content_type = word->text;
    return true;
  }

  bool take_header() {
    const Word* name = words_.take("the name of a header field");
    if (name == nullptr) return false;
    if (!is_token(name->text)) return complain(name->place, format("'{}' is no name of a header field", name->text));
    if (equal_nocase(name->text, "content-length") || equal_nocase(name->text, "transfer-encoding") ||
        equal_nocase(name->text, "connection")) {
      return complain(name->place,
                      format("'{}' of an answer of ours follows from its content and cannot be set", name->text));
    }
    const Word* value = words_.take("the field's value");
    if (value == nullptr) return false;
    auto compiled = compile_format(compiling_, value->text, value->place, FormatUse::Http, available_);
    if (!compiled) return false;
    if (compiled->constant() && !is_field_value(*compiled->constant()))
      return complain(value->place, format("the value of '{}' holds a line end", name->text));
    reply_.headers.push_back({name->text, std::move(*compiled)});
    return true;
  }

  bool take_payload() {
    if (payload_ == "default-errorfiles") return true;
    const Word* word = words_.take(payload_.ends_with("string") ? "a text" : "a name");
    if (word == nullptr) return false;
    if (payload_ == "errorfiles") return complain(word->place, "there is no section 'http-errors' of that name");
    if (payload_ == "errorfile") return take_error_file(*word);
    const std::string* text = &word->text;
    if (payload_.ends_with("file")) {
      text = compiling_.environment.content(word->text);
      if (text == nullptr) return complain(word->place, format("the file '{}' could not be read", word->text));
    }
    if (payload_.starts_with("lf-")) {
      reply_.body_format = compile_format(compiling_, *text, word->place, FormatUse::Http, available_);
      return reply_.body_format.has_value();
    }
    reply_.body = *text;
    return true;
  }

  bool take_error_file(const Word& word) {
    auto file = parse_error_file(compiling_, word.text, word.place, 0);
    if (!file) return false;
    // The rule's own status, if it says one, stays; the file's otherwise. Fields of the rule are ignored
    // as the manual says.
    file->status = file->status != 0 ? file->status : reply_.status;
    reply_ = std::move(*file);
    return true;
  }

  Compiling& compiling_;
  RuleWords& words_;
  unsigned available_;
  ReplyTemplate reply_;
  std::string payload_;
  config::Place payload_place_;
  bool may_deny_ = false;
  const Word* deny_status_ = nullptr;
};

std::unique_ptr<Action> compile_reply(Work& work, Verdict::Kind kind, std::uint16_t status, bool standard_by_default) {
  auto reply = ReplyCompiler(work.compiling, work.words, work.available).compile(status, standard_by_default, false);
  return reply ? make_reply(kind, std::move(*reply)) : nullptr;
}

std::unique_ptr<Action> compile_deny(Work& work) {
  return compile_reply(work, Verdict::Kind::Deny, work.side == Side::Request ? 403 : 502, true);
}
std::unique_ptr<Action> compile_tarpit(Work& work) { return compile_reply(work, Verdict::Kind::Tarpit, 500, true); }
std::unique_ptr<Action> compile_return(Work& work) { return compile_reply(work, Verdict::Kind::Reply, 200, false); }

// redirect

class RedirectCompiler {
 public:
  explicit RedirectCompiler(Work& work) : work_(work) {}

  std::unique_ptr<Action> compile() {
    while (work_.words.more()) {
      if (!take_word(work_.words.pop())) return nullptr;
    }
    if (!has_kind_)
      return work_.complain(work_.words.place(), "'redirect' expects 'location', 'prefix' or 'scheme' and its text");
    if (work_.side == Side::Response && plan_.kind != RedirectPlan::Kind::Location) {
      return work_.complain(kind_place_, "a response can be redirected by 'location' only");
    }
    return make_redirect(std::move(plan_));
  }

 private:
  bool complain(config::Place place, std::string text) {
    work_.complain(place, std::move(text));
    return false;
  }

  bool take_word(const Word& word) {
    if (word.text == "location") return take_kind(RedirectPlan::Kind::Location, word.place);
    if (word.text == "prefix") return take_kind(RedirectPlan::Kind::Prefix, word.place);
    if (word.text == "scheme") return take_kind(RedirectPlan::Kind::Scheme, word.place);
    if (word.text == "code") return take_code();
    if (word.text == "drop-query") return plan_.drop_query = true;
    if (word.text == "append-slash") return plan_.append_slash = true;
    if (word.text == "ignore-empty") return plan_.ignore_empty = true;
    if (word.text == "set-cookie") return take_cookie("; path=/;");
    if (word.text == "clear-cookie") return take_cookie("; path=/; Max-Age=0;");
    constexpr std::string_view kKnown[] = {"location",     "prefix",       "scheme",       "code",
                                           "drop-query",   "append-slash", "ignore-empty", "set-cookie",
                                           "clear-cookie", "if",           "unless"};
    return complain(word.place, format("'{}' is not understood in 'redirect'{}", word.text, hint(word.text, kKnown)));
  }

  bool take_kind(RedirectPlan::Kind kind, config::Place place) {
    if (has_kind_) return complain(place, "'redirect' goes one way: location, prefix or scheme was given before");
    const Word* text = work_.words.take("a text");
    if (text == nullptr) return false;
    plan_.kind = kind;
    kind_place_ = place;
    has_kind_ = true;
    if (!is_field_value(text->text)) return complain(text->place, "a redirect cannot hold a line end");
    if (work_.is_redirect_line()) {
      plan_.text = plain_format(text->text);
      return true;
    }
    auto compiled = compile_format(work_.compiling, text->text, text->place, FormatUse::Http, work_.available);
    if (compiled) plan_.text = std::move(*compiled);
    return compiled.has_value();
  }

  bool take_code() {
    const Word* word = work_.words.take("301, 302, 303, 307 or 308");
    if (word == nullptr) return false;
    for (const std::uint16_t code : {301, 302, 303, 307, 308}) {
      if (word->text == format("{}", code)) return plan_.code = code, true;
    }
    return complain(word->place,
                    format("'{}' is no code of a redirect: 301, 302, 303, 307 or 308 was expected", word->text));
  }

  bool take_cookie(std::string_view attributes) {
    const Word* word = work_.words.take("a cookie");
    if (word == nullptr) return false;
    if (!is_field_value(word->text)) return complain(word->place, "a cookie cannot hold a line end");
    plan_.cookie = word->text + std::string(attributes);
    return true;
  }

  Work& work_;
  RedirectPlan plan_;
  config::Place kind_place_;
  bool has_kind_ = false;
};

std::unique_ptr<Action> compile_redirect(Work& work) { return RedirectCompiler(work).compile(); }
constexpr ActionRow kActions[] = {
    {"deny", kRequest | kResponse, compile_deny},
    {"redirect", kRequest | kResponse, compile_redirect},
    {"return", kRequest | kResponse, compile_return},
    {"tarpit", kRequest, compile_tarpit},
};

// Fields of an error file that the sender adds itself.
bool is_senders(std::string_view name) {
  return equal_nocase(name, "content-length") || equal_nocase(name, "connection") ||
         equal_nocase(name, "transfer-encoding") || equal_nocase(name, "date") || equal_nocase(name, "keep-alive");
}

std::string_view take_line(std::string_view& text) {
  std::string_view line = cut(text, '\n');
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

std::span<const ActionRow> reply_actions() { return kActions; }

std::optional<ReplyTemplate> compile_error_reply(Compiling& compiling, config::Place place, std::uint16_t status,
                                                 std::span<const Word> words) {
  RuleWords cursor(compiling, words, "http-error", words.empty() ? place : config::behind(words.back()));
  auto reply = ReplyCompiler(compiling, cursor, kForError).compile(status, false, true);
  if (reply) reply->available = kForError;
  return reply;
}

std::optional<ReplyTemplate> parse_error_file(Compiling& compiling, const std::string& path, config::Place place,
                                              std::uint16_t status) {
  const auto complain = [&](std::string text) {
    compiling.diagnostics.add(place, format("the error file '{}' {}", path, text));
    return std::nullopt;
  };
  const std::string* content = compiling.environment.content(path);
  if (content == nullptr) return complain("could not be read");
  ReplyTemplate reply;
  reply.status = status;
  if (content->empty()) {
    reply.silent = true;
    return reply;
  }
  std::string_view rest = *content;
  std::string_view reason = take_line(rest);
  const std::string_view version = cut(reason, ' ');
  const auto code = parse_unsigned(cut(reason, ' '));
  if (!version.starts_with("HTTP/1.") || !code || *code < 200 || *code > 599)
    return complain("does not begin with a status line such as 'HTTP/1.0 503 Service Unavailable'");
  reply.status = static_cast<std::uint16_t>(*code);
  reply.reason = std::string(reason);
  std::optional<std::string_view> length;
  bool coded = false;
  for (;;) {
    if (rest.empty()) return complain("has no empty line behind its header fields");
    const std::string_view line = take_line(rest);
    if (line.empty()) break;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon)) || !is_field_value(line))
      return complain(format("has a line that is no header field: '{}'", line));
    const std::string_view name = line.substr(0, colon), value = trim(line.substr(colon + 1));
    if (equal_nocase(name, "content-length")) length = value;
    if (equal_nocase(name, "transfer-encoding")) coded = true;
    if (!is_senders(name)) reply.headers.push_back({std::string(name), plain_format(value)});
  }
  if (has_no_content(reply.status)) {
    if (!rest.empty())
      return complain(format("goes on behind its header: an answer of status {} has no content", *code));
    return reply;
  }
  if (coded) return complain("says 'Transfer-Encoding': write its text as it is, and take that line away");
  if (length && parse_unsigned(*length) != rest.size())
    return complain(
        format("says 'Content-Length: {}' and has {} bytes behind its header: take that line away, the right "
               "one is sent",
               *length, rest.size()));
  reply.body = std::string(rest);
  return reply;
}

void collect_reply_files(std::span<const Word> words, std::vector<NamedFile>& files) {
  for (const Word* file : config::files_of_reply(words)) files.push_back({file->text, file->place});
  for (const Word& word : words) collect_map_files(word, files);
}

}  // namespace penstock::rules
