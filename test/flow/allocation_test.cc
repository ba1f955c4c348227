// A warm worker serves a request without operator new and without a lock (src/README.md, section
// 5). Memory of TLS is not taken by operator new: it is not counted here, its locks are.
#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <string>

#include "flow/folder.h"
#include "flow/rig.h"
#include "penstock/base/format.h"
#include "unit/catch.h"
#include "unit/net/test_certificates.h"

namespace {

std::atomic<bool> g_counting{false};
std::atomic<int> g_news{0};
std::atomic<int> g_locks{0};
// Servers, clients and what checks them allocate as they like.
thread_local bool t_is_worker = true;

void count(std::atomic<int>& number) {
  if (t_is_worker && g_counting.load(std::memory_order_relaxed)) number.fetch_add(1, std::memory_order_relaxed);
}

void* counted(std::size_t size) {
  count(g_news);
  return std::malloc(size == 0 ? 1 : size);
}

void* counted_or_throw(std::size_t size) {
  void* memory = counted(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// All but those for large alignments, which nothing here asks for: what one gives another one
// takes.
void* operator new(std::size_t size) { return counted_or_throw(size); }
void* operator new[](std::size_t size) { return counted_or_throw(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return counted(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return counted(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

// ThreadSanitizer has its own in this place.
#if !defined(__SANITIZE_THREAD__)
namespace {

// Counts, then calls what this program's function of that name stands before.
template <typename Lock>
int count_and_call(const char* name, std::atomic<int (*)(Lock*)>& real, Lock* lock) {
  if (real.load() == nullptr) real = reinterpret_cast<int (*)(Lock*)>(dlsym(RTLD_NEXT, name));
  count(g_locks);
  return real.load()(lock);
}

}  // namespace

extern "C" int pthread_mutex_lock(pthread_mutex_t* mutex) {
  static std::atomic<int (*)(pthread_mutex_t*)> real{nullptr};
  return count_and_call("pthread_mutex_lock", real, mutex);
}

extern "C" int pthread_rwlock_rdlock(pthread_rwlock_t* lock) {
  static std::atomic<int (*)(pthread_rwlock_t*)> real{nullptr};
  return count_and_call("pthread_rwlock_rdlock", real, lock);
}

extern "C" int pthread_rwlock_wrlock(pthread_rwlock_t* lock) {
  static std::atomic<int (*)(pthread_rwlock_t*)> real{nullptr};
  return count_and_call("pthread_rwlock_wrlock", real, lock);
}
#endif

using namespace penstock;
using penstock::test::Folder;
using penstock::test::Rig;
using penstock::test::ScriptedClient;

namespace {

// Of a hundred requests on a connection over which as many have gone before.
void check_costs_nothing(const std::string& text, const std::string& request, const std::string& answer,
                         const TlsContext* tls = nullptr) {
  t_is_worker = false;
  Rig rig(text);
  for (const char* name : {"s1", "s2"}) {
    rig.server(name).next().expects(request.substr(request.find("\r\n\r\n"))).sends(answer).repeats();
  }
  ScriptedClient client(rig, 0, tls);
  const auto ask = [&](int times) {
    for (int i = 0; i < times; ++i) {
      REQUIRE(client.asks(request).status == 200);
      rig.line();
    }
  };
  ask(100);
  g_news = g_locks = 0;
  g_counting = true;
  ask(100);
  g_counting = false;
  CHECK(g_news == 0);
  CHECK(g_locks == 0);
}

const std::string kApp = "backend app\n  server s1 ${s1}\n  server s2 ${s2}\n";
const std::string kGet = "GET /owa/ HTTP/1.1\r\nHost: test\r\nUser-Agent: Outlook\r\n\r\n";
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n" + std::string(1024, 'x');

}  // namespace

TEST_CASE("what counts does count") {
  t_is_worker = true;
  g_news = g_locks = 0;
  g_counting = true;
  int* volatile number = new int;
  delete number;
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&mutex);
  pthread_mutex_unlock(&mutex);
  pthread_rwlock_t shared = PTHREAD_RWLOCK_INITIALIZER;
  pthread_rwlock_rdlock(&shared);
  pthread_rwlock_unlock(&shared);
  pthread_rwlock_wrlock(&shared);
  pthread_rwlock_unlock(&shared);
  g_counting = false;
  CHECK(g_news == 1);
#if !defined(__SANITIZE_THREAD__)
  CHECK(g_locks == 3);
#endif
}

TEST_CASE("an answer of known length costs a warm worker no allocation and no lock") {
  check_costs_nothing(kApp, kGet, kOk);
}

TEST_CASE("nor does one in chunks") {
  const std::string half = "200\r\n" + std::string(512, 'x') + "\r\n";
  check_costs_nothing(kApp, kGet, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + half + half + "0\r\n\r\n");
}

TEST_CASE("nor does a request with a body") {
  check_costs_nothing(kApp, "POST /ews/ HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nbody", kOk);
}

TEST_CASE("nor do rules, captures and fields of our own") {
  check_costs_nothing(
      "  acl is_owa path_beg -i /owa\n  acl is_mail hdr(host) -i test\n  capture request header "
      "User-Agent len 32\n"
      "  http-request set-header X-Forwarded-Proto http\n  http-request set-header X-Client "
      "%[src]\n"
      "  http-request set-var(txn.agent) req.hdr(user-agent),lower\n  http-response set-header "
      "X-Server %s\n"
      "  option forwardfor\n  use_backend app if is_owa is_mail\n" +
          kApp,
      kGet, kOk);
}

TEST_CASE("nor does routing among Exchange's folders, with HAProxy's own log line") {
  std::string routes, pools;
  for (const char* folder : {"ecp", "ews", "mapi", "oab", "rpc", "powershell", "autodiscover", "owa"}) {
    routes += format("  use_backend {} if {{ path_beg -i /{} }}\n", folder, folder);
    pools += format(
        "backend {}\n  option forwardfor\n  server s1 ${{s1}} maxconn 100\n  server s2 ${{s2}} "
        "maxconn 100\n",
        folder);
  }
  check_costs_nothing(
      "frontend web\n  bind 127.0.0.1:0\n  option httplog\n  capture request header Host len 32\n"
      "  capture response header Content-Type len 32\n  http-request set-header X-Forwarded-Proto "
      "https\n" +
          routes + pools,
      kGet, kOk);
}

TEST_CASE("nor does TLS to the client") {
  Folder folder;
  const penstock::test::TestAuthority authority;
  const std::string pem = folder.file("mail.pem", authority.issue({.names = {"mail.test"}}).both());
  TlsOptions options;
  options.check = TlsPeerCheck::Required;
  options.ca_name = "ca.pem";
  options.ca_pem = authority.certificate();
  const auto tls = *TlsContext::for_servers(options, nullptr);
  check_costs_nothing("frontend web\n  bind 127.0.0.1:0 ssl crt " + pem + "\n  default_backend app\n" + kApp, kGet, kOk,
                      tls.get());
}
