#include "replay.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "penstock/base/format.h"
#include "realm.h"

namespace penstock {
namespace {

// Servers that come and go wait for every worker; what keeps clients out does not wait for them.
bool amends(const Redo& redo) {
  return redo.words.size() > 1 && (redo.words[0] == "add" || redo.words[0] == "del") && redo.words[1] == "server";
}

}  // namespace

Replay::Replay(Realm& realm, const Legacy& legacy, std::function<void()> done) : realm_(realm), done_(std::move(done)) {
  rights_.level = config::AccessLevel::Admin;
  rights_.expert = rights_.experimental = rights_.again = true;
  // In the order in which they were given: one may need what another one made.
  std::map<std::uint64_t, Step> at_once, later;
  for (const KeptThing& thing : legacy.kept) {
    std::map<std::uint64_t, Step> steps;
    bool waits = thing.name.find('/') != std::string::npos;
    for (const KeptRedo& kept : thing.redos) {
      std::optional<Redo> redo = unpack_redo(kept.packed.view());
      if (!redo) continue;
      waits = waits || amends(*redo);
      steps.emplace(kept.number, Step{thing.name, std::move(*redo)});
    }
    (waits ? later : at_once).merge(steps);
  }
  for (auto& [number, step] : at_once) steps_.push_back(std::move(step));
  for (const auto& [name, entries] : legacy.entries) {
    for (Redo& redo : entries.commands()) steps_.push_back({name, std::move(redo)});
  }
  for (auto& [number, step] : later) steps_.push_back(std::move(step));
  run_later();
}

Replay::~Replay() {
  Later::unlink();
  if (call_) call_->abandon();
}

void Replay::on_answer() { realm_.loop().later(*this); }

void Replay::run_later() {
  if (call_) take_answer();
  while (!steps_.empty()) {
    give(steps_.front().redo);
    if (!call_->ready()) return;
    take_answer();
  }
  if (const auto done = std::exchange(done_, nullptr)) realm_.loop().post(done);
}

void Replay::give(const Redo& redo) {
  CallOwner& owner = *this;
  call_ = std::make_shared<Call>(realm_, owner, rights_, redo.words, redo.payload);
  if (const Command* command = find_command(redo.words))
    call_->run(*command);
  else
    call_->fail("unknown command");
}

void Replay::take_answer() {
  std::string said;
  while (call_->take(said)) continue;
  if (call_->failed()) {
    said.erase(std::find(said.begin(), said.end(), '\n'), said.end());
    realm_.log(Level::Warning, format("What was set by command is lost: {}: {}", steps_.front().name, said));
  }
  std::exchange(call_, nullptr)->abandon();
  Later::unlink();
  wipe(steps_.front().redo);
  steps_.pop_front();
}

}  // namespace penstock
