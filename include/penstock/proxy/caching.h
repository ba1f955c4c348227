// What one transaction does with a cache: gives an answer that is kept there, or keeps the server's while it passes.
#pragma once

#include <cstdint>
#include <memory>

#include "penstock/base/arena.h"
#include "penstock/http/body_source.h"
#include "penstock/http/filter.h"
#include "penstock/http/head.h"
#include "penstock/net/loop.h"
#include "penstock/rules/cache_use.h"

namespace penstock {

// The body of an answer that is kept, never copied: what is sent holds the answer.
class CachedBody final : public BodySource {
 public:
  explicit CachedBody(std::shared_ptr<const CachedAnswer> answer);
  Slice next(std::size_t room) override;
  bool ended() const override { return piece_ == answer_->body.size(); }
  // It is not sent.
  void skip() { piece_ = answer_->body.size(); }
  // A client gets it as it is now; one that has it already a 304. The body is skipped then.
  Head* head(const Head& request, std::uint64_t now_ms, Arena& arena);

 private:
  const std::shared_ptr<const CachedAnswer> answer_;
  const Slice holder_;
  std::size_t piece_ = 0, offset_ = 0;
};

// Keeps what passes, if it comes whole and there is room for it; a client's answer does not depend on that.
class Keeping final : public Filter {
 public:
  // `body`: of the server's answer. Null: it is too large.
  static std::unique_ptr<Keeping> make(const rules::CacheUse& use, const BodyLength& body, Stream& next, Loop& loop);
  bool send_body(Slice bytes) override;
  void send_end(const Trailers& trailers) override;

 private:
  Keeping(Cache& cache, std::unique_ptr<CachedAnswer> answer, std::uint64_t room, Stream& next, Loop& loop);
  bool take(std::string_view bytes);
  bool begin_piece(std::uint64_t wanted);
  void end_piece();

  Cache& cache_;
  std::unique_ptr<CachedAnswer> answer_;  // Null: it is not kept.
  Loop& loop_;
  std::uint64_t room_;           // Bytes that its body may have.
  std::uint64_t announced_ = 0;  // Of its body; 0: not known.
  std::uint64_t filled_ = 0;     // Of the last piece.
};

// Either of them, of one transaction.
struct Caching {
  std::unique_ptr<CachedBody> gives;
  std::unique_ptr<Keeping> keeps;
};

}  // namespace penstock
