#include "wal/read_ahead.h"

#include <algorithm>
#include <cstring>

namespace cfsrepl {

ReadAhead::ReadAhead(File* file, ReadAheadBuffers* buffers, uint64_t begin, uint64_t end)
    : file_(file),
      buffers_(buffers),
      end_(end),
      window_begin_(begin),
      window_end_(begin),
      begin_(begin) {
  // With one step there is nothing to overlap with.
  if (end_ - begin_ > ReadAheadBuffers::kStepBytes) thread_ = std::thread([this] { Run(); });
}

ReadAhead::~ReadAhead() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void ReadAhead::Run() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (uint64_t offset = begin_; offset < end_ && failure_.ok();) {
    changed_.wait(lock, [&] { return stopping_ || steps_read_ < steps_released_ + 2; });
    if (stopping_) return;
    uint8_t* to = buffers_->slots[steps_read_ % 2].data() + buffers_->room_bytes;
    size_t bytes = std::min<uint64_t>(ReadAheadBuffers::kStepBytes, end_ - offset);
    lock.unlock();
    Result<size_t> read = file_->ReadAt(offset, {to, bytes});
    lock.lock();
    if (!read.ok()) {
      failure_ = read.status();
    } else if (read.value() != bytes) {
      failure_ = Status(Code::kIo, "the file ends at " + std::to_string(offset + read.value()) +
                                       ", expected " + std::to_string(end_));
    } else {
      offset += bytes;
      steps_read_++;
    }
    changed_.notify_all();
  }
}

// Takes the next step into the window, which then starts at keep_from.
Status ReadAhead::NextStep(uint64_t keep_from) {
  if (!thread_.joinable()) Run();
  {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return steps_taken_ < steps_read_ || !failure_.ok(); });
    if (steps_taken_ == steps_read_) return failure_;
  }
  uint8_t* step = buffers_->slots[steps_taken_ % 2].data() + buffers_->room_bytes;
  size_t kept = window_end_ > keep_from ? window_end_ - keep_from : 0;
  if (kept > 0) memcpy(step - kept, window_ + (keep_from - window_begin_), kept);
  window_ = step - kept;
  window_begin_ = window_end_ - kept;
  window_end_ = std::min(window_end_ + ReadAheadBuffers::kStepBytes, end_);
  steps_taken_++;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    steps_released_ = steps_taken_ - 1;  // the slot of the step before has been copied from
  }
  changed_.notify_all();
  return Status::Ok();
}

Result<Bytes> ReadAhead::View(uint64_t offset, size_t bytes) {
  uint64_t want_end = std::min(offset + bytes, end_);
  while (window_end_ < want_end) CFS_RETURN_IF_ERROR(NextStep(offset));
  if (offset >= window_end_) return Bytes();
  return Bytes(window_ + (offset - window_begin_), window_end_ - offset);
}

}  // namespace cfsrepl
