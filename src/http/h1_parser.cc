#include "penstock/http/h1_parser.h"

#include <llhttp.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "bytes.h"
#include "penstock/base/text.h"
#include "penstock/http/framing.h"
#include "scan.h"

namespace penstock {
namespace {

// RFC 9112 section 2.2: an empty line before a request is forgiven; many are no mistake any more.
constexpr std::uint32_t kBlankLines = 4;
// A head in several reads is gathered in blocks of these sizes, then in one as large as the limit.
constexpr std::size_t kGatherSizes[] = {4 * 1024, 16 * 1024, 64 * 1024};

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kVersion10 = "HTTP/1.0";
constexpr std::string_view kVersion11 = "HTTP/1.1";

// What came in several reads, in one piece.
class Gathered {
 public:
  void reset() { filling_.reset(); }
  bool empty() const { return !filling_.has_block(); }
  Slice all() const { return filling_.all(); }

  void append(std::string_view bytes, std::size_t limit) {
    const std::size_t needed = filling_.used() + bytes.size();
    if (filling_.room() < bytes.size()) {
      std::size_t capacity = needed > limit ? needed : limit;
      for (std::size_t size : kGatherSizes) {
        if (size >= needed && size < capacity) capacity = size;
      }
      const Slice before = filling_.all();
      filling_.start(capacity);
      if (!before.empty()) filling_.append(before.view());
    }
    filling_.append(bytes);
  }

 private:
  Filling filling_;
};

H1Error read_version(std::string_view text, HttpVersion& version) {
  constexpr std::size_t kSize = kVersion11.size();
  if (text.size() != kSize) return {400, "malformed start line"};
  version = HttpVersion::Http11;
  if (std::memcmp(text.data(), kVersion11.data(), kSize) == 0) return {};
  version = HttpVersion::Http10;
  if (std::memcmp(text.data(), kVersion10.data(), kSize) == 0) return {};
  const bool is_version =
      text.starts_with("HTTP/") && is_byte(text[5], kDigitByte) && text[6] == '.' && is_byte(text[7], kDigitByte);
  if (is_version) return {505, "HTTP version other than 1.0 and 1.1"};
  return {400, "malformed start line"};
}

// Where the last blank of a request line is: before the version, as a rule.
std::size_t last_blank(std::string_view line) {
  const std::size_t usual = line.size() - kVersion11.size() - 1;
  const bool is_usual = line.size() > kVersion11.size() && line[usual] == ' ' && line.ends_with(kVersion11);
  return is_usual ? usual : line.rfind(' ');
}

// RFC 9112 section 3: method SP target SP version, one blank each.
H1Error read_request_line(std::string_view line, Head& head) {
  std::size_t first = 0;
  while (first < line.size() && is_byte(line[first], kTokenByte)) ++first;
  const std::size_t method_end = first;
  if (first == line.size() || line[first] != ' ') first = line.find(' ', first);
  const std::size_t last = last_blank(line);
  if (first == std::string_view::npos || first == last) return {400, "malformed start line"};
  head.method = {line.data(), first};
  if (first == 0 || first != method_end) return {400, "malformed method"};
  const H1Error error = read_version({line.data() + last + 1, line.size() - last - 1}, head.version);
  if (error.status != 0) return error;
  head.target = {line.data() + first + 1, last - first - 1};
  if (!is_target(head.target)) return {400, "malformed target"};
  return {};
}

// RFC 9112 section 4: version SP three digits, then SP and any reason. Some servers leave out the
// last blank if they have no reason.
H1Error read_status_line(std::string_view line, Head& head) {
  constexpr std::size_t kStatusAt = kVersion11.size() + 1;
  if (line.size() < kStatusAt + 3 || line[kStatusAt - 1] != ' ') return {400, "malformed start line"};
  const H1Error error = read_version({line.data(), kStatusAt - 1}, head.version);
  if (error.status != 0) return error;
  const std::string_view digits(line.data() + kStatusAt, 3);
  const auto digit = [digits](std::size_t i) { return static_cast<unsigned char>(digits[i] - '0'); };
  if (digit(0) > 9 || digit(1) > 9 || digit(2) > 9 || digit(0) == 0) return {400, "malformed status"};
  head.status = static_cast<std::uint16_t>(digit(0) * 100 + digit(1) * 10 + digit(2));
  line.remove_prefix(kStatusAt + 3);
  if (line.empty()) return {};
  if (line[0] != ' ') return {400, "malformed start line"};
  line.remove_prefix(1);
  head.reason = line;
  return {};
}

std::string_view without_blanks(const char* begin, const char* end) {
  while (begin != end && (*begin == ' ' || *begin == '\t')) ++begin;
  while (begin != end && (end[-1] == ' ' || end[-1] == '\t')) --end;
  return {begin, static_cast<std::size_t>(end - begin)};
}

// RFC 9112 section 5: name, colon, value; a colon ends the name at once. The line in front of [at, end) has an end,
// which no token holds. Returns what stands behind that, or null.
const char* read_field(const char* at, const char* end, Field& field) {
  const char* const colon = token_end(at, end);
  if (colon == at || *colon != ':') return nullptr;
  const char* const line_end = find_return(colon, end);
  field = {{at, static_cast<std::size_t>(colon - at)}, without_blanks(colon + 1, line_end)};
  return line_end + kLineEnd.size();
}

// Content-Length, Transfer-Encoding, Connection, Upgrade and a few that look like them by length.
bool may_frame(std::string_view name) {
  switch (name.size()) {
    case 7:
      return to_lower(name[0]) == 'u';
    case 10:
    case 14:
      return to_lower(name[0]) == 'c';
    case 17:
      return to_lower(name[0]) == 't';
    default:
      return false;
  }
}

}  // namespace

// llhttp reads start line, chunks and those fields that it knows to bear on framing, and has to
// agree with us. Other fields it would only walk through, byte by byte, for most of the time a head
// takes; all that it could find there was found when the end of the head was looked for and the
// names were read. It is asked about nothing that is framed plainly (framing::Judgement::plain).
struct H1Parser::Machine : InBlock {
  enum class State : std::uint8_t { Start, Head, Counted, Chunked, Trailers, UntilClose, Ended, Over, Failed };

  State state = State::Over;
  framing::Kind kind = framing::Kind::Request;
  bool blank_cr = false;  // Half of a blank line before a request was seen.
  std::uint8_t blank_lines = 0;
  bool fields_ended = false;  // llhttp saw the blank line behind the fields it reads.
  bool message_ended = false;
  Arena* arena = nullptr;
  std::uint64_t left = 0;  // Of a counted body, or of the chunk being read.
  llhttp_t reader;
  HeadScan head_scan = HeadScan::of_head();
  ChunkScan chunk_scan;
  Gathered gathered;
  Slice trailer_bytes;

  static Machine& of(llhttp_t* reader) { return *static_cast<Machine*>(reader->data); }
  static const llhttp_settings_t& settings();
  void start_reader();
  bool read(std::string_view bytes) {
    const llhttp_errno_t result = llhttp_execute(&reader, bytes.data(), bytes.size());
    return result == HPE_OK || fields_ended;
  }
  // Why llhttp stopped: a literal of its own.
  const char* reason() const {
    const char* text = llhttp_get_error_reason(&reader);
    return text == nullptr || *text == '\0' ? "malformed field" : text;
  }
  // A piece of `input`'s start joins what came of this head before; it stays one piece.
  void keep(Slice& input, std::size_t size, bool complete, std::size_t limit, Slice& kept) {
    if (size == 0) return;
    if (complete && gathered.empty()) {
      kept = input.part(0, size);
    } else {
      gathered.append(input.view().substr(0, size), limit);
      kept = gathered.all();
    }
    input.remove_prefix(size);
  }

  static int on_fields_end(llhttp_t* reader) {
    of(reader).fields_ended = true;
    return 0;
  }
  static int on_message_end(llhttp_t* reader) {
    of(reader).message_ended = true;
    return 0;
  }
};

const llhttp_settings_t& H1Parser::Machine::settings() {
  static constexpr llhttp_settings_t kSettings = [] {
    llhttp_settings_t settings{};
    settings.on_headers_complete = on_fields_end;
    settings.on_message_complete = on_message_end;
    return settings;
  }();
  return kSettings;
}

void H1Parser::Machine::start_reader() {
  llhttp_init(&reader, kind == framing::Kind::Request ? HTTP_REQUEST : HTTP_RESPONSE, &settings());
  reader.data = this;
  fields_ended = message_ended = false;
}

H1Parser::H1Parser(const HeadLimits& limits) : limits_(limits), machine_(std::make_unique<Machine>()) {}

H1Parser::~H1Parser() = default;

void H1Parser::start_request(Arena& arena) { start(arena, framing::Kind::Request); }

void H1Parser::start_response(Arena& arena, bool to_head, bool to_connect) {
  start(arena, to_head      ? framing::Kind::ResponseToHead
               : to_connect ? framing::Kind::ResponseToConnect
                            : framing::Kind::Response);
}

void H1Parser::start(Arena& arena, framing::Kind kind) {
  Machine& machine = *machine_;
  machine.kind = kind;
  machine.arena = &arena;
  machine.blank_cr = false;
  machine.blank_lines = 0;
  machine.trailer_bytes.clear();
  // The arena may have been cleared since; nothing that lay in it is touched again.
  head_.fields.forget();
  trailers_.fields.forget();
  body_.clear();
  error_ = {};
  begun_ = false;
  start_head();
}

void H1Parser::start_head() {
  machine_->state = Machine::State::Start;
  machine_->head_scan = HeadScan::of_head();
  release_head();
  ArenaVector<Field> fields = head_.fields;
  fields.clear();
  head_ = Head();
  hop_ = Hop();
  head_.fields = fields;
}

void H1Parser::release_head() {
  head_bytes_.clear();
  // Trailers are gathered in the same place, when the head is no longer.
  if (machine_->state != Machine::State::Trailers) machine_->gathered.reset();
}

H1Parser::Step H1Parser::fail(const H1Error& error) {
  machine_->state = Machine::State::Failed;
  error_ = error;
  if (machine_->kind != framing::Kind::Request) error_.status = 502;
  return Step::Error;
}

H1Parser::Step H1Parser::next(Slice& input) {
  using State = Machine::State;
  switch (machine_->state) {
    case State::Start:
    case State::Head:
      return read_head(input);
    case State::Counted:
      return read_counted(input);
    case State::Chunked:
      return read_chunked(input);
    case State::Trailers:
      return read_trailers(input);
    case State::UntilClose:
      if (input.empty()) return Step::More;
      body_ = std::move(input);
      return Step::Body;
    case State::Ended:
      machine_->state = State::Over;
      return Step::End;
    case State::Failed:
      return Step::Error;
    case State::Over:
      break;
  }
  require(machine_->state != State::Over);
  return Step::Error;
}

// Drops blank lines before a request. False if they are too many or no such lines.
bool H1Parser::skip_blank_lines(Slice& input) {
  Machine& machine = *machine_;
  while (!input.empty() && (machine.blank_cr || input.data()[0] == '\r')) {
    if (machine.blank_cr && (input.data()[0] != '\n' || ++machine.blank_lines > kBlankLines)) return false;
    machine.blank_cr = !machine.blank_cr;
    input.remove_prefix(1);
  }
  return true;
}

// Apart, as is what reads chunks: next() is asked for more often than for heads.
[[gnu::noinline]] H1Parser::Step H1Parser::read_head(Slice& input) {
  Machine& machine = *machine_;
  if (machine.state == Machine::State::Start) {
    if (machine.kind == framing::Kind::Request && !skip_blank_lines(input)) {
      return fail({400, "malformed blank line before a request"});
    }
    if (input.empty()) return Step::More;
    if (begun_) start_head();  // The head before was a 1xx; it may be looked at until now.
    begun_ = true;
    machine.state = Machine::State::Head;
  }
  if (input.empty()) return Step::More;
  const std::size_t room = limits_.head - head_bytes_.size();
  const bool in_start_line = machine.head_scan.lines() == 0;
  const std::size_t taken = machine.head_scan.take(input.view().substr(0, room));
  const bool more = !machine.head_scan.ended() && machine.head_scan.refused() == nullptr;
  machine.keep(input, taken, !more || taken == room, limits_.head, head_bytes_);
  if (machine.head_scan.ended()) return finish_head();
  if (in_start_line && machine.head_scan.lines() != 0) {
    // Who speaks another protocol may wait for an answer to its first line.
    const H1Error malformed = read_start_line();
    if (malformed.status != 0) return fail(malformed);
  }
  if (machine.head_scan.refused() != nullptr) return fail({400, machine.head_scan.refused()});
  return taken == room ? fail_too_large() : Step::More;
}

// A start line that alone is too long is the target's fault.
H1Parser::Step H1Parser::fail_too_large() {
  if (machine_->head_scan.lines() != 0) return fail({431, "head too large"});
  if (raw_head().find(' ') == std::string_view::npos) return fail({400, "malformed method"});
  return fail({414, "target too long"});
}

// The fields in `lines`, each ended by CR LF.
H1Error H1Parser::read_fields(std::string_view lines, ArenaVector<Field>& fields) {
  const char* const end = lines.data() + lines.size();
  for (const char* at = lines.data(); at != end;) {
    if (fields.size() == limits_.fields) return {431, "too many fields"};
    Field field;
    at = read_field(at, end, field);
    if (at == nullptr) return {400, "malformed field"};
    fields.push_back(*machine_->arena, field);
  }
  return {};
}

// llhttp knows a list of methods, and some of them only together with other protocols. All methods
// but CONNECT are framed alike (RFC 9112 section 6), so it is given one of them in place of each.
bool H1Parser::agree_on_head() {
  Machine& machine = *machine_;
  machine.start_reader();
  std::string_view start_line = head_bytes_.view().substr(0, machine.head_scan.first_line() + kLineEnd.size());
  if (head_.is_request()) {
    if (!machine.read(head_.method == "CONNECT" ? "CONNECT" : "POST")) return false;
    start_line.remove_prefix(head_.method.size());
  }
  if (!machine.read(start_line)) return false;
  for (const Field& field : head_.fields) {
    if (!may_frame(field.name)) continue;
    const char* const end = field.value.data() + field.value.size();
    if (!machine.read({field.name.data(), static_cast<std::size_t>(end - field.name.data())}) ||
        !machine.read(kLineEnd)) {
      return false;
    }
  }
  return machine.read(kLineEnd) && machine.fields_ended;
}

H1Error H1Parser::read_start_line() {
  const std::string_view line = head_bytes_.view().substr(0, machine_->head_scan.first_line());
  return machine_->kind == framing::Kind::Request ? read_request_line(line, head_) : read_status_line(line, head_);
}

H1Parser::Step H1Parser::finish_head() {
  Machine& machine = *machine_;
  H1Error malformed = read_start_line();
  if (malformed.status != 0) return fail(malformed);
  const std::size_t fields_at = machine.head_scan.first_line() + kLineEnd.size();
  const std::string_view fields = head_bytes_.view().substr(fields_at);
  malformed = read_fields(fields.substr(0, fields.size() - kLineEnd.size()), head_.fields);
  if (malformed.status != 0) return fail(malformed);
  const framing::Judgement judgement = framing::judge(head_, machine.kind);
  if (judgement.refused != nullptr) return fail({400, judgement.refused});
  if (!judgement.plain && !agree_on_head()) return fail({400, machine.reason()});
  head_.body = judgement.body;
  hop_ = {.keep_alive = judgement.keep_alive, .upgrade = judgement.upgrade, .wire_size = head_bytes_.size()};
  return start_body();
}

H1Parser::Step H1Parser::start_body() {
  using State = Machine::State;
  Machine& machine = *machine_;
  switch (head_.body.kind) {
    case BodyLength::Kind::None: {
      const bool interim = !head_.is_request() && head_.status / 100 == 1;
      machine.state = interim ? State::Start : State::Ended;
      break;
    }
    case BodyLength::Kind::Counted:
      machine.state = State::Counted;
      machine.left = head_.body.bytes;
      break;
    case BodyLength::Kind::Chunked:
      // It must have come to the same end, or it could not go on.
      if ((machine.reader.flags & F_CHUNKED) == 0) return fail({400, "malformed Transfer-Encoding"});
      machine.state = State::Chunked;
      machine.left = 0;
      machine.chunk_scan.start();
      machine.fields_ended = false;
      break;
    case BodyLength::Kind::UntilClose:
    case BodyLength::Kind::Tunnel:
      machine.state = State::UntilClose;
      break;
  }
  return Step::Head;
}

// The front of `input` becomes body(), as much as is left of what was announced.
void H1Parser::cut_body(Slice& input) {
  std::uint64_t& left = machine_->left;
  if (input.size() <= left) {
    left -= input.size();
    body_ = std::move(input);
    return;
  }
  const auto size = static_cast<std::size_t>(left);
  body_ = input.part(0, size);
  input.remove_prefix(size);
  left = 0;
}

H1Parser::Step H1Parser::read_counted(Slice& input) {
  if (input.empty()) return Step::More;
  cut_body(input);
  if (machine_->left == 0) machine_->state = Machine::State::Ended;
  return Step::Body;
}

[[gnu::noinline]] H1Parser::Step H1Parser::read_chunked(Slice& input) {
  Machine& machine = *machine_;
  if (input.empty()) return Step::More;
  if (machine.left == 0) {
    const std::size_t taken = machine.chunk_scan.take(input.view());
    if (machine.chunk_scan.refused() != nullptr) return fail({400, machine.chunk_scan.refused()});
    // llhttp does not read all extensions that are well-formed; it is given the size alone.
    if (!machine.read(input.view().substr(0, machine.chunk_scan.size_bytes()))) return fail({400, machine.reason()});
    input.remove_prefix(taken);
    if (!machine.chunk_scan.ended()) return Step::More;
    if (!machine.read(kLineEnd)) return fail({400, machine.reason()});
    machine.left = machine.reader.content_length;
    machine.chunk_scan.next();
    if (machine.left == 0) {
      machine.state = Machine::State::Trailers;
      machine.head_scan = HeadScan::of_trailers();
      machine.gathered.reset();
      return read_trailers(input);
    }
    if (input.empty()) return Step::More;
  }
  cut_body(input);
  if (!machine.read(body_.view())) return fail({400, machine.reason()});
  return Step::Body;
}

[[gnu::noinline]] H1Parser::Step H1Parser::read_trailers(Slice& input) {
  Machine& machine = *machine_;
  if (input.empty()) return Step::More;
  const std::size_t room = limits_.head - machine.trailer_bytes.size();
  const std::size_t taken = machine.head_scan.take(input.view().substr(0, room));
  machine.keep(input, taken, machine.head_scan.ended(), limits_.head, machine.trailer_bytes);
  if (machine.head_scan.refused() != nullptr) return fail({400, machine.head_scan.refused()});
  if (!machine.head_scan.ended()) return taken == room ? fail({431, "trailers too large"}) : Step::More;
  const std::string_view lines = machine.trailer_bytes.view();
  const H1Error malformed = read_fields(lines.substr(0, lines.size() - kLineEnd.size()), trailers_.fields);
  if (malformed.status != 0) return fail(malformed);
  const char* refused = framing::judge_trailers(trailers_);
  if (refused != nullptr) return fail({400, refused});
  machine.read(kLineEnd);
  if (!machine.message_ended) return fail({400, machine.reason()});
  machine.state = Machine::State::Over;
  return Step::End;
}

H1Parser::Step H1Parser::end_of_input() {
  using State = Machine::State;
  switch (machine_->state) {
    case State::Start:
      if (!begun_) return Step::More;
      return fail({400, "closed before the final answer"});
    case State::Head:
      return fail({400, "closed inside a head"});
    case State::Counted:
    case State::Chunked:
    case State::Trailers:
      return fail({400, "closed inside a body"});
    case State::UntilClose:
    case State::Ended:
    case State::Over:
      machine_->state = State::Over;
      return Step::End;
    case State::Failed:
      break;
  }
  return Step::Error;
}

}  // namespace penstock
