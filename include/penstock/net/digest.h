// Digests, keyed digests and the texts that bytes are written as.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace penstock {

// RFC 4648: of section 4, filled up to four letters, or of section 5, without that.
enum class Base64 : std::uint8_t { Plain, ForUrls };
constexpr std::size_t base64_space(std::size_t bytes) { return (bytes + 2) / 3 * 4; }
// Writes at most base64_space() letters; where they end.
char* write_base64(std::string_view bytes, Base64 form, char* to);
std::string base64_of(std::string_view bytes, Base64 form = Base64::Plain);

// Takes as long wherever they differ.
bool is_same_secret(std::string_view a, std::string_view b);

// A key drawn by chance, which nobody else ever knows. Immutable: any thread may use it.
class MacKey {
 public:
  MacKey();
  ~MacKey();
  MacKey(const MacKey&) = delete;
  MacKey& operator=(const MacKey&) = delete;
  // HMAC-SHA-256 of `text`, as letters of section 5.
  std::string sign(std::string_view text) const;

 private:
  std::array<std::uint8_t, 32> bytes_;
};

}  // namespace penstock
