// Clients in line for the server s1 of a rig, which has room for one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "flow/rig.h"

namespace penstock::test {

struct WaitingLine {
  // The first has the place, and its answer once it says "now"; four wait behind it.
  WaitingLine(Rig& rig, const std::string& first_answer, const std::string& answer) {
    rig.server("s1").next().expects("GET /first ").expects("now").sends(first_answer);
    rig.server("s1").next().expects("GET /").expects("\r\n\r\n").sends(answer).repeats();
    first = std::make_unique<ScriptedClient>(rig);
    first->says("GET /first HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\n");
    rig.run_until([&] { return rig.in_use() == 1; });
    for (std::size_t i = 0; i < 4; ++i) {
      waiting.push_back(std::make_unique<ScriptedClient>(rig));
      waiting[i]->says("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
      rig.run_until([&] { return rig.waiting() == i + 1; });
    }
  }
  std::unique_ptr<ScriptedClient> first;
  std::vector<std::unique_ptr<ScriptedClient>> waiting;
};

}  // namespace penstock::test
