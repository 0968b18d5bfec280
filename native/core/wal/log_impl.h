// The log's own parts; users include wal/log.h.
#ifndef CFS_REPL_WAL_LOG_IMPL_H_
#define CFS_REPL_WAL_LOG_IMPL_H_

#include <map>
#include <mutex>

#include "wal/log.h"
#include "wal/log_format.h"
#include "wal/recovery.h"
#include "wal/segment_preparer.h"
#include "wal/tail_cache.h"

namespace cfsrepl {

class LogImpl : public Log {
 public:
  // `current` is open on the last segment of `recovered` that has a header, null if none has.
  LogImpl(const LogOptions& options, FileSystem* file_system, RecoveredLog recovered,
          std::unique_ptr<File> current, std::deque<ReadySegment> ready);

  Result<RecordRef> Append(std::span<const Item> items) override;
  Result<RecordRef> AppendReserved(std::span<const Item> items) override;
  Status EnsureRoom(size_t body_bytes) override;
  size_t max_body_bytes() const override { return BodyBytesMax(options_.segment_bytes); }
  Result<CollectResult> Collect(Position below, CollectMode mode) override;
  Status ReleaseReserve() override { return preparer_.ReleaseReserve(); }
  std::unique_ptr<LogReader> NewReader() override;
  uint64_t durable_seq() const override;
  Position end() const override;
  Position oldest() const override;
  uint64_t oldest_seq() const override;
  Status stopped() const override;
  LogMetrics metrics() const override;

  // For readers, any thread.
  struct Extent {
    SegmentHeader header;
    uint64_t records_end;  // 0 if not known yet
    bool is_last;          // it is still written to; records_end is the durable end
  };
  // Where `position` points to: kTruncated, kInvalidArgument, or its segment.
  Result<Extent> Locate(Position position) const;
  // A reader has found where the records of a segment end.
  void LearnRecordsEnd(uint64_t segment, uint64_t records_end);

  const LogOptions& options() const { return options_; }
  FileSystem* file_system() const { return file_system_; }
  TailCache& tail_cache() { return tail_cache_; }
  const std::shared_ptr<BufferPool>& pool() const { return pool_; }

 private:
  enum class Reserve { kKeep, kUse };

  Result<RecordRef> AppendRecord(std::span<const Item> items, Reserve reserve);
  Result<uint64_t> CheckItems(std::span<const Item> items) const;
  Result<bool> MakeRoom(uint64_t record_bytes, Reserve reserve);
  Status Commit(uint64_t offset, Bytes bytes, bool opens_segment);
  std::shared_ptr<AlignedBuffer> BufferFor(size_t bytes);
  void Publish(const RecordHeader& header, RecordRef ref, std::span<const Item> items,
               std::shared_ptr<AlignedBuffer> buffer, size_t record_at);
  void CountCommit(uint64_t ns, size_t bytes);
  Status Stop(const Status& why);
  Position EndLocked() const;
  uint64_t NextIncarnation();

  const LogOptions options_;
  FileSystem* const file_system_;
  const uint64_t reserve_bytes_;  // of the last available segment
  const std::shared_ptr<BufferPool> pool_;
  TailCache tail_cache_;

  // The appending thread's own.
  std::unique_ptr<File> current_;
  SegmentHeader current_header_;  // of the segment that current_ is
  uint64_t offset_ = 0;           // where in it the next record goes
  ChainLink chain_;
  uint64_t random_state_;
  std::shared_ptr<AlignedBuffer> small_buffer_;  // for records of at most kSmallRecordBytesMax

  mutable std::mutex mutex_;                   // guards what follows
  std::map<uint64_t, SegmentState> segments_;  // with a header; the last is written to
  uint64_t durable_seq_ = 0;
  Status stopped_;
  LogMetrics metrics_;  // the counters; the rest is filled in when asked for

  std::mutex collect_mutex_;  // one collection at a time

  SegmentPreparer preparer_;  // last: its thread ends first
};

}  // namespace cfsrepl

#endif  // CFS_REPL_WAL_LOG_IMPL_H_
