// Any head: first byte kind and version, then method, target and lines "name:value", cut at line
// feeds. What judge() lets pass is held against the plainest reading of RFC 9112 section 6.3.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/http/framing.h"

using namespace penstock;

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

struct Count {
  std::size_t fields = 0;
  std::string_view value;
};

Count count(const Head& head, std::string_view name) {
  Count found;
  for (const Field& field : head.fields) {
    if (!equal_nocase(field.name, name)) continue;
    ++found.fields;
    found.value = field.value;
  }
  return found;
}

// A number without ornaments: printing it gives the same text.
bool is_plain_number(std::string_view text) {
  const auto number = parse_unsigned(text);
  return number && format("{}", *number) == text;
}

void check_passed(const Head& head, framing::Kind kind, const framing::Judgement& judgement) {
  const bool http11 = head.version == HttpVersion::Http11;
  const Count length = count(head, "content-length");
  const Count coding = count(head, "transfer-encoding");
  check(length.fields + coding.fields <= 1);
  if (length.fields != 0) check(is_plain_number(length.value));
  if (coding.fields != 0) check(http11 && equal_nocase(coding.value, "chunked"));
  if (kind == framing::Kind::Request) {
    const Count host = count(head, "host");
    check(host.fields <= 1 && (host.fields == 1 || !http11));
    check(host.value.find_first_of(" \t,/@\\?#") == std::string_view::npos);
    check(judgement.body.kind != BodyLength::Kind::UntilClose && judgement.body.kind != BodyLength::Kind::Tunnel);
    check((coding.fields != 0) == (judgement.body.kind == BodyLength::Kind::Chunked));
  }
  const bool counted = judgement.body.kind == BodyLength::Kind::Counted;
  check(counted == (judgement.body.bytes != 0));
  if (counted) check(format("{}", judgement.body.bytes) == length.value);
  if (judgement.body.kind == BodyLength::Kind::Chunked) check(coding.fields == 1);
  if (judgement.body.kind == BodyLength::Kind::UntilClose)
    check(length.fields + coding.fields == 0 && !judgement.keep_alive);
  if (!http11) check(!judgement.upgrade);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  std::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
  const auto kind = static_cast<framing::Kind>(data[0] % 4);
  Arena arena;
  Head head;
  head.version = (data[0] & 4) != 0 ? HttpVersion::Http10 : HttpVersion::Http11;
  if (kind == framing::Kind::Request) {
    head.method = cut(rest, '\n');
    head.target = cut(rest, '\n');
  } else {
    constexpr std::uint16_t kStatuses[] = {100, 101, 103, 200, 204, 205, 206, 304, 401, 407, 500, 999};
    head.status = kStatuses[(data[0] >> 3) % std::size(kStatuses)];
  }
  while (!rest.empty()) {
    std::string_view value = cut(rest, '\n');
    const std::string_view name = cut(value, ':');
    head.fields.push_back(arena, {name, trim(value)});
  }
  const framing::Judgement judgement = framing::judge(head, kind);
  if (judgement.refused == nullptr) check_passed(head, kind, judgement);
  Trailers trailers{head.fields};
  if (framing::judge_trailers(trailers) == nullptr) {
    check(count(head, "content-length").fields + count(head, "transfer-encoding").fields + count(head, "host").fields ==
          0);
  }
  return 0;
}
