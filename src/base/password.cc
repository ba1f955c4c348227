#include "penstock/base/password.h"

#include <crypt.h>
#include <string.h>

#include <memory>

namespace penstock {
namespace {

// Its room is wiped behind it.
class Room {
 public:
  Room() : data_(std::make_unique<crypt_data>()) {}
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;
  ~Room() { ::explicit_bzero(data_.get(), sizeof(*data_)); }
  // Null, or what begins with '*': there is none.
  const char* hash(const char* password, const char* way) { return ::crypt_r(password, way, data_.get()); }

 private:
  std::unique_ptr<crypt_data> data_;
};

}  // namespace

bool is_password_hash(const std::string& hash) {
  constexpr std::size_t kOfDes = 13;
  const bool is_of_des = !hash.starts_with('$') && !hash.starts_with('_');
  if (is_of_des && hash.size() != kOfDes) return false;
#ifdef CRYPT_SALT_OK
  const int fault = ::crypt_checksalt(hash.c_str());
  return fault != CRYPT_SALT_INVALID && fault != CRYPT_SALT_METHOD_DISABLED;
#else
  return !hash.empty();
#endif
}

bool password_fits(const std::string& password, const std::string& hash) {
  if (password.find('\0') != std::string::npos) return false;
  Room room;
  const char* made = room.hash(password.c_str(), hash.c_str());
  return made != nullptr && made[0] != '*' && hash == made;
}

}  // namespace penstock
