// `cache` sections (configuration manual, section 6).
#include <algorithm>
#include <utility>

#include "finish.h"
#include "keywords.h"

namespace penstock::config {

namespace {

constexpr std::uint64_t kMost = 2147483647;

void parse_max_age(Line& line, Cache& cache) { cache.max_age_s = line.take_number("a number of seconds", 0, kMost); }

void parse_object_size(Line& line, Cache& cache) {
  cache.object_size = line.take_number("a number of bytes", 0, 4294967295);
}

void parse_variants(Line& line, Cache& cache) {
  cache.most_variants = static_cast<std::uint32_t>(line.take_number("a number", 1, kMost));
}

void parse_vary(Line& line, Cache& cache) {
  const Word* word = line.take("'on' or 'off'");
  if (word == nullptr) return;
  if (word->text != "on" && word->text != "off")
    return line.warn(word->place, format("'process-vary' is 'on' or 'off', not '{}': it stays as it was", word->text));
  cache.process_vary = word->text == "on";
}

void parse_size(Line& line, Cache& cache) { cache.size = line.take_number("a number of megabytes", 1, 4095) << 20; }

constexpr Keyword<Cache> kCacheKeywords[] = {
    {"max-age", parse_max_age,
     "Seconds for which an answer is kept at most, 60 unless said otherwise; s-maxage, max-age and Expires of the "
     "answer shorten them."},
    {"max-object-size", parse_object_size,
     "Bytes of one answer, its head included; what is larger is not kept. At most half of total-max-size, a 256th of "
     "it "
     "unless said otherwise."},
    {"max-secondary-entries", parse_variants,
     "How many answers of one target are kept at a time that differ by what Vary names, 10 unless said otherwise."},
    {"process-vary", parse_vary,
     "on or off: whether answers with a Vary of Accept-Encoding or Referer are kept, for requests like theirs; off "
     "unless said otherwise. What names another field is never kept."},
    {"total-max-size", parse_size,
     "Megabytes that all answers take together, what is kept beside them included: 1 to 4095. It must be said. The "
     "answers that were asked for least recently make room."},
};
static_assert(is_sorted(kCacheKeywords));

struct Use {
  bool stores = false, uses = false;
};

// What one word of a rule or filter names; null after a complaint.
Use* find_use(Reading& reading, std::vector<Use>& uses, const Word& name) {
  const std::vector<Cache>& caches = reading.config.caches;
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < caches.size(); ++i) {
    if (caches[i].name == name.text) return &uses[i];
    names.push_back(caches[i].name);
  }
  const std::string_view near = nearest(name.text, names);
  reading.diagnostics.add(name.place, format("there is no section 'cache {}'{}", name.text,
                                             near.empty() ? "" : format("; did you mean '{}'?", near)));
  return nullptr;
}

void note_uses(Reading& reading, const Draft& draft, std::vector<Use>& uses) {
  for (const Word& name : draft.caches) find_use(reading, uses, name);
  for (const Rule& rule : draft.proxy.rules) {
    if (rule.words.size() < 2) continue;
    const bool stores = rule.set == Rule::Set::HttpResponse && rule.words[0].text == "cache-store";
    if (!stores && (rule.set != Rule::Set::HttpRequest || rule.words[0].text != "cache-use")) continue;
    Use* use = find_use(reading, uses, rule.words[1]);
    if (use == nullptr) continue;
    (stores ? use->stores : use->uses) = true;
    if (!stores || !draft.compresses_at) continue;
    reading.diagnostics.add(*draft.compresses_at,
                            format("'filter compression' stands before the cache '{}': what is kept must not be "
                                   "compressed, so write 'filter cache {}' before it",
                                   rule.words[1].text, rule.words[1].text));
  }
}

void settle(Reading& reading, Cache& cache) {
  if (cache.size == 0)
    return reading.diagnostics.add(cache.place,
                                   format("'cache {}' has no size: 'total-max-size' says how many megabytes it may "
                                          "take",
                                          cache.name));
  if (cache.object_size == 0) cache.object_size = cache.size / Cache::kUsualParts;
  if (cache.object_size > cache.size / 2)
    reading.diagnostics.add(cache.place, format("'cache {}': 'max-object-size' is at most half of 'total-max-size', {} "
                                                "bytes",
                                                cache.name, cache.size / 2));
  if (cache.max_age_s == 0)
    reading.diagnostics.warn(cache.place, format("'cache {}' keeps nothing: its 'max-age' is 0", cache.name));
}

}  // namespace

std::span<const Keyword<Cache>> cache_keywords() { return kCacheKeywords; }

std::optional<Cache> take_cache(Line& line) {
  const Word* name = line.take("a name");
  if (name == nullptr) return std::nullopt;
  Cache cache;
  cache.place = name->place;
  cache.name = name->text;
  const std::vector<Cache>& others = line.reading.config.caches;
  if (cache.name.empty()) {
    line.complain(name->place, "a cache has a name");
  } else if (std::any_of(others.begin(), others.end(), [&](const Cache& other) { return other.name == cache.name; })) {
    line.complain(name->place, format("there is a section 'cache {}' already", cache.name));
  }
  return line.failed() ? std::nullopt : std::optional(std::move(cache));
}

void resolve_caches(Reading& reading) {
  std::vector<Cache>& caches = reading.config.caches;
  std::vector<Use> uses(caches.size());
  for (Cache& cache : caches) settle(reading, cache);
  for (const Draft& draft : reading.drafts) note_uses(reading, draft, uses);
  for (std::size_t i = 0; i < caches.size(); ++i) {
    if (uses[i].stores && uses[i].uses) continue;
    const std::string_view lacks = uses[i].stores ? "http-request cache-use" : "http-response cache-store";
    reading.diagnostics.warn(caches[i].place, format("'cache {}' has no effect: there is no '{} {}'", caches[i].name,
                                                     lacks, caches[i].name));
  }
}

}  // namespace penstock::config
