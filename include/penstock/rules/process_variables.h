// Variables of the scope `proc`: of the whole process, from its start on. Read without a lock; what a new value takes the
// place of goes to the bin, so that nothing found may be kept beyond a turn of the loop.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "penstock/base/arena.h"
#include "penstock/rules/pattern_bin.h"
#include "penstock/rules/value.h"

namespace penstock::rules {

class ProcessVariable {
 public:
  explicit ProcessVariable(std::shared_ptr<PatternBin> bin) : bin_(std::move(bin)) {}
  ~ProcessVariable();
  ProcessVariable(const ProcessVariable&) = delete;
  ProcessVariable& operator=(const ProcessVariable&) = delete;

  // A copy; null: it has no value.
  const Value* get(Arena& arena) const;
  // On any thread. `conditions` are SetVarIf bits.
  void set(const Value& value, unsigned conditions = 0);
  void unset();

 private:
  struct Kept;
  void put(std::unique_ptr<Kept> next);

  const std::shared_ptr<PatternBin> bin_;
  std::mutex lock_;  // Of those that set it.
  std::atomic<Kept*> kept_{nullptr};
};

// All that rules, commands and the configuration have named. A name stays as long as the process.
class ProcessVariables {
 public:
  explicit ProcessVariables(std::shared_ptr<PatternBin> bin) : bin_(std::move(bin)) {}
  std::shared_ptr<ProcessVariable> of(const std::string& name);
  // Null: nobody has named it.
  std::shared_ptr<ProcessVariable> find(const std::string& name) const;

 private:
  const std::shared_ptr<PatternBin> bin_;
  mutable std::mutex lock_;
  std::map<std::string, std::shared_ptr<ProcessVariable>> all_;
};

}  // namespace penstock::rules
