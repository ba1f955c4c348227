// The service `prometheus-exporter`: statistics in the text form of Prometheus, by the names and labels of HAProxy's.
// It takes what it shows in a first pass over all objects, since a metric has its lines together, and writes it in a
// second one; between the two and within them others have their turn.
#pragma once

#include <cstdint>
#include <memory>

#include "penstock/http/head.h"
#include "penstock/proxy/counters.h"
#include "penstock/proxy/service.h"
#include "penstock/proxy/snapshot.h"

namespace penstock {

// What `request` asks for in its query: `scope=` global, frontend, listener, backend, server, sticktable or *, several
// times; `no-maint`: no server in maintenance; `metrics=a,-b`: those of these names, or not. Null: it asks for something
// else.
std::unique_ptr<Service> make_metrics(std::shared_ptr<const Snapshot> snapshot, const ProcessState& process,
                                      std::uint64_t now_ms, const Head& request);

}  // namespace penstock
