#include "wal/segment_preparer.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/crash_point.h"
#include "wal/log_format.h"

namespace cfsrepl {
namespace {

constexpr std::chrono::milliseconds kFullDiskRetryMs{200};
// Small, so that a commit never waits long behind zeroes: with 1 MiB steps a log that is written to
// without a pause was a fifth slower.
constexpr size_t kZeroStepBytes = 256 * 1024;

}  // namespace

SegmentPreparer::SegmentPreparer(const LogOptions& options, FileSystem* file_system,
                                 std::deque<ReadySegment> ready, uint64_t next_number)
    : options_(options),
      file_system_(file_system),
      ready_(std::move(ready)),
      next_number_(next_number),
      has_reserve_(FindReserve()) {
  if (!options_.prepare_inline) thread_ = std::thread([this] { Run(); });
}

SegmentPreparer::~SegmentPreparer() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool SegmentPreparer::FindReserve() const {
  if (options_.reserve_file_bytes == 0) return true;  // none is wanted
  const std::string path = ReservePath(options_.directory);
  Result<std::unique_ptr<File>> file = file_system_->Open(path, OpenMode::kRead);
  if (!file.ok()) return false;
  Result<uint64_t> bytes = file.value()->SizeBytes();
  return bytes.ok() && bytes.value() == RoundUpToBlock(options_.reserve_file_bytes);
}

void SegmentPreparer::Run() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopping_) {
    if (!failure_.ok() || NextNeed() == Need::kNothing) {
      work_.wait(lock);
    } else if (disk_full_) {
      work_.wait_for(lock, kFullDiskRetryMs);
      if (!stopping_) Step(&lock);
    } else {
      Step(&lock);
    }
  }
}

// The first segment comes before the reserve, so that a new node need not wait for both.
SegmentPreparer::Need SegmentPreparer::NextNeed() const {
  if (ready_.empty()) return Need::kSegment;
  if (!has_reserve_) return Need::kReserve;
  return ready_.size() < options_.ready_segments ? Need::kSegment : Need::kNothing;
}

// One attempt at what is needed most. Unlocked while it works: appends go on meanwhile.
void SegmentPreparer::Step(std::unique_lock<std::mutex>* lock) {
  const Need need = NextNeed();
  const uint64_t number = next_number_;
  const bool has_reserve = has_reserve_;
  lock->unlock();

  ReadySegment segment{.number = number, .file = nullptr};
  Status status = CheckRoom(has_reserve);
  if (status.ok() && need == Need::kReserve) {
    const std::string path = ReservePath(options_.directory);
    status = WriteFile(path + ".preparing", path, RoundUpToBlock(options_.reserve_file_bytes));
  } else if (status.ok()) {
    const std::string path = SegmentPath(options_.directory, number);
    status = WriteFile(PreparingPath(options_.directory, number), path, options_.segment_bytes);
    if (status.ok()) {
      auto file = file_system_->Open(path, OpenMode::kCommit);
      status = file.status();
      if (file.ok()) segment.file = std::move(file).value();
    }
  }

  lock->lock();
  disk_full_ = status.code() == Code::kDiskFull;
  if (status.ok() && need == Need::kReserve) {
    has_reserve_ = true;
  } else if (status.ok()) {
    ready_.push_back(std::move(segment));
    next_number_++;
  } else if (!disk_full_) {
    failure_ = status;
  }
  progress_.notify_all();
}

// A new file must leave room for the reserve and for a segment, else the reserve, once released for
// a checkpoint, would be made again from the very space it gave.
Status SegmentPreparer::CheckRoom(bool has_reserve) const {
  Result<uint64_t> free_bytes = file_system_->FreeBytes(options_.directory);
  if (!free_bytes.ok()) return free_bytes.status();
  uint64_t needed = options_.segment_bytes + (has_reserve ? 0 : options_.reserve_file_bytes);
  if (free_bytes.value() >= needed) return Status::Ok();
  return Status(Code::kDiskFull, options_.directory + ": a new log segment needs " +
                                     std::to_string(needed) + " bytes free, there are " +
                                     std::to_string(free_bytes.value()));
}

// Durable zeroes under a temporary name, then the durable final name.
Status SegmentPreparer::WriteFile(const std::string& preparing_path, const std::string& path,
                                  uint64_t bytes) {
  Status status = WriteZeroes(preparing_path, bytes);
  if (!status.ok()) {
    (void)file_system_->Remove(preparing_path);  // else the next start does
    return status;
  }
  CFS_CRASH_POINT("log.segment.zeroed");
  CFS_RETURN_IF_ERROR(file_system_->Rename(preparing_path, path));
  CFS_CRASH_POINT("log.segment.renamed");
  CFS_RETURN_IF_ERROR(file_system_->SyncDirectory(options_.directory));
  CFS_CRASH_POINT("log.segment.ready");
  return Status::Ok();
}

Status SegmentPreparer::WriteZeroes(const std::string& path, uint64_t bytes) const {
  auto file = file_system_->Open(path, OpenMode::kCreateDirect);
  if (!file.ok()) return file.status();
  CFS_CRASH_POINT("log.segment.created");
  AlignedBuffer zeroes(std::min<uint64_t>(kZeroStepBytes, bytes));
  memset(zeroes.data(), 0, zeroes.size());
  for (uint64_t offset = 0; offset < bytes; offset += kZeroStepBytes) {
    if (stopping_) return Status(Code::kClosed, "the log was closed");
    size_t step = std::min<uint64_t>(kZeroStepBytes, bytes - offset);
    CFS_RETURN_IF_ERROR(file.value()->WriteAt(offset, Bytes(zeroes.data(), step)));
  }
  return file.value()->SyncData();
}

Status SegmentPreparer::WaitReady(size_t count, bool* waited) {
  *waited = false;
  std::unique_lock<std::mutex> lock(mutex_);
  if (options_.prepare_inline) {
    bool has_room = true;
    while (has_room && failure_.ok() && NextNeed() != Need::kNothing) {
      Step(&lock);
      has_room = !disk_full_;
    }
  }
  while (ready_.size() < count) {
    if (!failure_.ok()) return failure_;
    if (disk_full_) {
      return Status(Code::kDiskFull, options_.directory +
                                         ": no room for another log segment; appends go on when "
                                         "there is");
    }
    *waited = true;
    progress_.wait(lock);
  }
  return Status::Ok();
}

ReadySegment SegmentPreparer::Take() {
  std::lock_guard<std::mutex> lock(mutex_);
  ReadySegment segment = std::move(ready_.front());
  ready_.pop_front();
  work_.notify_all();
  return segment;
}

void SegmentPreparer::Nudge() { work_.notify_all(); }

Status SegmentPreparer::ReleaseReserve() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (options_.reserve_file_bytes == 0 || !has_reserve_) return Status::Ok();
  CFS_RETURN_IF_ERROR(file_system_->Remove(ReservePath(options_.directory)));
  has_reserve_ = false;
  CFS_CRASH_POINT("log.reserve.released");
  return Status::Ok();
}

size_t SegmentPreparer::ready_count() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return ready_.size();
}

bool SegmentPreparer::disk_full() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return disk_full_;
}

}  // namespace cfsrepl
