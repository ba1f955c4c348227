// A sample expression, compiled: one fetch and the converters behind it ("req.hdr(host),lower").
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "penstock/rules/subject.h"

namespace penstock::rules {

struct Expression;

class Sample {
 public:
  Sample();
  explicit Sample(std::unique_ptr<Expression> expression);
  Sample(Sample&&) noexcept;
  Sample& operator=(Sample&&) noexcept;
  ~Sample();

  explicit operator bool() const { return expression_ != nullptr; }
  // False: there is nothing of the kind. Allocates in the subject's arena only.
  bool value(Subject& subject, Value& out) const;
  // The value as text; nothing if there is none.
  std::optional<std::string_view> text(Subject& subject) const;
  // The same as bytes: an address in network order, a number as eight bytes of it.
  std::optional<std::string_view> bytes(Subject& subject) const;

 private:
  std::unique_ptr<Expression> expression_;
};

}  // namespace penstock::rules
