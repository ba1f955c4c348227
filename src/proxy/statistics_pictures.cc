#include "statistics_pictures.h"

#include <algorithm>
#include <span>
#include <vector>

#include "penstock/base/format.h"
#include "penstock/proxy/trends.h"

namespace penstock::statistics_page {
namespace {

using Points = std::vector<History<4>::Point>;

constexpr std::size_t kPointsOfColumn = 6;
constexpr std::size_t kWidth = History<4>::kMostPoints / kPointsOfColumn;
constexpr std::size_t kHeight = 24;
constexpr std::uint64_t kTenthsOfOne = 10 * 1000 / History<4>::kStepMs;

// One value of all points. The latest are to the right; a column shows the highest of its points.
std::vector<std::uint32_t> columns_of(const Points& points, std::size_t value) {
  std::vector<std::uint32_t> columns;
  for (std::size_t end = points.size(); end != 0;) {
    const std::size_t begin = end > kPointsOfColumn ? end - kPointsOfColumn : 0;
    std::uint32_t most = 0;
    for (std::size_t i = begin; i != end; ++i) most = std::max(most, points[i][value]);
    columns.push_back(most);
    end = begin;
  }
  std::reverse(columns.begin(), columns.end());
  return columns;
}

void append_picture(std::span<const std::uint32_t> columns, std::uint32_t most, std::string& out) {
  append_format(out,
                "<svg viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" aria-hidden=\"true\"><path d=\"M{2} {1}",
                kWidth, kHeight, kWidth - columns.size());
  std::size_t x = kWidth - columns.size();
  for (const std::uint32_t value : columns) {
    const std::uint64_t height = most == 0 ? 0 : (std::uint64_t{value} * (kHeight - 2) + most - 1) / most;
    append_format(out, "V{}H{}", kHeight - height, ++x);
  }
  append_format(out, "V{}Z\"/></svg>", kHeight);
}

// Counted in a step: so many a second.
std::string a_second(std::uint32_t count) {
  const std::uint64_t tenths = count * kTenthsOfOne;
  return format("{}.{}/s", tenths / 10, tenths % 10);
}

std::string words_of(const Points& points, std::size_t value, std::uint32_t most) {
  const std::uint32_t now = points.back()[value];
  switch (static_cast<Trends::Value>(value)) {
    case Trends::Requests:
      return format("{}, most {}", a_second(now), a_second(most));
    case Trends::AtOnce:
      return format("{}, most {}", now, most);
    case Trends::Failures: {
      std::uint64_t all = 0;
      for (const auto& point : points) all += point[value];
      return format("{} in all", all);
    }
    case Trends::TimeMs:
      return format("{} ms, most {} ms", now, most);
  }
  return {};
}

}  // namespace

bool append_pictures(const BackendState& state, std::string& out) {
  const Points points = state.history.points();
  if (points.empty()) return false;
  for (std::size_t value = 0; value < std::size(kPictureHeadings); ++value) {
    const std::vector<std::uint32_t> columns = columns_of(points, value);
    const std::uint32_t most = *std::max_element(columns.begin(), columns.end());
    append_format(out, "<td class=\"{}\">", value == Trends::Failures ? "picture bad" : "picture");
    append_picture(columns, most, out);
    append_format(out, "<small>{}</small></td>", words_of(points, value, most));
  }
  return true;
}

}  // namespace penstock::statistics_page
