#include "engine/sweeper.h"

namespace cfsrepl {

namespace {
constexpr size_t kSlotsPerStep = 512;  // some tens of microseconds
}  // namespace

void Sweeper::Ask(const VersionVector& horizon, Hlc before) {
  std::lock_guard lock(mutex_);
  wanted_ = Wanted{horizon, before};
  asked_ = true;
}

bool Sweeper::Begin() {
  if (!asked_) return false;
  std::lock_guard lock(mutex_);
  const State& state = *replica_->state;
  sweep_.emplace(state.origins(), wanted_->horizon, wanted_->before, state.ledger());
  slot_ = UINT32_MAX;
  for (const auto& [origin, lsn] : wanted_->horizon.lsns()) {
    replica_->metadata.forgotten.Raise(origin, lsn);
  }
  books_->SetForgotten(replica_->metadata.forgotten);
  wanted_.reset();
  asked_ = false;
  return true;
}

bool Sweeper::Step() {
  std::unique_lock keep(replica_->forgetting, std::try_to_lock);
  if (!keep.owns_lock()) return false;
  if (!sweep_.has_value() && !Begin()) return false;
  std::unique_lock lock(replica_->mutex);
  forgotten_ += replica_->state->ForgetGone(*sweep_, &slot_, kSlotsPerStep);
  if (slot_ == 0) sweep_.reset();
  return true;
}

}  // namespace cfsrepl
