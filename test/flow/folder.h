// A folder of files that goes with its test.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "penstock/base/require.h"

namespace penstock::test {

class Folder final {
 public:
  Folder() { require(mkdtemp(path_.data()) != nullptr); }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  // Where the file is.
  std::string file(const std::string& name, const std::string& text) {
    const std::string path = path_ + "/" + name;
    std::ofstream(path) << text;
    return path;
  }

 private:
  std::string path_ = "/tmp/penstock-flow-XXXXXX";
};

}  // namespace penstock::test
