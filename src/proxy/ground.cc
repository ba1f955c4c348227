#include "penstock/proxy/ground.h"

#include <utility>

#include "penstock/config/model.h"

namespace penstock {

SnapshotGround::SnapshotGround(std::shared_ptr<const config::Config> config, Bundle bundle)
    : config(std::move(config)), bundle(std::move(bundle)) {}

SnapshotGround::~SnapshotGround() = default;

const config::Proxy* SnapshotGround::backend(const std::string& name) const {
  const auto found = backends.find(name);
  return found == backends.end() ? nullptr : &config->proxies[found->second.proxy];
}

const config::Proxy* SnapshotGround::backend(int number) const {
  const auto place = static_cast<std::size_t>(number);
  return number < 0 || place >= backend_sides.size() ? nullptr : &config->proxies[backend_sides[place].proxy];
}

}  // namespace penstock
