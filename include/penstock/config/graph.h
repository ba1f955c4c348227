// The proxies of a configuration as a graph: who listens where, which rule leads to which backend, which servers it has.
#pragma once

#include <string>

namespace penstock::config {

struct Config;

// For people, one line for each thing. Secrets are not shown.
std::string graph_text(const Config& config);
// The same in the language of Graphviz.
std::string graph_dot(const Config& config);

}  // namespace penstock::config
