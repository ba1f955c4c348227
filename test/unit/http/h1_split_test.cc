// How a message is cut into reads must never change what is understood.
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/base/text.h"
#include "transcript.h"
#include "unit/catch.h"

using namespace penstock;
using namespace penstock::test;

namespace {

struct Sample {
  std::string name;
  std::string bytes;
  Side side;
};

// Recorded traffic; what is one message in several files is joined.
std::vector<Sample> samples() {
  std::vector<Sample> all;
  for (const char* name :
       {"autodiscover_c", "eas_options_c", "eas_ping_c", "ews_ntlm_c1", "ews_ntlm_c2", "ews_ntlm_c3",
        "ews_ntlm_c4_same_conn_no_auth", "healthcheck_req", "mapi_connect_c", "mapi_notificationwait_c", "oab_c_range",
        "owa_auth_c", "rpc_echo_c", "rpc_in_c1_T1", "rpc_in_c2_T3_1GiB", "rpc_out_c1_T1", "rpc_out_c2_T3_76"}) {
    all.push_back({name, sample(std::string(name) + ".http"), Side::Request});
  }
  for (const char* name :
       {"autodiscover_s200", "autodiscover_s401", "eas_options_s", "eas_ping_s", "ews_ntlm_s1", "ews_ntlm_s2",
        "ews_ntlm_s3", "healthcheck_up", "mapi_connect_s", "oab_s_206_head", "offload_403_4", "owa_auth_s302",
        "owa_s302_logon", "owa_s440", "root_s302", "rpc_echo_s", "rpc_in_s1_401_T2", "rpc_out_s2_200"}) {
    all.push_back({name, sample(std::string(name) + ".http"), Side::Response});
  }
  const std::string keep_alive = sample("ews_streaming_s_keepalive_every_45s.http");
  all.push_back(
      {"ews_streaming",
       sample("ews_streaming_s_head_and_first.http") + keep_alive + keep_alive + sample("ews_streaming_s_end.http"),
       Side::Response});
  const std::string pending = sample("mapi_notificationwait_s_keepalive.http");
  all.push_back(
      {"mapi_notificationwait",
       sample("mapi_notificationwait_s_head.http") + pending + pending + sample("mapi_notificationwait_s_end.http"),
       Side::Response});
  return all;
}

// Small messages that between them pass every state of the parser.
std::vector<Sample> small_messages() {
  const std::string chunks =
      "Transfer-Encoding: "
      "chunked\r\n\r\n5;a=\"b;\";c\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\nX: y\r\nZ:\r\n\r\n";
  return {
      {"get", "\r\nGET /a?b HTTP/1.1\r\nHost: a\r\nX: y \r\n\r\nGET / HTTP/1.0\r\n\r\n", Side::Request},
      {"counted",
       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloRPC_IN_DATA / "
       "HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
       Side::Request},
      {"chunked", "POST / HTTP/1.1\r\nHost: a\r\n" + chunks + "GET / HTTP/1.1\r\nHost: b\r\n\r\n", Side::Request},
      {"upgrade", "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", Side::Request},
      {"connect", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", Side::Request},
      {"absolute", "GET http://a/b HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", Side::Request},
      {"interim", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n" + chunks, Side::Response},
      {"until close", "HTTP/1.1 200\r\nServer: x\r\n\r\nhello", Side::Response},
      {"switching", "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n\x81\x80", Side::Response},
      {"head", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n",
       Side::ResponseToHead},
  };
}

using Random = std::minstd_rand;

std::size_t below(Random& random, std::size_t limit) { return random() % limit; }

// One small change: what a careless or a hostile sender might make of a message.
void mutate(std::string& bytes, Random& random) {
  static constexpr std::string_view kParts[] = {
      "\r\n",
      "\r",
      "\n",
      " ",
      "\t",
      ":",
      ";",
      ",",
      "0",
      "5",
      "f",
      "\r\n\r\n",
      "0\r\n\r\n",
      std::string_view("\0", 1),
      "\x7f",
      "\x80",
      "Content-Length: 5\r\n",
      "Transfer-Encoding: chunked\r\n",
      "Host: a\r\n",
      "HTTP/1.1",
      "HTTP/1.0",
      "Connection: close\r\n",
      "chunked",
      "\r\n ",
  };
  const std::size_t at = below(random, bytes.size() + 1);
  switch (below(random, 5)) {
    case 0:
      if (at < bytes.size()) bytes[at] = static_cast<char>(below(random, 256));
      return;
    case 1:
      bytes.erase(at, 1 + below(random, 4));
      return;
    case 2:
      bytes.insert(at, kParts[below(random, std::size(kParts))]);
      return;
    case 3:
      if (at < bytes.size()) bytes[at] ^= static_cast<char>(1 << below(random, 8));
      return;
    default:
      bytes.insert(below(random, bytes.size() + 1), bytes.substr(at, 1 + below(random, 20)));
      return;
  }
}

}  // namespace

TEST_CASE("recorded traffic is understood") {
  for (const Sample& sample : samples()) {
    INFO(sample.name);
    const std::string text = transcript(sample.bytes, sample.side);
    INFO(text);
    CHECK(text.find("ERROR") == std::string::npos);
    // Three samples stop in the middle of their bodies, as the traffic does.
    const bool stops =
        sample.name == "rpc_in_c2_T3_1GiB" || sample.name == "rpc_out_s2_200" || sample.name == "oab_s_206_head";
    CHECK(text.ends_with(stops ? "CLOSED error\n" : "END\nCLOSED more\n"));
  }
}

TEST_CASE("a message means the same however it is cut into reads") {
  std::vector<Sample> all = samples();
  for (Sample& small : small_messages()) all.push_back(std::move(small));
  for (const Sample& sample : all) {
    INFO(sample.name);
    const std::string text = transcript(sample.bytes, sample.side);
    CHECK(text.find("ERROR") == std::string::npos);
    CHECK(transcript(sample.bytes, sample.side, byte_by_byte) == text);
    for (std::size_t first = 1; first < sample.bytes.size(); ++first) {
      if (transcript(sample.bytes, sample.side, cut_at(first)) != text) FAIL("differs if cut at " << first);
    }
  }
}

TEST_CASE("a spoiled message is understood or refused the same however it is cut into reads") {
  Random random(20130415);
  std::size_t refused = 0;
  std::size_t passed = 0;
  for (const Sample& sample : small_messages()) {
    for (int round = 0; round < 400; ++round) {
      std::string bytes = sample.bytes;
      for (std::size_t changes = 1 + below(random, 3); changes != 0; --changes) mutate(bytes, random);
      const std::string text = transcript(bytes, sample.side);
      (text.find("ERROR") == std::string::npos ? passed : refused) += 1;
      const auto any = [&random](std::size_t left) { return 1 + below(random, left < 9 ? left : 9); };
      if (transcript(bytes, sample.side, byte_by_byte) != text || transcript(bytes, sample.side, any) != text) {
        FAIL("differs by its cuts: " << sample.name << " round " << round << "\n" << bytes);
      }
    }
  }
  // Both ways must have been gone often, or nothing was shown.
  CHECK(refused > 500);
  CHECK(passed > 500);
}
