// Actions that end a rule set or change what is not on the message.
#include <algorithm>

#include "action.h"

namespace penstock::rules {

namespace {

class Ending final : public Action {
 public:
  explicit Ending(Verdict::Kind kind) : kind_(kind) {}
  Flow run(Subject&, Verdict& verdict) const override {
    verdict.kind = kind_;
    return Flow::Stop;
  }

 private:
  Verdict::Kind kind_;
};

class Answer final : public Action {
 public:
  Answer(Verdict::Kind kind, ReplyTemplate reply) : kind_(kind), reply_(std::move(reply)) {}
  Flow run(Subject& subject, Verdict& verdict) const override {
    verdict.kind = kind_;
    verdict.reply = reply_.expand(subject);
    return Flow::Stop;
  }

 private:
  Verdict::Kind kind_;
  ReplyTemplate reply_;
};

class Redirect final : public Action {
 public:
  explicit Redirect(RedirectPlan plan) : plan_(std::move(plan)) {}

  Flow run(Subject& subject, Verdict& verdict) const override {
    const std::string_view text = plan_.text.expand(subject);
    if (plan_.ignore_empty && text.empty()) return Flow::Next;
    constexpr std::size_t kMostFields = 3;
    Field* fields = static_cast<Field*>(subject.arena.allocate(kMostFields * sizeof(Field), alignof(Field)));
    std::size_t count = 0;
    fields[count++] = {"Location", location(subject, text)};
    // Temporary ones are not to be kept by a cache.
    if (plan_.code == 302 || plan_.code == 303 || plan_.code == 307) fields[count++] = {"Cache-Control", "no-cache"};
    if (!plan_.cookie.empty()) fields[count++] = {"Set-Cookie", plan_.cookie};
    verdict.kind = Verdict::Kind::Reply;
    verdict.reply.status = plan_.code;
    verdict.reply.reason = reason_of(plan_.code);
    verdict.reply.fields = {fields, count};
    return Flow::Stop;
  }

 private:
  std::string_view location(Subject& subject, std::string_view text) const {
    if (plan_.kind == RedirectPlan::Kind::Location || subject.request == nullptr) return text;
    const TargetParts parts = split_target(subject.request->target);
    const std::string_view path = plan_.drop_query ? parts.path : parts.path_and_query;
    const auto slash_behind = [&](std::string_view tail) {
      return plan_.append_slash && !tail.ends_with('/') ? std::string_view("/") : std::string_view();
    };
    if (plan_.kind == RedirectPlan::Kind::Prefix) {
      const std::string_view prefix = text == "/" ? std::string_view() : text;
      return subject.arena.concat({prefix, path, slash_behind(path)});
    }
    const Field* host = subject.request->find("host");
    const std::string_view tail = path.empty() ? std::string_view("/") : path;
    return subject.arena.concat(
        {text, "://", host == nullptr ? std::string_view() : host->value, tail, slash_behind(tail)});
  }

  RedirectPlan plan_;
};

class SetVariable final : public Action {
 public:
  SetVariable(VariableName name, std::unique_ptr<Expression> expression, Format format, unsigned conditions)
      : name_(std::move(name)),
        expression_(std::move(expression)),
        format_(std::move(format)),
        conditions_(conditions) {}

  Flow run(Subject& subject, Verdict&) const override {
    Value value;
    Cursor cursor;
    if (expression_ == nullptr) value.set_text(format_.expand(subject));
    // A sample that is not there leaves the variable as it is.
    else if (!evaluate(*expression_, subject, cursor, value))
      return Flow::Next;
    set_variable(subject, name_, value, conditions_);
    return Flow::Next;
  }

 private:
  VariableName name_;
  std::unique_ptr<Expression> expression_;
  Format format_;
  unsigned conditions_;
};

class UnsetVariable final : public Action {
 public:
  explicit UnsetVariable(VariableName name) : name_(std::move(name)) {}
  Flow run(Subject& subject, Verdict&) const override {
    unset_variable(subject, name_);
    return Flow::Next;
  }

 private:
  VariableName name_;
};

class Capture final : public Action {
 public:
  Capture(Side side, std::unique_ptr<Expression> expression, std::size_t slot)
      : side_(side), expression_(std::move(expression)), slot_(slot) {}

  Flow run(Subject& subject, Verdict&) const override {
    Value value;
    Cursor cursor;
    if (!evaluate(*expression_, subject, cursor, value)) return cursor.undecided ? Flow::Wait : Flow::Next;
    if (!cast(subject, value, Type::Text)) return Flow::Next;
    keep_capture(subject, side_ == Side::Response, slot_, value.text);
    return Flow::Next;
  }

 private:
  Side side_;
  std::unique_ptr<Expression> expression_;
  std::size_t slot_;
};

class SetLogLevel final : public Action {
 public:
  SetLogLevel(Effects::LogLevel kind, Level level) : kind_(kind), level_(level) {}
  Flow run(Subject& subject, Verdict&) const override {
    subject.effects.log = kind_;
    subject.effects.log_level = level_;
    return Flow::Next;
  }

 private:
  Effects::LogLevel kind_;
  Level level_;
};

class SetTimeout final : public Action {
 public:
  SetTimeout(Timeout timeout, std::int64_t ms, std::unique_ptr<Expression> expression)
      : timeout_(timeout), ms_(ms), expression_(std::move(expression)) {}

  Flow run(Subject& subject, Verdict&) const override {
    std::int64_t ms = ms_;
    if (expression_ != nullptr) {
      Value value;
      Cursor cursor;
      if (!evaluate(*expression_, subject, cursor, value) || !cast(subject, value, Type::Integer)) return Flow::Next;
      ms = value.integer;
    }
    // No time is no timeout, and that is not what the rule is for.
    if (ms > 0) place_of(subject.effects) = ms;
    return Flow::Next;
  }

 private:
  std::int64_t& place_of(Effects& effects) const {
    if (timeout_ == Timeout::Client) return effects.timeout_client_ms;
    return timeout_ == Timeout::Server ? effects.timeout_server_ms : effects.timeout_tunnel_ms;
  }

  Timeout timeout_;
  std::int64_t ms_;
  std::unique_ptr<Expression> expression_;
};

class NoL7Retry final : public Action {
 public:
  Flow run(Subject& subject, Verdict&) const override {
    subject.effects.no_l7_retry = true;
    return Flow::Next;
  }
};

class ExpectProxy final : public Action {
 public:
  Flow run(Subject& subject, Verdict&) const override {
    subject.effects.expect_proxy = true;
    return Flow::Next;
  }
};

class StrictMode final : public Action {
 public:
  explicit StrictMode(bool on) : on_(on) {}
  Flow run(Subject&, Verdict&) const override { return on_ ? Flow::StrictOn : Flow::StrictOff; }

 private:
  bool on_;
};

class ChangePatterns final : public Action {
 public:
  ChangePatterns(PatternAct act, std::shared_ptr<PatternSet> set, Format key, std::optional<Format> value)
      : act_(act), set_(std::move(set)), key_(std::move(key)), value_(std::move(value)) {}

  Flow run(Subject& subject, Verdict&) const override {
    if (subject.explained != nullptr) return Flow::Next;
    const std::string_view key = key_.expand(subject);
    if (act_ == PatternAct::Remove)
      set_->remove(key);
    else
      set_->put(key, value_ ? value_->expand(subject) : std::string_view());
    // What a named ACL said of it may hold no longer.
    subject.memory.known = 0;
    return Flow::Next;
  }

 private:
  PatternAct act_;
  std::shared_ptr<PatternSet> set_;
  Format key_;
  std::optional<Format> value_;
};

}  // namespace

std::unique_ptr<Action> make_end(Verdict::Kind kind) { return std::make_unique<Ending>(kind); }
std::unique_ptr<Action> make_reply(Verdict::Kind kind, ReplyTemplate reply) {
  return std::make_unique<Answer>(kind, std::move(reply));
}
std::unique_ptr<Action> make_redirect(RedirectPlan plan) { return std::make_unique<Redirect>(std::move(plan)); }
std::unique_ptr<Action> make_change_patterns(PatternAct act, std::shared_ptr<PatternSet> set, Format key,
                                             std::optional<Format> value) {
  return std::make_unique<ChangePatterns>(act, std::move(set), std::move(key), std::move(value));
}
std::unique_ptr<Action> make_set_variable(VariableName name, std::unique_ptr<Expression> expression, Format format,
                                          unsigned conditions) {
  return std::make_unique<SetVariable>(std::move(name), std::move(expression), std::move(format), conditions);
}
std::unique_ptr<Action> make_unset_variable(VariableName name) {
  return std::make_unique<UnsetVariable>(std::move(name));
}
std::unique_ptr<Action> make_capture(Side side, std::unique_ptr<Expression> expression, std::size_t slot) {
  return std::make_unique<Capture>(side, std::move(expression), slot);
}
std::unique_ptr<Action> make_set_log_level(Effects::LogLevel kind, Level level) {
  return std::make_unique<SetLogLevel>(kind, level);
}
std::unique_ptr<Action> make_set_timeout(Timeout timeout, std::int64_t ms, std::unique_ptr<Expression> expression) {
  return std::make_unique<SetTimeout>(timeout, ms, std::move(expression));
}
std::unique_ptr<Action> make_no_l7_retry() { return std::make_unique<NoL7Retry>(); }

std::unique_ptr<Action> make_expect_proxy() { return std::make_unique<ExpectProxy>(); }
std::unique_ptr<Action> make_strict_mode(bool on) { return std::make_unique<StrictMode>(on); }

}  // namespace penstock::rules
