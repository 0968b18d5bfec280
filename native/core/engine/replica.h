// Replica: the registers and what the node knows beside them, and how frames get in.
//
// The engine thread (or recovery, before there is one) is the only writer: it alone uses `metadata`
// and may read `state` without the mutex. Others read `state` under a shared lock.
#ifndef CFS_REPL_ENGINE_REPLICA_H_
#define CFS_REPL_ENGINE_REPLICA_H_

#include <memory>
#include <mutex>
#include <shared_mutex>

#include "engine/conflict_recorder.h"
#include "engine/metadata.h"
#include "frame/frame.h"
#include "state/digest_tree.h"
#include "state/state.h"

namespace cfsrepl {

// Entries merged under one lock, so that a reader waits a fraction of a millisecond.
inline constexpr size_t kMergeChunkEntries = 1024;
// Inodes settled in the digest under one lock.
inline constexpr size_t kSettledPerStep = 1024;
// Inodes whose memory is asked for ahead of the merge.
inline constexpr size_t kPrefetchEntries = 16;

struct Replica {
  Replica(SiteId site, uint32_t shard_count)
      : site(site),
        state(std::make_unique<State>()),
        digest(state.get()),
        metadata(shard_count),
        recorder(state.get(), state.get(), &id_maps, site) {}

  const SiteId site;
  std::unique_ptr<State> state;
  DigestTree digest;        // of *state
  std::shared_mutex mutex;  // of both
  Metadata metadata;
  CurrentIdMaps id_maps;  // any thread
  ConflictRecorder recorder;
  uint64_t unknown_entries = 0;
  // Whoever holds this keeps what is gone from being forgotten: a checkpoint must have the
  // tombstones that what follows it in the log was merged with.
  std::mutex forgetting;

  // kIgnore: those of what the log holds already are in the log as well.
  enum class Conflicts { kRecord, kIgnore };
  // Merges a verified frame and raises what the metadata says is held. The caller has checked that
  // it follows what is held. kMalformed and kTooLarge (base/limits.h) merge nothing.
  Status MergeFrame(const FrameView& view, Conflicts conflicts);

  // Notes in the metadata what an evict of `writer` closes.
  Status TakeEviction(const Origin& writer, const EntryView& entry);

  // Takes the registers of a repair item (log_items.h): those with a greater stamp than here, and
  // those with the same. kMalformed, kChecksum, kUnsupported, kTooLarge take nothing.
  Status MergeRepair(Bytes item);

 private:
  Status CheckShards(const FrameView& view) const;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_REPLICA_H_
