#include "engine/seal_cache.h"

namespace cfsrepl {

std::shared_ptr<const CachedSeal> SealCache::Find(const SealKey& key) {
  std::lock_guard lock(mutex_);
  auto it = slots_.find(key);
  if (it == slots_.end() || it->second.value == nullptr) return nullptr;
  hits_++;
  return it->second.value;
}

Result<std::shared_ptr<const CachedSeal>> SealCache::GetOrSeal(
    const SealKey& key, const std::function<Result<std::shared_ptr<const CachedSeal>>()>& seal) {
  {
    std::unique_lock lock(mutex_);
    for (;;) {
      auto it = slots_.find(key);
      if (it == slots_.end()) break;
      if (it->second.value != nullptr) {
        hits_++;
        return it->second.value;
      }
      sealed_.wait(lock);
    }
    slots_.emplace(key, Slot{});
  }
  Result<std::shared_ptr<const CachedSeal>> made = seal();
  std::lock_guard lock(mutex_);
  if (made.ok() && made.value() != nullptr) {
    Insert(key, made.value());
  } else {
    slots_.erase(key);
  }
  sealed_.notify_all();
  return made;
}

void SealCache::Insert(const SealKey& key, std::shared_ptr<const CachedSeal> value) {
  bytes_ += value->frame.bytes.size();
  Slot& slot = slots_[key];
  slot.value = std::move(value);
  slot.age = ages_.insert(ages_.end(), key);
  while (bytes_ > bytes_max_ && !ages_.empty()) {
    auto oldest = slots_.find(ages_.front());
    bytes_ -= oldest->second.value->frame.bytes.size();
    slots_.erase(oldest);
    ages_.pop_front();
  }
}

uint64_t SealCache::hits() const {
  std::lock_guard lock(mutex_);
  return hits_;
}

}  // namespace cfsrepl
