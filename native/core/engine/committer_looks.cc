// Committer: looks at what is merged, repairs, and keeping the digest current.
#include <future>
#include <mutex>

#include "engine/committer.h"
#include "engine/log_items.h"

namespace cfsrepl {

namespace {
// While nothing else is to be done, between two looks at the queue: some 50 microseconds.
constexpr size_t kSettledWhileIdle = 256;
// A second while there is no pause: a hundredth of the time, so that little is left to do for
// whoever asks. Of inodes that are written all the time, more would be hashed in vain.
constexpr size_t kSettledUnderLoad = 64 * 1024;
}  // namespace

Status Committer::Enqueue(LookRequest request) {
  std::promise<Status> done;
  auto result = done.get_future();
  request.done = [&done](const Status& status) { done.set_value(status); };
  CFS_RETURN_IF_ERROR(queue_.PushLook(std::move(request)));
  return result.get();
}

Status Committer::Look(const std::function<void()>& look) {
  LookRequest request;
  request.look = [&look]() -> Result<std::vector<uint8_t>> {
    look();
    return std::vector<uint8_t>();
  };
  return Enqueue(std::move(request));
}

Status Committer::Mend(const std::function<Result<std::vector<uint8_t>>()>& mend) {
  LookRequest request;
  request.look = mend;
  request.journals = true;
  return Enqueue(std::move(request));
}

void Committer::Answer(LookRequest request) {
  CutFrame();  // so that the metadata says what is merged
  Result<std::vector<uint8_t>> item = request.look();
  Status status = item.status();
  if (status.ok() && !item->empty()) {
    status = replica_->MergeRepair(item.value());
    if (status.ok()) {
      mended_.push_back(std::move(item).value());
      items_.push_back({kItemRepair, mended_.back()});
      group_bytes_ += mended_.back().size();
    }
  }
  answers_.push_back([done = std::move(request.done), status](const Status& committed) {
    done(status.ok() ? committed : status);
  });
}

// A full disk does not keep anybody from looking: all that is merged is durable.
void Committer::RefuseLook(LookRequest request, const Status& why) {
  if (request.journals || !stopped().ok()) return request.done(why);
  request.done(request.look().status());
}

// Until there is a request, or nothing left.
void Committer::SettleWhileIdle() {
  while (replica_->digest.unsettled() > 0 && queue_.empty() && !queue_.closed()) {
    std::unique_lock lock(replica_->mutex);
    replica_->digest.Settle(kSettledWhileIdle);
  }
}

void Committer::SettleUnderLoad() {
  for (size_t settled = 0; settled < kSettledUnderLoad; settled += kSettledPerStep) {
    if (replica_->digest.unsettled() == 0) return;
    std::unique_lock lock(replica_->mutex);
    replica_->digest.Settle(kSettledPerStep);
  }
}

}  // namespace cfsrepl
