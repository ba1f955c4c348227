// What of a message says which server it is for, in backends that hash (`balance uri`, `hdr`, `url_param`, `hash`), and
// the number made of it (`hash-type`).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "penstock/rules/sample.h"

namespace penstock::rules {

struct BalanceKey {
  enum class Part : std::uint8_t {
    Sample,
    Uri,        // Of the request line, up to the query.
    Domain,     // Of the sample, a name of a host: what stands before its last dot.
    Parameter,  // Of the query, else of the body of a POST; up to the next '&', whatever else stands there.
  };
  enum class Function : std::uint8_t { Sdbm, Djb2, Wt6, Crc32 };

  Part part = Part::Sample;
  Sample sample;
  bool empty_counts = false;              // A sample without a byte is one like others.
  bool whole = false, path_only = false;  // Of Uri: with the query; from the path on.
  std::uint32_t length = 0, depth = 0;    // And at most so many bytes, and levels of folders; 0: all.
  std::string parameter;
  bool in_body = false;
  Function function = Function::Sdbm;
  bool avalanche = false;

  // Nothing: the message has none.
  std::optional<std::string_view> bytes(Subject& subject) const;
  std::uint32_t hash(std::string_view bytes) const;
  // What `avalanche` makes of a number, if it is asked for.
  std::uint32_t spread(std::uint32_t hash) const;
};

}  // namespace penstock::rules
