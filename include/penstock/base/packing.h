// Numbers and texts as bytes and back, for what crosses between two processes of one program: no
// matter of byte order or versions. What is unpacked may be anything: it fails, nothing worse.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "penstock/base/secret.h"

namespace penstock {

class Packer {
 public:
  void put_number(std::uint64_t number);
  void put_text(std::string_view text);
  const WipedText& bytes() const { return bytes_; }

 private:
  WipedText bytes_;  // There may be private keys in it.
};

class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : rest_(bytes) {}

  // 0 and empty after a failure, for ever; views live as long as the bytes.
  std::uint64_t take_number();
  std::string_view take_text();
  // A number of things that follow, each of a byte at least: more than can follow is a failure.
  std::uint64_t take_count();
  bool failed() const { return failed_; }
  bool ended() const { return rest_.empty() && !failed_; }

 private:
  void fail();

  std::string_view rest_;
  bool failed_ = false;
};

}  // namespace penstock
