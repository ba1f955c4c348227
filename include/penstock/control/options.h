// What the command line asks for (penstock(8)).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace penstock {

struct Options {
  std::vector<std::string> files;
  std::string folder;                 // -C
  std::string pid_file;               // -p
  std::string condition;              // -cc
  std::string master_socket;          // -S; empty: none.
  std::string local_peer;             // -L; empty: the system's name.
  bool check = false;                 // -c
  bool dump = false;                  // -d with -c
  bool json = false;                  // --json with -c, --explain
  bool fix = false;                   // --fix with -c
  bool probe = false;                 // --probe
  std::string graph;                  // --graph: "text", "dot" or "svg".
  std::vector<std::string> compared;  // --diff: the two
  std::vector<std::string> supposed;  // --explain: the request, then --src, --header and --to with their values.
  bool verbose = false;               // -V, stronger than any word for quiet.
  bool quiet = false;                 // -q
  bool daemon = false;                // -D
  bool foreground = false;            // -d, -db, -Ws: whatever the configuration says.
  bool master_worker = false;         // -W, -Ws: with a parent; decides the exit status after a signal.
  bool zero_warning = false;          // -dW
  bool test_condition = false;
  unsigned long maxconn = 0;     // -n
  std::vector<int> former_pids;  // -sf, -st: processes that end when we serve,
  int former_signal = 0;         // by this signal.
};

struct Arguments {
  enum class Wish { Run, Version, LongVersion, Help, Keywords, Wrong };
  Wish wish = Wish::Run;
  Options options;
  std::vector<std::string> warnings;
  std::string classes;  // Of the words that Keywords asks for.
  std::string wrong;    // What cannot be understood.
};

// Something is to be said of the configuration in place of serving it.
bool inspects(const Options& options);
Arguments parse_arguments(const std::vector<std::string>& words);
std::string usage_text();
std::string version_text(bool in_full);
std::string_view program_version();
// Of the version, as "2026/11/27".
std::string_view program_date();
// What configurations may ask of the environment about the process (manual section 2.3). To be called before
// there are threads.
void set_environment(const Options& options);

}  // namespace penstock
