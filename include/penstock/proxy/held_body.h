// What came of a body before it may be sent on: of a request's before there is a server, of an answer's while rules wait
// for it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "penstock/base/arena.h"
#include "penstock/base/block.h"
#include "penstock/http/head.h"
#include "penstock/http/stream.h"

namespace penstock {

class HeldBody {
 public:
  void add(Slice bytes) {
    bytes_ = bytes_.empty() ? std::move(bytes) : Slice::copy(std::string(bytes_.view()).append(bytes.view()));
  }
  // The trailers' text goes into the arena.
  void add(const Trailers& trailers, Arena& arena) {
    for (const Field& field : trailers.fields)
      trailers_.fields.push_back(arena, Field{arena.copy(field.name), arena.copy(field.value)});
  }
  std::string_view view() const { return bytes_.view(); }
  std::size_t size() const { return bytes_.size(); }
  void clear() {
    bytes_.clear();
    trailers_ = {};
  }
  bool empty() const { return bytes_.empty(); }
  // `whole`: the end of it too. False: the stream is to get no more for now.
  bool send_to(Stream& stream, bool whole) {
    const bool room = bytes_.empty() || stream.send_body(std::move(bytes_));
    bytes_.clear();
    if (!whole) return room;
    stream.send_end(trailers_);
    trailers_ = {};
    return room;
  }

 private:
  Slice bytes_;
  Trailers trailers_;
};

}  // namespace penstock
