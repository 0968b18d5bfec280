#include "wal/log.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>
#include <random>

#include "base/crash_point.h"
#include "wal/log_impl.h"

namespace cfsrepl {
namespace {

Status CheckOptions(const LogOptions& options) {
  const char* rule = nullptr;
  if (options.directory.empty()) rule = "directory must be named";
  if (options.segment_bytes % limits::kBlockBytes != 0) {
    rule = "segment_bytes must be a multiple of 4096";
  } else if (options.segment_bytes < 4 * limits::kBlockBytes ||
             options.segment_bytes > limits::kSegmentBytesMax) {
    rule = "segment_bytes must be 16384 to 1073741824";
  }
  if (options.ready_segments < kReadySegmentsMin) rule = "ready_segments must be 2 or more";
  if (rule == nullptr) return Status::Ok();
  return Status(Code::kInvalidArgument, std::string("log options: ") + rule);
}

uint64_t SystemRandom() {
  std::random_device device;
  return (static_cast<uint64_t>(device()) << 32) | device();
}

uint64_t NowNs() {
  auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

}  // namespace

Result<std::unique_ptr<Log>> Log::Open(const LogOptions& options, FileSystem* file_system,
                                       const LogStart& start, const ReplayFunction& replay,
                                       RecoveryReport* report) {
  CFS_RETURN_IF_ERROR(CheckOptions(options));
  RecoveryReport unwanted;
  if (report == nullptr) report = &unwanted;
  *report = RecoveryReport();
  Result<RecoveredLog> recovered =
      std::make_unique<Recovery>(options, file_system, start, replay, report)->Run();
  if (!recovered.ok()) return recovered.status();

  auto open = [&](uint64_t number) {
    return file_system->Open(SegmentPath(options.directory, number), OpenMode::kCommit);
  };
  std::unique_ptr<File> current;
  if (!recovered->segments.empty()) {
    auto file = open(recovered->segments.rbegin()->first);
    if (!file.ok()) return file.status();
    current = std::move(file).value();
  }
  std::deque<ReadySegment> ready;
  for (uint64_t number : recovered->ready) {
    auto file = open(number);
    if (!file.ok()) return file.status();
    ready.push_back({number, std::move(file).value()});
  }
  return std::unique_ptr<Log>(new LogImpl(options, file_system, std::move(recovered).value(),
                                          std::move(current), std::move(ready)));
}

LogImpl::LogImpl(const LogOptions& options, FileSystem* file_system, RecoveredLog recovered,
                 std::unique_ptr<File> current, std::deque<ReadySegment> ready)
    : options_(options),
      file_system_(file_system),
      reserve_bytes_(RoundUpToBlock(std::min(options.reserve_bytes, options.segment_bytes / 4))),
      pool_(BufferPool::Create(options.tail_cache_bytes / 4 + 4 * 1024 * 1024)),
      tail_cache_(options.tail_cache_bytes),
      current_(std::move(current)),
      chain_(recovered.chain),
      random_state_(options.random_seed != 0 ? options.random_seed : SystemRandom()),
      small_buffer_(
          std::make_shared<AlignedBuffer>(limits::kBlockBytes + limits::kSmallRecordBytesMax)),
      segments_(std::move(recovered.segments)),
      durable_seq_(chain_.next_seq - 1),
      preparer_(options, file_system, std::move(ready), recovered.next_number) {
  if (current_ == nullptr) return;
  current_header_ = segments_.rbegin()->second.header;
  offset_ = segments_.rbegin()->second.records_end;
}

uint64_t LogImpl::NextIncarnation() {
  // Mixed with the place, so that a seed used twice does not give one incarnation twice.
  random_state_ = MixInode(random_state_ + 0x9e3779b97f4a7c15ull + (chain_.next_seq << 20));
  return random_state_;
}

Result<RecordRef> LogImpl::Append(std::span<const Item> items) {
  return AppendRecord(items, Reserve::kKeep);
}

Result<RecordRef> LogImpl::AppendReserved(std::span<const Item> items) {
  return AppendRecord(items, Reserve::kUse);
}

Result<uint64_t> LogImpl::CheckItems(std::span<const Item> items) const {
  if (items.empty()) return Status(Code::kInvalidArgument, "a log record needs an item");
  if (items.size() > limits::kItemsPerRecordMax) {
    return Status(Code::kTooLarge, "a log record of " + std::to_string(items.size()) +
                                       " items, at most " +
                                       std::to_string(limits::kItemsPerRecordMax) + " are allowed");
  }
  uint64_t body_bytes = 0;
  for (const Item& item : items) body_bytes += ItemBytes(item.bytes.size());
  if (body_bytes > max_body_bytes()) {
    return Status(Code::kTooLarge, "a log record of " + std::to_string(body_bytes) +
                                       " bytes, at most " + std::to_string(max_body_bytes()) +
                                       " fit");
  }
  return body_bytes;
}

// True if the record opens a new segment, which is then ready to be taken.
Result<bool> LogImpl::MakeRoom(uint64_t record_bytes, Reserve reserve) {
  const uint64_t room = current_ == nullptr ? 0 : current_header_.segment_bytes - offset_;
  const uint64_t kept = reserve == Reserve::kKeep ? reserve_bytes_ : 0;
  bool opens_segment = room < record_bytes;
  uint64_t left =
      (opens_segment ? options_.segment_bytes - kFirstRecordOffset : room) - record_bytes;
  // Only the last segment there is keeps a reserve; with another behind it, this one may be filled.
  size_t needed = (opens_segment ? 1 : 0) + (left < kept ? 1 : 0);
  if (needed == 0) return opens_segment;
  bool waited = false;
  Status status = preparer_.WaitReady(needed, &waited);
  if (waited) {
    std::lock_guard<std::mutex> lock(mutex_);
    metrics_.segment_waits++;
  }
  if (status.ok()) return opens_segment;
  return status.code() == Code::kDiskFull ? status : Stop(status);
}

Status LogImpl::EnsureRoom(size_t body_bytes) {
  if (Status status = stopped(); !status.ok()) {
    return Status(Code::kStopped, "the log has stopped: " + status.message());
  }
  return MakeRoom(RecordBytes(std::min(body_bytes, max_body_bytes())), Reserve::kKeep).status();
}

Result<RecordRef> LogImpl::AppendRecord(std::span<const Item> items, Reserve reserve) {
  if (Status status = stopped(); !status.ok()) {
    return Status(Code::kStopped, "the log has stopped: " + status.message());
  }
  Result<uint64_t> body_bytes = CheckItems(items);
  if (!body_bytes.ok()) return body_bytes.status();
  const uint64_t record_bytes = RecordBytes(body_bytes.value());
  Result<bool> opens_segment = MakeRoom(record_bytes, reserve);
  if (!opens_segment.ok()) return opens_segment.status();

  // A segment's header goes with its first record, in one write.
  const size_t record_at = opens_segment.value() ? kFirstRecordOffset : 0;
  std::shared_ptr<AlignedBuffer> buffer = BufferFor(record_at + record_bytes);
  if (opens_segment.value()) {
    ReadySegment segment = preparer_.Take();
    current_ = std::move(segment.file);
    current_header_ = SegmentHeader{.volume = options_.volume,
                                    .segment = segment.number,
                                    .incarnation = NextIncarnation(),
                                    .first_seq = chain_.next_seq,
                                    .segment_bytes = options_.segment_bytes,
                                    .previous_crc = chain_.previous_crc};
    offset_ = kFirstRecordOffset;
    EncodeSegmentHeader(current_header_, buffer->span().first(limits::kBlockBytes));
  }
  RecordHeader header{.seq = chain_.next_seq,
                      .segment = current_header_.segment,
                      .incarnation = current_header_.incarnation,
                      .durable_seq = chain_.next_seq - 1,
                      .previous_crc = chain_.previous_crc,
                      .block = static_cast<uint32_t>(offset_ / limits::kBlockBytes)};
  EncodeRecord(options_.volume, items, &header, buffer->span().subspan(record_at, record_bytes));
  CFS_RETURN_IF_ERROR(Commit(offset_ - record_at, Bytes(buffer->data(), record_at + record_bytes),
                             opens_segment.value()));

  Position position = {current_header_.segment, offset_};
  Position next = {current_header_.segment, offset_ + record_bytes};
  Publish(header, {position, next, header.seq}, items, std::move(buffer), record_at);
  return RecordRef{position, next, header.seq};
}

// One write, one sync. A failure of either leaves it unknown what the disk holds, so it is final.
Status LogImpl::Commit(uint64_t offset, Bytes bytes, bool opens_segment) {
  if (opens_segment) CFS_CRASH_POINT("log.rotate.before_write");
  if (!opens_segment) CFS_CRASH_POINT("log.append.before_write");
  const uint64_t start_ns = NowNs();
  if (Status status = current_->WriteAt(offset, bytes); !status.ok()) return Stop(status);
  if (opens_segment) CFS_CRASH_POINT("log.rotate.before_sync");
  if (!opens_segment) CFS_CRASH_POINT("log.append.before_sync");
  if (Status status = current_->SyncData(); !status.ok()) return Stop(status);
  CountCommit(NowNs() - start_ns, bytes.size());
  if (opens_segment) CFS_CRASH_POINT("log.rotate.after_sync");
  if (!opens_segment) CFS_CRASH_POINT("log.append.after_sync");
  return Status::Ok();
}

std::shared_ptr<AlignedBuffer> LogImpl::BufferFor(size_t bytes) {
  return bytes <= small_buffer_->size() ? small_buffer_ : pool_->Take(bytes);
}

// Lets readers see the record, which is durable now and lies in the buffer it was written from.
void LogImpl::Publish(const RecordHeader& header, RecordRef ref, std::span<const Item> items,
                      std::shared_ptr<AlignedBuffer> buffer, size_t record_at) {
  std::vector<Item> own_items;
  own_items.reserve(items.size());
  const uint8_t* at = buffer->data() + record_at + sizeof(RecordHeader);
  std::shared_ptr<const void> memory = buffer;
  size_t memory_bytes = buffer->size();
  if (buffer == small_buffer_) {
    auto body = std::make_shared_for_overwrite<uint8_t[]>(header.body_bytes);
    memcpy(body.get(), at, header.body_bytes);
    at = body.get();
    memory = std::move(body);
    memory_bytes = header.body_bytes;
  }
  uint64_t item_bytes = 0;
  for (const Item& item : items) {
    own_items.push_back({item.kind, Bytes(at + sizeof(ItemHeader), item.bytes.size())});
    at += ItemBytes(item.bytes.size());
    item_bytes += item.bytes.size();
  }
  tail_cache_.Push(
      std::make_shared<const Record>(ref, std::move(memory), memory_bytes, std::move(own_items)));

  chain_ = {ref.seq + 1, header.header_crc};
  offset_ = ref.next.offset;
  std::lock_guard<std::mutex> lock(mutex_);
  segments_[ref.position.segment] = {current_header_, offset_};
  durable_seq_ = ref.seq;
  metrics_.appends++;
  metrics_.item_bytes += item_bytes;
}

void LogImpl::CountCommit(uint64_t ns, size_t bytes) {
  std::lock_guard<std::mutex> lock(mutex_);
  metrics_.syncs++;
  metrics_.commit_ns += ns;
  metrics_.bytes_written += bytes;
  size_t bucket = static_cast<size_t>(std::bit_width(ns / 1000));
  metrics_.commit_counts[std::min(bucket, metrics_.commit_counts.size() - 1)]++;
}

Status LogImpl::Stop(const Status& why) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (stopped_.ok()) stopped_ = why;
  return why;
}

Result<CollectResult> LogImpl::Collect(Position below, CollectMode mode) {
  std::lock_guard<std::mutex> one_at_a_time(collect_mutex_);
  CollectResult result;
  std::vector<std::pair<uint64_t, uint64_t>> going;  // number, bytes
  {
    std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& [number, state] : segments_) {
      bool is_last = number == segments_.rbegin()->first;
      if (number >= below.segment || is_last) break;
      going.emplace_back(number, state.header.segment_bytes);
    }
  }
  for (auto [number, bytes] : going) {
    if (mode == CollectMode::kDelete) {
      // One by one, each durable before the next, so that what is left never has a gap.
      CFS_CRASH_POINT("log.collect.before_remove");
      CFS_RETURN_IF_ERROR(file_system_->Remove(SegmentPath(options_.directory, number)));
      CFS_CRASH_POINT("log.collect.after_remove");
      {
        std::lock_guard<std::mutex> lock(mutex_);
        segments_.erase(number);
      }
      CFS_RETURN_IF_ERROR(file_system_->SyncDirectory(options_.directory));
      CFS_CRASH_POINT("log.collect.after_sync");
      preparer_.Nudge();
    }
    result.segments++;
    result.bytes += bytes;
  }
  return result;
}

Result<LogImpl::Extent> LogImpl::Locate(Position position) const {
  std::lock_guard<std::mutex> lock(mutex_);
  const Position end = EndLocked();
  auto it = segments_.find(position.segment);
  if (it != segments_.end()) {
    bool is_last = it->first == segments_.rbegin()->first;
    bool is_block = position.offset >= kFirstRecordOffset &&
                    position.offset % limits::kBlockBytes == 0 &&
                    position.offset <= it->second.header.segment_bytes && position <= end;
    if (is_block) return Extent{it->second.header, it->second.records_end, is_last};
  } else if (!segments_.empty() && position.segment < segments_.begin()->first) {
    return Status(Code::kTruncated, Place(position) + " has been collected; the oldest held is " +
                                        Place({segments_.begin()->first, kFirstRecordOffset}));
  }
  return Status(Code::kInvalidArgument,
                Place(position) + " is not a position of this log, which ends at " + Place(end));
}

void LogImpl::LearnRecordsEnd(uint64_t segment, uint64_t records_end) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto it = segments_.find(segment);
  if (it != segments_.end() && it->second.records_end == 0) it->second.records_end = records_end;
}

uint64_t LogImpl::durable_seq() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return durable_seq_;
}

Position LogImpl::EndLocked() const {
  if (segments_.empty()) return {1, kFirstRecordOffset};
  return {segments_.rbegin()->first, segments_.rbegin()->second.records_end};
}

Position LogImpl::end() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return EndLocked();
}

Position LogImpl::oldest() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return {segments_.empty() ? 1 : segments_.begin()->first, kFirstRecordOffset};
}

uint64_t LogImpl::oldest_seq() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return segments_.empty() ? 1 : segments_.begin()->second.header.first_seq;
}

Status LogImpl::stopped() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return stopped_;
}

LogMetrics LogImpl::metrics() const {
  const TailCache::Counts tail = tail_cache_.counts();
  const uint64_t ready = preparer_.ready_count();
  const bool disk_full = preparer_.disk_full();
  std::lock_guard<std::mutex> lock(mutex_);
  LogMetrics metrics = metrics_;
  metrics.segments = segments_.size();
  metrics.ready_segments = ready;
  metrics.bytes = ready * options_.segment_bytes;
  for (const auto& [number, state] : segments_) metrics.bytes += state.header.segment_bytes;
  metrics.durable_seq = durable_seq_;
  metrics.tail_cache_hits = tail.hits;
  metrics.tail_cache_misses = tail.misses;
  metrics.tail_cache_bytes = tail.bytes;
  metrics.disk_full = disk_full;
  return metrics;
}

}  // namespace cfsrepl
