#include "penstock/proxy/caching.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "penstock/base/format.h"
#include "penstock/base/text.h"

namespace penstock {
namespace {

constexpr std::uint64_t kSmallestPiece = 4096, kLargestPiece = 256 * 1024;

// As it goes over the wire.
std::uint64_t size_of(const rules::CacheUse& use) {
  std::uint64_t size = use.reason.size() + 17;
  for (const Field& field : use.fields) size += field.name.size() + field.value.size() + 4;
  return size;
}

void copy_head(const rules::CacheUse& use, CachedAnswer& answer) {
  std::size_t size = use.reason.size();
  for (const Field& field : use.fields) size += field.name.size() + field.value.size();
  answer.text.reserve(size);
  const auto copy = [&](std::string_view text) {
    const std::size_t at = answer.text.size();
    answer.text += text;
    return std::string_view(answer.text.data() + at, text.size());
  };
  answer.reason = copy(use.reason);
  answer.fields.reserve(use.fields.size());
  for (const Field& field : use.fields) {
    if (equal_nocase(field.name, "age")) continue;
    const std::string_view name = copy(field.name);
    answer.fields.push_back({name, copy(field.value)});
  }
}

// By what a client may ask for it again.
void note_validators(CachedAnswer& answer, std::int64_t now_s) {
  std::optional<std::int64_t> modified, dated;
  for (const Field& field : answer.fields) {
    if (equal_nocase(field.name, "etag")) answer.tag = field.value;
    if (equal_nocase(field.name, "last-modified")) modified = caching::parse_date(field.value);
    if (equal_nocase(field.name, "date")) dated = caching::parse_date(field.value);
  }
  answer.modified_s = modified ? *modified : dated.value_or(now_s);
}

}  // namespace

CachedBody::CachedBody(std::shared_ptr<const CachedAnswer> answer)
    : answer_(std::move(answer)), holder_(Block::hold(answer_), nullptr, 0) {}

Slice CachedBody::next(std::size_t room) {
  const CachedAnswer::Piece& piece = answer_->body[piece_];
  const std::size_t size = std::min(room, piece.size - offset_);
  Slice slice = holder_.beside({piece.bytes.get() + offset_, size});
  offset_ += size;
  if (offset_ == piece.size) {
    ++piece_;
    offset_ = 0;
  }
  return slice;
}

Head* CachedBody::head(const Head& request, std::uint64_t now_ms, Arena& arena) {
  const bool has_it = caching::has_it(request, answer_->tag, answer_->modified_s);
  Head* head = arena.make<Head>();
  head->status = has_it ? 304 : 200;
  head->reason = has_it ? std::string_view("Not Modified") : answer_->reason;
  for (const Field& field : answer_->fields) head->fields.push_back(arena, field);
  char digits[24];
  head->fields.push_back(arena, {"Age", arena.copy(format_into(digits, "{}", answer_->age_s(now_ms)))});
  if (has_it) {
    skip();
  } else if (!answer_->counted) {
    head->body = {BodyLength::Kind::Chunked, 0};
  } else if (answer_->body_size != 0) {
    head->body = {BodyLength::Kind::Counted, answer_->body_size};
  }
  return head;
}

std::unique_ptr<Keeping> Keeping::make(const rules::CacheUse& use, const BodyLength& body, Stream& next, Loop& loop) {
  if (body.kind == BodyLength::Kind::Tunnel) return nullptr;
  const bool counted = body.kind == BodyLength::Kind::Counted || body.kind == BodyLength::Kind::None;
  const std::uint64_t most = use.keeps->most_of_one(), head = size_of(use);
  const std::uint64_t announced = counted ? body.bytes : 0;
  if (head > most || announced > most - head) return nullptr;
  auto kept = std::make_unique<CachedAnswer>();
  kept->key = use.key;
  kept->variant = use.keeping.variant;
  copy_head(use, *kept);
  note_validators(*kept, Loop::wall_us() / 1000000);
  kept->counted = counted;
  kept->came_ms = loop.now();
  kept->came_age_s = use.keeping.age_s;
  kept->over_ms = kept->came_ms + use.keeping.seconds * 1000;
  if (!use.keeps->take_room(*kept, 0)) return nullptr;
  std::unique_ptr<Keeping> keeping(new Keeping(*use.keeps, std::move(kept), most - head, next, loop));
  keeping->announced_ = announced;
  return keeping;
}

Keeping::Keeping(Cache& cache, std::unique_ptr<CachedAnswer> answer, std::uint64_t room, Stream& next, Loop& loop)
    : Filter(next), cache_(cache), answer_(std::move(answer)), loop_(loop), room_(room) {}

bool Keeping::send_body(Slice bytes) {
  if (answer_ != nullptr && !take(bytes.view())) answer_.reset();
  return next().send_body(std::move(bytes));
}

bool Keeping::take(std::string_view bytes) {
  if (bytes.size() > room_ - answer_->body_size) return false;
  while (!bytes.empty()) {
    if ((answer_->body.empty() || filled_ == answer_->body.back().size) && !begin_piece(bytes.size())) return false;
    CachedAnswer::Piece& piece = answer_->body.back();
    const std::size_t size = std::min<std::size_t>(bytes.size(), piece.size - filled_);
    std::memcpy(piece.bytes.get() + filled_, bytes.data(), size);
    filled_ += size;
    answer_->body_size += size;
    bytes.remove_prefix(size);
  }
  return true;
}

// As large as what is to come, as far as that is known.
bool Keeping::begin_piece(std::uint64_t wanted) {
  const std::uint64_t had = answer_->body_size;
  wanted = announced_ > had ? announced_ - had : std::max({wanted, had, kSmallestPiece});
  const std::uint64_t size = std::min({wanted, kLargestPiece, room_ - had});
  if (!cache_.take_room(*answer_, size)) return false;
  answer_->body.push_back({std::unique_ptr<char[]>(new char[size]), size});
  filled_ = 0;
  return true;
}

// The last piece has no more memory than it needs.
void Keeping::end_piece() {
  if (answer_->body.empty()) return;
  CachedAnswer::Piece& piece = answer_->body.back();
  if (filled_ == piece.size) return;
  std::unique_ptr<char[]> bytes(new char[filled_]);
  std::memcpy(bytes.get(), piece.bytes.get(), filled_);
  cache_.give_back(*answer_, piece.size - filled_);
  piece = {std::move(bytes), filled_};
}

void Keeping::send_end(const Trailers& trailers) {
  const bool is_whole =
      answer_ != nullptr && trailers.fields.empty() && (!answer_->counted || answer_->body_size == announced_);
  if (is_whole) {
    end_piece();
    cache_.keep(std::move(answer_), loop_.now());
  }
  next().send_end(trailers);
}

}  // namespace penstock
