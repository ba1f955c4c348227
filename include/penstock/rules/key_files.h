// Files of public keys that rules name.
#pragma once

#include <string>
#include <vector>

#include "penstock/config/place.h"

namespace penstock::config {
struct Config;
}

namespace penstock::rules {

// Only what is public in it is needed.
struct KeyFile {
  std::string path;
  config::Place place;
  bool may_be_secret = false;  // Of an algorithm that takes a secret: then there is no such file.
};
std::vector<KeyFile> collect_key_files(const config::Config& config);

}  // namespace penstock::rules
