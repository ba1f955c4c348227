#include "command.h"

#include <algorithm>

#include "command_line.h"
#include "penstock/base/format.h"
#include "penstock/base/require.h"
#include "penstock/base/text.h"

namespace penstock {

std::vector<const Command*> all_commands() {
  std::vector<const Command*> all;
  for (const auto table :
       {talk_commands(),    show_commands(),    server_commands(), frontend_commands(), counts_commands(),
        clients_commands(), host_commands(),    why_commands(),    explain_commands(),  event_commands(),
        names_commands(),   peer_commands(),    cache_commands(),  amend_commands(),    table_commands(),
        pattern_commands(), process_commands(), error_commands(),  tls_commands(),      tls_list_commands(),
        master_commands()}) {
    for (const Command& command : table) all.push_back(&command);
  }
  std::sort(all.begin(), all.end(), [](const Command* a, const Command* b) { return a->words < b->words; });
  return all;
}

namespace {

constexpr std::size_t kMostMeant = 5;

// Those that every list ends with.
bool is_last(const Command& command) {
  return command.words == "help" || command.words == "prompt" || command.words == "quit";
}

std::size_t count_words(std::string_view words) {
  return static_cast<std::size_t>(std::count(words.begin(), words.end(), ' ')) + 1;
}

bool begins_with(const Command& command, const std::vector<std::string>& written) {
  std::string_view words = command.words;
  for (const std::string& word : written) {
    if (words.empty()) return false;
    if (cut(words, ' ') != word) return false;
  }
  return true;
}

using Rows = std::vector<const Command*>;

Rows rows_for_parent() {
  Rows rows;
  for (const Command& command : master_aims()) rows.push_back(&command);
  for (const Command* command : all_commands()) {
    if (is_for_master(*command)) rows.push_back(command);
  }
  return rows;
}

Rows meant_by(const Rows& rows, std::vector<std::string> written) {
  Rows out;
  // The fewer words are like one's, the more may be meant.
  for (; !written.empty(); written.pop_back()) {
    for (const Command* command : rows) {
      if (!is_last(*command) && begins_with(*command, written)) out.push_back(command);
    }
    if (!out.empty()) return out;
  }
  return out;
}

Rows nearest_to(const Rows& rows, const std::vector<std::string>& written) {
  std::vector<std::pair<unsigned, const Command*>> all;
  for (const Command* command : rows) {
    if (!is_last(*command)) all.emplace_back(letters_between(command->words, written), command);
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<const Command*> out;
  for (const auto& [letters, command] : all) {
    if (out.size() < kMostMeant) out.push_back(command);
  }
  std::sort(out.begin(), out.end(), [](const Command* a, const Command* b) { return a->words < b->words; });
  return out;
}

void append_row(std::string& to, const Command& command) {
  const std::string usage =
      command.arguments.empty() ? std::string(command.words) : format("{} {}", command.words, command.arguments);
  append_format(to, "  {:<40}: {}\n", usage, command.help);
}

std::string severity_mark(config::SeverityOutput output, Level severity) {
  static constexpr const char* kNames[] = {"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"};
  const auto number = static_cast<std::size_t>(severity);
  switch (output) {
    case config::SeverityOutput::None:
      return {};
    case config::SeverityOutput::Number:
      return format("[{}]: ", number);
    case config::SeverityOutput::String:
      return format("[{}]: ", kNames[number]);
  }
  return {};
}

}  // namespace

const Command* find_command(const std::vector<std::string>& written) {
  const Command* best = nullptr;
  for (const Command* command : all_commands()) {
    const std::size_t words = count_words(command->words);
    if (words > written.size()) continue;
    if (!begins_with(*command, {written.begin(), written.begin() + static_cast<std::ptrdiff_t>(words)})) continue;
    if (best == nullptr || words > count_words(best->words)) best = command;
  }
  return best;
}

std::string command_list(const std::vector<std::string>& written, bool for_parent) {
  std::string out;
  const Rows rows = for_parent ? rows_for_parent() : all_commands();
  Rows meant = written.empty() ? rows : meant_by(rows, written);
  const bool means_last = std::any_of(rows.begin(), rows.end(), [&](const Command* command) {
    return is_last(*command) && begins_with(*command, written);
  });
  if (meant.empty() && !means_last) meant = nearest_to(rows, written);
  for (const Command* command : meant) {
    if (!is_last(*command) && !command->help.empty()) append_row(out, *command);
  }
  for (const Command* command : rows) {
    if (is_last(*command)) append_row(out, *command);
  }
  return out;
}

std::string help_text(const std::vector<std::string>& written, bool for_parent) {
  return "The following commands are valid at this level:\n" + command_list(written, for_parent);
}

Call::Call(Realm& realm, CallOwner& owner, Rights& rights, std::vector<std::string> written, std::string payload)
    : realm_(realm),
      owner_(&owner),
      rights_(&rights),
      level_(rights.level),
      written_(std::move(written)),
      payload_(std::move(payload)) {}

Call::~Call() {
  Redo gone{std::move(written_), std::move(payload_)};
  wipe(gone);
}

std::string_view Call::argument(std::size_t number) const {
  const std::size_t place = own_words_ + number;
  return place < written_.size() ? std::string_view(written_[place]) : std::string_view();
}

std::vector<std::string> Call::arguments() const {
  return {written_.begin() + static_cast<std::ptrdiff_t>(std::min(own_words_, written_.size())), written_.end()};
}

void Call::run(const Command& command) {
  own_words_ = count_words(command.words);
  if (level_ < command.level) return fail("Permission denied\n");
  command.run(shared_from_this());
}

void Call::finish_in_silence() {
  silent_ = true;
  done();
}

void Call::answer(std::string text) {
  answer_by([text = std::move(text), told = false](std::string& to) mutable {
    if (!std::exchange(told, true)) to += text;
    return false;
  });
}

void Call::say(Level severity, std::string_view message) {
  answer((abandoned() ? std::string() : severity_mark(rights_->severity, severity)) + std::string(message));
}

void Call::answer_by(Pieces pieces) {
  require(!ready_);
  ready_ = true;
  if (abandoned()) return;
  pieces_ = std::move(pieces);
  owner_->on_answer();
}

bool Call::take(std::string& to) {
  if (!pieces_) return false;
  if (pieces_(to)) return true;
  pieces_ = nullptr;
  if (!silent_) to += '\n';
  return false;
}

void Call::resume() {
  if (!std::exchange(paused_, false) || abandoned()) return;
  owner_->on_answer();
}

void Call::abandon() {
  owner_ = nullptr;
  rights_ = nullptr;
  pieces_ = nullptr;
  companion_.reset();
}

}  // namespace penstock
