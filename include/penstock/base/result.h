// Result<T>: the value asked for, or the Error that stood in its way. For set-up work (bind, file,
// certificate); what the network does wrong is a Failure, what the administrator does, a diagnostic.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "penstock/base/require.h"

namespace penstock {

// What went wrong, in words an administrator can act on: names the thing (file, address) and the cause.
struct Error {
  std::string text;
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}
  Result(Error error) : error_(std::move(error)) {}

  explicit operator bool() const { return value_.has_value(); }
  T& operator*() {
    require(value_.has_value());
    return *value_;
  }
  const T& operator*() const {
    require(value_.has_value());
    return *value_;
  }
  T* operator->() { return &**this; }
  const Error& error() const { return error_; }

 private:
  std::optional<T> value_;
  Error error_;
};

// Of a step that yields nothing but success.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  explicit operator bool() const { return !error_.has_value(); }
  const Error& error() const { return *error_; }

 private:
  std::optional<Error> error_;
};

}  // namespace penstock
