// What commands of the runtime socket work on: the process, as its master has it.
#pragma once

#include <functional>
#include <string>

#include "penstock/base/log.h"
#include "penstock/proxy/amendment.h"

namespace penstock {

class Crew;
class Desk;
class Loop;
class Names;
struct Options;
struct PatternNotes;
struct TlsDrafts;

class Realm {
 public:
  virtual Loop& loop() = 0;
  virtual Crew& crew() = 0;
  virtual const Desk& desk() const = 0;
  virtual const Options& options() const = 0;
  virtual TlsDrafts& tls_drafts() = 0;
  virtual PatternNotes& pattern_notes() = 0;
  virtual Names& names() = 0;
  // What was complained about when the process started or took its last configuration.
  virtual const std::string& complaints() const = 0;
  virtual void log(Level level, const std::string& line) = 0;
  // Reads the configuration anew. `done` hears whether it is at work now, and what there was to say.
  virtual void reload(std::function<void(bool success, const std::string& said)> done) = 0;
  virtual bool reload_failed() const = 0;  // The last one.
  // Writes the files of server states. `said` is empty if the configuration has none.
  virtual void save_states(std::function<void(bool success, const std::string& said)> done) = 0;
  // `show proc`
  virtual void processes(std::function<void(std::string text)> done) = 0;
  // Puts the snapshot at work to work with this changed, when others are done. `done` hears why not; empty: every
  // worker has it. It may be called from within.
  virtual void amend(Amendment amendment, std::function<void(const std::string& why)> done) = 0;

 protected:
  ~Realm() = default;
};

}  // namespace penstock
