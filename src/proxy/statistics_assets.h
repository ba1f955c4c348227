// How the page of statistics looks, and what keeps it up to date: resources of their own, since the page allows neither
// style nor script within it.
#pragma once

#include <string_view>

namespace penstock::statistics_page {

std::string_view style();
std::string_view script();

}  // namespace penstock::statistics_page
