#include "penstock/http/h1_writer.h"

#include <charconv>
#include <cstring>
#include <utility>

#include "penstock/base/require.h"
#include "penstock/base/text.h"

namespace penstock {
namespace {

// A piece up to this size is copied behind what stands before it: cheaper than one more slice to
// send.
constexpr std::size_t kCopyLimit = 1024;

// Puts a head's many small texts where they will be sent from, so that the outbox is asked few times.
class Packer {
 public:
  explicit Packer(Outbox& out) : out_(out) {}
  ~Packer() {
    end_run();
    flush();
  }
  Packer(const Packer&) = delete;
  Packer& operator=(const Packer&) = delete;

  void add(std::string_view text) {
    end_run();
    copy(text);
  }
  template <std::size_t N>
  void add(const char (&text)[N]) {
    end_run();
    copy(text);
  }
  // Fields that lie behind each other as they go out, which is how they came, are copied as one text.
  void add_field(std::string_view name, std::string_view value) {
    const char* const end = name.data() + name.size();
    if (end + 2 == value.data() && end[0] == ':' && end[1] == ' ') {
      const char* const field_end = value.data() + value.size();
      if (follows_run(name.data())) {
        run_end_ = field_end;
        return;
      }
      end_run();
      run_ = name.data();
      run_end_ = field_end;
      return;
    }
    end_run();
    copy(name);
    copy(": ");
    copy(value);
    copy("\r\n");
  }

 private:
  // Asked for at once; few heads need more.
  static constexpr std::size_t kSpace = 1024;

  bool follows_run(const char* at) const {
    return run_ != nullptr && run_end_ + 2 == at && run_end_[0] == '\r' && run_end_[1] == '\n';
  }
  void end_run() {
    if (run_ == nullptr) return;
    const std::string_view run(run_, static_cast<std::size_t>(run_end_ - run_));
    run_ = nullptr;
    copy(run);
    copy("\r\n");
  }
  void copy(std::string_view text) {
    if (text.empty()) return;
    if (text.size() > static_cast<std::size_t>(end_ - at_)) return copy_far(text);
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  // Of a length that is known, and short: a store or two.
  template <std::size_t N>
  void copy(const char (&text)[N]) {
    constexpr std::size_t kSize = N - 1;
    static_assert(kSize <= 32);
    if (kSize > static_cast<std::size_t>(end_ - at_)) make_space();
    std::memcpy(at_, text, kSize);
    at_ += kSize;
  }
  [[gnu::noinline]] void copy_far(std::string_view text) {
    if (text.size() > kSpace) {
      flush();
      return out_.append(text);
    }
    make_space();
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  [[gnu::noinline]] void make_space() {
    flush();
    begin_ = at_ = out_.space(kSpace);
    end_ = at_ + out_.room();
  }
  void flush() {
    if (at_ != begin_) out_.wrote(static_cast<std::size_t>(at_ - begin_));
    begin_ = at_ = end_ = nullptr;
  }

  Outbox& out_;
  const char* run_ = nullptr;  // Fields to be copied, without the end of the last one's line.
  const char* run_end_ = nullptr;
  char* begin_ = nullptr;  // The outbox's space, what was put there, and its end.
  char* at_ = nullptr;
  char* end_ = nullptr;
};

// The one framing field that a head may carry. What else of that kind stands in it is left out, so
// that no rule of an administrator can make two readers see two messages.
enum class Framed : std::uint8_t {
  Length,      // Content-Length with Head::body's number; added if missing.
  Chunked,     // Transfer-Encoding: chunked; added if missing.
  ZeroLength,  // A Content-Length of zero may stand.
  AnyLength,   // No body, but what is said of the one that another answer would have.
  Any,         // The same, and it may have been chunked.
  Nothing,
};

class Number {
 public:
  explicit Number(std::uint64_t number) : end_(std::to_chars(digits_, digits_ + sizeof(digits_), number).ptr) {}
  std::string_view text() const { return {digits_, static_cast<std::size_t>(end_ - digits_)}; }

 private:
  char digits_[20];
  char* end_;
};

// The digits of `number`, and nothing else.
bool says(std::string_view text, std::uint64_t number) {
  constexpr std::size_t kMostDigits = 18;  // As framing::judge has it.
  if (text.empty() || text.size() > kMostDigits || (text.size() > 1 && text[0] == '0')) return false;
  std::uint64_t said = 0;
  for (const char c : text) {
    const auto digit = static_cast<unsigned char>(c - '0');
    if (digit > 9) return false;
    said = said * 10 + digit;
  }
  return said == number;
}

bool may_stand(bool is_length, std::string_view value, Framed framed, std::uint64_t bytes) {
  switch (framed) {
    case Framed::Length:
      return is_length && says(value, bytes);
    case Framed::Chunked:
      return !is_length && equal_nocase(value, "chunked");
    case Framed::ZeroLength:
      return is_length && value == "0";
    case Framed::AnyLength:
      return is_length;
    case Framed::Any:
      return true;
    case Framed::Nothing:
      return false;
  }
  return false;
}

void add_fields(Packer& pack, const Head& head, Framed framed) {
  bool stands = false;
  for (const Field& field : head.fields) {
    const bool is_length = field.name.size() == 14 && equal_nocase(field.name, "content-length");
    if (is_length || (field.name.size() == 17 && equal_nocase(field.name, "transfer-encoding"))) {
      if (stands || !may_stand(is_length, field.value, framed, head.body.bytes)) continue;
      stands = true;
    }
    pack.add_field(field.name, field.value);
  }
  if (stands) return;
  if (framed == Framed::Length) pack.add_field("Content-Length", Number(head.body.bytes).text());
  if (framed == Framed::Chunked) pack.add_field("Transfer-Encoding", "chunked");
}

void add_end(Packer& pack, ConnectionToken connection) {
  switch (connection) {
    case ConnectionToken::None:
      break;
    case ConnectionToken::Close:
      pack.add("Connection: close\r\n");
      break;
    case ConnectionToken::KeepAlive:
      pack.add("Connection: keep-alive\r\n");
      break;
    case ConnectionToken::Upgrade:
      pack.add("Connection: Upgrade\r\n");
      break;
  }
  pack.add("\r\n");
}

Framed framed_of_request(BodyLength::Kind kind) {
  switch (kind) {
    case BodyLength::Kind::Counted:
      return Framed::Length;
    case BodyLength::Kind::Chunked:
      return Framed::Chunked;
    case BodyLength::Kind::None:
    case BodyLength::Kind::UntilClose:
    case BodyLength::Kind::Tunnel:
      break;
  }
  return Framed::ZeroLength;
}

// RFC 9110 section 8.6 and RFC 9112 section 6.1: neither field in 1xx and 204, nor in a 2xx to
// CONNECT.
Framed framed_of_response(const Head& head, bool no_body, bool chunks_allowed) {
  if (head.status / 100 == 1 || head.status == 204) return Framed::Nothing;
  switch (head.body.kind) {
    case BodyLength::Kind::None:
      if (no_body) return chunks_allowed ? Framed::Any : Framed::AnyLength;
      return Framed::Length;  // Without one the client would wait for the end of the connection.
    case BodyLength::Kind::Counted:
      return Framed::Length;
    case BodyLength::Kind::Chunked:
      return chunks_allowed ? Framed::Chunked : Framed::Nothing;
    case BodyLength::Kind::UntilClose:
    case BodyLength::Kind::Tunnel:
      break;
  }
  return Framed::Nothing;
}

}  // namespace

void H1Writer::request_head(Outbox& out, const Head& head, ConnectionToken connection) {
  const BodyLength::Kind kind = head.body.kind;
  const bool http11 = head.version == HttpVersion::Http11;
  // A request has no other way to end, and HTTP/1.0 knows no chunks.
  require(kind != BodyLength::Kind::UntilClose && (kind != BodyLength::Kind::Chunked || http11));
  framing_ = kind == BodyLength::Kind::Chunked ? Framing::Chunked : Framing::Plain;
  Packer pack(out);
  pack.add(head.method);
  pack.add(" ");
  pack.add(head.target);
  if (http11) {
    pack.add(" HTTP/1.1\r\n");
  } else {
    pack.add(" HTTP/1.0\r\n");
  }
  add_fields(pack, head, framed_of_request(kind));
  add_end(pack, connection);
}

void H1Writer::response_head(Outbox& out, const Head& head, ConnectionToken connection, bool no_body,
                             bool chunks_allowed) {
  const BodyLength::Kind kind = head.body.kind;
  framing_ = kind == BodyLength::Kind::Chunked && chunks_allowed ? Framing::Chunked : Framing::Plain;
  if (no_body && kind != BodyLength::Kind::Tunnel) framing_ = Framing::NoBody;
  require(head.status >= 100 && head.status <= 999);
  Packer pack(out);
  const char status[] = {static_cast<char>('0' + head.status / 100), static_cast<char>('0' + head.status / 10 % 10),
                         static_cast<char>('0' + head.status % 10), ' ', '\0'};
  pack.add("HTTP/1.1 ");
  pack.add(status);
  pack.add(head.reason);
  pack.add("\r\n");
  add_fields(pack, head, framed_of_response(head, no_body, chunks_allowed));
  add_end(pack, connection);
}

void H1Writer::body(Outbox& out, Slice bytes) {
  // Rules may have chosen a status or a method without a body for a message that has one.
  if (framing_ == Framing::NoBody || bytes.empty()) return;  // As a chunk no bytes would be the last.
  if (framing_ == Framing::Chunked) {
    char size[18];
    char* const end = std::to_chars(size, size + 16, bytes.size(), 16).ptr;
    end[0] = '\r';
    end[1] = '\n';
    out.append(std::string_view(size, static_cast<std::size_t>(end + 2 - size)));
  }
  if (bytes.size() <= kCopyLimit) {
    out.append(bytes.view());
  } else {
    out.append(std::move(bytes));
  }
  if (framing_ == Framing::Chunked) out.append("\r\n");
}

void H1Writer::end(Outbox& out, const Trailers& trailers) {
  if (framing_ != Framing::Chunked) return;
  framing_ = Framing::Plain;  // What may follow is a tunnel's.
  Packer pack(out);
  pack.add("0\r\n");
  for (const Field& field : trailers.fields) pack.add_field(field.name, field.value);
  pack.add("\r\n");
}

}  // namespace penstock
