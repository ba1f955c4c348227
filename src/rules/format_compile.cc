#include "format_compile.h"

#include <algorithm>

#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/config/model.h"
#include "rows.h"

namespace penstock::rules {

const std::string_view kRefusalFormat = "%ci:%cp [%t] %f";
const std::string_view kHttpLogFormat =
    "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r";
const std::string_view kTcpLogFormat = "%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq";
const std::string_view kHttpsLogFormat =
    "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r "
    "%[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err]/%[ssl_c_ca_err]/%[ssl_fc_is_resumed] %[ssl_fc_sni]/%sslv/%sslc";
const std::string_view kClfLogFormat =
    "%{+Q}o %{-Q}ci - - [%trg] %r %ST %B \"\" \"\" %cp %ms %ft %b %s %TR %Tw %Tc %Tr %Ta %tsc %ac %fc %bc %sc %rc %sq "
    "%bq "
    "%CC %CS %hrl %hsl";
const std::string_view kDefaultLogFormatTcp = "Connect from %ci:%cp to %fi:%fp (%f/TCP)";
const std::string_view kDefaultLogFormatHttp = "Connect from %ci:%cp to %fi:%fp (%f/HTTP)";

namespace {

struct VariableRow {
  std::string_view name;
  LogVariable variable;
};

constexpr VariableRow kVariables[] = {
    {"B", LogVariable::BytesRead},
    {"CC", LogVariable::RequestCookie},
    {"CS", LogVariable::ResponseCookie},
    {"H", LogVariable::Hostname},
    {"HM", LogVariable::Method},
    {"HP", LogVariable::UriWithoutQuery},
    {"HPO", LogVariable::PathOnly},
    {"HQ", LogVariable::Query},
    {"HU", LogVariable::Uri},
    {"HV", LogVariable::Version},
    {"ID", LogVariable::UniqueId},
    {"ST", LogVariable::Status},
    {"T", LogVariable::GmtDate},
    {"TR", LogVariable::RequestTime},
    {"Ta", LogVariable::ActiveTime},
    {"Tc", LogVariable::ConnectTime},
    {"Td", LogVariable::DataTime},
    {"Th", LogVariable::HandshakeTime},
    {"Ti", LogVariable::IdleTime},
    {"Tl", LogVariable::LocalDate},
    {"Tq", LogVariable::QueryTime},
    {"Tr", LogVariable::ResponseTime},
    {"Ts", LogVariable::Timestamp},
    {"Tt", LogVariable::TotalTime},
    {"Tu", LogVariable::UserTime},
    {"Tw", LogVariable::WaitTime},
    {"U", LogVariable::BytesUploaded},
    {"ac", LogVariable::ActConn},
    {"b", LogVariable::BackendName},
    {"bc", LogVariable::BackConn},
    {"bi", LogVariable::BackIp},
    {"bp", LogVariable::BackPort},
    {"bq", LogVariable::BackQueue},
    {"ci", LogVariable::ClientIp},
    {"cp", LogVariable::ClientPort},
    {"f", LogVariable::FrontendName},
    {"fc", LogVariable::FrontConn},
    {"fi", LogVariable::FrontIp},
    {"fp", LogVariable::FrontPort},
    {"ft", LogVariable::FrontTransport},
    {"hr", LogVariable::RequestCaptures},
    {"hrl", LogVariable::RequestCaptureList},
    {"hs", LogVariable::ResponseCaptures},
    {"hsl", LogVariable::ResponseCaptureList},
    {"lc", LogVariable::LogCounter},
    {"ms", LogVariable::Milliseconds},
    {"o", LogVariable::Options},
    {"pid", LogVariable::Pid},
    {"r", LogVariable::RequestLine},
    {"rc", LogVariable::Retries},
    {"rt", LogVariable::RequestCounter},
    {"s", LogVariable::ServerName},
    {"sc", LogVariable::ServerConn},
    {"si", LogVariable::ServerIp},
    {"sp", LogVariable::ServerPort},
    {"sq", LogVariable::ServerQueue},
    {"sslc", LogVariable::TlsCipher},
    {"sslv", LogVariable::TlsVersion},
    {"t", LogVariable::AcceptDate},
    {"tr", LogVariable::RequestDate},
    {"trg", LogVariable::RequestGmtDate},
    {"trl", LogVariable::RequestLocalDate},
    {"ts", LogVariable::Termination},
    {"tsc", LogVariable::TerminationWithCookies},
};

// What a connection of mode tcp never has.
bool is_of_http(LogVariable variable) {
  constexpr LogVariable kHttp[] = {LogVariable::Method,
                                   LogVariable::UriWithoutQuery,
                                   LogVariable::PathOnly,
                                   LogVariable::Query,
                                   LogVariable::Uri,
                                   LogVariable::Version,
                                   LogVariable::RequestCookie,
                                   LogVariable::ResponseCookie,
                                   LogVariable::RequestLine,
                                   LogVariable::RequestDate,
                                   LogVariable::RequestGmtDate,
                                   LogVariable::RequestLocalDate,
                                   LogVariable::ActiveTime,
                                   LogVariable::IdleTime,
                                   LogVariable::QueryTime,
                                   LogVariable::RequestTime,
                                   LogVariable::ResponseTime};
  return std::find(std::begin(kHttp), std::end(kHttp), variable) != std::end(kHttp);
}

class FormatCompiler {
 public:
  FormatCompiler(Compiling& compiling, config::Place place, FormatUse use, unsigned available)
      : compiling_(compiling), place_(place), use_(use), available_(available) {}

  std::optional<Format> compile(std::string_view text) {
    whole_ = text;
    while (!text.empty()) {
      part_ = text;
      if (text[0] != '%')
        take_text(text);
      else if (!take_percent(text))
        return std::nullopt;
    }
    return Format(std::move(nodes_));
  }

 private:
  // Of the part being read.
  bool complain(std::string text) {
    compiling_.diagnostics.add(place_of(part_), std::move(text));
    return false;
  }

  config::Place place_of(std::string_view part) const {
    return compiling_.config == nullptr
               ? place_
               : config::inside(*compiling_.config, place_, whole_.substr(0, whole_.size() - part.size()));
  }

  void take_text(std::string_view& text) {
    const bool merges = use_ == FormatUse::Log || use_ == FormatUse::UniqueId;
    if (merges && text[0] == ' ') {
      while (!text.empty() && text[0] == ' ') text.remove_prefix(1);
      add(FormatNode::Kind::Blank);
      return;
    }
    const std::size_t end = std::min(text.find_first_of(merges ? "% " : "%"), text.size());
    add_text(text.substr(0, end));
    text.remove_prefix(end);
  }

  void add_text(std::string_view text) {
    if (nodes_.empty() || nodes_.back().kind != FormatNode::Kind::Text) add(FormatNode::Kind::Text);
    nodes_.back().text += text;
  }

  FormatNode& add(FormatNode::Kind kind) {
    FormatNode& node = nodes_.emplace_back();
    node.kind = kind;
    node.use = use_;
    return node;
  }

  bool take_percent(std::string_view& text) {
    text.remove_prefix(1);
    if (text.starts_with('%')) {
      add_text("%");
      text.remove_prefix(1);
      return true;
    }
    unsigned flags = flags_;
    if (text.starts_with('{') && !take_flags(text, flags)) return false;
    if (text.starts_with('[')) return take_sample(text, flags);
    return take_variable(text, flags);
  }

  bool take_flags(std::string_view& text, unsigned& flags) {
    const std::size_t end = text.find('}');
    if (end == std::string_view::npos) return complain("'%{' is not closed by '}'");
    std::string_view list = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    while (!list.empty()) {
      const std::string_view word = cut(list, ',');
      const bool on = !word.starts_with('-');
      const std::string_view name = word.starts_with('+') || word.starts_with('-') ? word.substr(1) : word;
      const unsigned flag = name == "Q" ? kQuoted : name == "X" ? kHexadecimal : name == "E" ? kEscaped : 0u;
      if (flag == 0)
        return complain(format("'{}' is no flag of a log-format: +Q, +X, +E or the same with '-' were expected", word));
      flags = on ? flags | flag : flags & ~flag;
    }
    return true;
  }

  bool take_sample(std::string_view& text, unsigned flags) {
    text.remove_prefix(1);
    std::unique_ptr<Expression> sample = parse_expression(compiling_, text, place_of(text));
    if (sample == nullptr) return false;
    if (!text.starts_with(']'))
      return complain(format("']' was expected behind the sample '{}', not '{}'", sample->name, text));
    text.remove_prefix(1);
    if (!accepted(compiling_, *sample, available_, place_)) {
      return complain(format("the sample '{}' cannot be used here: it needs {}", sample->name,
                             needs_text(sample->needs & ~available_)));
    }
    FormatNode& node = add(FormatNode::Kind::Sample);
    node.flags = flags;
    node.sample = std::move(sample);
    return true;
  }

  bool take_variable(std::string_view& text, unsigned flags) {
    std::size_t size = 0;
    while (size < text.size() && ((text[size] >= 'a' && text[size] <= 'z') ||
                                  (text[size] >= 'A' && text[size] <= 'Z') || (text[size] >= '0' && text[size] <= '9')))
      ++size;
    const std::string_view name = text.substr(0, size);
    text.remove_prefix(size);
    const auto* row = std::find_if(std::begin(kVariables), std::end(kVariables),
                                   [&](const VariableRow& r) { return r.name == name; });
    if (row == std::end(kVariables)) {
      return complain(
          format("'%{}' is no variable of a log-format{}; a '%' itself is written '%%'", name, name_hint(name)));
    }
    if (use_ == FormatUse::Log && compiling_.proxy->mode == config::Mode::Tcp && is_of_http(row->variable))
      return complain(format("'%{}' is about HTTP, and this section is in mode tcp", name));
    if (row->variable == LogVariable::Options) {
      flags_ = flags;
      return true;
    }
    if (row->variable == LogVariable::ClientIp || row->variable == LogVariable::ClientPort)
      compiling_.asks_client = true;
    FormatNode& node = add(FormatNode::Kind::Variable);
    node.variable = row->variable;
    node.flags = flags;
    if (row->variable == LogVariable::Hostname) node.text = std::string(compiling_.environment.hostname());
    return true;
  }

  static std::string name_hint(std::string_view name) { return hint(name, log_variables()); }

  Compiling& compiling_;
  config::Place place_;
  FormatUse use_;
  unsigned available_;
  unsigned flags_ = 0;
  std::string_view whole_, part_;
  std::vector<FormatNode> nodes_;
};

}  // namespace

std::optional<Format> compile_format(Compiling& compiling, std::string_view text, config::Place place, FormatUse use,
                                     unsigned available) {
  return FormatCompiler(compiling, place, use, available).compile(text);
}

std::vector<std::string_view> log_variables() {
  std::vector<std::string_view> names;
  for (const VariableRow& row : kVariables) names.push_back(row.name);
  return names;
}

Format plain_format(std::string_view text) {
  std::vector<FormatNode> nodes(1);
  nodes[0].text = std::string(text);
  return Format(std::move(nodes));
}

}  // namespace penstock::rules
