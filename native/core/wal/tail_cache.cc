#include "wal/tail_cache.h"

#include <algorithm>

namespace cfsrepl {

void TailCache::Push(std::shared_ptr<const Record> record) {
  std::lock_guard<std::mutex> lock(mutex_);
  bytes_ += record->memory_bytes();
  records_.push_back(std::move(record));
  while (bytes_ > bytes_max_) {
    bytes_ -= records_.front()->memory_bytes();
    records_.pop_front();
  }
}

std::shared_ptr<const Record> TailCache::Find(Position position) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto at = std::lower_bound(
      records_.begin(), records_.end(), position,
      [](const auto& record, Position wanted) { return record->ref().position < wanted; });
  bool is_held = at != records_.end() && (*at)->ref().position == position;
  (is_held ? hits_ : misses_)++;
  return is_held ? *at : nullptr;
}

TailCache::Counts TailCache::counts() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return {hits_, misses_, bytes_};
}

}  // namespace cfsrepl
