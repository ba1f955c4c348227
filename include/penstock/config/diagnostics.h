// Every complaint of one reading, in order, each with its place, the line itself, a caret and, where
// there is one, the nearest known word.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/config/place.h"

namespace penstock::config {

struct Config;

// Where the part of a word stands that comes behind `before`, which is what the word at `place` begins with. The word's
// own place if it was not written in the file as it reads, for example by a variable.
Place inside(const Config& config, Place place, std::string_view before);

enum class Severity { Notice, Warning, Alert };

struct Complaint {
  Severity severity = Severity::Alert;
  Place place;
  std::string file;  // "" when the complaint is about no file.
  std::string line;  // The text of the line, without its end; "" when unknown.
  std::string text;  // What is wrong, and what was expected or what to write instead.
  // The words that do the same and draw no complaint; none at all: the line may go.
  std::optional<std::string> instead;
};

class Diagnostics {
 public:
  // The names and lines of the files being read; a complaint copies what it needs from them at once.
  void set_source(const Config* config) { source_ = config; }

  // An error: the configuration cannot be used.
  void add(Place place, std::string text) { add(Severity::Alert, place, std::move(text)); }
  void warn(Place place, std::string text) { add(Severity::Warning, place, std::move(text)); }
  void add(Severity severity, Place place, std::string text);

  // Of the last complaint.
  void set_instead(std::optional<std::string> words) { complaints_.back().instead = std::move(words); }
  void withdraw_instead(std::size_t complaint) { complaints_[complaint].instead.reset(); }

  bool failed() const { return alerts_ != 0; }
  std::size_t alerts() const { return alerts_; }
  std::size_t warnings() const { return warnings_; }
  const std::vector<Complaint>& complaints() const { return complaints_; }
  // The same for a reader: in the order of the files, what is about no line first, and one
  // complaint for all lines of which the same is said.
  std::vector<Complaint> in_order() const;

  // One complaint as printed: "[ALERT] (PID) : config : parsing [file:line:column] : text", then the
  // line and a caret below it. Several lines, no final line end.
  static std::string text_of(const Complaint& complaint, int pid);

 private:
  const Config* source_ = nullptr;
  std::vector<Complaint> complaints_;
  std::set<std::array<std::uint32_t, 3>> alerted_;  // File, line and column of each error.
  std::size_t alerts_ = 0;
  std::size_t warnings_ = 0;
};

}  // namespace penstock::config
