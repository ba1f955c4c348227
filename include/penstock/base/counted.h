// A counted pointer whose count is not atomic: what it points to never leaves its worker.
#pragma once

#include <cstdint>
#include <utility>

#include "penstock/base/require.h"

namespace penstock {

// Base of what Ref counts. T is the derived class, deleted as T when the last Ref goes.
template <class T>
class Counted {
 public:
  Counted() = default;
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 protected:
  ~Counted() { require(uses_ == 0); }

 private:
  template <class>
  friend class Ref;
  std::uint32_t uses_ = 0;
};

template <class T>
class Ref {
 public:
  Ref() = default;
  Ref(std::nullptr_t) {}
  explicit Ref(T* object) : object_(object) { add(); }
  Ref(const Ref& other) : object_(other.object_) { add(); }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() { drop(); }

  T* get() const { return object_; }
  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }
  bool operator==(const Ref& other) const { return object_ == other.object_; }

 private:
  void add() {
    if (object_ != nullptr) ++static_cast<Counted<T>*>(object_)->uses_;
  }
  void drop() {
    if (object_ != nullptr && --static_cast<Counted<T>*>(object_)->uses_ == 0) delete object_;
  }
  T* object_ = nullptr;
};

template <class T, class... Arguments>
Ref<T> make_ref(Arguments&&... arguments) {
  return Ref<T>(new T(std::forward<Arguments>(arguments)...));
}

}  // namespace penstock
