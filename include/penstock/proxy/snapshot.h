// A Config and its Bundle compiled: immutable, shared by all workers. Its parts are plans, which it shares with the
// snapshots before and after it that have them too. Building does no I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "penstock/config/diagnostics.h"
#include "penstock/proxy/amendment.h"
#include "penstock/proxy/ground.h"
#include "penstock/proxy/plan.h"
#include "penstock/proxy/sources.h"
#include "penstock/proxy/tls_files.h"
#include "penstock/rules/place.h"

namespace penstock {

class Snapshot {
 public:
  using Followers = std::unordered_map<const Server*, std::vector<Follower>>;

  // Null after complaints. What `before` (may be null) has compiled already, and would be compiled to the same, is used.
  static std::shared_ptr<const Snapshot> build(config::Config config, Bundle bundle, const Snapshot* before,
                                               const Sources& sources, config::Diagnostics& diagnostics);
  // `before` with one thing changed, which costs the same however many other backends there are. Null after
  // complaints, which have no place in a file.
  static std::shared_ptr<const Snapshot> amended(const Snapshot& before, const Amendment& amendment,
                                                 const Sources& sources, config::Diagnostics& diagnostics);

  const config::Config& config;  // Of the file: amendments are in the plans.
  const Bundle& bundle;
  std::vector<std::shared_ptr<const FrontendPlan>> frontends;  // In the order of the file.
  std::vector<std::shared_ptr<const BackendPlan>> backends;
  std::vector<BindSpec> binds;
  const std::vector<TablePlan>& tables;
  const std::vector<LogOutput*>& logs;
  const std::vector<LogUse>& outputs;
  const std::vector<PatternPlan>& patterns;
  const std::vector<RingPlan>& rings;
  const std::vector<PeersPlan>& peers;
  const std::vector<MailPlan>& mails;
  const std::vector<CachePlan>& caches;

  // -1: there is none.
  int backend_number(std::string_view name) const;
  // By number; null: it has none of that.
  const BackendPlan* backend(int number) const { return at(backend_by_number_, number); }
  const FrontendPlan* frontend(int number) const { return at(frontend_by_number_, number); }
  std::uint32_t frontend_id(int number) const { return ground_->frontend_sides[static_cast<std::size_t>(number)].id; }
  std::uint32_t backend_id(int number) const { return ground_->backend_sides[static_cast<std::size_t>(number)].id; }
  // Of numbers that it has plans for, or others: an end.
  std::size_t backend_numbers() const { return backend_by_number_.size(); }
  // The name of what a frontend sends to unless a rule says otherwise; empty: none.
  std::string_view default_backend(int frontend) const;
  // Who tracks this server.
  std::vector<Follower> followers_of(const Server& server) const;
  const Followers& followers() const { return followers_; }
  // Null: there is none.
  const ServerSpec* find_server(std::string_view backend, std::string_view name) const;
  // Null: it is there no more.
  const ServerSpec* spec_of(const Server& server) const;
  const TlsFiles& tls_files() const { return *tls_files_; }
  // Each is called with the name of its backend; those that were added, too.
  void for_each_server_line(const std::function<void(const std::string&, const config::Server&)>& each) const;
  // Where a rule stands in the file as it is now. No line: nowhere.
  config::Place place_of(const rules::RulePlace& place) const;
  // The same as its name and number; empty: nowhere.
  std::pair<std::string_view, std::uint32_t> file_and_line(const rules::RulePlace& place) const;
  // "file:line" of it; empty: nowhere.
  std::string place_text(const rules::RulePlace* place) const;
  // Something depends on where clients come from.
  bool asks_source() const { return asks_source_; }
  // Variables of the process, as the configuration wants them when it is put to work.
  std::vector<rules::ProcessSetting> settings;
  // They differ in plans alone.
  bool is_amendment_of(const Snapshot& other) const { return ground_ == other.ground_; }

  explicit Snapshot(std::shared_ptr<const SnapshotGround> ground);
  Snapshot(const Snapshot&) = default;
  Snapshot& operator=(const Snapshot&) = delete;

 private:
  friend class SnapshotBuilder;
  friend class AmendmentMaker;
  template <class Plan>
  static const Plan* at(const std::vector<const Plan*>& plans, int number) {
    const auto place = static_cast<std::size_t>(number);
    return number >= 0 && place < plans.size() ? plans[place] : nullptr;
  }
  const Making* making_of(std::int32_t part) const;
  void index();
  void find_followers();
  void replace(const std::shared_ptr<const BackendPlan>& plan);

  std::shared_ptr<const SnapshotGround> ground_;
  std::shared_ptr<const TlsFiles> tls_files_;
  // Lines that the file does not have, or not so, by backend and name.
  std::map<std::pair<std::string, std::string>, std::shared_ptr<const config::Server>> changed_lines_;
  std::vector<const FrontendPlan*> frontend_by_number_;
  std::vector<const BackendPlan*> backend_by_number_;
  std::vector<int> with_trackers_;  // Numbers of backends whose servers track others.
  Followers followers_;
  bool asks_source_ = false;
};

// What adopting a snapshot changes.
struct Difference {
  // Null: nothing was before.
  Difference(const Snapshot* before, const Snapshot& now);

  std::vector<int> numbers;                    // Of the backends that are gone, new, or others now.
  std::vector<const BackendPlan*> gone, come;  // Their plans before, and now.
  // Backends that stay, with a server of theirs followed by others than before.
  std::vector<const BackendPlan*> led_anew;
};

}  // namespace penstock
