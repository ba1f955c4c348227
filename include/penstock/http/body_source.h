// A body that nobody sends us: of an answer of our own, made or read out as the client takes it.
#pragma once

#include <cstddef>
#include <string_view>

#include "penstock/base/block.h"

namespace penstock {

class BodySource {
 public:
  // The next piece, of at most `room` bytes. Empty before the end: there is more to be made, and others are to have
  // their turn before that.
  virtual Slice next(std::size_t room) = 0;
  // All was given.
  virtual bool ended() const = 0;

 protected:
  ~BodySource() = default;
};

// A text that outlives it.
class TextSource final : public BodySource {
 public:
  explicit TextSource(std::string_view text) : left_(text) {}
  Slice next(std::size_t room) override {
    const std::string_view piece = left_.substr(0, room);
    left_.remove_prefix(piece.size());
    return piece.empty() ? Slice() : Slice::copy(piece);
  }
  bool ended() const override { return left_.empty(); }

 private:
  std::string_view left_;
};

}  // namespace penstock
