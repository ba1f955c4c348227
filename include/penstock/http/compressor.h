// A body made smaller on its way to the client.
#pragma once

#include <cstdint>
#include <memory>

#include "penstock/http/deflate.h"
#include "penstock/http/filter.h"
#include "penstock/net/loop.h"

namespace penstock {

// What came is sent on, at the latest, when the callback has returned that brought it: nobody waits for bytes that lie
// here. The head that passes says already what becomes of the body.
class Compressor final : public Filter, private Later {
 public:
  // `deflater` comes from `deflaters` and goes there; null: the bytes stay as they are (Coding::Identity).
  Compressor(Stream& next, Loop& loop, Deflaters& deflaters, std::unique_ptr<Deflater> deflater)
      : Filter(next), loop_(loop), deflaters_(deflaters), deflater_(std::move(deflater)) {}
  ~Compressor() override;
  bool send_body(Slice bytes) override;
  void send_end(const Trailers& trailers) override;
  void note_writable() override { free_ = true; }
  // Bytes of the body.
  std::uint64_t taken() const { return taken_; }
  std::uint64_t given() const { return given_; }

 private:
  void run_later() override;
  void count_taken(std::size_t bytes);
  void count_given(std::size_t bytes);
  bool squeeze(Slice bytes, Deflater::Flush flush);

  Loop& loop_;
  Deflaters& deflaters_;
  std::unique_ptr<Deflater> deflater_;
  std::uint64_t taken_ = 0, given_ = 0;
  bool free_ = true;  // What the next stream said last.
};

}  // namespace penstock
