// Certificates made up for names that nobody has one for, signed by an authority of ours (`generate-certificates`).
#pragma once

#include <openssl/base.h>

#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock {

class TlsCredentials;

// Any thread may ask. The latest ones asked for are kept.
class MadeUpCertificates {
 public:
  MadeUpCertificates(std::shared_ptr<const TlsCredentials> signer, std::size_t kept);

  // For `name`, lower case, with the key `key`, which must live as long as this. Null: for such a name there is none.
  bssl::UniquePtr<X509> find_or_make(const std::string& name, EVP_PKEY& key);
  // Who signs, then who signed that one, as far as they are known.
  const std::vector<bssl::UniquePtr<X509>>& authorities() const;

 private:
  using Key = std::pair<std::string, const EVP_PKEY*>;
  struct Entry {
    Key key;
    bssl::UniquePtr<X509> certificate;
  };
  bssl::UniquePtr<X509> make(const std::string& name, EVP_PKEY& key) const;

  const std::shared_ptr<const TlsCredentials> signer_;
  const std::size_t kept_;
  std::mutex mutex_;         // Guards what follows.
  std::list<Entry> latest_;  // The last one asked for first.
  std::map<Key, std::list<Entry>::iterator> places_;
};

}  // namespace penstock
