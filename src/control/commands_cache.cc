// What is kept in caches.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "command.h"
#include "penstock/base/format.h"
#include "penstock/control/crew.h"
#include "realm.h"

namespace penstock {
namespace {

using config::AccessLevel;

// HAProxy's memory for answers is of such blocks.
constexpr std::uint64_t kBlock = 1024;

void append_head(const Cache& cache, std::string& to) {
  append_format(to, "{}: {} (shctx:{}, available blocks:{})\n", static_cast<const void*>(&cache), cache.name(),
                static_cast<const void*>(&cache), cache.room() / kBlock);
}

void append_answer(const Cache::Seen& seen, std::uint64_t now_ms, std::string& to) {
  const CachedAnswer& answer = seen.answer;
  const caching::Variant& variant = answer.variant;
  const auto left_ms = static_cast<std::int64_t>(answer.over_ms) - static_cast<std::int64_t>(now_ms);
  append_format(to, "{} hash:{} vary:0x{:08x}{:08x} size:{} ({} blocks), refcount:{}, expire:{}\n",
                static_cast<const void*>(&answer), static_cast<std::uint32_t>(answer.hash), variant.codings,
                static_cast<std::uint32_t>(variant.referer), answer.taken, (answer.taken + kBlock - 1) / kBlock,
                seen.readers, (left_ms + 999) / 1000);
}

void show_cache(const CallRef& call) {
  constexpr std::size_t kPlacesInPiece = 256;
  Crew& crew = call->realm().crew();
  std::vector<std::shared_ptr<Cache>> caches;
  for (const CachePlan& plan : crew.snapshot()->caches) caches.push_back(plan.cache);
  if (caches.empty()) return call->done();
  call->answer_by(
      [caches = std::move(caches), &crew, at = std::size_t{0}, place = std::size_t{0}](std::string& to) mutable {
        Cache& cache = *caches[at];
        if (place == 0) append_head(cache, to);
        const std::uint64_t now_ms = crew.now_ms();
        const std::size_t end = std::min(cache.places(), place + kPlacesInPiece);
        for (; place < end; ++place)
          cache.each(place, [&](const Cache::Seen& seen) { append_answer(seen, now_ms, to); });
        if (place < cache.places()) return true;
        place = 0;
        return ++at < caches.size();
      });
}

constexpr Command kCommands[] = {
    {"show cache", "", AccessLevel::User, "what is kept of answers", show_cache},
};

}  // namespace

std::span<const Command> cache_commands() { return kCommands; }

}  // namespace penstock
