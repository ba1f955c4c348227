#include "penstock/base/arena.h"

namespace penstock {
namespace {

constexpr std::size_t kPieceSize = 4 * 1024;
// Keeps what follows the link aligned for anything.
constexpr std::size_t kLinkSize = alignof(std::max_align_t);

}  // namespace

void* Arena::allocate_in_new_block(std::size_t size) {
  Block* block = Block::take(size + kLinkSize <= kPieceSize ? kPieceSize : size + kLinkSize);
  std::memcpy(block->data(), &block_, sizeof(block_));
  block_ = block;
  held_ += block->capacity();
  used_ = kLinkSize + size;
  return block->data() + kLinkSize;
}

void Arena::clear() {
  while (block_ != nullptr) {
    Block* before;
    std::memcpy(&before, block_->data(), sizeof(before));
    block_->drop_use();
    block_ = before;
  }
  used_ = 0;
  held_ = 0;
}

}  // namespace penstock
