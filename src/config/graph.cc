#include "penstock/config/graph.h"

#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "keywords.h"
#include "lexer.h"
#include "penstock/base/format.h"
#include "penstock/config/model.h"
#include "penstock/config/secrets.h"

namespace penstock::config {
namespace {

struct Way {
  std::string when;     // The condition; empty: in every case that is left.
  std::string backend;  // Or a format that makes a name of one.
};

std::string condition_of(const Rule& rule) {
  std::string line;
  for (std::size_t i = 1; i < rule.words.size(); ++i)
    append_format(line, "{}{}", i == 1 ? "" : " ", quoted(rule.words[i].text));
  return without_secrets(line);
}

// In the order in which they are asked.
std::vector<Way> ways_of(const Proxy& proxy) {
  std::vector<Way> out;
  for (const Rule& rule : proxy.rules) {
    if (rule.set == Rule::Set::UseBackend && !rule.words.empty())
      out.push_back({condition_of(rule), rule.words[0].text});
  }
  if (proxy.default_backend) out.push_back({"", proxy.default_backend->text});
  return out;
}

std::string_view mode_of(const Proxy& proxy) { return proxy.mode == Mode::Http ? "http" : "tcp"; }

std::string addresses_of(const Bind& bind) {
  std::string text;
  for (const Address& address : bind.addresses)
    append_format(text, "{}{}", text.empty() ? "" : ",", address_text(address, AddressUse::Bind));
  return text;
}

std::string words_of(const Bind& bind) {
  std::string words = addresses_of(bind);
  if (bind.tls.enabled) words += ", TLS";
  for (const CertificateSource& source : bind.certificates) append_format(words, ", {}", source.path);
  if (bind.accept_proxy) words += ", behind a proxy";
  return words;
}

std::string words_of(const Server& server) {
  std::string words;
  const auto add = [&words](bool is_so, std::string_view word) {
    if (is_so) append_format(words, ", {}", word);
  };
  add(server.tls.enabled, "TLS");
  add(server.weight != 1, format("weight {}", server.weight));
  add(server.backup, "backup");
  add(server.disabled, "in maintenance");
  if (server.track) return words + ", tracks " + server.track->text;
  add(true, server.check.enabled ? "checked" : "not checked");
  return words;
}

std::string address_of(const Server& server) { return address_text(server.address, AddressUse::Server); }

void write_front(const Proxy& proxy, std::string& out) {
  for (const Bind& bind : proxy.binds) append_format(out, "    clients at {}\n", words_of(bind));
  if (proxy.monitor_uri) append_format(out, "    {} -> answered here (monitor-uri)\n", *proxy.monitor_uri);
  if (proxy.stats) append_format(out, "    {} -> statistics\n", proxy.stats->uri);
  const std::vector<Way> ways = ways_of(proxy);
  for (const Way& way : ways)
    append_format(out, "    {} -> backend {}\n", way.when.empty() ? "otherwise" : way.when, way.backend);
  const bool has_rest = ways.empty() || !ways.back().when.empty();
  if (has_rest) append_format(out, "    otherwise -> {}\n", proxy.is_backend ? "its own servers" : "503, no backend");
}

void write_back(const Proxy& proxy, std::string& out) {
  for (const Server& server : proxy.servers)
    append_format(out, "    server {} {}{}\n", server.name, address_of(server), words_of(server));
  if (proxy.servers.empty() && !proxy.is_frontend) out += "    no server\n";
}

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

// The backends of a frontend are named by their proxies' nodes; a server stands once for all pools it is in.
class Drawing {
 public:
  explicit Drawing(const Config& config) : config_(config) {}
  std::string draw() {
    out_ =
        "digraph penstock {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n"
        "  edge [fontname=\"sans-serif\", fontsize=10];\n";
    for (const Proxy& proxy : config_.proxies) {
      if (!proxy.disabled) draw(proxy);
    }
    return out_ + "}\n";
  }

 private:
  void draw(const Proxy& proxy) {
    const std::string_view kind = kind_of(proxy);
    node(id_of(proxy), format("{} {}\nmode {}", kind, proxy.name, mode_of(proxy)),
         proxy.is_frontend ? "bold" : "solid");
    for (const Bind& bind : proxy.binds) {
      const std::string id = "bind " + addresses_of(bind);
      node(id, words_of(bind), "rounded");
      edge(id, id_of(proxy), "");
    }
    if (proxy.is_frontend) draw_ways(proxy);
    if (!proxy.is_backend) return;
    for (const Server& server : proxy.servers) {
      const std::string id = format("server {} {}", server.name, address_of(server));
      node(id, format("{}\n{}", server.name, address_of(server)), "rounded");
      edge(id_of(proxy), id, std::string_view(words_of(server)).substr(2));
    }
  }
  void draw_ways(const Proxy& proxy) {
    for (const Way& way : ways_of(proxy)) {
      const Proxy* to = config_.find_backend(way.backend);
      if (to == nullptr) node("backend " + way.backend, way.backend, "dashed");
      edge(id_of(proxy), to == nullptr ? "backend " + way.backend : id_of(*to),
           way.when.empty() ? "otherwise" : way.when);
    }
  }
  static std::string_view kind_of(const Proxy& proxy) {
    if (proxy.is_frontend && proxy.is_backend) return "listen";
    return proxy.is_frontend ? "frontend" : "backend";
  }
  static std::string id_of(const Proxy& proxy) { return format("{} {}", kind_of(proxy), proxy.name); }
  void node(const std::string& id, const std::string& label, std::string_view style) {
    if (!drawn_.insert(id).second) return;
    append_format(out_, "  {} [label={}, style={}];\n", in_quotes(id), in_quotes(label), style);
  }
  void edge(const std::string& from, const std::string& to, std::string_view label) {
    append_format(out_, "  {} -> {} [label={}];\n", in_quotes(from), in_quotes(to), in_quotes(label));
  }

  const Config& config_;
  std::set<std::string> drawn_;
  std::string out_;
};

}  // namespace

std::string graph_text(const Config& config) {
  std::string out;
  for (const Proxy& proxy : config.proxies) {
    const bool is_both = proxy.is_frontend && proxy.is_backend;
    append_format(out, "{} {} (mode {}{})\n",
                  is_both             ? "listen"
                  : proxy.is_frontend ? "frontend"
                                      : "backend",
                  proxy.name, mode_of(proxy), proxy.disabled ? ", disabled" : "");
    if (proxy.disabled) continue;
    if (proxy.is_frontend) write_front(proxy, out);
    if (proxy.is_backend) write_back(proxy, out);
  }
  return out;
}

std::string graph_dot(const Config& config) { return Drawing(config).draw(); }

}  // namespace penstock::config
