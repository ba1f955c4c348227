#include "penstock/config/fixed_text.h"

#include <algorithm>
#include <map>

#include "penstock/base/format.h"

namespace penstock::config {

std::size_t end_of_words(std::string_view line) {
  char quote = 0;
  std::size_t i = 0;
  for (; i < line.size() && (quote != 0 || line[i] != '#'); ++i) {
    const char c = line[i];
    if (c == '\\' && quote != '\'')
      ++i;
    else if (quote != 0)
      quote = c == quote ? '\0' : quote;
    else if (c == '"' || c == '\'')
      quote = c;
  }
  i = std::min(i, line.size());
  while (i > 0 && static_cast<unsigned char>(line[i - 1]) <= ' ') --i;
  return i;
}

std::string fixed_text(std::string_view text, std::uint32_t file, const Diagnostics& diagnostics) {
  std::map<std::uint32_t, const std::string*> instead;
  for (const Complaint& complaint : diagnostics.complaints()) {
    if (complaint.instead && complaint.place.file == file)
      instead.try_emplace(complaint.place.line, &*complaint.instead);
  }
  std::string out;
  for (std::uint32_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end);
    const auto at = instead.find(number);
    if (at == instead.end()) {
      out += line;
      continue;
    }
    const std::size_t begin = std::min(line.find_first_not_of(" \t"), line.size());
    const std::string_view rest = line.substr(std::max(begin, end_of_words(line)));
    const std::size_t comment = rest.find('#');
    if (at->second->empty() && comment == std::string_view::npos) continue;
    append_format(out, "{}{}{}", line.substr(0, begin), *at->second, at->second->empty() ? rest.substr(comment) : rest);
  }
  return out;
}

}  // namespace penstock::config
