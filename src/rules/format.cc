#include "penstock/rules/format.h"

#include <time.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>

#include "format_node.h"
#include "penstock/base/format.h"

namespace penstock::rules {

namespace {

// Characters that are printed as an escape mark and two hexadecimal digits.
using EscapeTable = std::array<bool, 256>;

constexpr EscapeTable unprintable_and(std::string_view more) {
  EscapeTable table{};
  for (unsigned c = 0; c < 256; ++c) table[c] = c < 32 || c > 126;
  for (const char c : more) table[static_cast<unsigned char>(c)] = true;
  return table;
}

// Manual section 8.6.
constexpr EscapeTable kRequestLineEscapes = unprintable_and("\"#");
constexpr EscapeTable kCaptureEscapes = unprintable_and("\"#{|}");
// A sample in a log line may hold any text, UTF-8 too, but nothing that ends the line.
constexpr EscapeTable kLogEscapes = [] {
  EscapeTable table{};
  for (unsigned c = 0; c < 32; ++c) table[c] = c != '\t';
  table[127] = true;
  return table;
}();
// RFC 9110 section 5.5: what a field value must not hold.
constexpr EscapeTable kFieldEscapes = kLogEscapes;

// Writes to a fixed space, cutting what does not fit, or to a subject's arena, growing.
class Sink {
 public:
  explicit Sink(std::span<char> space) : begin_(space.data()), at_(space.data()), end_(space.data() + space.size()) {}
  explicit Sink(Subject& subject) : subject_(&subject) { grow(kFirstSize); }

  std::string_view written() const { return {begin_, static_cast<std::size_t>(at_ - begin_)}; }
  bool ends_with_blank = true;  // Also true at the start: a line does not begin with one.

  [[gnu::always_inline]] void put(char c) {
    if (at_ == end_ && !grow(1)) return;
    *at_++ = c;
  }
  void put(std::string_view text) {
    std::size_t size = text.size();
    if (size > room() && !grow(size)) size = room();
    if (size != 0) std::memcpy(at_, text.data(), size);
    at_ += size;
  }
  void put_number(std::int64_t number) {
    // Most times are short.
    if (static_cast<std::uint64_t>(number) < 10) return put(static_cast<char>('0' + number));
    char digits[20];
    const auto [end, error] = std::to_chars(digits, digits + sizeof(digits), number);
    put(std::string_view(digits, static_cast<std::size_t>(end - digits)));
  }
  void put_hex(std::uint64_t number, std::size_t width) {
    char digits[16];
    std::size_t count = 0;
    for (; count < width || number != 0; number >>= 4) digits[count++] = "0123456789ABCDEF"[number & 15];
    while (count-- > 0) put(digits[count]);
  }

 private:
  static constexpr std::size_t kFirstSize = 256;
  std::size_t room() const { return static_cast<std::size_t>(end_ - at_); }
  // Apart: few texts outgrow their space.
  [[gnu::noinline]] bool grow(std::size_t more) {
    if (subject_ == nullptr) return false;
    const std::size_t used = static_cast<std::size_t>(at_ - begin_);
    const std::size_t size = std::bit_ceil(std::max(2 * used, used + more));
    if (!subject_->has_room(size)) return false;
    char* larger = static_cast<char*>(subject_->arena.allocate(size, 1));
    if (used != 0) std::memcpy(larger, begin_, used);
    begin_ = larger;
    at_ = larger + used;
    end_ = larger + size;
    return true;
  }

  char* begin_ = nullptr;
  char* at_ = nullptr;
  char* end_ = nullptr;
  Subject* subject_ = nullptr;
};

class Printer {
 public:
  Printer(Subject& subject, Sink& sink) : subject_(subject), log_(subject.log), sink_(sink) {}

  void print(const FormatNode& node) {
    if (node.kind == FormatNode::Kind::Blank) {
      if (!sink_.ends_with_blank) sink_.put(' ');
      sink_.ends_with_blank = true;
      return;
    }
    node_ = &node;
    printed_nothing_ = false;
    if (node.kind == FormatNode::Kind::Text)
      sink_.put(node.text);
    else if (node.kind == FormatNode::Kind::Sample)
      print_sample();
    else
      print_variable();
    if (!printed_nothing_) sink_.ends_with_blank = false;
  }

 private:
  bool has(FormatFlags flag) const { return (node_->flags & flag) != 0; }
  bool for_log() const { return node_->use == FormatUse::Log; }

  void escaped(std::string_view text, const EscapeTable& escapes, char mark) {
    const bool escapes_quotes = has(kEscaped);
    std::size_t begin = 0;  // Of what may stand as it is.
    for (std::size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      const bool by_table = escapes[static_cast<unsigned char>(c)];
      if (!by_table && !(escapes_quotes && (c == '"' || c == '\\' || c == ']'))) continue;
      sink_.put(text.substr(begin, i - begin));
      begin = i + 1;
      sink_.put(by_table ? mark : '\\');
      if (by_table)
        sink_.put_hex(static_cast<unsigned char>(c), 2);
      else
        sink_.put(c);
    }
    sink_.put(text.substr(begin));
  }

  // A text that needs no escaping but by +E.
  void text(std::string_view value) {
    if (has(kQuoted)) sink_.put('"');
    if (value.empty() && for_log() && !has(kQuoted)) sink_.put('-');
    if (has(kEscaped))
      escaped(value, EscapeTable{}, '#');
    else
      sink_.put(value);
    if (has(kQuoted)) sink_.put('"');
  }

  void escaped_text(std::string_view value, const EscapeTable& escapes) {
    if (has(kQuoted)) sink_.put('"');
    escaped(value, escapes, '#');
    if (has(kQuoted)) sink_.put('"');
  }

  void number(std::int64_t value) { sink_.put_number(value); }
  void number_or_hex(std::int64_t value) {
    if (has(kHexadecimal))
      sink_.put_hex(static_cast<std::uint64_t>(value), 4);
    else
      sink_.put_number(value);
  }
  void growing(std::int64_t value) {
    if (log_.asap) sink_.put('+');
    sink_.put_number(value);
  }

  void print_sample() {
    Value value;
    Cursor cursor;
    const bool found = offered(node_->sample->needs, subject_.available) &&
                       evaluate(*node_->sample, subject_, cursor, value) && cast(subject_, value, Type::Text);
    const std::string_view shown = found ? value.text : std::string_view();
    // In a message quotes around a sample would be part of the value.
    const bool quoted = has(kQuoted) && (for_log() || node_->use == FormatUse::Variable);
    if (quoted) sink_.put('"');
    if (shown.empty() && for_log() && !quoted) sink_.put('-');
    if (for_log())
      escaped(shown, kLogEscapes, '#');
    else
      escaped(shown, kFieldEscapes, '%');
    if (quoted) sink_.put('"');
  }

  void ip(const SocketAddress* address) {
    if (address == nullptr || address->empty()) return text({});
    char space[64];
    const std::string_view bytes = address->ip_bytes();
    if (has(kHexadecimal) && !bytes.empty()) {
      for (const char c : bytes) sink_.put_hex(static_cast<unsigned char>(c), 2);
      return;
    }
    text(bytes.empty() ? std::string_view("unix") : address->write_ip(space));
  }

  // Without an IP address the number of the listener stands for the port.
  void port(const SocketAddress* address, std::uint32_t otherwise) {
    if (address == nullptr || address->empty()) return text({});
    number_or_hex(address->ip_bytes().empty() ? otherwise : address->port());
  }

  // Dates: "06/Feb/2009:12:14:14".

  static std::size_t put_date(const tm& when, char* to) {
    constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    return format_into({to, 23}, "{:02}/{}/{:04}:{:02}:{:02}:{:02}", when.tm_mday, kMonths[when.tm_mon],
                       when.tm_year + 1900, when.tm_hour, when.tm_min, when.tm_sec)
        .size();
  }

  static void fill_local(DateCache& dates, std::int64_t second) {
    const time_t moment = static_cast<time_t>(second);
    tm when{};
    localtime_r(&moment, &when);
    dates.second = second;
    dates.local[put_date(when, dates.local)] = '\0';
    const long minutes = when.tm_gmtoff / 60;
    const long size = minutes < 0 ? -minutes : minutes;
    const std::string_view zone =
        format_into({dates.local_zone, 5}, "{}{:02}{:02}", minutes < 0 ? '-' : '+', size / 60, size % 60);
    dates.local_zone[zone.size()] = '\0';
  }

  static void fill_gmt(DateCache& dates, std::int64_t second) {
    const time_t moment = static_cast<time_t>(second);
    tm when{};
    gmtime_r(&moment, &when);
    dates.gmt_second = second;
    dates.gmt[put_date(when, dates.gmt)] = '\0';
  }

  void local_date(std::int64_t moment_us, bool with_zone) {
    DateCache own;
    DateCache& dates = subject_.dates != nullptr ? *subject_.dates : own;
    const std::int64_t second = moment_us / 1000000;
    if (dates.second != second) fill_local(dates, second);
    sink_.put(std::string_view(dates.local));
    if (with_zone) {
      sink_.put(' ');
      sink_.put(std::string_view(dates.local_zone));
      return;
    }
    const auto milliseconds = static_cast<int>(moment_us / 1000 % 1000);
    const char digits[] = {'.', static_cast<char>('0' + milliseconds / 100),
                           static_cast<char>('0' + milliseconds / 10 % 10), static_cast<char>('0' + milliseconds % 10)};
    sink_.put(std::string_view(digits, sizeof(digits)));
  }

  void gmt_date(std::int64_t moment_us) {
    DateCache own;
    DateCache& dates = subject_.dates != nullptr ? *subject_.dates : own;
    const std::int64_t second = moment_us / 1000000;
    if (dates.gmt_second != second) fill_gmt(dates, second);
    sink_.put(std::string_view(dates.gmt));
    sink_.put(" +0000");
  }

  void milliseconds_of(std::int64_t moment_us) {
    const std::int64_t milliseconds = moment_us / 1000 % 1000;
    if (has(kHexadecimal)) return sink_.put_hex(static_cast<std::uint64_t>(milliseconds), 2);
    sink_.put(static_cast<char>('0' + milliseconds / 100));
    sink_.put(static_cast<char>('0' + milliseconds / 10 % 10));
    sink_.put(static_cast<char>('0' + milliseconds % 10));
  }

  // The request line as received.

  bool bad_request() {
    if (!subject_.received_method.empty()) return false;
    escaped_text("<BADREQ>", kRequestLineEscapes);
    return true;
  }

  std::string_view version() const {
    return subject_.received_version == HttpVersion::Http10 ? "HTTP/1.0" : "HTTP/1.1";
  }

  void request_line() {
    if (bad_request()) return;
    if (has(kQuoted)) sink_.put('"');
    escaped(subject_.received_method, kRequestLineEscapes, '#');
    sink_.put(' ');
    escaped(subject_.received_target, kRequestLineEscapes, '#');
    sink_.put(' ');
    sink_.put(version());
    if (has(kQuoted)) sink_.put('"');
  }

  void part_of_request(std::string_view part) {
    if (!bad_request()) escaped_text(part, kRequestLineEscapes);
  }

  std::string_view query_with_mark() const {
    const std::size_t mark = subject_.received_target.find('?');
    return mark == std::string_view::npos ? std::string_view() : subject_.received_target.substr(mark);
  }

  // Captures.

  void captures(std::span<const std::string_view> slots) {
    if (slots.empty()) return void(printed_nothing_ = true);
    if (has(kQuoted)) sink_.put('"');
    sink_.put('{');
    for (std::size_t i = 0; i < slots.size(); ++i) {
      if (i != 0) sink_.put('|');
      escaped(slots[i], kCaptureEscapes, '#');
    }
    sink_.put('}');
    if (has(kQuoted)) sink_.put('"');
  }

  void capture_list(std::span<const std::string_view> slots) {
    if (slots.empty()) return void(printed_nothing_ = true);
    for (std::size_t i = 0; i < slots.size(); ++i) {
      if (i != 0) sink_.put(' ');
      if (has(kQuoted)) sink_.put('"');
      if (slots[i].data() != nullptr)
        escaped(slots[i], kCaptureEscapes, '#');
      else if (!has(kQuoted))
        sink_.put('-');
      if (has(kQuoted)) sink_.put('"');
    }
  }

  void frontend_and_transport() {
    if (has(kQuoted)) sink_.put('"');
    sink_.put(subject_.frontend);
    if (subject_.client != nullptr && subject_.client->bind->tls) sink_.put('~');
    if (has(kQuoted)) sink_.put('"');
  }

  void retries() {
    if (log_.redispatched) sink_.put('+');
    sink_.put_number(log_.retries);
  }

  void termination(bool with_cookies) {
    sink_.put(std::string_view(log_.termination, 2));
    if (with_cookies) sink_.put(std::string_view(log_.cookies, 2));
  }

  bool knows_ends() const { return subject_.client != nullptr && subject_.client->ends != nullptr; }
  bool knows_source() const { return subject_.explained == nullptr || subject_.explained->source; }
  const SocketAddress* source() const { return knows_ends() ? &subject_.source() : nullptr; }
  const SocketAddress* destination() const { return knows_ends() ? &subject_.destination() : nullptr; }
  std::uint32_t bind_id() const { return subject_.client == nullptr ? 0 : subject_.client->bind->id; }
  const TlsFacts* tls() const { return subject_.client == nullptr ? nullptr : subject_.client->tls.facts(); }

  void print_variable() {
    switch (node_->variable) {
      case LogVariable::Options:
        return;
      case LogVariable::BytesRead:
        return growing(static_cast<std::int64_t>(log_.bytes_read));
      case LogVariable::RequestCookie:
        return text(log_.request_cookie);
      case LogVariable::ResponseCookie:
        return text(log_.response_cookie);
      case LogVariable::Hostname:
        return text(node_->text);
      case LogVariable::Method:
        return part_of_request(subject_.received_method);
      case LogVariable::UriWithoutQuery:
        return part_of_request(subject_.received_target.substr(0, subject_.received_target.find('?')));
      case LogVariable::PathOnly:
        return part_of_request(split_target(subject_.received_target).path);
      case LogVariable::Query:
        return part_of_request(query_with_mark());
      case LogVariable::Uri:
        return part_of_request(subject_.received_target);
      case LogVariable::Version:
        return part_of_request(version());
      case LogVariable::UniqueId:
        return text(subject_.unique_id);
      case LogVariable::Status:
        return number(log_.status);
      case LogVariable::GmtDate:
        return gmt_date(accept_us());
      case LogVariable::ActiveTime:
        return growing(log_.ta);
      case LogVariable::ConnectTime:
        return number(log_.tc);
      case LogVariable::DataTime:
        return number(log_.td);
      case LogVariable::HandshakeTime:
        return number(log_.th);
      case LogVariable::IdleTime:
        return number(log_.ti);
      case LogVariable::QueryTime:
        return number(log_.tq);
      case LogVariable::RequestTime:
        return number(log_.t_request);
      case LogVariable::ResponseTime:
        return number(log_.t_response);
      case LogVariable::LocalDate:
        return local_date(accept_us(), true);
      case LogVariable::Timestamp:
        return number_or_hex(accept_us() / 1000000);
      case LogVariable::TotalTime:
        return growing(log_.tt);
      case LogVariable::UserTime:
        return growing(log_.tu);
      case LogVariable::WaitTime:
        return number(log_.tw);
      case LogVariable::BytesUploaded:
        return growing(static_cast<std::int64_t>(log_.bytes_uploaded));
      case LogVariable::ActConn:
        return number(log_.actconn);
      case LogVariable::BackendName:
        return text(subject_.backend.empty() ? subject_.frontend : subject_.backend);
      case LogVariable::BackConn:
        return number(log_.beconn);
      case LogVariable::BackIp:
        return ip(log_.back_source);
      case LogVariable::BackPort:
        return port(log_.back_source, 0);
      case LogVariable::BackQueue:
        return number(log_.backend_queue);
      case LogVariable::ClientIp:
        return knows_source() ? ip(source()) : text(kUnknownHere);
      case LogVariable::ClientPort:
        return port(source(), bind_id());
      case LogVariable::FrontendName:
        return text(subject_.frontend);
      case LogVariable::FrontConn:
        return number(log_.feconn);
      case LogVariable::FrontIp:
        return ip(destination());
      case LogVariable::FrontPort:
        return port(destination(), bind_id());
      case LogVariable::FrontTransport:
        return frontend_and_transport();
      case LogVariable::LogCounter:
        return number_or_hex(log_.log_counter);
      case LogVariable::RequestCaptures:
        return captures(subject_.request_captures);
      case LogVariable::RequestCaptureList:
        return capture_list(subject_.request_captures);
      case LogVariable::ResponseCaptures:
        return captures(subject_.response_captures);
      case LogVariable::ResponseCaptureList:
        return capture_list(subject_.response_captures);
      case LogVariable::Milliseconds:
        return milliseconds_of(accept_us());
      case LogVariable::Pid:
        return number_or_hex(log_.pid);
      case LogVariable::RequestLine:
        return request_line();
      case LogVariable::Retries:
        return retries();
      case LogVariable::RequestCounter:
        return number_or_hex(log_.request_counter);
      case LogVariable::ServerName:
        return text(subject_.server.empty() ? std::string_view("<NOSRV>") : subject_.server);
      case LogVariable::ServerConn:
        return number(log_.srv_conn);
      case LogVariable::ServerIp:
        return ip(log_.server_address);
      case LogVariable::ServerPort:
        return port(log_.server_address, 0);
      case LogVariable::ServerQueue:
        return number(log_.srv_queue);
      case LogVariable::TlsCipher:
        return text(tls() == nullptr ? std::string_view() : tls()->cipher);
      case LogVariable::TlsVersion:
        return text(tls() == nullptr ? std::string_view() : tls()->version);
      case LogVariable::AcceptDate:
        return local_date(accept_us(), false);
      case LogVariable::RequestDate:
        return local_date(request_us(), false);
      case LogVariable::RequestGmtDate:
        return gmt_date(request_us());
      case LogVariable::RequestLocalDate:
        return local_date(request_us(), true);
      case LogVariable::Termination:
        return termination(false);
      case LogVariable::TerminationWithCookies:
        return termination(true);
    }
  }

  std::int64_t accept_us() const {
    if (log_.accept_us != 0) return log_.accept_us;
    return subject_.client != nullptr ? subject_.client->accepted_us : 0;
  }
  std::int64_t request_us() const { return log_.request_us != 0 ? log_.request_us : accept_us(); }

  Subject& subject_;
  const LogFacts& log_;
  Sink& sink_;
  const FormatNode* node_ = nullptr;
  bool printed_nothing_ = false;
};

}  // namespace

Format::Format() = default;
Format::Format(std::vector<FormatNode> nodes) : nodes_(std::move(nodes)), empty_(nodes_.empty()) {
  const auto asks = [&](LogVariable variable) {
    return std::any_of(nodes_.begin(), nodes_.end(), [&](const FormatNode& node) {
      return node.kind == FormatNode::Kind::Variable && node.variable == variable;
    });
  };
  const bool asks_back_source = std::any_of(nodes_.begin(), nodes_.end(), [](const FormatNode& node) {
    return node.sample != nullptr && node.sample->fetch.fetch->name.starts_with("bc_src");
  });
  asks_back_address_ = asks(LogVariable::BackIp) || asks(LogVariable::BackPort) || asks_back_source;
  asks_log_counter_ = asks(LogVariable::LogCounter);
}
Format::Format(Format&&) noexcept = default;
Format& Format::operator=(Format&&) noexcept = default;
Format::~Format() = default;

std::optional<std::string_view> Format::constant() const {
  if (nodes_.empty()) return "";
  if (nodes_.size() != 1 || nodes_[0].kind != FormatNode::Kind::Text) return std::nullopt;
  return nodes_[0].text;
}

namespace {

// A log line is printed when programs have run; formats inside a program see what the program sees.
void note_use(Subject& subject, const std::vector<FormatNode>& nodes) {
  if (!nodes.empty() && nodes[0].use == FormatUse::Log) subject.available = kForLog;
}

}  // namespace

std::string_view Format::write(Subject& subject, std::span<char> space) const {
  note_use(subject, nodes_);
  Sink sink(space);
  Printer printer(subject, sink);
  for (const FormatNode& node : nodes_) printer.print(node);
  return sink.written();
}

std::string_view Format::expand(Subject& subject) const {
  if (const auto text = constant()) return *text;
  note_use(subject, nodes_);
  Sink sink(subject);
  Printer printer(subject, sink);
  for (const FormatNode& node : nodes_) printer.print(node);
  return sink.written();
}

}  // namespace penstock::rules
