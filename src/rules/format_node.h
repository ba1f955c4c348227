// Parts of a compiled log-format string.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "expression.h"

namespace penstock::rules {

// Manual section 8.2.6, "%name".
enum class LogVariable : std::uint8_t {
  Options,
  BytesRead,
  RequestCookie,
  ResponseCookie,
  Hostname,
  Method,
  UriWithoutQuery,
  PathOnly,
  Query,
  Uri,
  Version,
  UniqueId,
  Status,
  GmtDate,
  ActiveTime,
  ConnectTime,
  DataTime,
  HandshakeTime,
  IdleTime,
  QueryTime,
  RequestTime,
  ResponseTime,
  LocalDate,
  Timestamp,
  TotalTime,
  UserTime,
  WaitTime,
  BytesUploaded,
  ActConn,
  BackendName,
  BackConn,
  BackIp,
  BackPort,
  BackQueue,
  ClientIp,
  ClientPort,
  FrontendName,
  FrontConn,
  FrontIp,
  FrontPort,
  FrontTransport,
  LogCounter,
  RequestCaptures,
  RequestCaptureList,
  ResponseCaptures,
  ResponseCaptureList,
  Milliseconds,
  Pid,
  RequestLine,
  Retries,
  RequestCounter,
  ServerName,
  ServerConn,
  ServerIp,
  ServerPort,
  ServerQueue,
  TlsCipher,
  TlsVersion,
  AcceptDate,
  RequestDate,
  RequestGmtDate,
  RequestLocalDate,
  Termination,
  TerminationWithCookies,
};

enum FormatFlags : unsigned { kQuoted = 1, kHexadecimal = 2, kEscaped = 4 };

enum class FormatUse : std::uint8_t {
  Log,       // What is empty prints '-'; runs of blanks are one; for people and log tools.
  UniqueId,  // As Http, but runs of blanks are one.
  Http,      // Goes into a message: what samples yield is percent-encoded where it could break one.
  Variable,  // As Http, but quotes that are asked for stand around samples too.
};

struct FormatNode {
  enum class Kind : std::uint8_t { Text, Blank, Variable, Sample };
  Kind kind = Kind::Text;
  FormatUse use = FormatUse::Http;
  LogVariable variable = LogVariable::Options;
  unsigned flags = 0;
  std::string text;  // Also the system's name, for %H.
  std::unique_ptr<Expression> sample;
};

}  // namespace penstock::rules
