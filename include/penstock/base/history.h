// The last hour of something, a point every five seconds. One writer; whoever reads may see a point that is just being
// written. Takes no memory before the first point.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace penstock {

template <std::size_t N>
class History {
 public:
  static constexpr std::size_t kMostPoints = 720;
  static constexpr std::uint64_t kStepMs = 5000;
  using Point = std::array<std::uint32_t, N>;

  History() = default;
  History(const History&) = delete;
  History& operator=(const History&) = delete;
  ~History() { delete room_.load(std::memory_order_relaxed); }

  void add(const Point& point) {
    Room* room = room_.load(std::memory_order_relaxed);
    if (room == nullptr) room_.store(room = new Room, std::memory_order_release);
    const std::uint64_t count = room->count.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i < N; ++i)
      room->values[count % kMostPoints * N + i].store(point[i], std::memory_order_relaxed);
    room->count.store(count + 1, std::memory_order_release);
  }
  // The oldest first.
  std::vector<Point> points() const {
    std::vector<Point> points;
    const Room* room = room_.load(std::memory_order_acquire);
    if (room == nullptr) return points;
    const std::uint64_t count = room->count.load(std::memory_order_acquire);
    for (std::uint64_t at = count > kMostPoints ? count - kMostPoints : 0; at != count; ++at) {
      Point& point = points.emplace_back();
      for (std::size_t i = 0; i < N; ++i)
        point[i] = room->values[at % kMostPoints * N + i].load(std::memory_order_relaxed);
    }
    return points;
  }

 private:
  struct Room {
    std::atomic<std::uint64_t> count{0};
    std::array<std::atomic<std::uint32_t>, kMostPoints * N> values{};
  };
  static_assert(sizeof(Room) <= 16 * 1024);
  std::atomic<Room*> room_{nullptr};
};

}  // namespace penstock
