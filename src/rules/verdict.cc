#include "penstock/rules/verdict.h"

#include <algorithm>

namespace penstock::rules {

Reply ReplyTemplate::expand(Subject& subject) const {
  Reply reply;
  reply.status = status;
  reply.reason = reason;
  reply.standard = standard;
  reply.silent = silent;
  if (standard || silent) return reply;
  if (available != 0) subject.available = available;
  subject.log.status = status;  // %ST: that of this answer.
  Field* fields = static_cast<Field*>(subject.arena.allocate((headers.size() + 1) * sizeof(Field), alignof(Field)));
  std::size_t count = 0;
  for (const Header& header : headers) {
    const std::string_view value = header.value.expand(subject);
    if (!value.empty()) fields[count++] = {header.name, value};
  }
  reply.body = body_format ? body_format->expand(subject) : std::string_view(body);
  if (!content_type.empty() && !reply.body.empty()) fields[count++] = {"Content-Type", content_type};
  reply.fields = {fields, count};
  return reply;
}

namespace {

struct ReasonRow {
  std::uint16_t status;
  std::string_view reason;
};

constexpr ReasonRow kReasons[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {102, "Processing"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {207, "Multi-Status"},
    {208, "Already Reported"},
    {226, "IM Used"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {305, "Use Proxy"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {418, "I'm a teapot"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {506, "Variant Also Negotiates"},
    {507, "Insufficient Storage"},
    {508, "Loop Detected"},
    {510, "Not Extended"},
    {511, "Network Authentication Required"},
};

}  // namespace

std::string_view reason_of(std::uint16_t status) {
  const auto* row = std::lower_bound(std::begin(kReasons), std::end(kReasons), status,
                                     [](const ReasonRow& r, std::uint16_t wanted) { return r.status < wanted; });
  if (row != std::end(kReasons) && row->status == status) return row->reason;
  constexpr std::string_view kClasses[] = {"Informational", "Success", "Redirection", "Client Error", "Server Error"};
  return status >= 100 && status < 600 ? kClasses[status / 100 - 1] : "Other";
}

}  // namespace penstock::rules
