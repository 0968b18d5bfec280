// Engine: one node's journal and state, joined. The only header that the addon includes.
//
// Threads. One engine thread, owned by the Engine, admits, stamps, merges and commits; everything
// it does for a group of requests is one log record and one fdatasync. Every public method may be
// called from any thread; those marked [slow] read disks or scan memory and belong on a worker
// thread. Completions run on the engine thread and must return at once.
//
// Lifetime. Bytes handed to Append and Receive are borrowed until their completion has run. Feeds,
// dumps and scans hold the Engine through a shared_ptr and may outlive Close(), after which they
// answer kClosed.
#ifndef CFS_REPL_ENGINE_ENGINE_H_
#define CFS_REPL_ENGINE_ENGINE_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/conflict.h"
#include "base/entry.h"
#include "base/id_map.h"
#include "base/limits.h"
#include "base/status.h"
#include "base/types.h"
#include "codec/codec.h"
#include "engine/comparison.h"
#include "engine/op_batch.h"
#include "engine/takeover.h"

namespace cfsrepl {

struct EngineOptions {
  std::string data_dir;  // created when missing; locked while open
  Uuid cluster;
  SiteId site = 0;
  uint64_t incarnation_after = 0;  // a new data directory's is later, whatever the clock says
  uint32_t shard_count = 256;
  std::string io_backend = "auto";  // auto, io_uring, posix
  uint64_t segment_bytes = limits::kSegmentBytesDefault;
  uint64_t tail_cache_bytes = 32ull << 20;  // recent records kept in memory for feeds
  uint64_t seal_cache_bytes = 16ull << 20;  // sealed frames kept for other peers
  uint64_t disk_reserve_bytes = 8ull << 20;
  uint64_t retention_bytes = 256ull << 20;  // journal kept even when every peer has it
  uint64_t ledger_bytes_max = 64ull << 20;
  uint64_t ledger_age_us_max = 90ull * 24 * 3600 * 1000000;
  // Journal written between checkpoints: this, or as much as the last checkpoint has.
  uint64_t checkpoint_interval_bytes = 512ull << 20;
};

struct OpenProgress {
  const char* phase = "";  // "checkpoint", "journal"
  uint64_t done_bytes = 0;
  uint64_t total_bytes = 0;
};

// ---- append

struct OpError {
  uint32_t index = 0;  // of the op in its batch
  Status status;
};

struct AppendOptions {
  bool keep_going = false;   // skip an op that is refused instead of stopping there
  bool want_inodes = false;  // fill AppendResult::inodes
  bool memory_ack = false;   // complete when merged, before the fdatasync
};

// A batch is a sequence, not a transaction: ops before the refused one are journaled.
struct AppendResult {
  Status status;      // the first refused op's, unless keep_going; or why nothing was done
  Lsn first_lsn = 0;  // 0 when no entry was made
  Lsn last_lsn = 0;
  uint32_t appended = 0;
  uint32_t duplicates = 0;      // (shard, seq) that the journal already has
  uint32_t unchanged = 0;       // operations that change nothing, such as a rename onto itself
  std::vector<OpError> errors;  // at most limits::kAppendErrorsMax; `refused` counts all
  uint32_t refused = 0;
  std::vector<Inode> inodes;  // with want_inodes, one an op: the object's inode, 0 if refused
};

// ---- receive

struct ReceiveResult {
  Status status;
  Origin origin;
  Lsn first_lsn = 0;
  Lsn last_lsn = 0;              // of the frame; held durably now if status is ok
  uint32_t entries = 0;          // merged
  uint32_t unknown_entries = 0;  // of a newer schema: kept and forwarded, not merged
  bool duplicate = false;
  Hlc hlc_max = 0;
};

// ---- evictions

// The journals of `site` up to and including `incarnation` are closed.
struct Eviction {
  SiteId site = 0;
  uint64_t incarnation = 0;
  Stamp by;  // the entry that closed them
};

// ---- cursors

struct ShardSeqMark {
  Shard shard = 0;
  uint64_t seq = 0;
};
struct OriginCursor {
  Origin origin;
  Lsn lsn = 0;
  std::vector<ShardSeqMark> shards;  // highest source number per shard up to lsn; may be empty
  Hlc hlc = 0;                       // of the entry `lsn`; 0 when it is not known
};

// ---- feeds

struct FrameSummary {
  Origin origin;
  Epoch epoch = 0;
  Lsn first_lsn = 0;
  Lsn last_lsn = 0;
  Hlc hlc_max = 0;
  Codec codec = Codec::None;
  uint32_t entry_count = 0;  // in the frame, after compaction
  uint32_t raw_bytes = 0;    // body before compression
  uint32_t total_bytes = 0;  // header and stored body
  Uuid cluster;
};

struct SealedFrame {
  std::shared_ptr<const void> owner;  // keeps `bytes` alive
  Bytes bytes;
  FrameSummary summary;
  uint32_t entries_in = 0;    // before compaction
  uint64_t raw_bytes_in = 0;  // their headers and payloads
  std::vector<ShardSeqMark> shards;
};

struct FeedOptions {
  bool compact = true;
  bool forward = false;  // also frames of other sites, as they came
  Codec codec = Codec::Lz4;
  int level = 0;  // codec's own; 0 is its default
  uint32_t raw_bytes_target = limits::kFrameRawBytesTarget;
};

// Reads the durable journal onward from what a reader already has, frame by frame, in log order.
// One thread at a time.
class Feed {
 public:
  virtual ~Feed() = default;
  // [slow] The next frame, or nullopt when the reader has everything durable.
  // kTruncated when the journal no longer holds what comes next.
  virtual Result<std::optional<SealedFrame>> Next(const FeedOptions& options) = 0;
};

// ---- looking at the state

struct Xattr {
  std::string key;
  std::string value;
};
struct InodeInfo {
  Inode inode = 0;
  Kind kind = Kind::kNone;
  uint32_t mode = 0;  // type and permission bits, as stat gives them
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint64_t size = 0;
  uint64_t extent_ref = 0;
  int64_t atime_ns = 0;
  int64_t mtime_ns = 0;
  int64_t ctime_ns = 0;
  uint32_t rdev = 0;
  uint32_t file_flags = 0;
  uint32_t project = 0;
  uint32_t nlink = 0;
  std::string target;
  std::vector<Xattr> xattrs;       // sorted by key
  std::vector<std::string> paths;  // filled by Lookup only
};
struct NamedInode {
  std::string path;  // Dump: whole path; List: the name
  InodeInfo info;
};

// Whose ids are shown: those of the site that wrote them, or ours, by the maps.
enum class Ids : uint8_t { kAsWritten, kLocal };

struct Digest {
  uint64_t sum = 0;
  uint64_t inodes = 0;  // live, the root included
  uint64_t names = 0;
};

// ---- conflicts

// Where a conflict stands in the ledger: ascending in time.
struct ConflictPlace {
  Hlc hlc = 0;
  LinkId id;  // the entry that recorded it
};
struct RecordedConflict {
  ConflictPlace place;
  Inode inode = 0;
  std::vector<uint8_t> payload;  // FORMAT.md, "Conflicts": ids as the sites of both sides have them
  bool settled = false;
  Settled how = Settled::kAcknowledged;
  Stamp settled_at;
  uint64_t arrival = 0;  // the how manieth that this engine learned of, since it was opened
};

struct EngineStatus {
  Status stopped;  // ok while running; else the first error
  bool disk_full = false;
  std::string io_backend;
  Origin origin;
  Epoch epoch = 0;
  Lsn last_lsn = 0;
  Lsn durable_lsn = 0;
  Hlc last_hlc = 0;
  std::vector<OriginCursor> held;   // version vector, own origin first
  std::vector<Eviction> evictions;  // ascending by site
  std::vector<SiteId> unheard;  // evicted, and what they lost is not on record yet: RecordUnheard
  uint64_t inodes = 0, live_inodes = 0, names = 0, state_bytes = 0;
  uint64_t journal_bytes = 0, journal_segments = 0, journal_oldest_segment = 0;
  uint64_t journal_position_segment = 0, journal_position_offset = 0;
  uint64_t checkpoint_seq = 0, checkpoint_bytes = 0;
  int64_t checkpoint_unix_ms = 0;
  uint64_t entries_appended = 0, entries_merged = 0, entries_duplicate = 0, entries_unknown = 0;
  uint64_t appends_refused = 0;
  uint64_t frames_received = 0, frames_refused = 0, frames_duplicate = 0;
  uint64_t frames_sealed = 0, seal_cache_hits = 0;
  uint64_t sealed_entries_in = 0, sealed_entries_out = 0;
  uint64_t sealed_bytes_in = 0, sealed_bytes_compacted = 0, sealed_bytes_out = 0;
  uint64_t groups = 0, group_bytes = 0, sync_ns = 0;
  // Of what is gone: what was forgotten since this engine was opened, and all that was ever asked
  // to be.
  uint64_t forgotten = 0;
  std::vector<OriginCursor> forgotten_horizon;
  // In the ledger; those not settled; put into it and evicted from it since this engine was opened.
  uint64_t conflicts = 0, conflicts_open = 0, conflicts_recorded = 0, conflicts_evicted = 0;
  uint64_t ledger_bytes = 0, ledger_bytes_max = 0;
  uint64_t recovered_entries = 0, recovery_ns = 0, recovered_torn_bytes = 0;
};

struct CollectReport {
  uint64_t segments = 0;
  uint64_t bytes = 0;
  std::string
      held_by;  // what keeps the next segment: "peer 2", "checkpoint", "retention", "nothing"
};

class Engine : public std::enable_shared_from_this<Engine> {
 public:
  // [slow] Opens or creates the data directory, recovers, starts the engine thread.
  // kLocked, kCorrupt, kWrongCluster (another cluster's or site's directory), kIo.
  static Result<std::shared_ptr<Engine>> Open(
      const EngineOptions& options, const std::function<void(const OpenProgress&)>& progress);

  virtual ~Engine() = default;

  // Queues a batch (op_batch.h). Not ok: nothing was queued and `done` will not run: kQueueFull,
  // kClosed, kStopped. Completions run in the order of the calls.
  virtual Status Append(Bytes batch, AppendOptions options,
                        std::function<void(AppendResult)> done) = 0;

  // Queues a frame that came over a session with `from`, whoever wrote it. Completes when it is
  // durable and merged. kEvicted: the journal `from` is closed.
  virtual Status Receive(Bytes frame, const Origin& from,
                         std::function<void(ReceiveResult)> done) = 0;

  // Called on the engine thread after each group that made something durable. Set once, before use.
  virtual void OnDurable(std::function<void()> listener) = 0;

  // What this node holds durably, own origin first. For a handshake or an ack.
  virtual std::vector<OriginCursor> Held(bool with_shards) const = 0;

  // [slow] Which of `theirs` tell of another journal under the same name: the entry held here at
  // their LSN cannot have their HLC. Says nothing of those that go beyond what is held here, that
  // know no HLC, or whose entry was collected here.
  virtual Result<std::vector<OriginCursor>> FindForks(const std::vector<OriginCursor>& theirs) = 0;

  // What a peer has made durable: raises its cursor, which collection respects from then on.
  // Nothing when that incarnation of the peer was evicted.
  virtual void SetPeerCursor(const Origin& peer, const std::vector<OriginCursor>& held) = 0;
  virtual std::vector<OriginCursor> PeerCursor(SiteId peer) const = 0;
  // The peers whose cursors collection waits for.
  virtual void SetPeers(const std::vector<SiteId>& peers) = 0;

  // Every site holds what `horizon` covers, and this node holds all that any site had written
  // before it did. So what was gone by then, and written before the clock `before`, is
  // forgotten, in the background. docs/convergence.md, "Forgetting".
  virtual void Forget(const std::vector<OriginCursor>& horizon, Hlc before) = 0;

  // For a peer at `held_lsn` of our own origin: how many entries it lacks and when the first of
  // them was stamped (microseconds since the Unix epoch; 0 when it lacks none).
  struct Backlog {
    uint64_t entries = 0;
    uint64_t oldest_unix_us = 0;
  };
  virtual Backlog BacklogFrom(Lsn held_lsn) const = 0;

  // Opens a feed for a reader that has `held`. kTruncated as in Feed::Next.
  virtual Result<std::unique_ptr<Feed>> OpenFeed(const std::vector<OriginCursor>& held) = 0;
  // One that starts early enough for FeedOptions::forward: at what the reader lacks of any origin.
  virtual Result<std::unique_ptr<Feed>> OpenForwardingFeed(
      const std::vector<OriginCursor>& held) = 0;

  // How this node shows the ids that other sites wrote, all of them anew: what names and inodes
  // look like, and the half of an owner that a change keeps, from now on. Entries and state stay as
  // they are. kInvalidArgument for a site twice, or our own.
  virtual Status SetIdMaps(std::vector<SiteIdMap> maps) = 0;
  // What `owner` is here that `writer` wrote.
  virtual Owner LocalOwner(SiteId writer, const Owner& owner) const = 0;

  // [slow] Each answers kNotFound, kNotDirectory with the path; ids are ours, by the maps.
  virtual Result<InodeInfo> Lookup(Inode inode) = 0;
  virtual Result<InodeInfo> LookupPath(Bytes path) = 0;
  // Names of a directory in byte order, after `after` (empty: from the first), at most `max`.
  virtual Result<std::vector<NamedInode>> List(Bytes path, Bytes after, size_t max) = 0;
  // Every visible name in byte order of the whole path, after `after`, at most `max`. With
  // kAsWritten the same at every site.
  virtual Result<std::vector<NamedInode>> Dump(Bytes after, size_t max, Ids ids) = 0;
  // Of all that is durable here, from the sums that are kept current; `rescan` looks at everything
  // instead, while nothing is merged. kCorrupt if that gives another digest.
  virtual Result<Digest> ComputeDigest(bool rescan) = 0;

  // [slow] What this site says to a peer's question in a comparison, or when the peer takes over a
  // checkpoint. kMalformed, kTooLarge, kUnsupported; kNotFound for a checkpoint that is gone.
  virtual Result<std::vector<uint8_t>> Answer(Bytes question) = 0;
  // A comparison of this site with a peer. It holds the engine, and answers kClosed when that is.
  virtual std::unique_ptr<Comparison> Compare(const ComparisonOptions& options) = 0;

  // Begins to take over a checkpoint of a peer, which is adopted when the directory is next opened.
  // It holds the engine, and answers kClosed when that is. kInvalidArgument where anything is held
  // but entries of our own present origin, or the journal no longer begins with the first of them.
  virtual Result<std::unique_ptr<TakeOver>> StartTakeOver(SiteId peer) = 0;

  // [slow] The ledger from after `after` on, ascending, at most `max`.
  virtual Result<std::vector<RecordedConflict>> Conflicts(const ConflictPlace& after,
                                                          size_t max) = 0;
  // [slow] Those that arrived after the arrival `after`, in that order, at most `max`.
  virtual Result<std::vector<RecordedConflict>> ArrivedConflicts(uint64_t after, size_t max) = 0;
  // kNotFound names the id.
  virtual Result<RecordedConflict> FindConflict(const LinkId& id) = 0;
  // [slow] Notes what was decided about a conflict; kRestored makes the loser's change again, with
  // a new stamp, first. Returns when that is durable here, with the last LSN of it.
  virtual Result<Lsn> SettleConflict(const LinkId& id, Settled how) = 0;
  // [slow] Puts into the ledger what a frame of a closed journal has beyond what is held of it: its
  // changes as unsent, and again the conflicts that it tells of. `before`, open on the directory
  // that has the journal, knows their paths. Returns how many are new, durably; may be done once
  // more. kInvalidArgument for our own journal, or one that no eviction closed; what a frame that
  // is none gives; kQueueFull and the like as Append.
  virtual Result<uint64_t> RecordUnsent(Bytes frame, Engine* before) = 0;

  // [slow] Closes the journals of `site` up to and including `incarnation`, here and wherever the
  // entry comes to: nothing more is taken over a session with whoever writes one of them. Returns
  // when that is durable here, with its LSN. kInvalidArgument for site 0, and for this site's
  // present journal or a later one.
  virtual Result<Lsn> Evict(SiteId site, uint64_t incarnation) = 0;

  // [slow] Puts into the ledger what an evicted site lost to changes that it will not hear of any
  // more, as far as the journal here tells; the journal is kept for it until then. To be called
  // when all is here that any site holds of the closed journals. Returns how many records are new,
  // durably; nothing for a site that is not among EngineStatus::unheard.
  virtual Result<uint64_t> RecordUnheard(SiteId site) = 0;

  // [slow]
  virtual Status Checkpoint() = 0;
  virtual Result<CollectReport> Collect(bool aggressive, bool audit_only) = 0;

  virtual EngineStatus GetStatus() const = 0;

  // The next number that a source should append in `shard`.
  virtual uint64_t NextSeq(Shard shard) const = 0;

  // [slow] Makes the next opening of the directory go on as a new incarnation, durably. This one
  // keeps its own: the caller sees to it that nothing more is appended.
  virtual Status RetireIncarnation() = 0;

  // [slow] Finishes what is queued, checkpoints when `checkpoint`, closes. Idempotent.
  virtual Status Close(bool checkpoint) = 0;
};

// [slow] Moves the journal of a data directory that nobody has open into `into`, a directory below
// it. May be called again after a crash. kLocked, kIo.
Status SetAside(const std::string& data_dir, const std::string& into);

// [slow for large frames] Verifies a frame completely and gives its uncompressed FrameBody
// (a FlatBuffer that native code has verified, so JavaScript may read it).
Result<std::vector<uint8_t>> OpenFrameBody(Bytes frame, FrameSummary* summary);

// Checks a frame's first kFrameHeaderBytes and gives what they say. Nothing is allocated.
Result<FrameSummary> PeekFrame(Bytes prefix);

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_ENGINE_H_
