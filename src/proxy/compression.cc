#include "penstock/proxy/compression.h"

#include <utility>

#include "penstock/base/text.h"
#include "penstock/config/model.h"
#include "penstock/proxy/generation.h"

namespace penstock {
namespace {

using Algorithm = config::Compression::Algorithm;

// What the backend says goes before what the frontend says, list by list.
template <class List>
const List& chosen(List config::Compression::*list, const FrontendPlan& frontend, const BackendPlan* backend) {
  return backend != nullptr && !(backend->compression.*list).empty() ? backend->compression.*list
                                                                     : frontend.compression.*list;
}

std::string_view token_of(Algorithm algorithm) {
  if (algorithm == Algorithm::Identity) return {};
  return algorithm == Algorithm::Gzip ? "gzip" : "deflate";
}

Coding coding_of(Algorithm algorithm) {
  constexpr Coding kCodings[] = {Coding::Identity, Coding::Gzip, Coding::Deflate, Coding::RawDeflate};
  return kCodings[static_cast<std::size_t>(algorithm)];
}

// "0.5" as 500; what cannot be read counts as 1 (RFC 9110 section 12.4.2).
unsigned weight_of(std::string_view parameters) {
  while (!parameters.empty()) {
    const std::string_view parameter = trim(cut(parameters, ';'));
    if (!starts_with_nocase(parameter, "q=")) continue;
    const std::string_view text = parameter.substr(2);
    if (text.empty() || text[0] != '0') return 1000;
    unsigned weight = 0, unit = 100;
    for (std::size_t i = 2; i < text.size() && unit != 0 && text[i] >= '0' && text[i] <= '9'; ++i, unit /= 10)
      weight += unit * static_cast<unsigned>(text[i] - '0');
    return weight;
  }
  return 1000;
}

// The algorithm named last wins, as in HAProxy, where several answer to one name.
const Algorithm* find_algorithm(const std::vector<Algorithm>& algorithms, std::string_view token) {
  for (std::size_t i = algorithms.size(); i-- > 0;) {
    const std::string_view name = token_of(algorithms[i]);
    if (!name.empty() && (token == "*" || equal_nocase(name, token))) return &algorithms[i];
  }
  return nullptr;
}

// The one that the client likes best, the first of equals; identity needs no asking.
Coding best_coding(const std::vector<Algorithm>& algorithms, const Head& request) {
  unsigned best = 0;
  Coding coding = Coding::None;
  for (const Algorithm algorithm : algorithms) {
    if (algorithm == Algorithm::Identity) coding = Coding::Identity;
  }
  for (const Field& field : request.fields) {
    if (!equal_nocase(field.name, "accept-encoding")) continue;
    for (std::string_view list = field.value; !list.empty();) {
      std::string_view element = trim(cut(list, ','));
      const std::string_view token = trim(cut(element, ';'));
      const Algorithm* algorithm = find_algorithm(algorithms, token);
      if (algorithm == nullptr) continue;
      const unsigned weight = weight_of(element);
      if (weight <= best) continue;
      best = weight;
      coding = coding_of(*algorithm);
    }
  }
  return coding;
}

// Browsers that say they can read it and cannot: Mozilla/4, but for MSIE 6 with Windows XP's second service pack and
// MSIE 7 and later.
bool misreads(const Head& request) {
  const Field* agent = request.find("user-agent");
  if (agent == nullptr || !agent->value.starts_with("Mozilla/4")) return false;
  const std::size_t at = agent->value.find("MSIE ");
  if (at == std::string_view::npos) return true;
  unsigned version = 0;
  for (std::size_t i = at + 5; i < agent->value.size() && version < 100; ++i) {
    if (agent->value[i] < '0' || agent->value[i] > '9') break;
    version = version * 10 + static_cast<unsigned>(agent->value[i] - '0');
  }
  return version < 6 || (version == 6 && agent->value.find("SV1") == std::string_view::npos);
}

bool has_token(const Head& head, std::string_view name, std::string_view token) {
  for (const Field& field : head.fields) {
    if (!equal_nocase(field.name, name)) continue;
    for (std::string_view list = field.value; !list.empty();) {
      if (equal_nocase(trim(cut(list, ',')), token)) return true;
    }
  }
  return false;
}

bool is_strong_tag(std::string_view tag) { return tag.size() >= 2 && tag.front() == '"' && tag.back() == '"'; }

// None, or one that can be read.
bool tag_is_sound(const Head& answer) {
  const Field* found = nullptr;
  for (const Field& field : answer.fields) {
    if (!equal_nocase(field.name, "etag")) continue;
    if (found != nullptr) return false;
    found = &field;
  }
  if (found == nullptr || is_strong_tag(found->value)) return true;
  return found->value.starts_with("W/") && is_strong_tag(found->value.substr(2));
}

bool type_suits(const Head& answer, const std::vector<std::string>& types) {
  const Field* type = answer.find("content-type");
  if (type == nullptr) return types.empty();
  if (starts_with_nocase(type->value, "multipart")) return false;
  for (const std::string& beginning : types) {
    if (starts_with_nocase(type->value, beginning)) return true;
  }
  return types.empty();
}

bool suits(const Head& answer, const std::vector<std::string>& types) {
  const bool has_body = answer.body.kind == BodyLength::Kind::Counted || answer.body.kind == BodyLength::Kind::Chunked;
  return answer.status >= 200 && answer.status <= 203 && has_body && answer.version == HttpVersion::Http11 &&
         answer.find("content-encoding") == nullptr && tag_is_sound(answer) && type_suits(answer, types) &&
         !has_token(answer, "cache-control", "no-transform");
}

// Says what becomes of the body.
void rewrite(Head& answer, Coding coding, Arena& arena) {
  for (Field& field : answer.fields) {
    if (!equal_nocase(field.name, "etag") || !is_strong_tag(field.value)) continue;
    field.value = arena.concat({"W/", field.value});
  }
  answer.body = {BodyLength::Kind::Chunked, 0};
  if (!has_token(answer, "vary", "accept-encoding")) answer.fields.push_back(arena, {"Vary", "Accept-Encoding"});
  if (coding == Coding::Identity) return;
  answer.fields.push_back(arena, {"Content-Encoding", coding == Coding::Gzip ? "gzip" : "deflate"});
}

bool limits_reached(const ProcessState& process, const config::Global& global, std::uint64_t now_ms) {
  const DeflateTotals& totals = process.compressed;
  if (global.max_zlib_memory != 0 && totals.memory.load(std::memory_order_relaxed) >> 20 >= global.max_zlib_memory)
    return true;
  if (100 - process.idle_percent.load(std::memory_order_relaxed) > global.max_comp_cpu) return true;
  return global.max_comp_rate != 0 &&
         static_cast<std::uint64_t>(totals.taken.per_second(static_cast<std::int64_t>(now_ms))) >> 10 >=
             global.max_comp_rate;
}

}  // namespace

void Compression::look_at_request(const FrontendPlan& frontend, const BackendPlan* backend, Head& request) {
  const std::vector<Algorithm>& algorithms = chosen(&config::Compression::algorithms, frontend, backend);
  if (algorithms.empty() || request.version != HttpVersion::Http11 || request.method == "HEAD" || misreads(request))
    return;
  coding_ = best_coding(algorithms, request);
  const bool offload = frontend.compression.offload || (backend != nullptr && backend->compression.offload);
  if (offload && coding_ != Coding::None) request.drop("accept-encoding");
}

void Compression::look_at_answer(Kit& kit, const FrontendPlan& frontend, const BackendPlan* backend, Head& answer,
                                 Arena& arena, Stream& front) {
  if (coding_ == Coding::None || !suits(answer, chosen(&config::Compression::types, frontend, backend))) return;
  const config::Global& global = kit.generation->snapshot().config.global;
  if (limits_reached(kit.process, global, kit.loop.now())) {
    passed_by_ = answer.body.bytes;
    return;
  }
  std::unique_ptr<Deflater> deflater;
  if (coding_ != Coding::Identity) {
    deflater = kit.deflaters.take(coding_, {.level = static_cast<int>(global.comp_level),
                                            .window_bits = static_cast<int>(global.zlib_window),
                                            .memory_level = static_cast<int>(global.zlib_memory_level)});
    if (deflater == nullptr) return;
  }
  rewrite(answer, coding_, arena);
  filter_ = std::make_unique<Compressor>(front, kit.loop, kit.deflaters, std::move(deflater));
}

std::string_view Compression::name() const {
  constexpr std::string_view kNames[] = {"", "identity", "gzip", "deflate", "raw-deflate"};
  return filter_ == nullptr ? std::string_view() : kNames[static_cast<std::size_t>(coding_)];
}

std::int64_t Compression::saved() const {
  return filter_ == nullptr ? 0
                            : static_cast<std::int64_t>(filter_->taken()) - static_cast<std::int64_t>(filter_->given());
}

void Compression::count(unsigned worker, FrontendState& frontend, BackendState* backend) const {
  if (filter_ == nullptr && passed_by_ == 0) return;
  add_to(frontend.compressed.of(worker));
  if (backend != nullptr) add_to(backend->compressed.of(worker));
}

void Compression::add_to(CompressionCounts& counts) const {
  counts.passed_by.add(passed_by_);
  if (filter_ == nullptr) return;
  counts.answers.add();
  counts.taken.add(filter_->taken());
  counts.given.add(filter_->given());
}

}  // namespace penstock
