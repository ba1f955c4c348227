#include "statistics_html.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "made_text.h"
#include "penstock/base/format.h"
#include "penstock/base/require.h"
#include "penstock/config/model.h"
#include "statistics_pictures.h"

namespace penstock::statistics_page {
namespace {

using statistics::Column;
using statistics::Kind;
using statistics::Object;
using statistics::Value;

void append_escaped(std::string_view text, std::string& out) {
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
}

std::string escaped(std::string_view text) {
  std::string out;
  append_escaped(text, out);
  return out;
}

const Column& column_of(std::string_view name) {
  for (const Column& column : statistics::columns()) {
    if (column.name == name) return column;
  }
  require(false);
  return statistics::columns().front();
}

// The two largest units of a time.
std::string time_text(std::uint64_t seconds) {
  if (seconds >= 86400) return format("{}d {}h", seconds / 86400, seconds % 86400 / 3600);
  if (seconds >= 3600) return format("{}h {}m", seconds / 3600, seconds % 3600 / 60);
  if (seconds >= 60) return format("{}m {}s", seconds / 60, seconds % 60);
  return format("{}s", seconds);
}

// How a state looks: a class of the style, and a mark for who does not see colours.
struct Look {
  std::string_view name, mark, word;
};
constexpr std::string_view kWords[] = {"down", "going down", "in maintenance", "drained", "not checked", "up"};
Look look_of(std::string_view status) {
  if (status.starts_with("DOWN")) return {"down", "\xe2\x9c\x95", "down"};
  if (status.starts_with("MAINT")) return {"maint", "\xe2\x80\x96", "in maintenance"};
  if (status.starts_with("DRAIN") || status.starts_with("NOLB")) return {"drain", "\xe2\x86\x93", "drained"};
  if (status.starts_with("UP ")) return {"warn", "!", "going down"};
  if (status == "no check") return {"plain", "\xe2\x97\x8b", "not checked"};
  return {"up", "\xe2\x9c\x93", "up"};
}

// A server in the matrix.
struct Cell {
  std::string server, status, check;
  std::uint64_t since_s = 0;
  bool backup = false;
};
struct Pool {
  std::string name;
  std::vector<Cell> cells;
};

// A group of HAProxy's table: its heading, and the columns below it.
struct Entry {
  std::string_view heading, column;
};
struct Group {
  std::string_view heading;
  std::span<const Entry> entries;
};
constexpr Entry kQueue[] = {{"Cur", "qcur"}, {"Max", "qmax"}, {"Limit", "qlimit"}};
constexpr Entry kRate[] = {{"Cur", "rate"}, {"Max", "rate_max"}, {"Limit", "rate_lim"}};
constexpr Entry kNow[] = {{"Cur", "scur"},   {"Max", "smax"},    {"Limit", "slim"},
                          {"Total", "stot"}, {"LbTot", "lbtot"}, {"Last", "lastsess"}};
constexpr Entry kBytes[] = {{"In", "bin"}, {"Out", "bout"}};
constexpr Entry kDenied[] = {{"Req", "dreq"}, {"Resp", "dresp"}};
constexpr Entry kErrors[] = {{"Req", "ereq"}, {"Conn", "econ"}, {"Resp", "eresp"}};
constexpr Entry kWarnings[] = {{"Retr", "wretr"}, {"Redis", "wredis"}};
constexpr Entry kServer[] = {{"Status", "status"},  {"Since", "lastchg"}, {"LastChk", "check_status"},
                             {"Wght", "weight"},    {"Act", "act"},       {"Bck", "bck"},
                             {"Chk", "chkfail"},    {"Dwn", "chkdown"},   {"Dwntme", "downtime"},
                             {"Thrtle", "throttle"}};
constexpr Entry kTls[] = {{"New", "ssl_sess"}, {"Resumed", "ssl_reused_sess"}, {"Failed", "ssl_failed_handshake"}};
// The last one for `stats show-modules`.
constexpr Group kGroups[] = {{"Queue", kQueue},       {"Session rate", kRate}, {"Sessions", kNow},
                             {"Bytes", kBytes},       {"Denied", kDenied},     {"Errors", kErrors},
                             {"Warnings", kWarnings}, {"Server", kServer},     {"TLS handshakes", kTls}};
// What says how a section fares.
constexpr Entry kSummary[] = {{"Sessions", "scur"},     {"Most", "smax"},        {"Rate", "rate"},
                              {"Waiting", "qcur"},      {"Requests", "req_tot"}, {"4xx", "hrsp_4xx"},
                              {"5xx", "hrsp_5xx"},      {"Denied", "dreq"},      {"No server", "econ"},
                              {"Bad answers", "eresp"}, {"Connect ms", "ctime"}, {"Answer ms", "rtime"},
                              {"Total ms", "ttime"}};

std::string_view outcome_text(std::string_view outcome) {
  constexpr std::pair<std::string_view, std::string_view> kTexts[] = {
      {"DONE", "Done."},
      {"PART", "Done, but for servers that are not there any more."},
      {"NONE", "Nothing was chosen: nothing has changed."},
      {"DENY", "That is not allowed from here."},
      {"ERRP", "That was not understood: nothing has changed."},
      {"AGED", "That form was too old, or not ours: nothing has changed. Choose again."},
      {"EXCD", "That was too long: nothing has changed."},
  };
  for (const auto& [name, text] : kTexts) {
    if (name == outcome) return text;
  }
  return {};
}

class Html final : public Service {
 public:
  Html(const config::StatsPage& page, const Visit& visit, std::shared_ptr<const Snapshot> snapshot,
       const ProcessState& process, std::uint64_t now_ms, const statistics::Filter& filter)
      : uri_(page.uri),
        hides_version_(page.hide_version),
        may_change_(visit.may_change),
        token_(visit.token),
        outcome_(outcome_text(visit.outcome)),
        groups_(kGroups, std::size(kGroups) - (page.show_modules ? 0 : 1)),
        refresh_s_(visit.refresh_s),
        live_s_(visit.live ? (visit.refresh_s != 0 ? visit.refresh_s : kLiveS) : 0),
        process_(process),
        now_ms_(now_ms),
        first_(snapshot, process, now_ms, filter),
        second_(snapshot, process, now_ms, filter) {
    for (const Group& group : groups_) {
      for (const Entry& entry : group.entries) columns_.push_back(&column_of(entry.column));
    }
    for (const Entry& entry : kSummary) summary_columns_.push_back(&column_of(entry.column));
    const config::Global& global = snapshot->config.global;
    if (page.node) node_ = !page.node->empty() ? *page.node : !global.node.empty() ? global.node : process.hostname;
    if (page.description) description_ = page.description->empty() ? global.description : *page.description;
  }

  rules::Reply head(Arena&) override {
    static constexpr Field kFields[] = {
        {"Cache-Control", "no-cache"},
        {"Content-Type", "text/html; charset=utf-8"},
        {"Content-Security-Policy",
         "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; "
         "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "same-origin"}};
    rules::Reply reply;
    reply.status = 200;
    reply.fields = kFields;
    return reply;
  }

  Slice next(std::size_t room) override {
    if (given_ == made_.size()) make(room);
    return take_made(made_, given_, room);
  }
  bool ended() const override { return stage_ == Stage::Done && made_.empty(); }

 private:
  enum class Stage : std::uint8_t { Begin, See, Matrix, Summary, Tables, Done };
  static constexpr std::size_t kSeenAtOnce = 512;
  static constexpr std::uint64_t kLiveS = 5;
  static constexpr std::size_t kMostPictures = 200;  // Of so many pools.

  void make(std::size_t room) {
    switch (stage_) {
      case Stage::Begin:
        write_begin();
        stage_ = Stage::See;
        return;
      case Stage::See:
        return see_more();
      case Stage::Matrix:
        write_matrix();
        stage_ = Stage::Summary;
        return;
      case Stage::Summary:
        write_summary();
        stage_ = Stage::Tables;
        return;
      case Stage::Tables:
        while (made_.size() < room && stage_ == Stage::Tables) write_line();
        return;
      case Stage::Done:
        return;
    }
  }

  void write_begin() {
    const std::string title = node_.empty() ? "penstock" : format("penstock on {}", escaped(node_));
    append_format(made_,
                  "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Statistics of {0}</title>\n"
                  "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
                  "<link rel=\"icon\" href=\"data:,\"><link rel=\"stylesheet\" href=\"{1};css\">"
                  "<script src=\"{1};js\" defer></script>{2}</head>\n"
                  "<body data-live=\"{3}\"><header><h1>{0}</h1>\n",
                  title, escaped(uri_), refresh_without_script(), live_s_);
    if (!description_.empty()) append_format(made_, "<p>{}</p>\n", escaped(description_));
    if (!outcome_.empty()) append_format(made_, "<p role=\"status\"><b>{}</b></p>\n", outcome_);
    const std::uint64_t up_s = (now_ms_ - process_.started_ms) / 1000;
    append_format(made_,
                  "<p id=\"facts\">{}Process {}, up {}, {} connections of at most {}, {} a second.</p>\n"
                  "<p id=\"live\" hidden></p>\n",
                  hides_version_ ? std::string() : format("Version {}. ", escaped(process_.version)), process_.pid,
                  time_text(up_s), process_.connections.load(), process_.maxconn.load(),
                  process_.accepted.per_second(static_cast<std::int64_t>(now_ms_)));
    const std::string uri = escaped(uri_);
    append_format(
        made_,
        "<nav aria-label=\"Other forms\"><a href=\"{0}\">All</a><a href=\"{0};up\">UP only</a>"
        "<a href=\"{0};norefresh\">No refresh</a><a href=\"{0};csv\">CSV</a><a href=\"{0};json\">JSON</a></nav>"
        "</header><main id=\"main\">\n",
        uri);
  }

  // The script looks itself, and needs no new page.
  std::string refresh_without_script() const {
    if (refresh_s_ == 0) return {};
    return format("<noscript><meta http-equiv=\"refresh\" content=\"{}\"></noscript>", refresh_s_);
  }

  void see_more() {
    for (std::size_t left = kSeenAtOnce; left != 0; --left) {
      const Object* object = first_.next();
      if (object == nullptr) {
        stage_ = Stage::Matrix;
        return;
      }
      if (object->kind == Kind::Server) {
        if (pools_.empty() || pools_.back().name != object->proxy) pools_.push_back({std::string(object->proxy), {}});
        pools_.back().cells.push_back(cell_of(*object));
      }
      if (object->kind == Kind::Frontend || object->kind == Kind::Backend) write_summary_line(*object);
      if (object->kind == Kind::Backend) write_pictures_line(*object);
    }
  }

  Cell cell_of(const Object& object) const {
    Cell cell;
    cell.server = object.service;
    cell.status = object.status;
    cell.check = statistics::value_of(words_, object).text;
    cell.since_s = static_cast<std::uint64_t>(statistics::value_of(since_, object).number);
    cell.backup = object.server->backup;
    return cell;
  }

  void write_cell(const Cell& cell, bool named) {
    const Look look = look_of(cell.status);
    append_format(made_, "<td class=\"{}\"><span aria-hidden=\"true\">{}</span> ", look.name, look.mark);
    if (named) append_format(made_, "<b>{}</b> ", escaped(cell.server));
    append_format(made_, "{}{}<small>for {}", escaped(cell.status), cell.backup ? ", backup" : "",
                  time_text(cell.since_s));
    if (!cell.check.empty()) append_format(made_, ", {}", escaped(cell.check));
    made_ += "</small></td>";
  }

  // How many servers are in which state. Read out where it changes.
  void write_headline() {
    std::map<std::string_view, std::size_t> counts;
    std::size_t all = 0;
    for (const Pool& pool : pools_) {
      for (const Cell& cell : pool.cells) {
        ++counts[look_of(cell.status).word];
        ++all;
      }
    }
    append_format(made_, "<p role=\"status\">{} servers", all);
    const char* mark = ": ";
    for (const std::string_view word : kWords) {
      if (const auto found = counts.find(word); found != counts.end())
        append_format(made_, "{}{} {}", std::exchange(mark, ", "), found->second, word);
    }
    made_ += ".</p>\n";
  }

  // Servers by pools where their names recur; else pool by pool, or there would be more holes than servers.
  void write_matrix() {
    made_ += "<h2 id=\"servers\">Servers by pools</h2>\n";
    if (pools_.empty()) {
      made_ += "<p>No servers.</p>\n";
      return;
    }
    write_headline();
    std::vector<std::string> names;
    std::map<std::string, std::size_t> known;
    std::size_t count = 0;
    for (const Pool& pool : pools_) {
      for (const Cell& cell : pool.cells) {
        if (known.emplace(cell.server, names.size()).second) names.push_back(cell.server);
        ++count;
      }
    }
    if (pools_.size() <= 60 && names.size() * pools_.size() <= 3 * count) return write_by_names(names);
    made_ += "<div class=\"box\" tabindex=\"0\" role=\"region\" aria-labelledby=\"servers\"><table class=\"matrix\">\n";
    for (const Pool& pool : pools_) {
      append_format(made_, "<tr><th scope=\"row\">{}</th>", escaped(pool.name));
      for (const Cell& cell : pool.cells) write_cell(cell, true);
      made_ += "</tr>\n";
    }
    made_ += "</table></div>\n";
  }

  void write_by_names(const std::vector<std::string>& names) {
    made_ +=
        "<div class=\"box\" tabindex=\"0\" role=\"region\" aria-labelledby=\"servers\"><table "
        "class=\"matrix\"><thead><tr><th scope=\"col\">Server</th>";
    for (const Pool& pool : pools_) append_format(made_, "<th scope=\"col\">{}</th>", escaped(pool.name));
    made_ += "</tr></thead><tbody>\n";
    for (const std::string& name : names) {
      append_format(made_, "<tr><th scope=\"row\">{}</th>", escaped(name));
      for (const Pool& pool : pools_) {
        const auto cell =
            std::find_if(pool.cells.begin(), pool.cells.end(), [&](const Cell& c) { return c.server == name; });
        if (cell == pool.cells.end())
          made_ += "<td></td>";
        else
          write_cell(*cell, false);
      }
      made_ += "</tr>\n";
    }
    made_ += "</tbody></table></div>\n";
  }

  static void append_value(const Object& object, const Column& column, std::string& out) {
    const std::string_view name = column.name;
    const Value value = statistics::value_of(column, object);
    if (value.is_none()) return;
    if (value.type == Value::Type::Text) return append_escaped(value.text, out);
    const bool is_time = name == "lastchg" || name == "downtime" || name == "lastsess";
    if (is_time)
      out += value.number < 0 ? "-" : time_text(static_cast<std::uint64_t>(value.number));
    else
      append_format(out, "{}", value.number);
  }

  void write_summary_line(const Object& object) {
    append_format(summary_, "<tr><th scope=\"row\">{} <small>{}</small></th>", escaped(object.proxy),
                  object.kind == Kind::Frontend ? "frontend" : "backend");
    for (const Column* column : summary_columns_) {
      summary_ += "<td>";
      append_value(object, *column, summary_);
      summary_ += "</td>";
    }
    summary_ += "</tr>\n";
  }

  void write_pictures_line(const Object& object) {
    if (pictured_ == kMostPictures) return;
    const std::size_t before = pictures_.size();
    append_format(pictures_, "<tr><th scope=\"row\">{}</th>", escaped(object.proxy));
    if (!append_pictures(*object.backend->balance.state, pictures_)) return pictures_.resize(before);
    pictures_ += "</tr>\n";
    ++pictured_;
  }

  void write_pictures() {
    if (pictures_.empty()) return;
    made_ +=
        "<section><h2 id=\"hour\">The last hour</h2>\n<div class=\"box\" tabindex=\"0\" role=\"region\" "
        "aria-labelledby=\"hour\"><table class=\"matrix\"><thead><tr><th scope=\"col\">Pool</th>";
    for (const std::string_view heading : kPictureHeadings) append_format(made_, "<th scope=\"col\">{}</th>", heading);
    append_format(made_, "</tr></thead><tbody>\n{}</tbody></table></div></section>\n", pictures_);
    pictures_.clear();
  }

  void write_summary() {
    write_pictures();
    made_ +=
        "<h2 id=\"fares\">Rates, sessions, errors</h2>\n<div class=\"box\" tabindex=\"0\" role=\"region\" "
        "aria-labelledby=\"fares\"><table><thead><tr><th scope=\"col\">Section</th>";
    for (const Entry& entry : kSummary) append_format(made_, "<th scope=\"col\">{}</th>", entry.heading);
    append_format(made_, "</tr></thead><tbody>\n{}</tbody></table></div>\n<h2>All columns</h2>\n", summary_);
    summary_.clear();
  }

  // One object's line of HAProxy's table; a section begins one.
  void write_line() {
    const Object* object = second_.next();
    if (object == nullptr || object->proxy != section_) {
      if (!section_.empty()) end_section();
      section_.clear();
    }
    if (object == nullptr) {
      made_ += "</main></body></html>\n";
      stage_ = Stage::Done;
      return;
    }
    if (section_.empty()) begin_section(*object);
    const std::string_view look = object->kind == Kind::Server ? look_of(object->status).name : std::string_view("");
    append_format(made_, "<tr class=\"{}\"><th scope=\"row\">", look);
    write_name(*object);
    if (object->legends && !object->address.empty())
      append_format(made_, "<small>{}</small>", escaped(object->address));
    made_ += "</th>";
    for (const Column* column : columns_) {
      made_ += column->name == "status" || column->name == "check_status" ? "<td class=\"text\">" : "<td>";
      append_value(*object, *column, made_);
      made_ += "</td>";
    }
    made_ += "</tr>\n";
  }

  // With a box to choose it by, where that is allowed.
  void write_name(const Object& object) {
    const std::string name = escaped(object.service);
    if (!may_change_ || object.kind != Kind::Server) {
      made_ += name;
      return;
    }
    append_format(made_, "<label><input type=\"checkbox\" name=\"s\" value=\"{0}\"> {0}</label>", name);
    backend_id_ = object.proxy_id;
  }

  void end_section() {
    made_ += "</tbody></table></div>";
    if (may_change_ && backend_id_ != 0) {
      append_format(made_,
                    "<input type=\"hidden\" name=\"token\" value=\"{}\">"
                    "<p><label>Those chosen are to be <select name=\"action\"><option value=\"\"></option>"
                    "<option value=\"ready\">ready</option><option value=\"drain\">drained</option>"
                    "<option value=\"maint\">in maintenance</option><option value=\"ehlth\">checked</option>"
                    "<option value=\"dhlth\">not checked</option><option value=\"hrunn\">taken for UP</option>"
                    "<option value=\"hdown\">taken for DOWN</option></select></label> "
                    "<input type=\"hidden\" name=\"b\" value=\"#{}\"><button>Apply</button></p>",
                    token_, backend_id_);
    }
    made_ += may_change_ ? "</form></section>\n" : "</section>\n";
    backend_id_ = 0;
  }

  void begin_section(const Object& object) {
    made_ += "<section>";
    if (may_change_) append_format(made_, "<form method=\"post\" action=\"{}\">", escaped(uri_));
    section_ = object.proxy;
    const config::Proxy& proxy = *object.line;
    append_format(made_,
                  "<div class=\"box\" tabindex=\"0\" role=\"region\" "
                  "aria-label=\"{0}\"><table><caption>{0}{1}</caption><thead><tr><th "
                  "scope=\"col\" rowspan=\"2\">Name</th>",
                  escaped(section_), proxy.description.empty() ? "" : ": " + escaped(proxy.description));
    for (const Group& group : groups_)
      append_format(made_, "<th scope=\"colgroup\" colspan=\"{}\">{}</th>", group.entries.size(), group.heading);
    made_ += "</tr><tr>";
    for (const Group& group : groups_) {
      for (const Entry& entry : group.entries) append_format(made_, "<th scope=\"col\">{}</th>", entry.heading);
    }
    made_ += "</tr></thead><tbody>\n";
  }

  const std::string uri_;
  const bool hides_version_, may_change_;
  const std::string token_;
  const std::string_view outcome_;
  const std::span<const Group> groups_;
  std::vector<const Column*> columns_, summary_columns_;  // Of those groups, and of the summary.
  const Column& words_ = column_of("check_desc");
  const Column& since_ = column_of("lastchg");
  const std::uint64_t refresh_s_, live_s_;  // 0: never.
  const ProcessState& process_;
  const std::uint64_t now_ms_;
  std::string node_, description_;
  statistics::Walk first_, second_;
  std::vector<Pool> pools_;
  std::string summary_, pictures_, section_;
  std::size_t pictured_ = 0;
  std::uint32_t backend_id_ = 0;  // Of a section with servers.
  std::string made_;
  std::size_t given_ = 0;
  Stage stage_ = Stage::Begin;
};

}  // namespace

std::unique_ptr<Service> make_html(const config::StatsPage& page, const Visit& visit,
                                   std::shared_ptr<const Snapshot> snapshot, const ProcessState& process,
                                   std::uint64_t now_ms, const statistics::Filter& filter) {
  return std::make_unique<Html>(page, visit, std::move(snapshot), process, now_ms, filter);
}

}  // namespace penstock::statistics_page
