// Any bytes as a configuration: reading must end, never crash, and what it accepts must survive
// being written and read again.
#include <cstddef>
#include <cstdint>
#include <string>

#include "penstock/base/require.h"
#include "penstock/config/read.h"

using penstock::config::Config;
using penstock::config::Diagnostics;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  Diagnostics diagnostics;
  const Config config = penstock::config::read({{"fuzz.cfg", text}}, diagnostics);
  for (const auto& complaint : diagnostics.complaints()) Diagnostics::text_of(complaint, 1);
  if (diagnostics.failed()) return 0;
  const std::string canonical = penstock::config::dump(config);
  Diagnostics again;
  const Config copy = penstock::config::read({{"again.cfg", canonical}}, again);
  require(!again.failed());
  require(penstock::config::dump(copy) == canonical);
  return 0;
}
