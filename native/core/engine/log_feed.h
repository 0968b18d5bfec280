// The journal as a feed: own groups compacted and sealed together, other sites' frames as they
// came.
#ifndef CFS_REPL_ENGINE_LOG_FEED_H_
#define CFS_REPL_ENGINE_LOG_FEED_H_

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "engine/engine.h"
#include "engine/gate.h"
#include "engine/seal_cache.h"
#include "frame/compact.h"
#include "frame/frame.h"
#include "frame/frame_writer.h"
#include "wal/log.h"

namespace cfsrepl {

struct SealStats {
  std::atomic<uint64_t> frames{0};
  std::atomic<uint64_t> entries_in{0};
  std::atomic<uint64_t> entries_out{0};
  std::atomic<uint64_t> bytes_in{0};         // headers and payloads before compaction
  std::atomic<uint64_t> bytes_compacted{0};  // bodies after compaction
  std::atomic<uint64_t> bytes_out{0};        // frames
};

class LogFeed;

// What all feeds of an engine share. Outlives them; the log may go before (Shut).
class FeedSource {
 public:
  FeedSource(Log* log, SiteId site, uint64_t seal_cache_bytes)
      : log_(log), site_(site), seals_(seal_cache_bytes) {}

  // Waits for calls inside, then drops every feed's hold on the log. Feeds answer kClosed
  // afterwards.
  void Shut();

  // Whether short-lived objects may vanish from frames: only one peer can ever be sent them
  // (frame/compact.h, ShortLived).
  void set_single_peer(bool single) { single_peer_ = single; }

  const SealStats& stats() const { return stats_; }
  uint64_t cache_hits() const { return seals_.hits(); }

 private:
  friend class LogFeed;

  Log* const log_;
  const SiteId site_;
  SealCache seals_;
  SealStats stats_;
  std::atomic<bool> single_peer_{false};
  Gate gate_;
  std::mutex mutex_;
  std::set<LogFeed*> feeds_;
};

class LogFeed : public Feed {
 public:
  // Starts at `start`, for a reader that has `held`. Everything before `start` that the reader may
  // be sent is in `held`.
  LogFeed(std::shared_ptr<FeedSource> source, Position start, VersionVector held);
  ~LogFeed() override;

  Result<std::optional<SealedFrame>> Next(const FeedOptions& options) override;

 private:
  friend class FeedSource;

  SealKey KeyOf(const FeedOptions& options) const;
  bool Lacks(const CachedSeal& sealed) const;
  // The frame goes to the reader.
  SealedFrame Give(const CachedSeal& sealed);
  // Moves place_ to the next item to send; false at the durable end.
  Result<bool> FindNext(const FeedOptions& options);
  bool MayBeWanted(const Item& item, const FrameHead& head, const FeedOptions& options) const;
  bool Wanted(const Item& item, const FrameHead& head, const FeedOptions& options) const;
  SealedFrame Forward(const Item& item, const FrameHead& head);
  Result<std::shared_ptr<const CachedSeal>> SealFrom(const FeedOptions& options);
  // Takes own frames from place_ on into views_ and entries_, up to the target.
  Status Gather(const FeedOptions& options, FeedPlace* next);
  Status Take(const Item& item);
  // Notes in learned_at_ where the sections of views_ say more than those before.
  void FindLearning();
  // The record at *place, which it makes canonical; null at the durable end.
  Result<std::shared_ptr<const Record>> ReadRecord(FeedPlace* place);

  const std::shared_ptr<FeedSource> source_;
  std::unique_ptr<LogReader> reader_;
  FeedPlace place_;
  VersionVector held_;
  std::shared_ptr<const Record> record_;  // the last one read

  // Sealing memory, kept between frames.
  std::vector<std::shared_ptr<const Record>> records_;
  std::vector<std::unique_ptr<FrameScratch>> scratches_;
  std::vector<FrameView> views_;
  std::vector<EntryView> entries_;
  std::vector<Lsn> learned_at_;
  std::vector<uint32_t> kept_;
  Compactor compactor_;
  FrameSealer sealer_;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_LOG_FEED_H_
