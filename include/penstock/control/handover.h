// All that a serving process needs from outside, gathered by whoever may open it: itself, or the
// parent that kept the privileges to do so.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "penstock/base/result.h"
#include "penstock/config/diagnostics.h"
#include "penstock/config/model.h"
#include "penstock/config/read.h"
#include "penstock/control/account.h"
#include "penstock/control/legacy.h"
#include "penstock/control/options.h"
#include "penstock/net/socket.h"
#include "penstock/proxy/bundle.h"

namespace penstock {

struct Handover {
  std::vector<config::Source> sources;
  config::Config config;  // What the sources say.
  Bundle bundle;
  Account account;
  ServerNotes notes;                // Of state files; for the first process that serves.
  config::Diagnostics diagnostics;  // What was found wrong so far; said by whoever builds from this.
};

struct GatherPlan {
  const Bundle* previous = nullptr;    // Its sockets are kept where the address stays.
  unsigned workers = 0;                // 0: as many as the configuration asks for.
  bool check_only = false;             // Opens no socket.
  const NameAnswers* names = nullptr;  // Null: the resolver is waited for.
};
Handover gather(const Options& options, const GatherPlan& plan);
// The same in two steps: first the texts alone.
Handover read_texts(const Options& options);
Handover gather(Handover texts, const Options& options, const GatherPlan& plan);

// For the child: bytes and, in order, the descriptors that go with them. Sockets of `known`, a
// bundle that the child has, stay at home. The child reads the texts again, which costs less than a
// second form of the configuration that both must agree on.
WipedText pack(const Handover& handover, const Bundle* known, std::vector<int>& descriptors);
Result<Handover> unpack(std::string_view bytes, std::vector<Descriptor> descriptors, const Bundle* known,
                        const Options& options);

// Descriptors that a configuration needs: for all, and of these for all but connections.
struct DescriptorNeed {
  std::uint64_t wanted;  // What `maxconn` or `ulimit-n` ask for; else the most there can be.
  std::int64_t fixed;
};
DescriptorNeed descriptor_need(const config::Config& config, std::size_t binds, unsigned workers);

}  // namespace penstock
