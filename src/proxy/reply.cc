#include "penstock/proxy/reply.h"

#include <new>

#include "penstock/base/format.h"

namespace penstock::reply {
namespace {

constexpr Field kPageFields[] = {{"Cache-Control", "no-cache"}, {"Content-Type", "text/html"}};

struct Page {
  std::uint16_t status;
  std::string_view body;
};

constexpr Page kPages[] = {
    {200, "<html><body><h1>200 OK</h1>\nThe service is ready.\n</body></html>\n"},
    {400, "<html><body><h1>400 Bad Request</h1>\nThis request cannot be read as HTTP.\n</body></html>\n"},
    {401, "<html><body><h1>401 Unauthorized</h1>\nThis asks for a user and a password.\n</body></html>\n"},
    {403, "<html><body><h1>403 Forbidden</h1>\nThis is not allowed from here.\n</body></html>\n"},
    {404, "<html><body><h1>404 Not Found</h1>\nThere is nothing at this address.\n</body></html>\n"},
    {405, "<html><body><h1>405 Method Not Allowed</h1>\nThis method is not offered at this address.\n</body></html>\n"},
    {407,
     "<html><body><h1>407 Proxy Authentication Required</h1>\nThe proxy asks for a user and a "
     "password.\n</body></html>\n"},
    {408, "<html><body><h1>408 Request Timeout</h1>\nThe request did not arrive in time.\n</body></html>\n"},
    {410, "<html><body><h1>410 Gone</h1>\nWhat was at this address is not there any more.\n</body></html>\n"},
    {413, "<html><body><h1>413 Content Too Large</h1>\nThe content of this request is too large.\n</body></html>\n"},
    {414, "<html><body><h1>414 URI Too Long</h1>\nThe address of this request is too long.\n</body></html>\n"},
    {421, "<html><body><h1>421 Misdirected Request</h1>\nThis server does not speak for that name.\n</body></html>\n"},
    {422,
     "<html><body><h1>422 Unprocessable Content</h1>\nThe content of this request cannot be worked "
     "on.\n</body></html>\n"},
    {425, "<html><body><h1>425 Too Early</h1>\nThis request came before the connection was safe.\n</body></html>\n"},
    {429, "<html><body><h1>429 Too Many Requests</h1>\nToo many requests came in a short time.\n</body></html>\n"},
    {431,
     "<html><body><h1>431 Request Header Fields Too Large</h1>\nThe head of this request is too "
     "large.\n</body></html>\n"},
    {500, "<html><body><h1>500 Internal Server Error</h1>\nThe proxy could not handle this request.\n</body></html>\n"},
    {501,
     "<html><body><h1>501 Not Implemented</h1>\nThe server cannot do what this request asks for.\n</body></html>\n"},
    {502,
     "<html><body><h1>502 Bad Gateway</h1>\nThe server's answer was incomplete or cannot be read.\n</body></html>\n"},
    {503, "<html><body><h1>503 Service Unavailable</h1>\nNo server can take this request now.\n</body></html>\n"},
    {504, "<html><body><h1>504 Gateway Timeout</h1>\nThe server did not answer in time.\n</body></html>\n"},
};

}  // namespace

rules::Reply built_in(std::uint16_t status) {
  rules::Reply reply;
  reply.status = status;
  reply.reason = rules::reason_of(status);
  reply.fields = kPageFields;
  for (const Page& page : kPages) {
    if (page.status == status) reply.body = page.body;
  }
  if (reply.body.empty()) reply.fields = std::span(kPageFields).first(1);
  return reply;
}

rules::Reply page_of(std::uint16_t status, const FrontendPlan& frontend, const BackendPlan* backend,
                     rules::Subject& subject) {
  const rules::ReplyTemplate* configured = backend != nullptr ? backend->rules->error(status) : nullptr;
  if (configured == nullptr) configured = frontend.rules.error(status);
  return configured != nullptr ? configured->expand(subject) : built_in(status);
}

Head* go_on(Arena& arena) {
  rules::Reply reply;
  reply.status = 100;
  return head_of(reply, arena);
}

Head* head_of(const rules::Reply& reply, Arena& arena) {
  Head* head = arena.make<Head>();
  head->status = reply.status;
  head->reason = reply.reason.empty() ? rules::reason_of(reply.status) : reply.reason;
  const bool may_have_body = reply.status >= 200 && reply.status != 204 && reply.status != 304;
  if (may_have_body) {
    char digits[24];
    head->fields.push_back(arena, {"Content-Length", arena.copy(format_into(digits, "{}", reply.body.size()))});
  }
  for (const Field& field : reply.fields) head->fields.push_back(arena, field);
  if (may_have_body && !reply.body.empty()) head->body = {BodyLength::Kind::Counted, reply.body.size()};
  return head;
}

Head* open_head_of(const rules::Reply& reply, Arena& arena) {
  Head* head = arena.make<Head>();
  head->status = reply.status;
  head->reason = rules::reason_of(reply.status);
  for (const Field& field : reply.fields) head->fields.push_back(arena, field);
  head->body = {BodyLength::Kind::Chunked, 0};
  return head;
}

}  // namespace penstock::reply
