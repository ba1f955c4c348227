#include "penstock/proxy/outcome.h"

#include "unit/catch.h"

using namespace penstock;

TEST_CASE("each failure has the status HAProxy's users expect") {
  struct Row {
    Cause cause;
    Phase phase;
    std::uint16_t said;  // By whoever noticed; 0: nothing.
    std::uint16_t status;
  };
  const Row rows[] = {
      {Cause::ClientClosed, Phase::Request, 400, 400},
      {Cause::ClientTimeout, Phase::Request, 408, 408},
      {Cause::Denied, Phase::Request, 431, 431},
      {Cause::ClientClosed, Phase::Queue, 400, 503},
      {Cause::ServerTimeout, Phase::Queue, 503, 503},
      {Cause::ClientTimeout, Phase::Queue, 408, 408},
      {Cause::ServerClosed, Phase::Connect, 503, 503},
      {Cause::ServerTimeout, Phase::Connect, 503, 503},
      {Cause::ClientClosed, Phase::Connect, 400, 503},
      {Cause::Down, Phase::Connect, 503, 503},
      {Cause::ServerClosed, Phase::Headers, 502, 502},
      {Cause::ServerTimeout, Phase::Headers, 504, 504},
      {Cause::ClientClosed, Phase::Headers, 400, 400},
      {Cause::ClientTimeout, Phase::Headers, 408, 408},
      {Cause::Denied, Phase::Headers, 502, 502},
      {Cause::Denied, Phase::Headers, 400, 400},
      {Cause::Denied, Phase::Headers, 0, 502},
      {Cause::Down, Phase::Headers, 503, 503},
      {Cause::Internal, Phase::Headers, 0, 500},
      {Cause::Internal, Phase::Connect, 0, 500},
      {Cause::Exhausted, Phase::Headers, 0, 500},
      {Cause::Exhausted, Phase::Connect, 0, 503},
      {Cause::Killed, Phase::Data, 0, 503},
  };
  for (const Row& row : rows) {
    INFO(static_cast<char>(row.cause) << static_cast<char>(row.phase));
    CHECK(outcome::status_of(Failure::of(row.cause, row.phase, row.said, "")) == row.status);
  }
}
