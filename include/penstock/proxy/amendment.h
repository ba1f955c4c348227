// What may be changed in a snapshot by value, without reading the configuration anew. It lasts until the next reload.
#pragma once

#include <memory>
#include <string>
#include <variant>

#include "penstock/proxy/tls_files.h"

namespace penstock::config {
struct Server;
}

namespace penstock {

// A server line more at the end of a backend. Its address is a number, and its files are among those that the
// configuration in force has named, or that were made since.
struct AddServer {
  std::string backend;
  std::shared_ptr<const config::Server> line;
};

// A server less. None that rules name, or that another one tracks.
struct DeleteServer {
  std::string backend, server;
};

// A certificate of ours in place of another of its name, or a new one that nobody shows yet. Null: it goes, which
// nobody may show.
struct SetCertificate {
  std::string file;
  std::shared_ptr<const TlsCredentials> credentials;
};

// Likewise authorities, or revocation lists.
struct SetTrust {
  std::string file;
  TlsFiles::Trust trust;
};

// Another text of a crt-list, or of a folder read as one.
struct SetList {
  std::string path, text;
};

// TLS towards a server whose line has words for it, or none.
struct SetServerTls {
  std::string backend, server;
  bool on = true;
};

using Amendment = std::variant<AddServer, DeleteServer, SetCertificate, SetTrust, SetList, SetServerTls>;

}  // namespace penstock
