// `crt-list`: a file that names a certificate in each line, with words of its own in brackets, and for which names it
// is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/config/diagnostics.h"
#include "penstock/config/model.h"

namespace penstock::config {

struct CrtListLine {
  std::string certificate;  // With crt-base applied.
  std::string words;        // Within the brackets, as written.
  Tls tls;                  // That of the bind line, changed by them.
  std::vector<std::string> filters;
  std::uint32_t line = 0;
};

// Complaints name `path` and the line in it; `config` is whose file names it, and becomes the source of complaints
// again.
std::vector<CrtListLine> read_crt_list(const std::string& path, std::string_view text, const Config& config,
                                       const Bind& bind, bool is_http, Diagnostics& diagnostics);

}  // namespace penstock::config
