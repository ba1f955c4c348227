// What stands between a transaction and the stream that it sends to, and changes what passes.
#pragma once

#include <utility>

#include "penstock/http/stream.h"

namespace penstock {

// Sends on to the next: another filter, at last a codec, which outlives it. What it does not care for passes.
class Filter : public Stream {
 public:
  explicit Filter(Stream& next) : next_(next) {}
  virtual ~Filter() = default;
  void send_head(const Head& head) override { next_.send_head(head); }
  bool send_body(Slice bytes) override { return next_.send_body(std::move(bytes)); }
  void send_end(const Trailers& trailers) override { next_.send_end(trailers); }
  void set_reading(bool on) override { next_.set_reading(on); }
  // The codec has room again.
  virtual void note_writable() {}
  void abandon(const Failure& failure) override { next_.abandon(failure); }

 protected:
  Stream& next() { return next_; }

 private:
  Stream& next_;
};

}  // namespace penstock
