// What of TLS a snapshot is made with, and who in it uses that: for listings.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace penstock {

class Snapshot;

// The text of a crt-list in force, or that of a folder; null: no line names it.
std::optional<std::string> list_text(const Snapshot& snapshot, const std::string& path);
// Names of crt-lists, and of folders, that lines have.
std::vector<std::string> lists_of(const Snapshot& snapshot);
// The text in force; null: there is none.
const std::string* trust_text(const Snapshot& snapshot, const std::string& file);
// Authorities, or revocation lists, that the configuration names or that were made at run time, with their texts.
std::map<std::string, const std::string*> trusts_of(const Snapshot& snapshot, bool revoking);
// How many contexts of bind and server lines are made with this certificate, or with this file of authorities or
// revocations.
std::size_t uses_of_certificate(const Snapshot& snapshot, const std::string& file);
std::size_t uses_of_trust(const Snapshot& snapshot, const std::string& file);

}  // namespace penstock
