// Actions that change a message: its fields, target, method and status.
#include <algorithm>

#include "action.h"
#include "penstock/base/text.h"

namespace penstock::rules {

bool is_token(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || kMarks.find(c) != std::string_view::npos;
  });
}

bool is_field_value(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

namespace {

Head* head_of(Subject& subject, Side side) { return side == Side::Request ? subject.request : subject.response; }

// The framing of a message is no rule's to change.
bool is_framing(std::string_view name) { return equal_nocase(name, "content-length") || equal_nocase(name, "transfer-encoding"); }

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

// A text replaced as a whole if the regex matches some of it.
bool replace_if_matching(Subject& subject, const Regex& regex, const Format& replacement, std::string_view& text) {
  if (!regex.matches(subject, text)) return false;
  // Printing the format may match other regexes: the groups are looked for after it.
  const std::string_view with = replacement.expand(subject);
  RegexGroups groups;
  if (!regex.find(subject, text, 0, groups)) return false;
  text = expand_groups(subject, with, text, groups);
  return true;
}

class ReplaceField final : public Action {
 public:
  ReplaceField(Side side, std::string name, std::unique_ptr<Regex> regex, Format replacement, bool each_value)
      : side_(side), name_(std::move(name)), regex_(std::move(regex)), replacement_(std::move(replacement)), each_value_(each_value) {}

  Flow run(Subject& subject, Verdict&) const override {
    Head* head = head_of(subject, side_);
    if (head == nullptr) return Flow::Failed;
    for (std::size_t i = 0; i < head->fields.size(); ++i) {
      Field& field = head->fields[i];
      if (!equal_nocase(field.name, name_)) continue;
      if (each_value_) replace_values(subject, field.value);
      else replace_if_matching(subject, *regex_, replacement_, field.value);
      field.value = trim(field.value);
    }
    forget(subject, kOnFields);
    return Flow::Next;
  }

 private:
  // Each comma separated value; the blanks around it stay.
  void replace_values(Subject& subject, std::string_view& list) const {
    std::string_view done = list.substr(0, 0);
    bool changed = false;
    for (std::string_view rest = list;;) {
      const std::size_t comma = end_of_value(rest);
      const std::string_view part = rest.substr(0, comma);
      std::string_view value = trim(part);
      const std::string_view before = part.substr(0, static_cast<std::size_t>(value.data() - part.data()));
      const std::string_view after = part.substr(before.size() + value.size());
      changed = replace_if_matching(subject, *regex_, replacement_, value) || changed;
      const bool last = comma == rest.size();
      done = subject.arena.concat({done, before, value, after, last ? std::string_view() : std::string_view(",")});
      if (last) break;
      rest.remove_prefix(comma + 1);
    }
    if (changed) list = done;
  }

  static std::size_t end_of_value(std::string_view list) {
    bool quoted = false;
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (list[i] == '\\' && quoted) ++i;
      else if (list[i] == '"') quoted = !quoted;
      else if (list[i] == ',' && !quoted) return i;
    }
    return list.size();
  }

  Side side_;
  std::string name_;
  std::unique_ptr<Regex> regex_;
  Format replacement_;
  bool each_value_;
};

// What RFC 9112 section 3.2 lets stand in a request line; bytes above ASCII pass as they came.
bool is_target(std::string_view target) {
  return !target.empty() && std::all_of(target.begin(), target.end(), [](char c) { return static_cast<unsigned char>(c) > ' ' && c != 127; });
}

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
  const std::string_view prefix = parts.path_and_query.empty() && parts.prefix == "*" ? std::string_view() : parts.prefix;
  switch (part) {
    case TargetPart::Uri: return put_target(subject, value);
    case TargetPart::PathAndQuery: return put_target(subject, subject.arena.concat({prefix, value}));
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
    std::string_view text = part_ == TargetPart::Uri ? subject.request->target : part_ == TargetPart::Path ? parts.path : parts.path_and_query;
    if (!replace_if_matching(subject, *regex_, replacement_, text)) return Flow::Next;
    return put_part(subject, part_, text);
  }

 private:
  TargetPart part_;
  std::unique_ptr<Regex> regex_;
  Format replacement_;
};

class SetMethod final : public Action {
 public:
  explicit SetMethod(Format value) : value_(std::move(value)) {}

  Flow run(Subject& subject, Verdict&) const override {
    const std::string_view method = value_.expand(subject);
    if (subject.request == nullptr || !is_token(method)) return Flow::Failed;
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
std::unique_ptr<Action> make_replace_field(Side side, std::string name, std::unique_ptr<Regex> regex, Format replacement, bool each_value) {
  return std::make_unique<ReplaceField>(side, std::move(name), std::move(regex), std::move(replacement), each_value);
}
std::unique_ptr<Action> make_set_target(TargetPart part, Format value) { return std::make_unique<SetTarget>(part, std::move(value)); }
std::unique_ptr<Action> make_replace_target(TargetPart part, std::unique_ptr<Regex> regex, Format replacement) {
  return std::make_unique<ReplaceTarget>(part, std::move(regex), std::move(replacement));
}
std::unique_ptr<Action> make_set_method(Format value) { return std::make_unique<SetMethod>(std::move(value)); }
std::unique_ptr<Action> make_set_status(std::uint16_t status, std::string reason) {
  return std::make_unique<SetStatus>(status, std::move(reason));
}

}  // namespace penstock::rules
