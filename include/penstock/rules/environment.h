// What compiling rules needs from outside: contents of files, and numbers for names.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "penstock/config/place.h"

namespace penstock {
class Cache;
}

namespace penstock::rules {

class PatternBook;
class ProcessVariables;
struct PatternUse;

// What compiling needs from outside. Nothing is opened here.
class Environment {
 public:
  // The content of a file that collect_files() named; null if it was not read.
  virtual const std::string* content(const std::string& path) const = 0;
  // Numbers that Subject, Numbers and choose_backend() use for proxies, and for servers within a backend; -1: there is
  // none. They stay with the name whatever comes before it in the file: compiled rules may outlive their configuration.
  virtual int frontend_index(const std::string& name) const = 0;
  virtual int backend_index(const std::string& name) const = 0;
  virtual int server_index(int backend, const std::string& name) const = 0;
  // Of the stick table of that proxy.
  virtual int table_index(const std::string& proxy) const = 0;
  // The system's name for %H and `hostname`; must outlive the compiled rules.
  virtual std::string_view hostname() const = 0;
  // The IPv4 address of a host that collect_hosts() named; nothing if it was not asked for.
  virtual std::optional<std::string> address_of(const std::string&) const { return std::nullopt; }

  // The cache of that name; null: there is none.
  virtual std::shared_ptr<Cache> cache(const std::string&) const { return nullptr; }
  // Variables of the process; null: there is none.
  virtual ProcessVariables* process_variables() const { return nullptr; }
  // Where sets of patterns are shared; null: each use has its own.
  virtual PatternBook* patterns() const { return nullptr; }
  // What is being compiled uses this set.
  virtual void note_patterns(const PatternUse&) const {}

 protected:
  ~Environment() = default;
};

// A file that an ACL, a map, a reply or an errorfile names.
struct NamedFile {
  std::string path;
  config::Place place;
};

}  // namespace penstock::rules
