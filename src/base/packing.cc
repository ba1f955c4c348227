#include "penstock/base/packing.h"

#include <cstring>

namespace penstock {

void Packer::put_number(std::uint64_t number) {
  char space[sizeof(number)];
  std::memcpy(space, &number, sizeof(number));
  bytes_.append(space, sizeof(space));
}

void Packer::put_text(std::string_view text) {
  put_number(text.size());
  bytes_.append(text);
}

std::uint64_t Unpacker::take_number() {
  std::uint64_t number = 0;
  if (rest_.size() < sizeof(number)) {
    fail();
    return 0;
  }
  std::memcpy(&number, rest_.data(), sizeof(number));
  rest_.remove_prefix(sizeof(number));
  return number;
}

std::string_view Unpacker::take_text() {
  const std::uint64_t size = take_count();
  const std::string_view text = rest_.substr(0, static_cast<std::size_t>(size));
  rest_.remove_prefix(text.size());
  return text;
}

std::uint64_t Unpacker::take_count() {
  const std::uint64_t count = take_number();
  if (count <= rest_.size()) return count;
  fail();
  return 0;
}

void Unpacker::fail() {
  failed_ = true;
  rest_ = {};
}

}  // namespace penstock
