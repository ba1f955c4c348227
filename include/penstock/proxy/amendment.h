// What may be changed in a snapshot by value, without reading the configuration anew. It lasts until the next reload.
#pragma once

#include <memory>
#include <string>
#include <variant>

namespace penstock::config {
struct Server;
}

namespace penstock {

// A server line more at the end of a backend. Its address is a number, and its files are among those that the
// configuration in force has named; a certificate of its own it cannot have, since keys are not kept.
struct AddServer {
  std::string backend;
  std::shared_ptr<const config::Server> line;
};

// A server less. None that rules name, or that another one tracks.
struct DeleteServer {
  std::string backend, server;
};

using Amendment = std::variant<AddServer, DeleteServer>;

}  // namespace penstock
