#include "dump_sections.h"

#include "dump_words.h"
#include "keywords.h"
#include "lexer.h"

namespace penstock::config {

std::string ring_lines(const Ring& ring, const Tls& tls) {
  const Ring standard;
  std::string out = format("ring {}\n", ring.name);
  const auto number = [&](std::string_view keyword, std::uint64_t value, std::uint64_t usual) {
    if (value != usual) append_format(out, "    {} {}\n", keyword, value);
  };
  const auto time = [&](std::string_view keyword, std::uint64_t ms) {
    if (ms != 0) append_format(out, "    {} {}\n", keyword, duration_text(ms));
  };
  if (!ring.description.empty()) append_format(out, "    description {}\n", quoted(ring.description));
  if (ring.format != standard.format)
    append_format(out, "    format {}\n", log_formats()[static_cast<std::size_t>(ring.format)]);
  number("maxlen", ring.length, standard.length);
  number("size", ring.size, standard.size);
  time("timeout connect", ring.connect_ms);
  time("timeout server", ring.server_ms);
  for (const RingServer& server : ring.servers) {
    std::string words = quoted(address_text(server.line.address, AddressUse::Server));
    if (server.octet_count) words += " log-proto octet-count";
    add_server_tls(words, server.line, tls);
    append_format(out, "    server {} {}\n", server.line.name, words);
  }
  return out;
}

std::string mailers_lines(const Mailers& section) {
  std::string out = format("mailers {}\n", section.name);
  if (section.timeout_ms != Mailers().timeout_ms)
    append_format(out, "    timeout mail {}\n", duration_text(section.timeout_ms));
  for (const Mailer& mailer : section.mailers)
    append_format(out, "    mailer {} {}\n", quoted(mailer.name),
                  quoted(address_text(mailer.address, AddressUse::Server)));
  return out;
}

std::string cache_lines(const Cache& cache) {
  const Cache standard;
  std::string out = format("cache {}\n    total-max-size {}\n", quoted(cache.name), cache.size >> 20);
  if (cache.object_size != cache.size / Cache::kUsualParts)
    append_format(out, "    max-object-size {}\n", cache.object_size);
  if (cache.max_age_s != standard.max_age_s) append_format(out, "    max-age {}\n", cache.max_age_s);
  if (cache.process_vary) out += "    process-vary on\n";
  if (cache.most_variants != standard.most_variants)
    append_format(out, "    max-secondary-entries {}\n", cache.most_variants);
  return out;
}

std::string email_alert_lines(const EmailAlert& alert) {
  if (!alert.mailers) return "";
  std::string out = format("    email-alert mailers {}\n    email-alert from {}\n    email-alert to {}\n",
                           quoted(alert.mailers->text), quoted(alert.from), quoted(alert.to));
  if (alert.level != Level::Alert)
    append_format(out, "    email-alert level {}\n", log_levels()[static_cast<std::size_t>(alert.level)]);
  if (!alert.hostname.empty()) append_format(out, "    email-alert myhostname {}\n", quoted(alert.hostname));
  return out;
}

}  // namespace penstock::config
