// A text that grows in a subject's arena, piece by piece, in time and memory of its length.
#pragma once

#include <algorithm>
#include <cstring>
#include <string_view>

#include "penstock/rules/subject.h"

namespace penstock::rules {

class TextBuilder {
 public:
  explicit TextBuilder(Subject& subject, std::size_t first_size = 256) : subject_(subject), first_size_(first_size) {}

  // False if it did not fit, which is trouble of the subject's.
  bool put(std::string_view text) {
    if (text.size() > capacity_ - size_ && !grow(text.size())) return false;
    if (!text.empty()) std::memcpy(begin_ + size_, text.data(), text.size());
    size_ += text.size();
    return true;
  }
  std::string_view text() const { return size_ == 0 ? std::string_view("") : std::string_view(begin_, size_); }

 private:
  bool grow(std::size_t more) {
    const std::size_t capacity = std::max({2 * size_, size_ + more, first_size_});
    if (!subject_.has_room(capacity)) return false;
    char* larger = static_cast<char*>(subject_.arena.allocate(capacity, 1));
    if (size_ != 0) std::memcpy(larger, begin_, size_);
    begin_ = larger;
    capacity_ = capacity;
    return true;
  }

  Subject& subject_;
  const std::size_t first_size_;
  char* begin_ = nullptr;
  std::size_t size_ = 0, capacity_ = 0;
};

}  // namespace penstock::rules
