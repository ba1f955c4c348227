#include "metrics_wish.h"

#include <utility>

#include "form_text.h"
#include "penstock/base/text.h"
#include "penstock/proxy/statistics.h"

namespace penstock {
namespace {

using statistics::Kind;

constexpr std::pair<std::string_view, Kind> kScopes[] = {
    {"frontend", Kind::Frontend}, {"listener", Kind::Listener}, {"backend", Kind::Backend}, {"server", Kind::Server}};

// The first one leaves only what is named from there on.
struct Scopes {
  bool any = false, process = false, tables = false;
  unsigned kinds = 0;
};

// False: there is no such thing.
bool take_scope(std::string_view scope, Scopes& scopes) {
  scopes.any = true;
  if (scope.empty()) {  // Nothing of what was named before it.
    scopes = {.any = true};
    return true;
  }
  const bool all = scope == "*";
  bool known = all;
  if (all || scope == "global") known = scopes.process = true;
  if (all || scope == "sticktable") known = scopes.tables = true;
  for (const auto& [name, kind] : kScopes) {
    if (!all && scope != name) continue;
    scopes.kinds |= bit(kind);
    known = true;
  }
  return known;
}

void take_names(std::string_view names, MetricsWish& wish) {
  while (!names.empty()) {
    const std::string_view name = cut(names, ',');
    if (name.starts_with('-'))
      wish.unwanted.emplace(name.substr(1));
    else if (!name.empty())
      wish.named.emplace(name);
  }
}

}  // namespace

std::optional<MetricsWish> MetricsWish::of(std::string_view query) {
  MetricsWish wish;
  Scopes scopes;
  while (!query.empty()) {
    const auto decoded = decoded_form_text(cut(query, '&'));
    if (!decoded) return std::nullopt;
    std::string_view value = *decoded;
    const std::string_view name = cut(value, '=');
    if (name == "no-maint") wish.no_maint = true;
    if (name == "metrics") take_names(value, wish);
    if (name != "scope") continue;
    const bool has_value = name.size() < decoded->size();
    if (!has_value || !take_scope(value, scopes)) return std::nullopt;
  }
  if (!scopes.any) return wish;
  wish.process = scopes.process;
  wish.tables = scopes.tables;
  wish.kinds = scopes.kinds;
  return wish;
}

bool MetricsWish::wants(std::string_view metric) const {
  return unwanted.find(metric) == unwanted.end() && (named.empty() || named.find(metric) != named.end());
}

}  // namespace penstock
