// What a plan is told beside what its section says: contents, addresses, numbers of other sections. It keeps each
// question with a digest of the answer, so that the next build can ask again and use the plan once more if nothing of
// it has changed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "penstock/config/model.h"
#include "penstock/proxy/bundle.h"
#include "penstock/proxy/ground.h"
#include "penstock/proxy/plan.h"
#include "penstock/proxy/sources.h"
#include "penstock/proxy/tls_files.h"
#include "penstock/rules/environment.h"
#include "penstock/rules/pattern_set.h"

namespace penstock {

// The server that another one tracks.
struct Leader {
  std::string name;  // "backend/server"
  std::shared_ptr<const Server> state;
};

class Outside final : public rules::Environment {
 public:
  // The plan of a backend in the snapshot before, by number; null where there is none.
  using PlansBefore = std::vector<const BackendPlan*>;
  // The ground has the numbers of all sections and tables before anybody asks.
  // What `files` have was set since the bundle was gathered.
  Outside(const SnapshotGround& ground, const Sources& sources, const TlsFiles& files, const PlansBefore& before);

  // What is asked from now on is kept there; null: nowhere.
  void keep_in(Making* making) { making_ = making; }
  // Of what is being made, something was said to the administrator that the next build must say again.
  void must_be_said_again() {
    if (making_ != nullptr) making_->quiet = false;
  }
  // What sets of patterns the snapshot before has; to be called before anything is made.
  void offer_patterns(const std::vector<rules::PatternUse>& uses);
  // Whether none of them was changed since it was made, by command or by a rule.
  bool patterns_stay(const std::vector<rules::PatternUse>& uses) const;
  // Whether all would be answered as they were, in a plan of `proxy`.
  bool answers_as_before(const config::Proxy& proxy, const std::vector<Question>& questions);

  const std::string* content(const std::string& path) const override;
  int frontend_index(const std::string& name) const override;
  int backend_index(const std::string& name) const override;
  int server_index(int backend, const std::string& name) const override;
  int table_index(const std::string& proxy) const override;
  std::string_view hostname() const override { return sources_.process.hostname; }
  std::optional<std::string> address_of(const std::string& name) const override;
  std::shared_ptr<Cache> cache(const std::string& name) const override;
  rules::ProcessVariables* process_variables() const override { return sources_.variables.get(); }
  rules::PatternBook* patterns() const override { return &patterns_; }
  void note_patterns(const rules::PatternUse& use) const override;
  SocketAddress resolved(const config::Address& address) const;
  PemFile credentials(const std::string& path) const;
  std::uint64_t fullconn(const config::Proxy& proxy) const;
  // Nothing if it tracks none, or none that is checked in the end.
  std::optional<Leader> leader_of(const config::Proxy& proxy, const config::Server& server) const;

  // A digest of what stands in a file; 0: it was not read.
  std::uint64_t digest_of(const std::string& path) const;
  // The numbers of servers within their backend, in the order of the file: those of before for who was there.
  const std::vector<int>& keys_of(const config::Proxy& proxy) const;
  // What is read of these will stand in what is being made, whoever reads it.
  void note_files(const config::Tls& tls, const std::string& certificate) const;

 private:
  const std::string* text_of(const std::string& path) const;
  void keep(Question::Kind kind, std::string_view about, std::uint64_t answer) const;
  std::uint64_t answer_to(const config::Proxy& proxy, const Question& question) const;
  std::uint64_t digest_of_table(const std::string& proxy) const;
  std::uint64_t digest_of_credentials(const std::string& path) const;
  std::vector<int> make_keys(const config::Proxy& proxy) const;
  int key_of(const config::Proxy& proxy, const std::string& server) const;
  using Admitted = std::unordered_map<std::string, std::uint64_t>;
  Admitted sum_admitted() const;

  const SnapshotGround& ground_;
  const Bundle& bundle_;
  const Sources& sources_;
  const TlsFiles& files_;
  const PlansBefore& before_;
  mutable std::map<std::string, std::uint64_t> digests_, credential_digests_;
  mutable std::unordered_map<const config::Proxy*, std::vector<int>> keys_;
  mutable std::optional<Admitted> admitted_;
  mutable rules::PatternBook patterns_;
  Making* making_ = nullptr;
};

}  // namespace penstock
