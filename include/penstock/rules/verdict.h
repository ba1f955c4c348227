// What a rule set decided, and the answers that rules give.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/http/head.h"
#include "penstock/rules/format.h"
#include "penstock/rules/place.h"
#include "penstock/rules/subject.h"

namespace penstock::rules {

// An answer that rules ask for. Views live in the subject's arena or the compiled rules.
struct Reply {
  // What stands for that status.
  static Reply of(std::uint16_t status) {
    Reply reply;
    reply.status = status;
    reply.standard = true;
    return reply;
  }

  std::uint16_t status = 0;
  std::string_view reason;
  // Without Content-Length, Connection and Date: the sender adds those.
  std::span<const Field> fields;
  std::string_view body;
  // No answer of its own was given: use the error reply of `status` that the backend, else the
  // frontend has (errorfile, http-error), else the built-in page. fields and body are empty.
  bool standard = false;
  // WWW-Authenticate of a standard one, of status 407 Proxy-Authenticate; empty: none.
  std::string_view challenge;
  // An empty errorfile: close without an answer.
  bool silent = false;
};

struct Verdict {
  enum class Kind : std::uint8_t {
    Continue,      // Go on: no rule decided, or `allow` / `accept` ended the set.
    Deny,          // Answer with `reply`; logged as PR-- (PH-- for a response).
    Reply,         // Answer with `reply`, a redirect or return; logged as LR--.
    Serve,         // The service answers that gives the metrics; LR--.
    Tarpit,        // Answer with `reply` after `timeout tarpit`; logged as PT--.
    Reject,        // Close the connection without an answer; PR--.
    SilentDrop,    // Let the connection vanish.
    Close,         // tcp-response content only: close the server's connection; what it said passes.
    Wait,          // tcp content only: more bytes must come before the rules can say.
    SwitchToHttp,  // `tcp-request content switch-mode http`
    Error,         // A rewrite failed under strict-mode: answer 500; logged as PR-- / PH--.
    Body,          // More of the message's body must come before the rules behind can be asked; see `wait`.
    Cache,         // What is kept may answer, see Subject::caching; if not, the rules behind `wait` are asked.
    Password,      // A password must be hashed before the rule at `wait` can be asked; see Subject::password.
    Name,          // The address of a name must be known before the rule at `wait` can go on; see Subject::names.
    Trouble,       // A rule could not be asked: see Subject::trouble. Nothing may pass.
  };
  Kind kind = Kind::Continue;
  bool final = false;  // A rule ended the set (also `allow`).
  Reply reply;
  const RulePlace* place = nullptr;  // Of the rule that ended the set.
  // Of Body, Cache, Password and Name: where to go on. Of Body: for how long, and for how many bytes, 0 meaning as much as a buffer takes.
  struct Wait {
    std::uint64_t limit_ms = 0, at_least = 0;
    std::uint32_t next = 0;
    bool strict = true;
    bool judged = false;  // The condition there has been asked, and holds.
  };
  Wait wait;
};

// An answer as configured: errorfile, http-error, return, deny with a body.
class ReplyTemplate {
 public:
  ReplyTemplate() = default;
  std::uint16_t status = 0;
  std::string reason;
  std::string content_type;
  std::string body;  // Unless body_format is set.
  std::optional<Format> body_format;
  struct Header {
    std::string name;
    Format value;
  };
  std::vector<Header> headers;
  bool standard = false;
  bool silent = false;
  unsigned available = 0;  // What its formats may look at; 0: what the program that it is part of may.

  Reply expand(Subject& subject) const;
};

// RFC 9110 section 15 and the IANA registry; the name of its class for a number that is not there.
std::string_view reason_of(std::uint16_t status);

}  // namespace penstock::rules
