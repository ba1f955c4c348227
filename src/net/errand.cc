#include "penstock/net/errand.h"

#include <uv.h>

#include <utility>

#include "penstock/base/require.h"

namespace penstock {
namespace {

struct Sent {
  Sent(Loop& loop, std::unique_ptr<Errand> errand) : loop(loop), errand(std::move(errand)) { work.data = this; }
  uv_work_t work;
  Loop& loop;
  std::unique_ptr<Errand> errand;
};

void on_uv_work(uv_work_t* work) { static_cast<Sent*>(work->data)->errand->run(); }

void on_uv_worked(uv_work_t* work, int) {
  const std::unique_ptr<Sent> sent(static_cast<Sent*>(work->data));
  sent->errand->on_done();
  sent->loop.settle();
}

}  // namespace

void send_out(Loop& loop, std::unique_ptr<Errand> errand) {
  auto sent = std::make_unique<Sent>(loop, std::move(errand));
  require(uv_queue_work(loop.raw(), &sent->work, on_uv_work, on_uv_worked) == 0);
  sent.release();
}

}  // namespace penstock
