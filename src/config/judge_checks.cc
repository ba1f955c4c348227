// What is wrong with a health check that no single line of it shows.
#include <algorithm>
#include <utility>

#include "judge.h"
#include "penstock/base/format.h"

namespace penstock::config {
namespace {

class CheckJudge {
 public:
  CheckJudge(const Config& config, Diagnostics& complaints) : config_(config), complaints_(complaints) {}

  void judge(Proxy& proxy) {
    Health& health = proxy.health;
    drop_idle_steps(health);
    bool first = true;
    const bool has_connect = std::any_of(health.steps.begin(), health.steps.end(),
                                         [](const CheckStep& s) { return s.kind == CheckStep::Kind::Connect; });
    for (const CheckStep& step : health.steps) {
      if (is_silent(step)) continue;
      if (first && has_connect && step.kind != CheckStep::Kind::Connect) {
        return complaints_.add(step.place, "where a check has a 'connect' line, it must begin with one");
      }
      first = false;
    }
    if (health.kind == Health::Kind::Http) judge_http_steps(health);
    judge_program(proxy);
  }

  void judge_server(const Proxy& proxy, const Server& server) {
    judge_check_port(proxy, server);
    judge_observing(proxy, server);
    if (server.agent.enabled && server.agent.port == 0)
      complaints_.add(
          server.place,
          format("server '{}' has an agent and no port of it: write 'agent-port' and a number", server.name));
  }

 private:
  void judge_program(const Proxy& proxy) {
    const Global& global = config_.global;
    const bool is_wanted = proxy.health.kind == Health::Kind::External && proxy.is_backend;
    if (!is_wanted && !proxy.external_command.empty() && proxy.is_backend)
      return complaints_.warn(proxy.place, "without 'option external-check' an 'external-check' line has no effect");
    if (!is_wanted) return;
    if (!global.external_check || !global.insecure_fork)
      return complaints_.add(proxy.health.place,
                             "'option external-check' starts programs, which 'global' must allow: write "
                             "'external-check' and 'insecure-fork-wanted' there");
    if (proxy.external_command.empty())
      complaints_.add(proxy.health.place,
                      "'option external-check' needs a program: write 'external-check command' and "
                      "its file");
  }

  // Lines of a conversation that the chosen kind of check does not hold have no effect.
  void drop_idle_steps(Health& health) {
    const auto is_idle = [&](const CheckStep& step) {
      return health.kind != (step.tcp ? Health::Kind::TcpScript : Health::Kind::Http);
    };
    const auto idle = std::find_if(health.steps.begin(), health.steps.end(), is_idle);
    if (idle == health.steps.end()) return;
    complaints_.warn(idle->place, idle->tcp ? "without 'option tcp-check' a 'tcp-check' line has no effect"
                                            : "without 'option httpchk' an 'http-check' line has no effect");
    std::erase_if(health.steps, is_idle);
  }

  static bool is_silent(const CheckStep& step) {
    return step.kind == CheckStep::Kind::Comment || step.kind == CheckStep::Kind::Set ||
           step.kind == CheckStep::Kind::Unset;
  }

  // A connection carries one request, a request stands before what is expected of its answer.
  void judge_http_steps(const Health& health) {
    const CheckStep* last = nullptr;
    for (const CheckStep& step : health.steps) {
      if (is_silent(step)) continue;
      const CheckStep* before = std::exchange(last, &step);
      if (before == nullptr) continue;
      const bool sends = step.kind == CheckStep::Kind::Send;
      if (before->kind == CheckStep::Kind::Connect && !sends)
        return complaints_.add(step.place, "'http-check connect' must be followed by 'http-check send'");
      if (before->kind == CheckStep::Kind::Send && step.kind != CheckStep::Kind::Expect)
        return complaints_.add(step.place, "'http-check send' must be followed by 'http-check expect'");
      if (before->kind == CheckStep::Kind::Expect && sends)
        return complaints_.add(step.place, "behind 'http-check expect' another request needs 'http-check connect'");
    }
  }

  void judge_check_port(const Proxy& proxy, const Server& server) {
    const auto is_path = [](const Address& address) {
      return address.kind == Address::Kind::Unix || address.kind == Address::Kind::Abstract ||
             address.kind == Address::Kind::Fd;
    };
    if (!server.check.enabled || server.check.port != 0 || server.address.port_low != 0) return;
    const Address& asked = server.check.address ? *server.check.address : server.address;
    if (is_path(asked) || asked.port_low != 0) return;
    const auto& steps = proxy.health.steps;
    if (std::any_of(steps.begin(), steps.end(), [](const CheckStep& s) {
          return s.kind == CheckStep::Kind::Connect && (s.port != 0 || !s.port_expression.empty());
        }))
      return;
    complaints_.add(server.place, format("server '{}' is to be checked, and neither it nor its "
                                         "check has a port: write 'port' and a number",
                                         server.name));
  }

  void judge_observing(const Proxy& proxy, const Server& server) {
    if (server.check.observe == Check::Observe::None) return;
    if (server.check.observe == Check::Observe::Layer7 && proxy.mode != Mode::Http)
      return complaints_.add(
          server.place,
          format("server '{}': in mode tcp no answers are seen: write 'observe layer4' in place of 'observe layer7'",
                 server.name));
    if (server.check.enabled) return;
    complaints_.warn(server.place, format("'observe' of server '{}' has no effect without 'check'", server.name));
  }

  const Config& config_;
  Diagnostics& complaints_;
};

}  // namespace

void judge_check(const Config& config, Proxy& proxy, Diagnostics& complaints) {
  CheckJudge(config, complaints).judge(proxy);
}

void judge_server_check(const Config& config, const Proxy& proxy, const Server& server, Diagnostics& complaints) {
  CheckJudge(config, complaints).judge_server(proxy, server);
}

}  // namespace penstock::config
