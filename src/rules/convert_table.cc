// Converters that ask a stick table for the entry of a key (manual section 7.3.1, "in_table", "table_*"). An entry is
// not used by that.
#include "expression.h"
#include "penstock/rules/stick.h"
#include "track.h"

namespace penstock::rules {

namespace {

using Data = config::StickData;

// The entry under that key; false if the value cannot be a key. `at`: which argument is the table.
bool look_up(const Call& call, Subject& subject, Value& value, std::size_t at, StickTable::Hold& hold) {
  const auto* table = table_at(subject, call.arguments[at].integer);
  std::string_view key;
  if (table == nullptr || !make_key((*table)->line(), subject, value, key)) return false;
  hold = (*table)->look(key, now_of(subject));
  return true;
}

bool convert_in_table(const Call& call, Subject& subject, Value& value) {
  StickTable::Hold hold;
  if (!look_up(call, subject, value, 0, hold)) return false;
  value.set_bool(bool(hold));
  return true;
}

// What is not there has done nothing yet; what is not stored has no value.
bool give(const std::optional<std::uint64_t>& found, Value& value) {
  if (!found) return false;
  value.set_integer(static_cast<std::int64_t>(*found));
  return true;
}

template <Data data>
bool convert_to(const Call& call, Subject& subject, Value& value) {
  StickTable::Hold hold;
  return look_up(call, subject, value, 0, hold) && give(hold ? hold.value(data) : 0, value);
}

template <Data data>
bool convert_to_kilobytes(const Call& call, Subject& subject, Value& value) {
  if (!convert_to<data>(call, subject, value)) return false;
  value.integer >>= 10;
  return true;
}

template <Data data>
bool convert_to_element(const Call& call, Subject& subject, Value& value) {
  StickTable::Hold hold;
  return look_up(call, subject, value, 1, hold) &&
         give(hold ? hold.value(data, static_cast<std::uint32_t>(call.integer(0, 0))) : 0, value);
}

bool convert_to_trackers(const Call& call, Subject& subject, Value& value) {
  StickTable::Hold hold;
  return look_up(call, subject, value, 0, hold) && give(hold ? hold.trackers() : 0, value);
}

template <std::uint64_t (StickTable::Hold::*time)() const>
bool convert_to_time(const Call& call, Subject& subject, Value& value) {
  StickTable::Hold hold;
  if (!look_up(call, subject, value, 0, hold)) return false;
  if (!hold && !call.has(1)) return false;
  value.set_integer(hold ? static_cast<std::int64_t>((hold.*time)()) : call.integer(1, 0));
  return true;
}

constexpr Converter kConverters[] = {
    {"in_table", Type::None, Type::Bool, "T", convert_in_table},
    {"table_bytes_in_rate", Type::None, Type::Integer, "T", convert_to<Data::BytesInRate>},
    {"table_bytes_out_rate", Type::None, Type::Integer, "T", convert_to<Data::BytesOutRate>},
    {"table_conn_cnt", Type::None, Type::Integer, "T", convert_to<Data::ConnCnt>},
    {"table_conn_cur", Type::None, Type::Integer, "T", convert_to<Data::ConnCur>},
    {"table_conn_rate", Type::None, Type::Integer, "T", convert_to<Data::ConnRate>},
    {"table_expire", Type::None, Type::Integer, "T|i", convert_to_time<&StickTable::Hold::left_ms>},
    {"table_gpc", Type::None, Type::Integer, "iT", convert_to_element<Data::Gpc>},
    {"table_gpc0", Type::None, Type::Integer, "T", convert_to<Data::Gpc0>},
    {"table_gpc0_rate", Type::None, Type::Integer, "T", convert_to<Data::Gpc0Rate>},
    {"table_gpc1", Type::None, Type::Integer, "T", convert_to<Data::Gpc1>},
    {"table_gpc1_rate", Type::None, Type::Integer, "T", convert_to<Data::Gpc1Rate>},
    {"table_gpc_rate", Type::None, Type::Integer, "iT", convert_to_element<Data::GpcRate>},
    {"table_gpt", Type::None, Type::Integer, "iT", convert_to_element<Data::Gpt>},
    {"table_gpt0", Type::None, Type::Integer, "T", convert_to<Data::Gpt0>},
    {"table_http_err_cnt", Type::None, Type::Integer, "T", convert_to<Data::HttpErrCnt>},
    {"table_http_err_rate", Type::None, Type::Integer, "T", convert_to<Data::HttpErrRate>},
    {"table_http_fail_cnt", Type::None, Type::Integer, "T", convert_to<Data::HttpFailCnt>},
    {"table_http_fail_rate", Type::None, Type::Integer, "T", convert_to<Data::HttpFailRate>},
    {"table_http_req_cnt", Type::None, Type::Integer, "T", convert_to<Data::HttpReqCnt>},
    {"table_http_req_rate", Type::None, Type::Integer, "T", convert_to<Data::HttpReqRate>},
    {"table_idle", Type::None, Type::Integer, "T|i", convert_to_time<&StickTable::Hold::idle_ms>},
    {"table_kbytes_in", Type::None, Type::Integer, "T", convert_to_kilobytes<Data::BytesInCnt>},
    {"table_kbytes_out", Type::None, Type::Integer, "T", convert_to_kilobytes<Data::BytesOutCnt>},
    {"table_server_id", Type::None, Type::Integer, "T", convert_to<Data::ServerId>},
    {"table_sess_cnt", Type::None, Type::Integer, "T", convert_to<Data::SessCnt>},
    {"table_sess_rate", Type::None, Type::Integer, "T", convert_to<Data::SessRate>},
    {"table_trackers", Type::None, Type::Integer, "T", convert_to_trackers},
};

}  // namespace

std::span<const Converter> table_converters() { return kConverters; }

}  // namespace penstock::rules
