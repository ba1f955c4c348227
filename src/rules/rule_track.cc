// Actions about stick tables: `track-sc0` and kin, and counters set by rules (manual section 4.2).
#include "action_row.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/rules/stick.h"
#include "penstock/rules/tracked.h"
#include "track.h"

namespace penstock::rules {

using config::Word;

namespace {

using Data = config::StickData;

// Of the connection, where rules of a connection say so; else of the transaction.
class Track final : public Action {
 public:
  Track(std::size_t number, int table, std::unique_ptr<Expression> key, bool of_connection, bool of_answer)
      : number_(number), table_(table), key_(std::move(key)), of_connection_(of_connection), of_answer_(of_answer) {}

  Flow run(Subject& subject, Verdict&) const override {
    if (subject.explained != nullptr) return Flow::Next;
    // The first rule that finds a key decides.
    if (tracked_by(subject, static_cast<std::int64_t>(number_)) != nullptr) return Flow::Next;
    const auto* table = table_at(subject, table_);
    if (table == nullptr) return Flow::Next;
    Value value;
    Cursor cursor;
    std::string_view key;
    if (!evaluate(*key_, subject, cursor, value)) return cursor.undecided ? Flow::Wait : Flow::Next;
    if (!make_key((*table)->line(), subject, value, key)) return Flow::Next;
    const StickTable::Hold hold = begin(subject, *table, key);
    return Flow::Next;
  }

 private:
  StickTable::Hold begin(Subject& subject, const std::shared_ptr<StickTable>& table, std::string_view key) const {
    const std::uint64_t now_ms = now_of(subject);
    if (of_connection_) {
      auto& tracking = subject.client->tracking;
      if (tracking == nullptr) tracking = std::make_unique<ConnectionTracking>();
      tracking->keep(number_, table);
      return tracking->tracking.begin(number_, *table, key, now_ms);
    }
    if (subject.tracking == nullptr) subject.tracking = subject.arena.make<Tracking>();
    StickTable::Hold hold = subject.tracking->begin(number_, *table, key, now_ms);
    // What is tracked from here on has seen the request come, or the answer.
    if (hold && subject.request != nullptr) hold.count(Data::HttpReqCnt);
    if (hold && of_answer_ && subject.response != nullptr) {
      if (tracked::is_error(subject.response->status)) hold.count(Data::HttpErrCnt);
      if (tracked::is_failure(subject.response->status)) hold.count(Data::HttpFailCnt);
    }
    return hold;
  }

  std::size_t number_;
  int table_;
  std::unique_ptr<Expression> key_;
  bool of_connection_, of_answer_;
};

class CountUp final : public Action {
 public:
  CountUp(std::int64_t number, Data data, std::uint32_t element) : number_(number), data_(data), element_(element) {}
  Flow run(Subject& subject, Verdict&) const override {
    const Tracking::Counter* counter = tracked_by(subject, number_);
    if (counter != nullptr) counter->table->pinned(*counter->entry, now_of(subject)).count(data_, 1, element_);
    return Flow::Next;
  }

 private:
  std::int64_t number_;
  Data data_;
  std::uint32_t element_;
};

// To a number, or to what a sample says.
class SetTag final : public Action {
 public:
  SetTag(std::int64_t number, Data data, std::uint32_t element, std::int64_t value, std::unique_ptr<Expression> sample)
      : number_(number), data_(data), element_(element), value_(value), sample_(std::move(sample)) {}

  Flow run(Subject& subject, Verdict&) const override {
    const Tracking::Counter* counter = tracked_by(subject, number_);
    if (counter == nullptr) return Flow::Next;
    std::int64_t value = value_;
    if (sample_ != nullptr) {
      Value found;
      Cursor cursor;
      if (!evaluate(*sample_, subject, cursor, found) || !cast(subject, found, Type::Integer)) return Flow::Next;
      value = found.integer;
    }
    counter->table->pinned(*counter->entry, now_of(subject)).set(data_, static_cast<std::uint32_t>(value), element_);
    return Flow::Next;
  }

 private:
  std::int64_t number_;
  Data data_;
  std::uint32_t element_;
  std::int64_t value_;
  std::unique_ptr<Expression> sample_;
};

// track-sc<n> <sample> [table <proxy>]
template <std::size_t number>
std::unique_ptr<Action> compile_track(Work& work) {
  const config::Place place = work.words.place();
  std::unique_ptr<Expression> key = work.take_expression("a sample such as src");
  if (key == nullptr) return nullptr;
  std::string name;
  config::Place table_place = work.rule.words[0].place;
  if (work.words.accept("table")) {
    const Word* word = work.words.take("the name of a proxy with a stick-table");
    if (word == nullptr) return nullptr;
    name = word->text;
    table_place = word->place;
  }
  const config::StickTable* line = nullptr;
  const int table = find_table(work.compiling, name, table_place, &line);
  if (table < 0) return nullptr;
  if (!castable(key->type, type_of_keys(*line)))
    return work.complain(place, format("'{}' cannot be a key of this table", key->name));
  const unsigned set = in(work.rule.set);
  return std::make_unique<Track>(number, table, std::move(key), (set & (kConnection | kWelcomed)) != 0,
                                 (set & kResponse) != 0);
}

// What stands in the parentheses of a counter's action: [<element>,]<counter>. False after a complaint.
bool read_counter(Work& work, bool indexed, std::uint32_t& element, std::int64_t& number) {
  std::string_view rest = work.argument;
  const config::Place place = work.rule.words[0].place;
  const auto read = [&](std::uint64_t most, const char* what) -> std::optional<std::uint64_t> {
    const std::string_view text = cut(rest, ',');
    // Without a number it is the first.
    const auto value = text.empty() && !indexed ? 0 : parse_unsigned(text);
    if (value && *value <= most) return value;
    work.complain(place, format("'{}' is no {} from 0 to {}", text, what, most));
    return std::nullopt;
  };
  if (indexed) {
    const auto read_element = read(99, "element of an array");
    if (!read_element) return false;
    element = static_cast<std::uint32_t>(*read_element);
  }
  const auto counter = read(Tracking::kCounters - 1, "number of a counter");
  if (!counter) return false;
  number = static_cast<std::int64_t>(*counter);
  if (rest.empty()) return true;
  work.complain(place, format("'{}' is not understood behind the number of a counter", rest));
  return false;
}

template <Data data>
std::unique_ptr<Action> compile_count_up(Work& work) {
  std::uint32_t element = 0;
  std::int64_t number = 0;
  if (!read_counter(work, config::is_array(data), element, number)) return nullptr;
  return std::make_unique<CountUp>(number, data, element);
}

template <Data data>
std::unique_ptr<Action> compile_set_tag(Work& work) {
  std::uint32_t element = 0;
  std::int64_t number = 0;
  if (!read_counter(work, config::is_array(data), element, number)) return nullptr;
  if (work.words.more()) {
    if (const auto value = parse_integer(work.words.peek().text)) {
      work.words.pop();
      return std::make_unique<SetTag>(number, data, element, *value, nullptr);
    }
  }
  std::unique_ptr<Expression> sample = work.take_expression("a number or a sample");
  if (sample == nullptr) return nullptr;
  return std::make_unique<SetTag>(number, data, element, 0, std::move(sample));
}

constexpr unsigned kTracking = kConnection | kWelcomed | kContent | kRequest | kResponse;
constexpr unsigned kCounting = kTracking | kTcpResponse;

constexpr ActionRow kActions[] = {
    {"sc-inc-gpc", kCounting, compile_count_up<Data::Gpc>, kElementAndCounter},
    {"sc-inc-gpc0", kCounting, compile_count_up<Data::Gpc0>, kCounter},
    {"sc-inc-gpc1", kCounting, compile_count_up<Data::Gpc1>, kCounter},
    {"sc-set-gpt", kCounting, compile_set_tag<Data::Gpt>, kElementAndCounter},
    {"sc-set-gpt0", kCounting, compile_set_tag<Data::Gpt0>, kCounter},
    {"track-sc0", kTracking, compile_track<0>},
    {"track-sc1", kTracking, compile_track<1>},
    {"track-sc2", kTracking, compile_track<2>},
};

}  // namespace

std::span<const ActionRow> track_actions() { return kActions; }

}  // namespace penstock::rules
