#include "penstock/http/head.h"

namespace penstock {
namespace {

// What follows scheme and authority, if the target has such; empty for "*" and the authority form.
std::string_view behind_authority(std::string_view target) {
  if (target.starts_with('/')) return target;
  const std::size_t scheme = target.find("://");
  if (scheme == std::string_view::npos || target.find_first_of("/?#") < scheme) return {};
  const std::size_t end = target.find_first_of("/?#", scheme + 3);
  return target.substr(end == std::string_view::npos ? target.size() : end);
}

}  // namespace

std::string_view Head::path() const {
  const std::string_view rest = behind_authority(target);
  return rest.substr(0, rest.find_first_of("?#"));
}

std::string_view Head::query() const {
  const std::string_view rest = behind_authority(target);
  const std::size_t mark = rest.find_first_of("?#");
  if (mark == std::string_view::npos || rest[mark] == '#') return {};
  return rest.substr(mark + 1, rest.find('#', mark) - mark - 1);
}

}  // namespace penstock
