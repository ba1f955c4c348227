#include "penstock/http/compressor.h"

#include <utility>

namespace penstock {

Compressor::~Compressor() {
  if (deflater_ != nullptr) deflaters_.give_back(std::move(deflater_));
}

bool Compressor::send_body(Slice bytes) {
  count_taken(bytes.size());
  if (deflater_ == nullptr) {
    count_given(bytes.size());
    return next().send_body(std::move(bytes));
  }
  if (!linked()) loop_.later(*this);
  return squeeze(std::move(bytes), Deflater::Flush::None);
}

void Compressor::run_later() { squeeze({}, Deflater::Flush::Sync); }

void Compressor::send_end(const Trailers& trailers) {
  unlink();
  if (deflater_ != nullptr) squeeze({}, Deflater::Flush::Finish);
  next().send_end(trailers);
}

void Compressor::count_taken(std::size_t bytes) {
  taken_ += bytes;
  deflaters_.totals().taken.count(static_cast<std::int64_t>(loop_.now()), static_cast<std::uint32_t>(bytes));
}

void Compressor::count_given(std::size_t bytes) {
  given_ += bytes;
  deflaters_.totals().given.count(static_cast<std::int64_t>(loop_.now()), static_cast<std::uint32_t>(bytes));
}

bool Compressor::squeeze(Slice bytes, Deflater::Flush flush) {
  for (Slice piece = deflater_->next(bytes, flush); !piece.empty(); piece = deflater_->next(bytes, flush)) {
    count_given(piece.size());
    free_ = next().send_body(std::move(piece));
  }
  return free_;
}

}  // namespace penstock
