#include "penstock/config/read.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "condition.h"
#include "finish.h"
#include "judge.h"
#include "keywords.h"
#include "parser.h"

namespace penstock::config {

namespace {

namespace fs = std::filesystem;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// A configuration larger than this is no configuration.
constexpr std::size_t kLargestFile = 1u << 30;

void load_file(const std::string& path, std::vector<Source>& sources, Diagnostics& diagnostics) {
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "re"));
  if (file == nullptr) return diagnostics.add({}, format("cannot open '{}': {}", path, std::strerror(errno)));
  std::string text;
  char buffer[65536];
  while (const std::size_t count = std::fread(buffer, 1, sizeof(buffer), file.get())) {
    text.append(buffer, count);
    if (text.size() > kLargestFile) return diagnostics.add({}, format("'{}' is larger than 1 GiB", path));
  }
  if (std::ferror(file.get()) != 0)
    return diagnostics.add({}, format("cannot read '{}': {}", path, std::strerror(errno)));
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff"))
    return diagnostics.add({}, format("'{}' is written in UTF-16: save it as UTF-8", path));
  sources.push_back({path, std::move(text)});
}

// The *.cfg files of a folder, hidden ones left out, sorted by their bytes.
void load_folder(const std::string& path, std::vector<Source>& sources, Diagnostics& diagnostics) {
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    // What is no file, or a link to none, is complained about when it is read.
    if (!name.starts_with('.') && name.ends_with(".cfg")) names.push_back(at->path().string());
  }
  if (error) return diagnostics.add({}, format("cannot read folder '{}': {}", path, error.message()));
  if (names.empty()) diagnostics.warn({}, format("folder '{}' holds no file that ends with .cfg", path));
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) load_file(name, sources, diagnostics);
}

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  // A byte order mark is what some editors begin a file with.
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.emplace_back(line);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return lines;
}

void warn_of_missing_end(const Source& source, std::uint32_t file, const Config& config, Diagnostics& diagnostics) {
  if (source.text.empty() || source.text.ends_with('\n')) return;
  const std::vector<std::string>& lines = config.lines[file];
  if (lines.empty()) return;
  diagnostics.warn(
      {file, static_cast<std::uint32_t>(lines.size()), static_cast<std::uint32_t>(lines.back().size() + 1)},
      "the last line has no end: the file may have been cut");
}

}  // namespace

std::vector<Source> load_sources(const std::vector<std::string>& paths, Diagnostics& diagnostics) {
  std::vector<Source> sources;
  for (const std::string& path : paths) {
    std::error_code error;
    if (fs::is_directory(path, error))
      load_folder(path, sources, diagnostics);
    else
      load_file(path, sources, diagnostics);
  }
  return sources;
}

Config read(std::vector<Source> sources, Diagnostics& diagnostics) {
  Config config;
  for (const Source& source : sources) {
    config.files.push_back(source.name);
    config.lines.push_back(split_lines(source.text));
  }
  diagnostics.set_source(&config);
  Reading reading{.config = config, .diagnostics = diagnostics};
  std::string all_files;
  for (const Source& source : sources) all_files += (all_files.empty() ? "" : ";") + source.name;
  reading.environment.set("HAPROXY_CFGFILES", all_files);
  Parser parser(reading);
  for (std::uint32_t file = 0; file < sources.size(); ++file) {
    parser.read_file(file);
    warn_of_missing_end(sources[file], file, config, diagnostics);
  }
  finish(reading);
  judge(reading);
  if (reading.zero_warning && !diagnostics.failed() && diagnostics.warnings() != 0)
    diagnostics.add({}, "a warning is an error here, since 'zero-warning' is there");
  diagnostics.set_source(nullptr);
  return config;
}

std::optional<bool> evaluate_condition(std::string_view text, Place place, Diagnostics& diagnostics) {
  const Environment environment;
  std::vector<Word> words;
  const auto lex_error = split_words(text, {environment, {}, place.line, {}}, place, words);
  if (lex_error) {
    diagnostics.add(place, format("condition '{}': {}", text, lex_error->text));
    return std::nullopt;
  }
  std::string joined;
  for (const Word& word : words) joined += (joined.empty() ? "" : " ") + word.text;
  ConditionError error;
  const auto value = judge_condition(joined, environment, error);
  if (!value)
    diagnostics.add(place, format("condition '{}': {} (at '{}')", joined, error.text,
                                  joined.substr(std::min(error.offset, joined.size()))));
  return value;
}

std::string keyword_list() {
  std::string list;
  for (const SectionName& section : section_names())
    append_format(list, "section\t{}\t{}\n", section.name, section.help);
  for (const KnownKeyword& keyword : known_keywords())
    append_format(list, "{}\t{}\t{}\n", keyword.section, keyword.name, keyword.help);
  return list;
}

}  // namespace penstock::config
