#include "penstock/proxy/statistics_text.h"

#include <utility>

#include "penstock/base/format.h"
#include "penstock/proxy/process_facts.h"

namespace penstock {

using statistics::Column;
using statistics::Kind;
using statistics::Object;
using statistics::Value;

namespace {

constexpr std::string_view kKindLetters = "FBSL";
constexpr std::string_view kKindNames[] = {"Frontend", "Backend", "Server", "Listener"};

std::string_view type_name(Value::Type type) {
  switch (type) {
    case Value::Type::None:
      break;
    case Value::Type::U32:
      return "u32";
    case Value::Type::U64:
      return "u64";
    case Value::Type::S32:
      return "s32";
    case Value::Type::Text:
      return "str";
  }
  return "";
}

// A quote doubled, within quotes, where the text could be mistaken.
void append_csv_text(std::string_view text, std::string& out) {
  if (text.find_first_of("\n\r\",") == std::string_view::npos) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

void append_plain(const Value& value, std::string& out) {
  if (value.type == Value::Type::Text)
    out += value.text;
  else
    append_format(out, "{}", value.number);
}

std::string_view origin_name(char letter) {
  switch (letter) {
    case 'M':
      return "Metric";
    case 'S':
      return "Status";
    case 'K':
      return "Key";
    case 'C':
      return "Config";
    default:
      return "Product";
  }
}

std::string_view nature_name(char letter) {
  switch (letter) {
    case 'G':
      return "Gauge";
    case 'M':
      return "Max";
    case 'N':
      return "Name";
    case 'L':
      return "Limit";
    case 'C':
      return "Counter";
    case 'R':
      return "Rate";
    case 'a':
      return "Avg";
    case 'A':
      return "Age";
    case 'D':
      return "Duration";
    default:
      return "Output";
  }
}

std::string_view scope_name(char letter) { return letter == 'S' ? "Service" : "Process"; }

// What follows a field's place and name, in both tables.
void append_json_value(std::string_view tags, const Value& value, std::string& out) {
  append_format(out,
                R"(,"processNum":1,"tags":{{"origin":"{}","nature":"{}","scope":"{}"}},"value":{{"type":"{}","value":)",
                origin_name(tags[0]), nature_name(tags[1]), scope_name(tags[2]), type_name(value.type));
  if (value.type == Value::Type::Text)
    append_json_text(value.text, out);
  else
    append_format(out, "{}", value.number);
  out += "}}";
}

}  // namespace

void append_json_text(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') out += '\\';
    if (code < 0x20 || code == 0x7f)
      append_format(out, "\\u{:04x}", code);
    else
      out += c;
  }
  out += '"';
}

StatisticsText::StatisticsText(StatisticsForm form, bool described, statistics::Walk walk)
    : form_(form), described_(described), walk_(std::move(walk)) {}

bool StatisticsText::next(std::string& out) {
  if (!std::exchange(begun_, true)) {
    if (form_ == StatisticsForm::Json) out += '[';
    if (form_ == StatisticsForm::Csv) {
      out += "# ";
      for (const Column& column : statistics::columns()) append_format(out, "{},", column.name);
      out += '\n';
    }
  }
  const Object* object = walk_.next();
  if (object == nullptr) {
    if (form_ == StatisticsForm::Json) out += "]\n";
    return false;
  }
  switch (form_) {
    case StatisticsForm::Csv:
      write_csv(*object, out);
      break;
    case StatisticsForm::Typed:
      write_typed(*object, out);
      break;
    case StatisticsForm::Json:
      write_json(*object, out);
      break;
  }
  return true;
}

void StatisticsText::write_csv(const Object& object, std::string& out) const {
  for (const Column& column : statistics::columns()) {
    if (column.name == "-") out += '-';
    const Value value = statistics::value_of(column, object);
    if (value.type == Value::Type::Text)
      append_csv_text(value.text, out);
    else if (!value.is_none())
      append_format(out, "{}", value.number);
    out += ',';
  }
  out += '\n';
}

void StatisticsText::write_typed(const Object& object, std::string& out) const {
  std::size_t position = 0;
  for (const Column& column : statistics::columns()) {
    const std::size_t at = position++;
    const Value value = statistics::value_of(column, object);
    if (value.is_none()) continue;
    append_format(out, "{}.{}.{}.{}.{}.1:{}:{}:", kKindLetters[static_cast<std::size_t>(object.kind)], object.proxy_id,
                  object.id, at, column.name, statistics::tags_of(column.shape, object.kind), type_name(value.type));
    append_plain(value, out);
    if (described_) append_format(out, ":\"{}\"", column.help);
    out += '\n';
  }
}

void StatisticsText::write_json(const Object& object, std::string& out) {
  out += std::exchange(first_, false) ? "[" : ",[";
  std::size_t position = 0;
  bool first = true;
  for (const Column& column : statistics::columns()) {
    const std::size_t at = position++;
    const Value value = statistics::value_of(column, object);
    if (value.is_none()) continue;
    if (!std::exchange(first, false)) out += ',';
    append_format(out, R"({{"objType":"{}","proxyId":{},"id":{},"field":{{"pos":{},"name":"{}"}})",
                  kKindNames[static_cast<std::size_t>(object.kind)], object.proxy_id, object.id, at, column.name);
    append_json_value(statistics::tags_of(column.shape, object.kind), value, out);
  }
  out += ']';
}

std::string info_text(InfoForm form, bool described, const ProgramFacts& program, const Snapshot& snapshot,
                      const ProcessState& process, std::uint64_t now_ms) {
  const statistics::Program facts =
      statistics::program_facts(program.version, program.release_date, snapshot, process, now_ms);
  std::string out = form == InfoForm::Json ? "[" : "";
  bool first = true;
  for (const statistics::InfoRow& row : statistics::info_rows()) {
    const Value value = row.get(facts);
    if (value.is_none()) continue;
    switch (form) {
      case InfoForm::Text:
        append_format(out, "{}: ", row.name);
        append_plain(value, out);
        break;
      case InfoForm::Typed:
        append_format(out, "{}.{}.1:{}:{}:", row.position, row.name, row.tags, type_name(value.type));
        append_plain(value, out);
        break;
      case InfoForm::Json:
        if (!std::exchange(first, false)) out += ',';
        append_format(out, R"({{"field":{{"pos":{},"name":"{}"}})", row.position, row.name);
        append_json_value(row.tags, value, out);
        continue;
    }
    if (described) append_format(out, ":\"{}\"", row.help);
    out += '\n';
  }
  if (form == InfoForm::Json) out += "]\n";
  return out;
}

}  // namespace penstock
