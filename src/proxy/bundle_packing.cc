// A Bundle on its way to another process: see Bundle::pack().
#include <utility>

#include "penstock/proxy/bundle.h"

namespace penstock {
namespace {

std::string_view bytes_of(const SocketAddress& address) {
  return {reinterpret_cast<const char*>(address.raw()), address.length()};
}

SocketAddress address_of(std::string_view bytes) {
  return {reinterpret_cast<const sockaddr*>(bytes.data()), static_cast<socklen_t>(bytes.size())};
}

}  // namespace

void Bundle::pack(Packer& packer, std::vector<int>& descriptors, const Bundle* known) const {
  packer.put_number(files_.size());
  for (const auto& [path, text] : files_) {
    packer.put_text(path);
    packer.put_text(text);
  }
  packer.put_number(keyed_files_.size());
  for (const auto& [path, text] : keyed_files_) {
    packer.put_text(path);
    packer.put_text(text.view());
  }
  packer.put_number(certificate_files_.size());
  for (const auto& [path, names] : certificate_files_) {
    packer.put_text(path);
    packer.put_number(names.size());
    for (const std::string& name : names) packer.put_text(name);
  }
  packer.put_number(resolved_.size());
  for (const auto& [name, address] : resolved_) {
    packer.put_text(name);
    packer.put_text(bytes_of(address));
  }
  packer.put_number(sockets_.size());
  for (const auto& [key, bound] : sockets_) {
    const bool is_known = known != nullptr && known->socket_of(key) == bound;
    packer.put_text(key);
    packer.put_number(is_known ? 0 : bound->sockets.size());
    packer.put_text(bytes_of(bound->address));
    packer.put_number(bound->is_unix);
    packer.put_number(bound->is_inherited);
    packer.put_number(static_cast<std::uint64_t>(bound->backlog));
    for (const Descriptor& socket : bound->sockets) {
      if (!is_known) descriptors.push_back(socket.get());
    }
  }
  packer.put_number(log_sockets_.size());
  for (const auto& [name, socket] : log_sockets_) {
    packer.put_text(name);
    descriptors.push_back(socket.get());
  }
}

class BundleReader {
 public:
  BundleReader(Unpacker& from, std::vector<Descriptor>& descriptors, const Bundle* known, Bundle& bundle)
      : from_(from), descriptors_(descriptors), known_(known), bundle_(bundle) {}

  bool read() {
    for (std::uint64_t left = from_.take_count(); left > 0; --left) {
      const std::string_view path = from_.take_text();
      bundle_.files_[std::string(path)] = from_.take_text();
    }
    for (std::uint64_t left = from_.take_count(); left > 0; --left) {
      const std::string_view path = from_.take_text();
      bundle_.keyed_files_[std::string(path)] = Secret(from_.take_text());
    }
    for (std::uint64_t left = from_.take_count(); left > 0; --left) read_certificates();
    for (std::uint64_t left = from_.take_count(); left > 0; --left) {
      const std::string_view name = from_.take_text();
      bundle_.resolved_[std::string(name)] = address_of(from_.take_text());
    }
    for (std::uint64_t left = from_.take_count(); left > 0 && good_; --left) read_socket();
    for (std::uint64_t left = from_.take_count(); left > 0 && good_; --left) {
      const std::string_view name = from_.take_text();
      bundle_.log_sockets_[std::string(name)] = take_descriptor();
    }
    return good_ && !from_.failed();
  }

 private:
  // Whoever asks for a certificate finds its text.
  void read_certificates() {
    std::vector<std::string>& names = bundle_.certificate_files_[std::string(from_.take_text())];
    for (std::uint64_t left = from_.take_count(); left > 0; --left) {
      names.emplace_back(from_.take_text());
      good_ = good_ && bundle_.keyed_files_.contains(names.back());
    }
  }

  void read_socket() {
    const std::string key(from_.take_text());
    const std::uint64_t count = from_.take_number();
    auto bound = std::make_shared<BoundAddress>();
    bound->key = key;
    bound->address = address_of(from_.take_text());
    bound->is_unix = from_.take_number() != 0;
    bound->is_inherited = from_.take_number() != 0;
    bound->backlog = static_cast<int>(from_.take_number());
    if (count == 0) {
      bound = known_ == nullptr ? nullptr : known_->socket_of(key);
      good_ = good_ && bound != nullptr;
    }
    for (std::uint64_t left = count; left > 0 && good_; --left) bound->sockets.push_back(take_descriptor());
    bundle_.sockets_[key] = std::move(bound);
  }

  Descriptor take_descriptor() {
    if (next_ < descriptors_.size()) return std::move(descriptors_[next_++]);
    good_ = false;
    return {};
  }

  Unpacker& from_;
  std::vector<Descriptor>& descriptors_;
  const Bundle* known_;
  Bundle& bundle_;
  std::size_t next_ = 0;
  bool good_ = true;
};

Result<Bundle> Bundle::unpack(Unpacker& unpacker, std::vector<Descriptor> descriptors, const Bundle* known) {
  Bundle bundle;
  if (!BundleReader(unpacker, descriptors, known, bundle).read()) {
    return Error{"what the parent handed over is not whole (too few descriptors?)"};
  }
  wipe_stack();
  return bundle;
}

}  // namespace penstock
