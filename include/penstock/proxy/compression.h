// Whether one answer is made smaller on its way to the client, and how (manual, "compression algo").
#pragma once

#include <cstdint>
#include <memory>

#include "penstock/base/arena.h"
#include "penstock/http/compressor.h"
#include "penstock/http/head.h"
#include "penstock/proxy/kit.h"
#include "penstock/proxy/plan.h"

namespace penstock {

// Of one transaction. Where nothing is compressed it costs a look at two lists.
class Compression {
 public:
  // The request goes out like this: what can the client read? With `offload` the server is not told. `backend` may be
  // null.
  void look_at_request(const FrontendPlan& frontend, const BackendPlan* backend, Head& request);
  // The answer goes out like this: if it is to be compressed, its head says so from here on, and its body is to be sent
  // to stream().
  void look_at_answer(Kit& kit, const FrontendPlan& frontend, const BackendPlan* backend, Head& answer, Arena& arena,
                      Stream& front);
  Stream& stream(Stream& front) { return filter_ == nullptr ? front : *filter_; }
  void note_writable() {
    if (filter_ != nullptr) filter_->note_writable();
  }
  // Of the algorithm, as the configuration has it; empty: the body is as it came.
  std::string_view name() const;
  // What the log does not say of it: bytes that were saved, or added.
  std::int64_t saved() const;
  // The answer is over. `backend` may be null.
  void count(unsigned worker, FrontendState& frontend, BackendState* backend) const;

 private:
  void add_to(CompressionCounts& counts) const;

  Coding coding_ = Coding::None;  // The best of what the client reads and we write.
  std::uint64_t passed_by_ = 0;   // Bytes of a body that is not compressed since limits were reached.
  std::unique_ptr<Compressor> filter_;
};

}  // namespace penstock
