#include <sys/wait.h>
#include <unistd.h>

#include "penstock/base/arena.h"
#include "penstock/base/block.h"
#include "penstock/base/counted.h"
#include "penstock/base/list.h"
#include "penstock/base/secret.h"
#include "unit/catch.h"

using namespace penstock;

TEST_CASE("bytes stay where they are while a slice looks at them") {
  const std::size_t before = Block::bytes_in_use();
  Slice part;
  {
    Filling filling;
    filling.start(kBlockSize);
    std::memcpy(filling.space(), "hello world", 11);
    Slice all = filling.filled(11);
    part = all.part(6, 5);
  }
  CHECK(part.view() == "world");
  part.clear();
  CHECK(Block::bytes_in_use() == before);
  Block::free_kept();
}

TEST_CASE("a block given back is lent again") {
  Block* first = Block::take();
  first->drop_use();
  Block* second = Block::take();
  CHECK(first == second);
  second->drop_use();
  Block::free_kept();
}

TEST_CASE("an arena keeps what it was given until cleared, whatever its size") {
  const std::size_t before = Block::bytes_in_use();
  Arena arena;
  std::string big(100000, 'x');
  const std::string_view a = arena.copy("alpha");
  const std::string_view b = arena.copy(big);
  const std::string_view c = arena.copy("gamma");
  CHECK(a == "alpha");
  CHECK(b == big);
  CHECK(c == "gamma");
  CHECK(reinterpret_cast<std::uintptr_t>(arena.allocate(8)) % alignof(std::max_align_t) == 0);
  arena.clear();
  CHECK(Block::bytes_in_use() == before);
  Block::free_kept();
}

TEST_CASE("a list element unlinks itself when it dies") {
  struct Item : ListNode<> {};
  List<Item> list;
  Item a;
  {
    Item b;
    list.push_back(a);
    list.push_back(b);
    CHECK(list.count() == 2);
  }
  CHECK(list.count() == 1);
  CHECK(&list.front() == &a);
}

TEST_CASE("the last Ref deletes what it counts") {
  static int deaths = 0;
  struct Thing : Counted<Thing> {
    ~Thing() { ++deaths; }
  };
  {
    Ref<Thing> one = make_ref<Thing>();
    Ref<Thing> two = one;
    one = nullptr;
    CHECK(deaths == 0);
  }
  CHECK(deaths == 1);
}

TEST_CASE("a secret is read whole, whatever its size, and shared by its copies") {
  for (const std::size_t size : {0u, 1u, 16384u, 16385u, 100000u}) {
    const std::string text(size, 's');
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const pid_t writer = ::fork();
    if (writer == 0) ::_exit(::write(ends[1], text.data(), size) == static_cast<ssize_t>(size) ? 0 : 1);
    ::close(ends[1]);
    const std::unique_ptr<Secret> secret = Secret::read(ends[0]);
    ::close(ends[0]);
    ::waitpid(writer, nullptr, 0);
    REQUIRE(secret != nullptr);
    CHECK((secret->view() == text));
    const Secret copy = *secret;
    CHECK(copy.view().data() == secret->view().data());
    CHECK((Secret::joined(copy.view(), "x").view() == text + "x"));
  }
  CHECK(Secret::read(-1) == nullptr);
}

TEST_CASE("a secret hidden from forks is zeros there, and whole again where it is not") {
  const Secret secret("a private key");
  const auto seen_by_child = [&] {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(secret.view() == "a private key" ? 1 : secret.view() == std::string(13, '\0') ? 2 : 3);
    int status = 0;
    ::waitpid(child, &status, 0);
    return WEXITSTATUS(status);
  };
  CHECK(seen_by_child() == 1);
  secret.hide_from_forks(true);
  CHECK(seen_by_child() == 2);
  secret.hide_from_forks(false);
  CHECK(seen_by_child() == 1);
  CHECK(secret.view() == "a private key");
}
