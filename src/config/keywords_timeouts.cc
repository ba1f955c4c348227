// `timeout` lines (configuration manual section 4.2).
#include "keywords.h"
#include "old_words.h"
#include "penstock/config/lint.h"

namespace penstock::config {

namespace {

using TimeoutKeyword = Keyword<Draft>;

// A second line of one section is most likely a mistake; the last one counts.
std::uint64_t take_timeout(Line& line, Draft& draft) {
  if (!draft.given.insert(line.subject).second) {
    warn_by_name(line.reading.config, line.reading.diagnostics, "double-timeout", line.place,
                 format("'{}' was given in this section already: this line replaces it; write one", line.subject));
  }
  return line.take_ms();
}

template <std::uint64_t Timeouts::*Member>
void parse_timeout(Line& line, Draft& draft) {
  draft.proxy.timeout.*Member = take_timeout(line, draft);
}
template <std::uint64_t Timeouts::*Member, Place Timeouts::*At>
void parse_placed(Line& line, Draft& draft) {
  if (line.more()) draft.proxy.timeout.*At = line.peek().place;
  parse_timeout<Member>(line, draft);
}
template <std::optional<std::uint64_t> Timeouts::*Member>
void parse_optional(Line& line, Draft& draft) {
  draft.proxy.timeout.*Member = take_timeout(line, draft);
}

constexpr std::string_view kOldTimeout = "An old word, carried out with a warning that shows the line to write.";

constexpr TimeoutKeyword kTimeoutKeywords[] = {
    {"check", parse_timeout<&Timeouts::check>,
     "Longest time for a check's answer once it is connected; 'inter' in all if not given.", kInDefaults | kInBackend},
    {"client", parse_placed<&Timeouts::client, &Timeouts::client_place>, "Longest silence of a client.",
     kInDefaults | kInFrontend},
    {"client-fin", parse_timeout<&Timeouts::client_fin>,
     "Longest silence of a client after one side has ended; 'timeout client' if not given.", kInDefaults | kInFrontend},
    {"clitimeout", parse_old_second, kOldTimeout},
    {"connect", parse_timeout<&Timeouts::connect>, "Longest time for a connection to a server, TLS included.",
     kInDefaults | kInBackend},
    {"contimeout", parse_old_second, kOldTimeout},
    {"http-keep-alive", parse_optional<&Timeouts::http_keep_alive>,
     "Longest wait for the next request of a client; 'timeout http-request', else 'timeout client' if not given.",
     kInDefaults | kInFrontend},
    {"http-request", parse_optional<&Timeouts::http_request>,
     "Longest time for a request's whole head, and its body under 'option http-buffer-request'; 'timeout client' if "
     "not given.",
     kAnywhere},
    {"queue", parse_optional<&Timeouts::queue>, "Longest wait in a server's line; 'timeout connect' if not given.",
     kInDefaults | kInBackend},
    {"server", parse_placed<&Timeouts::server, &Timeouts::server_place>, "Longest silence of a server.",
     kInDefaults | kInBackend},
    {"server-fin", parse_timeout<&Timeouts::server_fin>,
     "Longest silence of a server after one side has ended; 'timeout server' if not given.", kInDefaults | kInBackend},
    {"srvtimeout", parse_old_second, kOldTimeout},
    {"tarpit", parse_timeout<&Timeouts::tarpit>,
     "Time that 'http-request tarpit' holds a request; 'timeout connect' if not given.", kAnywhere},
    {"tunnel", parse_placed<&Timeouts::tunnel, &Timeouts::tunnel_place>,
     "Longest silence of both sides of a tunnel: after 101, CONNECT, and in mode tcp; 'timeout client' and 'timeout "
     "server' if not given.",
     kInDefaults | kInBackend},
};
static_assert(is_sorted(kTimeoutKeywords));

}  // namespace

std::span<const Keyword<Draft>> timeout_keywords() { return kTimeoutKeywords; }

}  // namespace penstock::config
