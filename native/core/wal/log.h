// The write-ahead log of one data directory: durable group commits, recovery, reading, collection.
// FORMAT.md, "Log segments", is the byte-level specification.
//
// Threads: Append, AppendReserved and the destructor belong to one thread (the engine's), and the
// commit happens there, inline. Collect, ReleaseReserve, NewReader and the accessors may be called
// from any thread. One background thread zeroes the next segments.
#ifndef CFS_REPL_WAL_LOG_H_
#define CFS_REPL_WAL_LOG_H_

#include <array>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/limits.h"
#include "base/status.h"
#include "io/file_system.h"
#include "wal/record.h"

namespace cfsrepl {

struct LogOptions {
  std::string directory;  // made if absent; holds nothing but the log; the caller holds the lock
  Uuid volume;            // minted with the data directory; a segment of another one is refused
  uint64_t segment_bytes = limits::kSegmentBytesDefault;  // multiple of a block, for new segments
  size_t ready_segments = 2;                              // zeroed ahead of need
  uint64_t reserve_bytes = 1024 * 1024;            // of the last segment, kept for AppendReserved
  uint64_t reserve_file_bytes = 32 * 1024 * 1024;  // kept for a checkpoint, see ReleaseReserve
  size_t tail_cache_bytes = 16 * 1024 * 1024;      // recent records kept in memory for readers
  uint64_t random_seed = 0;     // of segment incarnations; 0 draws one from the system
  bool prepare_inline = false;  // no thread: segments are zeroed inside Append (simulation)
};

// What a start knows already.
struct LogStart {
  Position replay_from = {};  // from a checkpoint; the default replays everything there is
  uint64_t min_durable_seq =
      0;  // evidence: records up to this one were durable (checkpoint, peers)
};

// What a start found. Filled as far as it got also when Open fails.
struct RecoveryReport {
  uint64_t records = 0;    // replayed
  uint64_t bytes = 0;      // read
  uint64_t first_seq = 0;  // of the oldest segment held
  uint64_t last_seq = 0;
  Position end;           // where the next record goes
  bool tail_cut = false;  // an unacknowledged, torn record was erased, at `end`
  uint64_t tail_cut_bytes = 0;
  // If Open fails with kCorrupt: what must be repaired from a peer. The first bad place.
  Position damage;
  uint64_t damage_seq = 0;
};

// Called for each record in order. A failure stops the recovery and is returned by Open.
using ReplayFunction = std::function<Status(const RecordView&)>;

enum class CollectMode { kDelete, kAuditOnly };

struct CollectResult {
  uint64_t segments = 0;  // deleted, or in audit-only mode would be
  uint64_t bytes = 0;
};

struct LogMetrics {
  uint64_t segments = 0;        // with records
  uint64_t ready_segments = 0;  // zeroed, waiting
  uint64_t bytes = 0;           // on disk, all segments
  uint64_t durable_seq = 0;
  uint64_t appends = 0;
  uint64_t item_bytes = 0;     // handed in
  uint64_t bytes_written = 0;  // with headers and padding
  uint64_t syncs = 0;
  uint64_t commit_ns = 0;  // write and sync, summed
  // commit_counts[i]: commits below 2^i microseconds and not below 2^(i-1); the last has the rest.
  std::array<uint64_t, 24> commit_counts{};
  uint64_t segment_waits = 0;  // appends that had to wait for zeroing
  uint64_t tail_cache_hits = 0;
  uint64_t tail_cache_misses = 0;
  uint64_t tail_cache_bytes = 0;
  bool disk_full = false;  // no room for another segment at the last attempt
};

class LogReader;

class Log {
 public:
  // Opens or makes the log in options.directory: syncs what is there, then reads, verifies the
  // chain, replays, erases a torn tail. Returns a log ready to append, or
  //   kCorrupt         damage that may have cost a durable record: segment, offset, seq in the
  //   message kUnsupported     a segment of a newer format kInvalidArgument the options kIo,
  //   kDiskFull   from the file system; or what `replay` returned.
  // `file_system` must outlive the log. `report` may be null.
  static Result<std::unique_ptr<Log>> Open(const LogOptions& options, FileSystem* file_system,
                                           const LogStart& start, const ReplayFunction& replay,
                                           RecoveryReport* report);
  virtual ~Log() = default;

  // Writes one record of these items and makes it durable: when this returns ok it survives
  // anything the disk survives. 1 to limits::kItemsPerRecordMax items whose ItemBytes sum to at
  // most max_body_bytes(); kTooLarge and kInvalidArgument change nothing. kDiskFull changes nothing
  // and the same call works when there is room again. Any other failure is final: whether the
  // record survives is unknown, it is never retried, and every later call gives kStopped with this
  // reason.
  virtual Result<RecordRef> Append(std::span<const Item> items) = 0;

  // As Append, for small control items: may use the reserve when the disk is full.
  virtual Result<RecordRef> AppendReserved(std::span<const Item> items) = 0;

  // For a caller that must not change its own state before it knows: ok if the next Append, of up
  // to `body_bytes`, will find room; waits for zeroing if need be. kDiskFull, kStopped.
  virtual Status EnsureRoom(size_t body_bytes) = 0;

  // Most body bytes (ItemBytes summed) one record can carry with these options.
  virtual size_t max_body_bytes() const = 0;

  // Deletes whole segments that lie below `below`, oldest first, never the one being written.
  // Readers still there get kTruncated. kIo stops nothing: the segment is tried again the next
  // time.
  virtual Result<CollectResult> Collect(Position below, CollectMode mode) = 0;

  // Deletes the reserve file so that a checkpoint can be written on a full disk. It is made again
  // as soon as there is room, before any new segment.
  virtual Status ReleaseReserve() = 0;

  // Readers are independent; each belongs to one thread at a time and may not outlive the log.
  virtual std::unique_ptr<LogReader> NewReader() = 0;

  virtual uint64_t durable_seq() const = 0;
  virtual Position end() const = 0;     // where the next record goes, everything before is durable
  virtual Position oldest() const = 0;  // the first record still held, or end() if none
  virtual uint64_t oldest_seq() const = 0;
  virtual Status stopped() const = 0;  // ok, or the first error
  virtual LogMetrics metrics() const = 0;
};

// Reads records in order or anywhere, on any thread, while the log appends. Recent records come
// from memory and are shared; older ones are read from disk ahead of need, 1 MiB at a time.
class LogReader {
 public:
  virtual ~LogReader() = default;

  // The record at `position`, which must be a RecordRef's position or next, Log::oldest(), or
  // Log::end(). Null at the durable end: ask again later with the same position. A position at the
  // end of a segment leads to the first record of the next one, so go on with record->ref().next.
  //   kTruncated       collected: the message names the oldest position still held
  //   kInvalidArgument not a position of this log (beyond its end, not on a block)
  //   kCorrupt, kIo    damage found on reading: segment, offset in the message.
  virtual Result<std::shared_ptr<const Record>> ReadAt(Position position) = 0;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_WAL_LOG_H_
