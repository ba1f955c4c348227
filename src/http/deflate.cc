#include "penstock/http/deflate.h"

#include <zlib.h>

#include <cstdlib>
#include <utility>

#include "penstock/base/require.h"

namespace penstock {
namespace {

// Each piece has its size before it.
constexpr std::size_t kAhead = 16;

void* allocate(void* total, unsigned count, unsigned size) {
  const std::size_t bytes = std::size_t{count} * size + kAhead;
  auto* memory = static_cast<char*>(std::malloc(bytes));
  if (memory == nullptr) return nullptr;
  *reinterpret_cast<std::size_t*>(memory) = bytes;
  static_cast<std::atomic<std::uint64_t>*>(total)->fetch_add(bytes, std::memory_order_relaxed);
  return memory + kAhead;
}

void release(void* total, void* address) {
  char* memory = static_cast<char*>(address) - kAhead;
  static_cast<std::atomic<std::uint64_t>*>(total)->fetch_sub(*reinterpret_cast<std::size_t*>(memory),
                                                             std::memory_order_relaxed);
  std::free(memory);
}

// As zlib wants to be told.
int window_of(Coding coding, int bits) {
  if (coding == Coding::Gzip) return bits + 16;
  // Of 8 bits zlib makes 9, which it cannot say in a raw stream.
  return coding == Coding::RawDeflate ? -(bits < 9 ? 9 : bits) : bits;
}

int flush_of(Deflater::Flush flush) {
  constexpr int kFlushes[] = {Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FINISH};
  return kFlushes[static_cast<std::size_t>(flush)];
}

}  // namespace

struct Deflater::Machine {
  z_stream zlib{};
};

Deflater::Deflater(Coding coding, std::unique_ptr<Machine> machine) : coding_(coding), machine_(std::move(machine)) {}

Deflater::~Deflater() { deflateEnd(&machine_->zlib); }

std::unique_ptr<Deflater> Deflater::make(Coding coding, const DeflateOptions& options,
                                         std::atomic<std::uint64_t>& memory) {
  auto machine = std::make_unique<Machine>();
  machine->zlib.opaque = &memory;
  machine->zlib.zalloc = allocate;
  machine->zlib.zfree = release;
  if (deflateInit2(&machine->zlib, options.level, Z_DEFLATED, window_of(coding, options.window_bits),
                   options.memory_level, Z_DEFAULT_STRATEGY) != Z_OK)
    return nullptr;
  return std::unique_ptr<Deflater>(new Deflater(coding, std::move(machine)));
}

Slice Deflater::next(Slice& bytes, Flush flush) {
  z_stream& zlib = machine_->zlib;
  // With less than seven bytes of room zlib repeats a flush.
  if (filling_.room() < 64) filling_.start(kBlockSize);
  zlib.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  zlib.avail_in = static_cast<uInt>(bytes.size());
  const auto room = static_cast<uInt>(filling_.room());
  zlib.next_out = reinterpret_cast<Bytef*>(filling_.space());
  zlib.avail_out = room;
  // Z_BUF_ERROR: there was nothing to do.
  (void)deflate(&zlib, flush_of(flush));
  bytes.remove_prefix(bytes.size() - zlib.avail_in);
  return zlib.avail_out == room ? Slice() : filling_.filled(room - zlib.avail_out);
}

void Deflater::reset() {
  deflateReset(&machine_->zlib);
  filling_.reset();
}

std::unique_ptr<Deflater> Deflaters::take(Coding coding, const DeflateOptions& options) {
  if (options != options_) kept_.clear();
  options_ = options;
  for (std::unique_ptr<Deflater>& kept : kept_) {
    if (kept->coding() != coding) continue;
    std::swap(kept, kept_.back());
    std::unique_ptr<Deflater> taken = std::move(kept_.back());
    kept_.pop_back();
    return taken;
  }
  return Deflater::make(coding, options, totals_.memory);
}

void Deflaters::give_back(std::unique_ptr<Deflater> deflater) {
  deflater->reset();
  if (kept_.size() < kKept) kept_.push_back(std::move(deflater));
}

}  // namespace penstock
