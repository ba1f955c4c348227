// Start line and fields of a message, as views into the block they arrived in or into the arena of
// their transaction. Names keep their case, fields their order and number: what we do not change passes
// byte for byte.
#pragma once

#include <cstdint>
#include <string_view>

#include "penstock/base/arena.h"
#include "penstock/base/block.h"
#include "penstock/base/text.h"

namespace penstock {

struct Field {
  std::string_view name;
  std::string_view value;  // Without blanks at either end.
};

// RFC 9112 section 6.3, as framing::judge found it.
struct BodyLength {
  enum class Kind : std::uint8_t { None, Counted, Chunked, UntilClose, Tunnel };
  Kind kind = Kind::None;
  std::uint64_t bytes = 0;  // Counted: how many; never 0 (that is None).
};

enum class HttpVersion : std::uint8_t { Http10, Http11 };

struct Head {
  // Request: method SP target; response: status SP reason. The other side's members stay empty.
  std::string_view method;
  std::string_view target;  // As received: origin, absolute, authority or asterisk form.
  std::uint16_t status = 0;
  std::string_view reason;
  HttpVersion version = HttpVersion::Http11;
  BodyLength body;
  ArenaVector<Field> fields;

  const Field* find(std::string_view name) const {
    for (const Field& field : fields) {
      if (equal_nocase(field.name, name)) return &field;
    }
    return nullptr;
  }
  void drop(std::string_view name) {
    for (std::size_t i = fields.size(); i-- > 0;) {
      if (equal_nocase(fields[i].name, name)) fields.erase(i);
    }
  }
  // The path of the target: without scheme and authority, up to '?' or '#'; "*" and the authority
  // form have none (empty).
  std::string_view path() const;
  // What stands behind the first '?', without it.
  std::string_view query() const;
  bool is_request() const { return status == 0; }
};

// What a head may be at most.
struct HeadLimits {
  std::size_t head = 131072;   // Bytes of start line and fields: tune.http.maxhead.
  std::uint32_t fields = 101;  // tune.http.maxhdr
};

// A message's trailer section. Most have none.
struct Trailers {
  ArenaVector<Field> fields;
};

}  // namespace penstock
