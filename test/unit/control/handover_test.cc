#include "penstock/control/handover.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "penstock/base/packing.h"
#include "unit/catch.h"

using namespace penstock;

namespace {

// A configuration on the disk, with a file and a socket that it names.
class OnDisk {
 public:
  OnDisk() {
    char name[] = "/tmp/penstock-unit.XXXXXX";
    folder_ = ::mkdtemp(name);
    write("answer.http", "HTTP/1.0 503 No\r\n\r\n");
    options.files = {folder_ + "/x.cfg"};
  }
  ~OnDisk() { std::filesystem::remove_all(folder_); }
  void write(const std::string& name, const std::string& text) const {
    std::FILE* file = std::fopen((folder_ + "/" + name).c_str(), "w");
    std::fwrite(text.data(), 1, text.size(), file);
    std::fclose(file);
  }
  Handover gathered(const std::string& more = "", const Bundle* previous = nullptr) const {
    write("x.cfg",
          "global\n nbthread 2\ndefaults\n mode http\n timeout connect 1s\n timeout client 1s\n "
          "timeout server 1s\n"
          " errorfile 503 " +
              folder_ + "/answer.http\nfrontend fe\n bind " + folder_ + "/fe.sock\n http-request deny\n" + more);
    GatherPlan plan;
    plan.previous = previous;
    return gather(options, plan);
  }
  Options options;

 private:
  std::string folder_;
};

std::vector<Descriptor> copies(const std::vector<int>& descriptors) {
  std::vector<Descriptor> out;
  for (const int fd : descriptors) out.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  return out;
}

}  // namespace

TEST_CASE("what was gathered crosses: texts, files, sockets, complaints") {
  const OnDisk disk;
  const Handover here = disk.gathered("backend be\n cpu-map\n");
  std::vector<int> descriptors;
  const WipedText bytes = pack(here, nullptr, descriptors);
  CHECK(descriptors.size() == here.bundle.bound_count() * 2);
  auto there = unpack(bytes, copies(descriptors), nullptr, disk.options);
  REQUIRE(there);
  CHECK(there->sources.size() == 1);
  CHECK(there->config.proxies.size() == here.config.proxies.size());
  CHECK(there->bundle.bound_count() == here.bundle.bound_count());
  REQUIRE(here.diagnostics.complaints().size() == there->diagnostics.complaints().size());
  for (std::size_t i = 0; i < here.diagnostics.complaints().size(); ++i) {
    CHECK(config::Diagnostics::text_of(here.diagnostics.complaints()[i], 1) ==
          config::Diagnostics::text_of(there->diagnostics.complaints()[i], 1));
  }
}

TEST_CASE("a socket that the child has is only named") {
  const OnDisk disk;
  const Handover first = disk.gathered();
  const Handover second = disk.gathered("", &first.bundle);
  std::vector<int> descriptors;
  const WipedText bytes = pack(second, &first.bundle, descriptors);
  CHECK(descriptors.empty());
  CHECK(unpack(bytes, {}, &first.bundle, disk.options));
  CHECK_FALSE(unpack(bytes, {}, nullptr, disk.options));
}

TEST_CASE("too few descriptors are an error, too many are closed") {
  const OnDisk disk;
  const Handover here = disk.gathered();
  std::vector<int> descriptors;
  const WipedText bytes = pack(here, nullptr, descriptors);
  auto few = copies(descriptors);
  few.pop_back();
  CHECK_FALSE(unpack(bytes, std::move(few), nullptr, disk.options));
  auto many = copies(descriptors);
  many.emplace_back(::dup(0));
  const int left_over = many.back().get();
  CHECK(unpack(bytes, std::move(many), nullptr, disk.options));
  CHECK(::fcntl(left_over, F_GETFD) < 0);
}

TEST_CASE(
    "bytes cut anywhere, or with any number in them changed, are an error or a bundle, never "
    "worse") {
  const OnDisk disk;
  const Handover here = disk.gathered();
  std::vector<int> descriptors;
  const WipedText bytes = pack(here, nullptr, descriptors);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK_FALSE(unpack(std::string_view(bytes).substr(0, size), copies(descriptors), nullptr, disk.options));
  }
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const char byte : {'\x01', '\xff'}) {
      WipedText other = bytes;
      other[at] = byte;
      (void)unpack(other, copies(descriptors), nullptr, disk.options);
    }
  }
}

TEST_CASE("packed values come back, and nothing comes from nothing") {
  Packer packer;
  packer.put_number(7);
  packer.put_text("text");
  packer.put_text("");
  Unpacker unpacker(packer.bytes());
  CHECK(unpacker.take_number() == 7);
  CHECK(unpacker.take_text() == "text");
  CHECK(unpacker.take_text().empty());
  CHECK(unpacker.ended());
  CHECK(unpacker.take_number() == 0);
  CHECK(unpacker.take_text().empty());
  CHECK(unpacker.failed());
}

TEST_CASE("all names are known beforehand, and the resolver is not asked for any later") {
  config::Diagnostics none;
  Handover texts;
  texts.sources = {{"x.cfg",
                    "global\n log global.test daemon\ndefaults\n mode http\n timeout connect 1s\n"
                    " timeout client 1s\n timeout server 1s\nlisten fe\n log proxy.test daemon\n"
                    " bind bind.test:0\n option httpchk\n http-check connect addr step.test\n"
                    " acl x src 10.0.0.1 acl.test/24\n server a server.test:1 source source.test\n "
                    "server b ipv6@server.test:1\n"
                    " server c 127.0.0.1:1 check addr check.test\nbackend off\n disabled\n server "
                    "d off.test:1\n"}};
  texts.config = config::read(texts.sources, none);
  CHECK(names_in(texts.config) == std::set<Name>{{"global.test", 0},
                                                 {"proxy.test", 0},
                                                 {"bind.test", 0},
                                                 {"step.test", 0},
                                                 {"acl.test", 4},
                                                 {"source.test", 0},
                                                 {"server.test", 0},
                                                 {"server.test", 6},
                                                 {"check.test", 0}});
  NameAnswers answers;
  GatherPlan plan;
  plan.names = &answers;
  const Handover gathered = gather(std::move(texts), {}, plan);
  const auto& complaints = gathered.diagnostics.complaints();
  CHECK(complaints.size() == 9);  // Each at its own word.
  for (const config::Complaint& complaint : complaints) CHECK(complaint.text.ends_with("no answer came"));
}

TEST_CASE("the descriptors a configuration needs are counted") {
  config::Config config;
  config.global.maxconn = 1000;
  CHECK(descriptor_need(config, 3, 2).fixed == 64 + 2 * 8 + 2 * 3 * 2);
  CHECK(descriptor_need(config, 3, 2).wanted == 2000 + 92);
  config.proxies.emplace_back().servers.emplace_back().check.enabled = true;
  CHECK(descriptor_need(config, 3, 2).fixed == 92 + 256);
  config.global.maxconn = 0;
  config.global.ulimit_n = 5000;
  CHECK(descriptor_need(config, 3, 2).wanted == 5000);
}
