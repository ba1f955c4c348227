#include "penstock/proxy/statistics_page.h"

#include <algorithm>
#include <string>
#include <utility>

#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/config/model.h"
#include "penstock/proxy/statistics_text.h"
#include "statistics_html.h"

namespace penstock::statistics_page {
namespace {

std::string base64_of(std::string_view bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t bits = 0;
    for (std::size_t j = 0; j < 3; ++j)
      bits = bits << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    for (std::size_t j = 0; j < 4; ++j) out += i + j <= bytes.size() ? kDigits[bits >> (18 - 6 * j) & 63] : '=';
  }
  return out;
}

// Takes as long wherever they differ.
bool is_same(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned char difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference = static_cast<unsigned char>(difference | (static_cast<unsigned char>(a[i] ^ b[i])));
  return difference == 0;
}

bool is_known(const config::StatsPage& page, const Head& request) {
  const Field* field = request.find("authorization");
  if (field == nullptr) return false;
  std::string_view value = trim(field->value);
  if (!equal_nocase(cut(value, ' '), "basic")) return false;
  value = trim(value);
  bool known = false;
  for (const auto& [user, password] : page.users) known = is_same(value, base64_of(user + ":" + password)) || known;
  return known;
}

// The part of the target that says what is asked for.
std::string_view asked_of(const Head& request) { return rules::split_target(request.target).path_and_query; }

bool says(std::string_view asked, std::string_view word) { return asked.find(word) != std::string_view::npos; }

rules::Reply ask_for_password(std::string_view realm, Arena& arena) {
  rules::Reply reply = rules::Reply::of(401);
  const std::string_view value = arena.concat({"Basic realm=\"", realm, "\""});
  Field* field = static_cast<Field*>(arena.allocate(sizeof(Field) * 3, alignof(Field)));
  field[0] = {"WWW-Authenticate", value};
  field[1] = {"Cache-Control", "no-cache"};
  field[2] = {"Content-Type", "text/html"};
  reply.standard = false;
  reply.fields = {field, 3};
  reply.body = "<html><body><h1>401 Unauthorized</h1>\nThis asks for a user and a password.\n</body></html>\n";
  return reply;
}

// CSV, typed lines or JSON.
class TextService final : public Service {
 public:
  TextService(StatisticsForm form, std::uint64_t refresh_s, statistics::Walk walk)
      : form_(form),
        refresh_(refresh_s == 0 ? std::string() : format("{}", refresh_s)),
        text_(form, false, std::move(walk)) {}
  rules::Reply head(Arena& arena) override {
    rules::Reply reply;
    reply.status = 200;
    auto* fields = static_cast<Field*>(arena.allocate(sizeof(Field) * 3, alignof(Field)));
    fields[0] = {"Cache-Control", "no-cache"};
    fields[1] = {"Content-Type", form_ == StatisticsForm::Json ? "application/json" : "text/plain"};
    fields[2] = {"Refresh", refresh_};
    reply.fields = {fields, refresh_.empty() ? std::size_t{2} : std::size_t{3}};
    return reply;
  }
  Slice next(std::size_t room) override {
    while (more_ && made_.size() - given_ < room) more_ = text_.next(made_);
    const std::string_view piece = std::string_view(made_).substr(given_, room);
    Slice slice = piece.empty() ? Slice() : Slice::copy(piece);
    given_ += piece.size();
    if (given_ == made_.size()) {
      made_.clear();
      given_ = 0;
    }
    return slice;
  }
  bool ended() const override { return !more_ && made_.empty(); }

 private:
  const StatisticsForm form_;
  const std::string refresh_;
  StatisticsText text_;
  std::string made_;
  std::size_t given_ = 0;
  bool more_ = true;
};

statistics::Filter filter_of(const Page& page, std::string_view asked) {
  statistics::Filter filter;
  filter.legends = page.line.show_legends;
  filter.up_only = says(asked, ";up");
  filter.no_maint = says(asked, ";no-maint");
  if (page.line.scope.empty()) return filter;
  filter.scope.emplace();
  for (const std::string& name : page.line.scope) filter.scope->push_back(name == "." ? std::string(page.proxy) : name);
  return filter;
}

Answer denial() {
  Answer denied;
  denied.reply = rules::Reply::of(403);
  denied.denied = true;
  return denied;
}

Answer style_reply(Arena& arena) {
  constexpr Field kFields[] = {{"Cache-Control", "max-age=3600"}, {"Content-Type", "text/css"}};
  auto* fields = static_cast<Field*>(arena.allocate(sizeof(kFields), alignof(Field)));
  std::copy(std::begin(kFields), std::end(kFields), fields);
  Answer styled;
  styled.reply.status = 200;
  styled.reply.fields = {fields, std::size(kFields)};
  styled.reply.body = style();
  return styled;
}

// Who may not see it, or is to say first who it is.
bool refuses(const Page& page, rules::Subject& subject, Answer& out) {
  const bool known = is_known(page.line, *subject.request);
  const rules::StatsRule* rule = page.rules.find(subject);
  if (rule != nullptr && rule->kind == rules::StatsRule::Kind::Deny) return out = denial(), true;
  if (rule != nullptr && rule->kind == rules::StatsRule::Kind::Allow) return false;
  const bool asks = rule != nullptr || !page.line.users.empty();
  if (!asks || known) return false;
  out.reply = ask_for_password(rule != nullptr && !rule->realm.empty() ? rule->realm : page.line.realm, subject.arena);
  out.denied = true;
  return true;
}

}  // namespace

bool is_asked_for(const config::StatsPage& page, const Head& request) {
  const bool may = request.method == "GET" || request.method == "HEAD" || request.method == "POST";
  return may && asked_of(request).starts_with(page.uri);
}

Answer answer(const Page& page, std::shared_ptr<const Snapshot> snapshot, const ProcessState& process,
              std::uint64_t now_ms, rules::Subject& subject) {
  Answer out;
  if (refuses(page, subject, out)) return out;
  if (subject.request->method == "POST") return denial();
  const std::string_view asked = asked_of(*subject.request).substr(page.line.uri.size());
  const std::uint64_t refresh_s = says(asked, ";norefresh") ? 0 : page.line.refresh_s;
  const auto walk = [&] { return statistics::Walk(snapshot, process, now_ms, filter_of(page, asked)); };
  const auto text = [&](StatisticsForm form) { return std::make_unique<TextService>(form, refresh_s, walk()); };
  if (asked == ";css") return style_reply(subject.arena);
  if (says(asked, ";csv"))
    out.service = text(StatisticsForm::Csv);
  else if (says(asked, ";json"))
    out.service = text(StatisticsForm::Json);
  else if (says(asked, ";typed"))
    out.service = text(StatisticsForm::Typed);
  else
    out.service = make_html(page.line, refresh_s, snapshot, process, now_ms, filter_of(page, asked));
  return out;
}

}  // namespace penstock::statistics_page
