#include "penstock/proxy/outcome.h"

namespace penstock::outcome {

std::uint16_t status_of(const Failure& failure) {
  // What the client did wrong, or the server's answer, says its own status wherever it was noticed.
  const bool by_itself = failure.cause == Cause::Denied || failure.cause == Cause::ClientTimeout;
  if ((by_itself || failure.phase == Phase::Request) && failure.status != 0) return failure.status;
  switch (failure.phase) {
    case Phase::Queue:
    case Phase::Connect:
      break;
    case Phase::None:
    case Phase::Request:
    case Phase::Tarpit:
    case Phase::Headers:
    case Phase::Data:
    case Phase::Last:
      switch (failure.cause) {
        case Cause::ClientClosed:
          return 400;
        case Cause::ClientTimeout:
          return 408;
        case Cause::ServerTimeout:
          return 504;
        case Cause::ServerClosed:
        case Cause::Denied:
          return 502;
        case Cause::Internal:
        case Cause::Exhausted:
          return 500;
        case Cause::None:
        case Cause::Local:
        case Cause::Down:
        case Cause::Killed:
          return 503;
      }
  }
  return failure.cause == Cause::Internal ? 500 : 503;
}

Failure of_trouble(rules::Trouble trouble, Phase phase) {
  // Asked for where nothing can wait for it.
  if (trouble == rules::Trouble::Password)
    return Failure::of(Cause::Exhausted, phase, 503, "a password is asked for where it cannot be waited for");
  const bool of_memory = trouble == rules::Trouble::Memory;
  const std::uint16_t by_phase = phase == Phase::Request ? 400 : 502;
  return {.cause = of_memory ? Cause::Exhausted : Cause::Denied,
          .phase = phase,
          .status = of_memory ? std::uint16_t{500} : by_phase,
          .detail = "a rule could not be asked"};
}

}  // namespace penstock::outcome
