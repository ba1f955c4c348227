#include <algorithm>

#include "keywords.h"

namespace penstock::config {
namespace {

constexpr std::string_view kAlgorithms[] = {"identity", "gzip", "deflate", "raw-deflate"};

void parse_algorithms(Line& line, Compression& compression) {
  do {
    if (const auto algorithm = line.take_choice(kAlgorithms))
      compression.algorithms.push_back(static_cast<Compression::Algorithm>(*algorithm));
  } while (line.more());
}

void parse_types(Line& line, Compression& compression) {
  do {
    compression.types.push_back(line.take_text("the beginning of a Content-Type"));
  } while (line.more());
}

void parse_offload(Line& line, Draft& draft) {
  // A server that answers to nobody's liking is found one at a time.
  if (draft.kind == SectionKind::Defaults)
    return line.warn("'compression offload' has no effect in 'defaults': write it into the proxies that need it");
  draft.proxy.compression.offload = true;
}

// Answers are kept as servers send them, and made smaller for each client.
void take_cache_filter(Line& line, Draft& draft) {
  const Word* name = line.take("the name of a section 'cache'");
  if (name == nullptr) return;
  const auto same = [&](const Word& other) { return other.text == name->text; };
  if (std::any_of(draft.caches.begin(), draft.caches.end(), same))
    return line.complain(name->place, format("'filter cache {}' is there already", name->text));
  if (draft.compresses_at)
    return line.complain(line.place, format("'filter compression' stands before 'filter cache {}': what is kept must "
                                            "not be compressed, so write it behind",
                                            name->text));
  draft.caches.push_back(*name);
}

}  // namespace

void parse_compression(Line& line, Draft& draft) {
  constexpr std::string_view kParts[] = {"algo", "type", "offload"};
  const auto part = line.take_choice(kParts);
  if (!part) return;
  if (*part == 0) return parse_algorithms(line, draft.proxy.compression);
  if (*part == 1) return parse_types(line, draft.proxy.compression);
  parse_offload(line, draft);
}

void parse_filter(Line& line, Draft& draft) {
  struct Absent {
    std::string_view name, why;
  };
  constexpr Absent kAbsent[] = {
      {"bwlim-in", "nothing limits bandwidth"}, {"bwlim-out", "nothing limits bandwidth"},
      {"fcgi-app", "FastCGI is not spoken"},    {"opentracing", "OpenTracing is not built in"},
      {"spoe", "SPOE agents are not asked"},
  };
  const Word* word = line.take("the name of a filter");
  if (word == nullptr) return;
  if (word->text == "trace") {
    line.warn(word->place, "'filter trace' has no effect: see '-d' and the socket's 'show errors' for what passes");
    return line.skip_rest();
  }
  for (const Absent& absent : kAbsent) {
    if (word->text == absent.name)
      return line.complain(word->place, format("the filter '{}' is not offered: {}", absent.name, absent.why));
  }
  if (word->text == "cache") return take_cache_filter(line, draft);
  if (word->text != "compression") {
    constexpr std::string_view kNames[] = {"cache", "compression"};
    return complain_unknown(line, *word, "'filter'", kNames);
  }
  if (draft.caches.empty()) draft.compresses_at = word->place;
  // It says no more than the lines of `compression` do.
  if (!draft.given.insert("filter compression").second)
    line.complain(word->place, "'filter compression' is there already");
}

}  // namespace penstock::config
