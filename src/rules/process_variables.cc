#include "penstock/rules/process_variables.h"

#include <utility>

#include "set_var_if.h"

namespace penstock::rules {

struct ProcessVariable::Kept final : TakenOut {
  explicit Kept(const Value& of) : value(of), text(of.text) { value.text = text; }
  Value value;
  std::string text;
};

ProcessVariable::~ProcessVariable() { delete kept_.load(std::memory_order_relaxed); }

const Value* ProcessVariable::get(Arena& arena) const {
  const Kept* kept = kept_.load(std::memory_order_acquire);
  if (kept == nullptr || kept->value.type == Type::None) return nullptr;
  auto* copy = arena.make<Value>(kept->value);
  copy->text = arena.copy(kept->value.text);
  return copy;
}

void ProcessVariable::set(const Value& value, unsigned conditions) {
  const std::lock_guard hold(lock_);
  const Kept* old = kept_.load(std::memory_order_relaxed);
  // It is there as soon as something names it, with a value or without.
  static constexpr Value kNone;
  if (!may_set(old == nullptr ? &kNone : &old->value, value, conditions)) return;
  const bool is_same = old != nullptr && old->value.type == value.type && old->value.integer == value.integer &&
                       old->value.text == value.text && old->value.ip == value.ip;
  if (!is_same) put(std::make_unique<Kept>(value));
}

void ProcessVariable::unset() {
  const std::lock_guard hold(lock_);
  if (kept_.load(std::memory_order_relaxed) != nullptr) put(std::make_unique<Kept>(Value()));
}

void ProcessVariable::put(std::unique_ptr<Kept> next) {
  std::unique_ptr<Kept> old(kept_.exchange(next.release(), std::memory_order_acq_rel));
  if (old) bin_->put(std::move(old));
}

std::shared_ptr<ProcessVariable> ProcessVariables::of(const std::string& name) {
  const std::lock_guard hold(lock_);
  std::shared_ptr<ProcessVariable>& variable = all_[name];
  if (!variable) variable = std::make_shared<ProcessVariable>(bin_);
  return variable;
}

std::shared_ptr<ProcessVariable> ProcessVariables::find(const std::string& name) const {
  const std::lock_guard hold(lock_);
  const auto at = all_.find(name);
  return at == all_.end() ? nullptr : at->second;
}

}  // namespace penstock::rules
