// Sealed frames shared between feeds: a frame that several peers need is compacted and compressed
// once. Keyed by where it starts in the log and how it was asked for; bounded in bytes, oldest out
// first. Thread safe. A second caller for a frame that is being sealed waits for the first.
#ifndef CFS_REPL_ENGINE_SEAL_CACHE_H_
#define CFS_REPL_ENGINE_SEAL_CACHE_H_

#include <condition_variable>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>

#include "base/types.h"
#include "engine/engine.h"

namespace cfsrepl {

// A feed's place: which record to read next, and which of its items.
struct FeedPlace {
  uint64_t segment = 0;
  uint64_t offset = 0;
  uint32_t item = 0;
  auto operator<=>(const FeedPlace&) const = default;
};

struct CachedSeal {
  SealedFrame frame;
  FeedPlace next;  // where a feed that takes this frame goes on
};

// What is durable behind a place never changes, so the place names the frame; a later asker may get
// one that was sealed when less was durable, and goes on behind it.
struct SealKey {
  FeedPlace place;
  Codec codec = Codec::None;
  int level = 0;
  bool compact = true;
  bool forward = false;  // other sites' frames end a frame instead of being left out
  uint32_t raw_bytes_target = 0;
  auto operator<=>(const SealKey&) const = default;
};

class SealCache {
 public:
  explicit SealCache(uint64_t bytes_max) : bytes_max_(bytes_max) {}

  // The cached frame, or null.
  std::shared_ptr<const CachedSeal> Find(const SealKey& key);

  // The cached frame, or what `seal` makes, which is kept if it is a frame.
  // `seal` runs without the cache's lock; only one caller at a time runs it for a key.
  Result<std::shared_ptr<const CachedSeal>> GetOrSeal(
      const SealKey& key, const std::function<Result<std::shared_ptr<const CachedSeal>>()>& seal);

  uint64_t hits() const;

 private:
  struct Slot {
    std::shared_ptr<const CachedSeal> value;  // null while being sealed
    std::list<SealKey>::iterator age;
  };
  void Insert(const SealKey& key, std::shared_ptr<const CachedSeal> value);

  const uint64_t bytes_max_;
  mutable std::mutex mutex_;
  std::condition_variable sealed_;
  std::map<SealKey, Slot> slots_;
  std::list<SealKey> ages_;  // oldest first; only slots with a value
  uint64_t bytes_ = 0;
  uint64_t hits_ = 0;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_SEAL_CACHE_H_
