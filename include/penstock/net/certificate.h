// What samples may ask about a certificate that a peer has shown, read from its DER form.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace penstock {

class Certificate {
 public:
  enum class Name { Subject, Issuer };
  enum class Date { NotBefore, NotAfter };

  // False for what is no certificate; nothing else may be asked then.
  explicit Certificate(std::string_view der);
  ~Certificate();
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;
  explicit operator bool() const { return certificate_ != nullptr; }

  // The whole name as "/C=DE/O=Contoso/CN=anna", or as RFC 2253 writes it.
  std::string name(Name which, bool rfc2253) const;
  // The value of one entry ("CN", "OU", "1.2.3"): the first, the nth, or from the end if `nth` is
  // negative. Empty if there is none.
  std::string name_entry(Name which, std::string_view entry, std::int64_t nth) const;
  // YYMMDDhhmmssZ; empty outside of the years 2000 to 2099 and before 2000 what RFC 5280 writes
  // with two digits.
  std::string date(Date which) const;
  std::string serial() const;                    // Bytes, most significant first.
  std::string sha1() const;                      // Of the DER form; bytes.
  int version() const;                           // 1 to 3.
  std::string_view signature_algorithm() const;  // "RSA-SHA256"
  std::string_view key_algorithm() const;        // "rsaEncryption"

 private:
  struct State;
  std::unique_ptr<State> certificate_;
};

}  // namespace penstock
