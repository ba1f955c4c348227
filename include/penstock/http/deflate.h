// Bytes made smaller (RFC 1950 to 1952). The one door to zlib.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "penstock/base/block.h"
#include "penstock/base/count.h"

namespace penstock {

enum class Coding : std::uint8_t { None, Identity, Gzip, Deflate, RawDeflate };

struct DeflateOptions {
  int level = 1;         // 1 to 9: tune.comp.maxlevel
  int window_bits = 15;  // 8 to 15: tune.zlib.windowsize
  int memory_level = 8;  // 1 to 9: tune.zlib.memlevel
  bool operator==(const DeflateOptions&) const = default;
};

// Of all workers.
struct DeflateTotals {
  std::atomic<std::uint64_t> memory{0};  // Bytes that zlib holds.
  Rate taken, given;                     // Bytes in the last second.
};

// One stream of bytes being made smaller.
class Deflater {
 public:
  // Null if there is no memory for it. What it holds is counted in `memory`.
  static std::unique_ptr<Deflater> make(Coding coding, const DeflateOptions& options,
                                        std::atomic<std::uint64_t>& memory);
  ~Deflater();
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  enum class Flush : std::uint8_t { None, Sync, Finish };  // Sync: all that came so far can be read by who gets it.
  // Takes `bytes`; a piece of what becomes of them, or nothing if there is no more to be had now. To be called until it
  // gives nothing, from the second time on with no bytes.
  Slice next(Slice& bytes, Flush flush);
  // Begins anew.
  void reset();
  Coding coding() const { return coding_; }

 private:
  struct Machine;
  Deflater(Coding coding, std::unique_ptr<Machine> machine);
  const Coding coding_;
  const std::unique_ptr<Machine> machine_;
  Filling filling_;
};

// Those of one worker: making one costs more than a short answer.
class Deflaters {
 public:
  explicit Deflaters(DeflateTotals& totals) : totals_(totals) {}
  DeflateTotals& totals() { return totals_; }
  const DeflateTotals& totals() const { return totals_; }
  std::unique_ptr<Deflater> take(Coding coding, const DeflateOptions& options);
  void give_back(std::unique_ptr<Deflater> deflater);

 private:
  static constexpr std::size_t kKept = 8;
  DeflateTotals& totals_;
  std::vector<std::unique_ptr<Deflater>> kept_;
  DeflateOptions options_;
};

}  // namespace penstock
