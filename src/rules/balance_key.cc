#include "penstock/rules/balance_key.h"

#include "hash.h"
#include "penstock/base/text.h"
#include "penstock/base/token.h"
#include "penstock/rules/subject.h"

namespace penstock::rules {
namespace {

// Something always stands between its dots: one that nothing stands before is none.
std::string_view domain_of(std::string_view host) {
  const std::size_t end = host.rfind('.');
  if (end == std::string_view::npos || end == 0) return host;
  const std::size_t dot = end < 2 ? std::string_view::npos : host.rfind('.', end - 2);
  const std::size_t begin = dot == std::string_view::npos ? 0 : dot + 1;
  return host.substr(begin, end - begin);
}

// What a form says of `name`.
std::optional<std::string_view> value_in_form(std::string_view form, std::string_view name) {
  while (!form.empty()) {
    const std::string_view item = cut(form, '&');
    if (item.size() > name.size() && item.starts_with(name) && item[name.size()] == '=')
      return item.substr(name.size() + 1);
  }
  return std::nullopt;
}

// What of a value in a body counts, as HAProxy has it: a blank at its begin ends it, and what else no token may have
// there is not of a form.
std::optional<std::string_view> value_in_body(std::string_view body, std::string_view name) {
  const auto value = value_in_form(body, name);
  if (!value || value->empty() || is_token(value->substr(0, 1))) return value;
  const bool is_blank = std::string_view(" \t\r\n").find(value->front()) != std::string_view::npos;
  return is_blank ? std::optional(std::string_view()) : std::nullopt;
}

}  // namespace

std::optional<std::string_view> BalanceKey::bytes(Subject& subject) const {
  const auto of_sample = [&] {
    const auto found = sample.bytes(subject);
    return found && (empty_counts || !found->empty()) ? found : std::nullopt;
  };
  switch (part) {
    case Part::Sample:
      return of_sample();
    case Part::Domain: {
      const auto host = of_sample();
      return host ? std::optional(domain_of(*host)) : std::nullopt;
    }
    case Part::Parameter: {
      if (subject.request == nullptr) return std::nullopt;
      std::string_view query = subject.request->target;
      cut(query, '?');
      const auto in_target = value_in_form(query, parameter);
      const bool asks_body = in_body && subject.request->method == "POST";
      return in_target || !asks_body ? in_target : value_in_body(subject.body, parameter);
    }
    case Part::Uri:
      break;
  }
  if (subject.request == nullptr) return std::nullopt;
  std::string_view text = subject.request->target;
  if (path_only) text = split_target(text).path_and_query;
  if (length != 0) text = text.substr(0, length);
  std::uint32_t slashes = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool too_deep = text[i] == '/' && ++slashes == depth + 1 && depth != 0;
    if (too_deep || (text[i] == '?' && !whole)) return text.substr(0, i);
  }
  return text;
}

std::uint32_t BalanceKey::hash(std::string_view bytes) const {
  switch (function) {
    case Function::Sdbm:
      return spread(hash_sdbm(bytes));
    case Function::Djb2:
      return spread(hash_djb2(bytes));
    case Function::Wt6:
      return spread(hash_wt6(bytes));
    case Function::Crc32:
      return spread(hash_crc<0xedb88320u>(bytes));
  }
  return 0;
}

std::uint32_t BalanceKey::spread(std::uint32_t hash) const {
  return avalanche ? penstock::rules::avalanche(hash) : hash;
}

}  // namespace penstock::rules
