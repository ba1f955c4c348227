#include "penstock/rules/json_line.h"

#include <time.h>

#include <charconv>
#include <cstring>

#include "penstock/base/format.h"

namespace penstock::rules {
namespace {

constexpr std::size_t kLongest = 1024;  // Of a text.

// One object; what has no room is left out, and the end always has.
class Object {
 public:
  explicit Object(std::span<char> space) : begin_(space.data()), at_(begin_), end_(begin_ + space.size() - kEnd) {
    *at_++ = '{';
  }
  std::string_view ended() {
    std::memcpy(at_, "}", 1);
    return {begin_, static_cast<std::size_t>(at_ + 1 - begin_)};
  }

  void text(std::string_view name, std::string_view value) {
    member(name, [&] { put_text(value); });
  }
  void text_or_null(std::string_view name, std::string_view value) {
    if (value.empty()) return null(name);
    text(name, value);
  }
  void number(std::string_view name, std::int64_t value) {
    member(name, [&] { put_number(value); });
  }
  // -1: it is not known, or did not come to that.
  void number_or_null(std::string_view name, std::int64_t value) {
    if (value < 0) return null(name);
    number(name, value);
  }
  void truth(std::string_view name, bool value) {
    member(name, [&] { put(value ? "true" : "false"); });
  }
  void null(std::string_view name) {
    member(name, [&] { put("null"); });
  }
  // What was not captured is null.
  void texts(std::string_view name, std::span<const std::string_view> values) {
    member(name, [&] {
      put("[");
      for (std::size_t i = 0; i < values.size(); ++i) {
        if (i != 0) put(",");
        if (values[i].data() == nullptr)
          put("null");
        else
          put_text(values[i]);
      }
      put("]");
    });
  }

 private:
  static constexpr std::size_t kEnd = 1;
  template <class Value>
  void member(std::string_view name, Value value) {
    char* const before = at_;
    if (at_ != begin_ + 1) put(",");
    put("\"");
    put(name);
    put("\":");
    value();
    if (full_) at_ = before;
    full_ = false;
  }
  void put(std::string_view bytes) {
    if (full_ || bytes.size() > static_cast<std::size_t>(end_ - at_)) {
      full_ = true;
      return;
    }
    std::memcpy(at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }
  void put_number(std::int64_t value) {
    char digits[20];
    put({digits, static_cast<std::size_t>(std::to_chars(digits, digits + sizeof(digits), value).ptr - digits)});
  }
  void put_text(std::string_view value) {
    put("\"");
    for (const char c : value.substr(0, kLongest)) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\') {
        const char escaped[] = {'\\', c};
        put({escaped, 2});
      } else if (byte < 0x20 || byte > 0x7e) {
        char escaped[6];
        put(format_into(escaped, "\\u{:04x}", byte));
      } else {
        put({&c, 1});
      }
    }
    put("\"");
  }

  char* const begin_;
  char* at_;
  char* const end_;
  bool full_ = false;
};

// RFC 3339, in UTC.
std::string_view date(std::int64_t moment_us, std::span<char> space) {
  const auto second = static_cast<time_t>(moment_us / 1'000'000);
  tm when{};
  gmtime_r(&second, &when);
  return format_into(space, "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", when.tm_year + 1900, when.tm_mon + 1,
                     when.tm_mday, when.tm_hour, when.tm_min, when.tm_sec, moment_us / 1000 % 1000);
}

std::string_view version_text(HttpVersion version) { return version == HttpVersion::Http10 ? "HTTP/1.0" : "HTTP/1.1"; }

void add_address(Object& out, std::string_view ip_name, std::string_view port_name, const SocketAddress* address) {
  if (address == nullptr || address->empty()) {
    out.null(ip_name);
    return out.null(port_name);
  }
  char space[64];
  out.text(ip_name, address->write_ip(space));
  if (address->ip_bytes().empty()) return out.null(port_name);
  out.number(port_name, address->port());
}

void add_client(Object& out, const Subject& subject) {
  const ClientFacts* client = subject.client;
  const SocketAddress* source = client != nullptr && client->ends != nullptr ? &subject.source() : nullptr;
  add_address(out, "client_ip", "client_port", source);
  out.text("frontend", subject.frontend);
  if (client == nullptr || client->bind == nullptr || client->bind->name.empty())
    out.null("bind");
  else
    out.text("bind", client->bind->name);
  const TlsFacts* tls = client == nullptr ? nullptr : client->tls.facts();
  out.text_or_null("tls_version", tls == nullptr ? std::string_view() : std::string_view(tls->version));
  out.text_or_null("tls_cipher", tls == nullptr ? std::string_view() : std::string_view(tls->cipher));
}

void add_times(Object& out, const LogFacts& log) {
  out.number_or_null("time_handshake_ms", log.th);
  out.number_or_null("time_idle_ms", log.ti);
  out.number_or_null("time_request_ms", log.t_request);
  out.number_or_null("time_queue_ms", log.tw);
  out.number_or_null("time_connect_ms", log.tc);
  out.number_or_null("time_response_ms", log.t_response);
  out.number_or_null("time_data_ms", log.td);
  out.number_or_null("time_active_ms", log.ta);
  out.number_or_null("time_total_ms", log.tt);
}

void add_connections(Object& out, const LogFacts& log) {
  out.number("actconn", log.actconn);
  out.number("feconn", log.feconn);
  out.number("beconn", log.beconn);
  out.number("srv_conn", log.srv_conn);
  out.number("retries", log.retries);
  out.truth("redispatched", log.redispatched);
  out.number("srv_queue", log.srv_queue);
  out.number("backend_queue", log.backend_queue);
}

void add_request(Object& out, const Subject& subject) {
  out.text_or_null("reason", subject.reason.text);
  out.text_or_null("unique_id", subject.unique_id);
  out.texts("captured_request_headers", subject.request_captures);
  out.texts("captured_response_headers", subject.response_captures);
  const bool is_read = !subject.received_method.empty();
  out.text_or_null("method", subject.received_method);
  out.text_or_null("version", is_read ? version_text(subject.received_version) : std::string_view());
  out.text_or_null("uri", subject.received_target);
}

}  // namespace

std::string_view json_line(const Subject& subject, std::string_view message, std::span<char> space) {
  const LogFacts& log = subject.log;
  Object out(space);
  char moment[32];
  const std::int64_t accepted_us = subject.client != nullptr ? subject.client->accepted_us : 0;
  const std::int64_t request_us = log.request_us != 0 ? log.request_us : log.accept_us;
  out.text("time", date(request_us != 0 ? request_us : accepted_us, moment));
  add_client(out, subject);
  if (!message.empty()) {
    out.text("message", message);
    return out.ended();
  }
  out.text("backend", subject.backend.empty() ? subject.frontend : subject.backend);
  out.text_or_null("server", subject.server);
  add_address(out, "server_ip", "server_port", log.server_address);
  out.number_or_null("status", log.status);
  const char state[] = {log.termination[0], log.termination[1], log.cookies[0], log.cookies[1]};
  out.text("termination_state", {state, sizeof(state)});
  add_times(out, log);
  out.number("bytes_read", static_cast<std::int64_t>(log.bytes_read));
  out.number("bytes_uploaded", static_cast<std::int64_t>(log.bytes_uploaded));
  add_connections(out, log);
  out.text_or_null("captured_request_cookie", log.request_cookie);
  out.text_or_null("captured_response_cookie", log.response_cookie);
  add_request(out, subject);
  return out.ended();
}

}  // namespace penstock::rules
