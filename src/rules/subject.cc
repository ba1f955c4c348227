#include "penstock/rules/subject.h"

#include <algorithm>

namespace penstock::rules {

TargetParts split_target(std::string_view target) {
  TargetParts parts;
  std::size_t path = 0;
  if (!target.starts_with('/')) {
    const std::size_t scheme = target.find("://");
    const std::size_t mark = target.find('?');
    if (scheme == std::string_view::npos || scheme > mark) {
      // "*" and the authority form of CONNECT have no path.
      parts.prefix = target;
      return parts;
    }
    path = std::min(target.find_first_of("/?", scheme + 3), target.size());
    parts.prefix = target.substr(0, path);
  }
  parts.path_and_query = target.substr(path);
  const std::size_t mark = parts.path_and_query.find('?');
  parts.path = parts.path_and_query.substr(0, mark);
  if (mark != std::string_view::npos) parts.query = parts.path_and_query.substr(mark + 1);
  return parts;
}

void remember_request_line(Subject& subject, std::size_t uri_limit) {
  const Head& head = *subject.request;
  subject.received_method = subject.arena.copy(head.method);
  // Room for the method, the version and the blanks before and behind; one byte is HAProxy's own.
  const std::size_t around = head.method.size() + std::string_view("  HTTP/1.1").size() + 1;
  subject.received_target = subject.arena.copy(head.target.substr(0, uri_limit > around ? uri_limit - around : 0));
  subject.received_version = head.version;
}

}  // namespace penstock::rules
