#include <algorithm>

#include "wal/log_impl.h"

namespace cfsrepl {
namespace {

constexpr uint64_t kWindowBytes = 1024 * 1024;

// Bytes of one segment, read in one piece. Records point into it and keep it alive.
struct Window {
  uint64_t segment = 0;
  uint64_t begin = 0;  // offsets in the segment
  uint64_t end = 0;
  std::shared_ptr<const AlignedBuffer> buffer;

  bool Has(Position position, uint64_t bytes) const {
    return segment == position.segment && begin <= position.offset &&
           position.offset + bytes <= end;
  }
  Bytes From(uint64_t offset) const {
    return Bytes(buffer->data() + (offset - begin), end - offset);
  }
};

class DiskReader : public LogReader {
 public:
  explicit DiskReader(LogImpl* log) : log_(log) {}

  Result<std::shared_ptr<const Record>> ReadAt(Position position) override;

 private:
  using RecordPointer = std::shared_ptr<const Record>;

  Result<RecordPointer> ReadFromDisk(const LogImpl::Extent& extent, Position position,
                                     bool* at_end);
  Status Fill(const LogImpl::Extent& extent, Position position, uint64_t bytes);
  Status CheckSegmentOpened(const LogImpl::Extent& next, Position at) const;
  Status Damaged(Position position, const Status& why) const;

  LogImpl* const log_;
  std::unique_ptr<File> file_;  // of segment file_segment_
  uint64_t file_segment_ = 0;
  Window window_;
  Position last_next_;  // where the record read last from the log ends
  uint64_t last_seq_ = 0;
};

// A position at the end of a sealed segment stands for the beginning of the next.
Result<std::shared_ptr<const Record>> DiskReader::ReadAt(Position position) {
  const Position asked = position;
  for (;;) {
    if (position == log_->end()) return RecordPointer();
    Result<LogImpl::Extent> extent = log_->Locate(position);
    if (!extent.ok()) return extent.status();
    if (position != asked) CFS_RETURN_IF_ERROR(CheckSegmentOpened(extent.value(), asked));

    bool at_end = position.offset == extent->header.segment_bytes ||
                  (extent->records_end != 0 && position.offset >= extent->records_end);
    if (!at_end) {
      RecordPointer record = log_->tail_cache().Find(position);
      if (record == nullptr) {
        Result<RecordPointer> read = ReadFromDisk(extent.value(), position, &at_end);
        if (!read.ok()) return read.status();
        record = std::move(read).value();
      }
      if (!at_end) {
        last_next_ = record->ref().next;
        last_seq_ = record->ref().seq;
        return record;
      }
    }
    position = {position.segment + 1, kFirstRecordOffset};
  }
}

// Records must follow each other across the border of two segments.
Status DiskReader::CheckSegmentOpened(const LogImpl::Extent& next, Position at) const {
  if (at != last_next_ || next.header.first_seq == last_seq_ + 1) return Status::Ok();
  return Damaged(
      at, Status(Code::kCorrupt, "the records end at seq " + std::to_string(last_seq_) +
                                     ", but segment " + std::to_string(next.header.segment) +
                                     " begins with seq " + std::to_string(next.header.first_seq)));
}

Status DiskReader::Damaged(Position position, const Status& why) const {
  return Status(Code::kCorrupt, "log " + log_->options().directory + " is damaged at " +
                                    Place(position) + ": " + why.message());
}

// Null and *at_end if there are zeroes in a segment whose end is not known: it ends there.
Result<std::shared_ptr<const Record>> DiskReader::ReadFromDisk(const LogImpl::Extent& extent,
                                                               Position position, bool* at_end) {
  CFS_RETURN_IF_ERROR(Fill(extent, position, limits::kBlockBytes));
  if (extent.records_end == 0 && IsZero(window_.From(position.offset).first(limits::kBlockBytes))) {
    log_->LearnRecordsEnd(position.segment, position.offset);
    *at_end = true;
    return RecordPointer();
  }
  const Uuid& volume = log_->options().volume;
  Result<RecordHeader> header =
      DecodeRecordHeader(volume, extent.header, position.offset, window_.From(position.offset));
  if (!header.ok()) return Damaged(position, header.status());
  const uint64_t record_bytes = RecordBytes(header->body_bytes);
  CFS_RETURN_IF_ERROR(Fill(extent, position, record_bytes));
  std::vector<Item> items;
  Status status = DecodeItems(volume, header.value(),
                              window_.From(position.offset).first(record_bytes), &items);
  if (!status.ok()) return Damaged(position, status);
  RecordRef ref = {position, {position.segment, position.offset + record_bytes}, header->seq};
  return RecordPointer(std::make_shared<const Record>(ref, window_.buffer, window_.buffer->size(),
                                                      std::move(items)));
}

// Makes the window hold `bytes` from `position`, with what follows up to kWindowBytes if it must
// read.
Status DiskReader::Fill(const LogImpl::Extent& extent, Position position, uint64_t bytes) {
  if (window_.Has(position, bytes)) return Status::Ok();
  const uint64_t limit = extent.records_end != 0 ? extent.records_end : extent.header.segment_bytes;
  if (position.offset + bytes > limit) {
    return Damaged(position, Status(Code::kCorrupt, "a record runs past the last one's end"));
  }
  if (file_segment_ != position.segment || file_ == nullptr) {
    auto file = log_->file_system()->Open(SegmentPath(log_->options().directory, position.segment),
                                          OpenMode::kReadDirect);
    if (file.status().code() == Code::kNotFound) {
      return Status(Code::kTruncated, Place(position) + " has been collected");
    }
    if (!file.ok()) return file.status();
    file_ = std::move(file).value();
    file_segment_ = position.segment;
  }
  const uint64_t size = std::min(std::max(bytes, kWindowBytes), limit - position.offset);
  std::shared_ptr<AlignedBuffer> buffer = log_->pool()->Take(size);
  Result<size_t> read = file_->ReadAt(position.offset, buffer->span().first(size));
  if (!read.ok()) return read.status();
  if (read.value() != size) {
    return Damaged(position, Status(Code::kCorrupt, "the file ends after " +
                                                        std::to_string(read.value()) + " bytes"));
  }
  window_ = {position.segment, position.offset, position.offset + size, std::move(buffer)};
  return Status::Ok();
}

}  // namespace

std::unique_ptr<LogReader> LogImpl::NewReader() { return std::make_unique<DiskReader>(this); }

}  // namespace cfsrepl
