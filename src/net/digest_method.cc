#include "digest_method.h"

#include <openssl/digest.h>

namespace penstock {

const EVP_MD* method_of(Digest digest) {
  switch (digest) {
    case Digest::Md5:
      return EVP_md5();
    case Digest::Sha1:
      return EVP_sha1();
    case Digest::Md5AndSha1:
      return EVP_md5_sha1();
    case Digest::Sha224:
      return EVP_sha224();
    case Digest::Sha256:
      return EVP_sha256();
    case Digest::Sha384:
      return EVP_sha384();
    case Digest::Sha512:
      return EVP_sha512();
    case Digest::Sha512Of256:
      return EVP_sha512_256();
  }
  return nullptr;
}

}  // namespace penstock
