// Actions that change a message: its fields, target, method and status.
#include <algorithm>
#include <optional>

#include "action.h"
#include "penstock/base/text.h"
#include "penstock/base/token.h"
#include "stopwatch.h"

namespace penstock::rules {

bool is_field_value(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

namespace {

Head* head_of(Subject& subject, Side side) { return side == Side::Request ? subject.request : subject.response; }

// What RFC 9112 section 3.2 lets stand in a request line; bytes above ASCII pass as they came.
bool is_target(std::string_view target) {
  return !target.empty() && std::all_of(target.begin(), target.end(),
                                        [](char c) { return static_cast<unsigned char>(c) > ' ' && c != 127; });
}

// Host and the authority of an absolute target are one: what changes either changes both.
std::string_view authority_of(const TargetParts& parts) {
  const std::size_t scheme = parts.prefix.find("://");
  if (scheme == std::string_view::npos) return {};
  const std::string_view authority = parts.prefix.substr(scheme + 3);
  const std::size_t user = authority.rfind('@');
  return user == std::string_view::npos ? authority : authority.substr(user + 1);
}

void let_host_follow(Subject& subject) {
  const std::string_view authority = authority_of(split_target(subject.request->target));
  if (authority.empty()) return;
  bool found = false;
  for (std::size_t i = 0; i < subject.request->fields.size(); ++i) {
    Field& field = subject.request->fields[i];
    if (!equal_nocase(field.name, "host")) continue;
    field.value = authority;
    found = true;
  }
  if (!found) subject.request->fields.push_back(subject.arena, Field{"Host", authority});
  forget(subject, kOnFields);
}

void let_target_follow(Subject& subject, std::string_view name) {
  if (!equal_nocase(name, "host") || subject.request->target.starts_with('/')) return;
  const TargetParts parts = split_target(subject.request->target);
  const std::string_view authority = authority_of(parts);
  const Field* host = subject.request->find("host");
  if (authority.empty() || host == nullptr || host->value.empty() || host->value == authority) return;
  const std::string_view scheme = parts.prefix.substr(0, parts.prefix.find("://") + 3);
  const std::string_view target = subject.arena.concat({scheme, host->value, parts.path_and_query});
  if (!is_target(target)) return;
  subject.request->target = target;
  forget(subject, kOnTarget);
}

// The framing of a message is no rule's to change.
bool is_framing(std::string_view name) {
  return equal_nocase(name, "content-length") || equal_nocase(name, "transfer-encoding");
}

class SetField final : public Action {
 public:
  SetField(Side side, std::string name, Format value, bool keep_others)
      : side_(side), name_(std::move(name)), value_(std::move(value)), keep_others_(keep_others) {}

  Flow run(Subject& subject, Verdict&) const override {
    Head* head = head_of(subject, side_);
    if (head == nullptr) return Flow::Failed;
    // Before the old one goes: it may be part of the new.
    const std::string_view value = trim(value_.expand(subject));
    if (!keep_others_) head->drop(name_);
    head->fields.push_back(subject.arena, Field{name_, value});
    forget(subject, kOnFields);
    if (side_ == Side::Request) let_target_follow(subject, name_);
    return Flow::Next;
  }

 private:
  Side side_;
  std::string name_;
  Format value_;
  bool keep_others_;
};

class DeleteField final : public Action {
 public:
  DeleteField(Side side, Match match, std::string name, std::unique_ptr<Regex> regex)
      : side_(side), match_(match), name_(std::move(name)), regex_(std::move(regex)) {}

  Flow run(Subject& subject, Verdict&) const override {
    Head* head = head_of(subject, side_);
    if (head == nullptr) return Flow::Failed;
    if (match_ == Match::Str) {
      head->drop(name_);
    } else {
      for (std::size_t i = head->fields.size(); i-- > 0;) {
        if (matches(subject, head->fields[i].name) && !is_framing(head->fields[i].name)) head->fields.erase(i);
      }
    }
    forget(subject, kOnFields);
    return Flow::Next;
  }

 private:
  bool matches(Subject& subject, std::string_view field) const {
    if (match_ == Match::Beg) return starts_with_nocase(field, name_);
    if (match_ == Match::End) return ends_with_nocase(field, name_);
    if (match_ == Match::Sub) return find_nocase(field, name_) != std::string_view::npos;
    return regex_->matches(subject, field);
  }

  Side side_;
  Match match_;
  std::string name_;
  std::unique_ptr<Regex> regex_;
};

// Replaces texts that a regex matches, or matches some of. The replacement is printed once, before
// the first of them.
class Replacer {
 public:
  Replacer(Subject& subject, const Regex& regex, const Format& replacement)
      : subject_(subject), regex_(regex), replacement_(replacement) {}

  bool replace(std::string_view& text) {
    RegexGroups groups;
    if (!regex_.find(subject_, text, 0, groups)) return false;
    if (!with_) {
      with_ = replacement_.expand(subject_);
      // Printing may have matched other regexes: the groups are gone.
      if (!regex_.find(subject_, text, 0, groups)) return false;
    }
    text = expand_groups(subject_, *with_, text, groups);
    return true;
  }

 private:
  Subject& subject_;
  const Regex& regex_;
  const Format& replacement_;
  std::optional<std::string_view> with_;
};

class ReplaceField final : public Action {
 public:
  ReplaceField(Side side, std::string name, std::unique_ptr<Regex> regex, Format replacement, bool each_value)
      : side_(side),
        name_(std::move(name)),
        regex_(std::move(regex)),
        replacement_(std::move(replacement)),
        each_value_(each_value) {}

  Flow run(Subject& subject, Verdict&) const override {
    Head* head = head_of(subject, side_);
    if (head == nullptr) return Flow::Failed;
    Replacer replacer(subject, *regex_, replacement_);
    for (std::size_t i = 0; i < head->fields.size(); ++i) {
      Field& field = head->fields[i];
      if (!equal_nocase(field.name, name_)) continue;
      if (each_value_)
        replace_values(subject, replacer, field.value);
      else
        replacer.replace(field.value);
      field.value = trim(field.value);
    }
    forget(subject, kOnFields);
    if (side_ == Side::Request) let_target_follow(subject, name_);
    return Flow::Next;
  }

 private:
  // Each comma separated value; the blanks around it stay.
  void replace_values(Subject& subject, Replacer& replacer, std::string_view& list) const {
    Stopwatch stopwatch(matching_ns(list.size()));
    TextBuilder done(subject);
    std::size_t copied = 0;  // Of the list.
    for (std::size_t begin = 0; begin <= list.size();) {
      const std::size_t end = begin + end_of_value(list.substr(begin));
      const std::string_view old = trim(list.substr(begin, end - begin));
      std::string_view value = old;
      if (replacer.replace(value)) {
        const auto at = static_cast<std::size_t>(old.data() - list.data());
        done.put(list.substr(copied, at - copied));
        done.put(value);
        copied = at + old.size();
      }
      if (stopwatch.over()) subject.trouble = Trouble::Match;
      if (subject.trouble != Trouble::None) return;
      begin = end + 1;
    }
    if (copied == 0 && done.text().empty()) return;
    done.put(list.substr(copied));
    list = done.text();
  }

  static std::size_t end_of_value(std::string_view list) {
    bool quoted = false;
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (list[i] == '\\' && quoted)
        ++i;
      else if (list[i] == '"')
        quoted = !quoted;
      else if (list[i] == ',' && !quoted)
        return i;
    }
    return list.size();
  }

  Side side_;
  std::string name_;
  std::unique_ptr<Regex> regex_;
  Format replacement_;
  bool each_value_;
};

Flow put_target(Subject& subject, std::string_view target) {
  if (!is_target(target)) return Flow::Failed;
  subject.request->target = target;
  forget(subject, kOnTarget);
  return Flow::Next;
}

Flow put_part(Subject& subject, TargetPart part, std::string_view value) {
  const TargetParts parts = split_target(subject.request->target);
  const bool has_query = parts.query.data() != nullptr;
  // "*" has no path: it is replaced.
  const std::string_view prefix =
      parts.path_and_query.empty() && parts.prefix == "*" ? std::string_view() : parts.prefix;
  // Behind an authority anything but a path would make it another one.
  const bool is_path = part == TargetPart::Path || part == TargetPart::PathAndQuery;
  if (is_path && !prefix.empty() && !value.starts_with('/')) return Flow::Failed;
  switch (part) {
    case TargetPart::Uri: {
      const Flow flow = put_target(subject, value);
      if (flow == Flow::Next) let_host_follow(subject);
      return flow;
    }
    case TargetPart::PathAndQuery:
      return put_target(subject, subject.arena.concat({prefix, value}));
    case TargetPart::Path:
      if (has_query) return put_target(subject, subject.arena.concat({prefix, value, "?", parts.query}));
      return put_target(subject, subject.arena.concat({prefix, value}));
    case TargetPart::Query: {
      const std::string_view mark = has_query || !value.empty() ? std::string_view("?") : std::string_view();
      return put_target(subject, subject.arena.concat({parts.prefix, parts.path, mark, value}));
    }
  }
  return Flow::Failed;
}

class SetTarget final : public Action {
 public:
  SetTarget(TargetPart part, Format value) : part_(part), value_(std::move(value)) {}

  Flow run(Subject& subject, Verdict&) const override {
    if (subject.request == nullptr) return Flow::Failed;
    return put_part(subject, part_, value_.expand(subject));
  }

 private:
  TargetPart part_;
  Format value_;
};

class ReplaceTarget final : public Action {
 public:
  ReplaceTarget(TargetPart part, std::unique_ptr<Regex> regex, Format replacement)
      : part_(part), regex_(std::move(regex)), replacement_(std::move(replacement)) {}

  Flow run(Subject& subject, Verdict&) const override {
    if (subject.request == nullptr) return Flow::Failed;
    const TargetParts parts = split_target(subject.request->target);
    std::string_view text = part_ == TargetPart::Uri    ? subject.request->target
                            : part_ == TargetPart::Path ? parts.path
                                                        : parts.path_and_query;
    if (!Replacer(subject, *regex_, replacement_).replace(text)) return Flow::Next;
    return put_part(subject, part_, text);
  }

 private:
  TargetPart part_;
  std::unique_ptr<Regex> regex_;
  Format replacement_;
};

class NormalizeUri final : public Action {
 public:
  NormalizeUri(Normalizer normalizer, bool strict) : normalizer_(normalizer), strict_(strict) {}

  Flow run(Subject& subject, Verdict& verdict) const override {
    if (subject.request == nullptr) return Flow::Failed;
    const std::string_view before = split_target(subject.request->target).path_and_query;
    if (before.empty()) return Flow::Next;
    const auto after = normalize(normalizer_, before, strict_, subject.arena);
    if (!after) {
      verdict.kind = Verdict::Kind::Deny;
      verdict.reply = Reply::of(400);
      return Flow::Stop;
    }
    return *after == before ? Flow::Next : put_part(subject, TargetPart::PathAndQuery, *after);
  }

 private:
  Normalizer normalizer_;
  bool strict_;
};

class SetMethod final : public Action {
 public:
  explicit SetMethod(Format value) : value_(std::move(value)) {}

  Flow run(Subject& subject, Verdict&) const override {
    const std::string_view method = value_.expand(subject);
    if (subject.request == nullptr || !is_token(method)) return Flow::Failed;
    // What stands behind CONNECT, and behind the answer to it, is no message: it stays one or none.
    if ((method == "CONNECT") != (subject.request->method == "CONNECT")) return Flow::Failed;
    subject.request->method = method;
    forget(subject, kOnTarget);
    return Flow::Next;
  }

 private:
  Format value_;
};

class SetStatus final : public Action {
 public:
  SetStatus(std::uint16_t status, std::string reason) : status_(status), reason_(std::move(reason)) {}

  Flow run(Subject& subject, Verdict&) const override {
    if (subject.response == nullptr) return Flow::Failed;
    subject.response->status = status_;
    subject.response->reason = reason_;
    forget(subject, kOnFields);
    return Flow::Next;
  }

 private:
  std::uint16_t status_;
  std::string reason_;
};

}  // namespace

std::unique_ptr<Action> make_set_field(Side side, std::string name, Format value, bool keep_others) {
  return std::make_unique<SetField>(side, std::move(name), std::move(value), keep_others);
}
std::unique_ptr<Action> make_delete_field(Side side, Match match, std::string name, std::unique_ptr<Regex> regex) {
  return std::make_unique<DeleteField>(side, match, std::move(name), std::move(regex));
}
std::unique_ptr<Action> make_replace_field(Side side, std::string name, std::unique_ptr<Regex> regex,
                                           Format replacement, bool each_value) {
  return std::make_unique<ReplaceField>(side, std::move(name), std::move(regex), std::move(replacement), each_value);
}
std::unique_ptr<Action> make_set_target(TargetPart part, Format value) {
  return std::make_unique<SetTarget>(part, std::move(value));
}
std::unique_ptr<Action> make_replace_target(TargetPart part, std::unique_ptr<Regex> regex, Format replacement) {
  return std::make_unique<ReplaceTarget>(part, std::move(regex), std::move(replacement));
}
std::unique_ptr<Action> make_normalize_uri(Normalizer normalizer, bool strict) {
  return std::make_unique<NormalizeUri>(normalizer, strict);
}
std::unique_ptr<Action> make_set_method(Format value) { return std::make_unique<SetMethod>(std::move(value)); }
std::unique_ptr<Action> make_set_status(std::uint16_t status, std::string reason) {
  return std::make_unique<SetStatus>(status, std::move(reason));
}

}  // namespace penstock::rules
