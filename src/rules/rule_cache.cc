// `cache-use` and `cache-store` (manual section 6.2.2).
#include <algorithm>

#include "action_row.h"
#include "penstock/rules/cache_use.h"
#include "penstock/rules/environment.h"

namespace penstock::rules {

using config::Word;

namespace {

class UseCache final : public Action {
 public:
  explicit UseCache(std::shared_ptr<Cache> cache) : cache_(std::move(cache)) {}

  Flow run(Subject& subject, Verdict&) const override {
    if (subject.explained != nullptr) return Flow::Next;
    if (subject.caching == nullptr) subject.caching = subject.arena.make<CacheUse>();
    CacheUse& use = *subject.caching;
    const Head& request = *subject.request;
    const Field* host = request.find("host");
    use.asked = cache_.get();
    // No blank stands in either.
    use.key = subject.arena.concat({host == nullptr ? std::string_view() : host->value, " ", request.target});
    use.request = caching::judge(request);
    use.by = caching::asked_by(request);
    return use.request.asks ? Flow::Cache : Flow::Next;
  }

 private:
  std::shared_ptr<Cache> cache_;
};

class StoreInCache final : public Action {
 public:
  explicit StoreInCache(std::shared_ptr<Cache> cache) : cache_(std::move(cache)) {}

  Flow run(Subject& subject, Verdict&) const override {
    CacheUse* use = subject.caching;
    if (use == nullptr || use->answers != nullptr) return Flow::Next;
    const Head& answer = *subject.response;
    if (use->request.changes && answer.status >= 200 && answer.status < 400) cache_->forget(use->key);
    // Rules may have said since who somebody is.
    if (!use->request.stores || caching::names_somebody(*subject.request)) return Flow::Next;
    const auto keeping =
        caching::judge(answer, use->by, cache_->most_age_s(), cache_->varies(), wall_clock_us(subject) / 1000000);
    if (keeping) keep(subject.arena, answer, *keeping, *use);
    return Flow::Next;
  }

 private:
  // What rules behind this one change is another head.
  void keep(Arena& arena, const Head& answer, const caching::Keeping& keeping, CacheUse& use) const {
    auto* const fields = static_cast<Field*>(arena.allocate(answer.fields.size() * sizeof(Field), alignof(Field)));
    std::uninitialized_copy(answer.fields.begin(), answer.fields.end(), fields);
    use.keeps = cache_.get();
    use.fields = {fields, answer.fields.size()};
    use.reason = answer.reason;
    use.keeping = keeping;
  }

  std::shared_ptr<Cache> cache_;
};

template <class Act>
std::unique_ptr<Action> compile_cache(Work& work) {
  const Word* name = work.words.take("the name of a section 'cache'");
  if (name == nullptr) return nullptr;
  std::shared_ptr<Cache> cache = work.compiling.environment.cache(name->text);
  // The configuration was judged before: whoever asks here without one, asks for nothing.
  if (cache == nullptr) return make_nothing();
  return std::make_unique<Act>(std::move(cache));
}

constexpr ActionRow kActions[] = {
    {"cache-store", kResponse, compile_cache<StoreInCache>},
    {"cache-use", kRequest, compile_cache<UseCache>},
};

}  // namespace

std::span<const ActionRow> cache_actions() { return kActions; }

}  // namespace penstock::rules
