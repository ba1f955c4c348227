// A warm worker serves a request without operator new and without a lock (src/README.md, section 5).
// Memory of TLS is BoringSSL's own, which asks malloc: that is not counted here.
#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <string>

#include "flow/rig.h"
#include "unit/catch.h"

namespace {

std::atomic<bool> g_counting{false};
std::atomic<int> g_news{0};
std::atomic<int> g_locks{0};
// Servers, clients and what checks them allocate as they like.
thread_local bool t_is_worker = true;

void* counted(std::size_t size) {
  if (t_is_worker && g_counting.load(std::memory_order_relaxed)) g_news.fetch_add(1, std::memory_order_relaxed);
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) std::abort();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return counted(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return counted(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

// ThreadSanitizer has its own in this place.
#if !defined(__SANITIZE_THREAD__)
extern "C" int pthread_mutex_lock(pthread_mutex_t* mutex) {
  using Lock = int (*)(pthread_mutex_t*);
  static std::atomic<Lock> real{nullptr};
  if (real.load() == nullptr) real = reinterpret_cast<Lock>(dlsym(RTLD_NEXT, "pthread_mutex_lock"));
  if (t_is_worker && g_counting.load(std::memory_order_relaxed)) g_locks.fetch_add(1, std::memory_order_relaxed);
  return real.load()(mutex);
}
#endif

using namespace penstock;
using penstock::test::Rig;
using penstock::test::ScriptedClient;

namespace {

// Of a hundred requests on a connection over which as many have gone before.
void check_costs_nothing(const std::string& text, const std::string& request, const std::string& answer) {
  t_is_worker = false;
  Rig rig(text);
  for (const char* name : {"s1", "s2"}) {
    rig.server(name).next().expects(request.substr(request.find("\r\n\r\n"))).sends(answer).repeats();
  }
  ScriptedClient client(rig);
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
  g_counting = false;
  CHECK(g_news == 1);
#if !defined(__SANITIZE_THREAD__)
  CHECK(g_locks == 1);
#endif
}

TEST_CASE("an answer of known length costs a warm worker no allocation and no lock") { check_costs_nothing(kApp, kGet, kOk); }

TEST_CASE("nor does one in chunks") {
  check_costs_nothing(kApp, kGet, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n");
}

TEST_CASE("nor does a request with a body") {
  check_costs_nothing(kApp, "POST /ews/ HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nbody", kOk);
}

TEST_CASE("nor do rules, captures and fields of our own") {
  check_costs_nothing(
      "  acl is_owa path_beg -i /owa\n  acl is_mail hdr(host) -i test\n  capture request header User-Agent len 32\n"
      "  http-request set-header X-Forwarded-Proto http\n  http-request set-header X-Client %[src]\n"
      "  http-request set-var(txn.agent) req.hdr(user-agent),lower\n  http-response set-header X-Server %s\n"
      "  option forwardfor\n  use_backend app if is_owa is_mail\n" + kApp,
      kGet, kOk);
}
