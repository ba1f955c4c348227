// How an explanation says what it saw: lines of the file, values, changes. Secrets are (hidden).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/proxy/snapshot.h"
#include "penstock/rules/subject.h"
#include "penstock/rules/witness.h"

namespace penstock::explanation {

class Words {
 public:
  explicit Words(const Snapshot& snapshot) : snapshot_(snapshot) {}

  // What must not be read wherever it turns up: values of credentials.
  void hide(std::string_view secret);
  // `text` without what is to be hidden.
  std::string shown(std::string_view text) const;
  // The value of a field or variable of that name.
  std::string shown(std::string_view name, std::string_view value);

  std::string place(const rules::RulePlace& place) const;
  std::string place(const config::Place& place) const;
  // The line, without secrets.
  std::string line(const rules::RulePlace& place) const;
  // It may take a credential from a message.
  bool asks_credential(const rules::RulePlace& place) const;
  // "is_ews: path_beg -i /ews/ (a.cfg:12)"
  std::string test(const rules::Tested& told, const rules::RulePlace& rule) const;
  // What was compared.
  std::string values(const rules::Tested& told) const;

 private:
  std::string raw_line(const config::Place& place) const;

  const Snapshot& snapshot_;
  std::vector<std::string> secrets_;
};

// What rules can change of a subject, as it was at one moment.
class Portrait {
 public:
  Portrait() = default;
  explicit Portrait(rules::Subject& subject);
  // What has changed since, a sentence each. `secret`: values that come new are credentials.
  std::vector<std::string> changes_to(const Portrait& now, Words& words, bool secret) const;

 private:
  using Named = std::vector<std::pair<std::string, std::string>>;
  Named lines_, request_fields_, response_fields_, variables_, captures_, settings_;
};

std::string text_of(const rules::Value& value);

}  // namespace penstock::explanation
