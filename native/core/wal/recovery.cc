#include "wal/recovery.h"

#include <algorithm>
#include <cstring>

#include "base/crash_point.h"

namespace cfsrepl {
namespace {

constexpr size_t kZeroStepBytes = 1024 * 1024;

std::string ParentOf(const std::string& directory) {
  size_t slash = directory.rfind('/');
  return slash == directory.npos ? "" : directory.substr(0, slash);
}

uint64_t RoundDownToBlock(uint64_t bytes) {
  return bytes / limits::kBlockBytes * limits::kBlockBytes;
}

// Why an intact header cannot belong to this file of this log.
Status CheckForeign(const SegmentHeader& header, const Uuid& volume, uint64_t number,
                    uint64_t file_bytes) {
  if (header.volume != volume) return Status(Code::kCorrupt, "it belongs to another volume");
  if (header.segment != number) {
    return Status(Code::kCorrupt,
                  "its header is that of segment " + std::to_string(header.segment));
  }
  if (header.segment_bytes != file_bytes) {
    return Status(Code::kCorrupt, "its size is " + std::to_string(file_bytes) + ", expected " +
                                      std::to_string(header.segment_bytes));
  }
  return Status::Ok();
}

}  // namespace

Result<RecoveredLog> Recovery::Run() {
  CFS_RETURN_IF_ERROR(FindSegments());
  FindHeaderPrefix();
  CFS_RETURN_IF_ERROR(CheckStart());
  CFS_RETURN_IF_ERROR(Scan());
  CFS_RETURN_IF_ERROR(EraseBehindEnd());
  CFS_RETURN_IF_ERROR(KeepReady());
  for (size_t i = 0; i < with_header_; i++) {
    SegmentState& state = recovered_.segments[found_[i].number];
    state.header = *found_[i].header;
    bool is_last = i + 1 == with_header_;
    if (is_last) state.records_end = end_.offset;
  }
  recovered_.chain = chain_;
  return std::move(recovered_);
}

Status Recovery::Damage(Position position, const std::string& what) {
  report_->damage = position;
  report_->damage_seq = chain_.next_seq;
  return Status(Code::kCorrupt, "log " + options_.directory + " is damaged at " + Place(position) +
                                    ", record seq " + std::to_string(chain_.next_seq) + ": " +
                                    what);
}

Result<std::unique_ptr<File>> Recovery::OpenFile(uint64_t number, OpenMode mode) {
  return file_system_->Open(SegmentPath(options_.directory, number), mode);
}

// Syncs everything before anything is believed: what a crashed process wrote may be seen by reads
// and still be lost.
Status Recovery::FindSegments() {
  CFS_RETURN_IF_ERROR(file_system_->MakeDirectory(options_.directory));
  CFS_RETURN_IF_ERROR(file_system_->SyncDirectory(ParentOf(options_.directory)));
  Result<std::vector<std::string>> names = file_system_->List(options_.directory);
  if (!names.ok()) return names.status();
  for (const std::string& name : names.value()) {
    if (IsPreparingName(name)) {
      CFS_RETURN_IF_ERROR(file_system_->Remove(options_.directory + "/" + name));
    }
    if (uint64_t number = SegmentOfName(name); number != 0) found_.push_back({.number = number});
  }
  CFS_RETURN_IF_ERROR(file_system_->SyncDirectory(options_.directory));
  uint64_t bytes_max = 0;
  for (Found& found : found_) {
    CFS_RETURN_IF_ERROR(SyncAndReadHeader(&found));
    bytes_max = std::max(bytes_max, found.bytes);
  }
  buffers_.emplace(bytes_max);
  return Status::Ok();
}

Status Recovery::SyncAndReadHeader(Found* found) {
  auto file = OpenFile(found->number, OpenMode::kCommit);
  if (!file.ok()) return file.status();
  CFS_RETURN_IF_ERROR(file.value()->SyncData());
  Result<uint64_t> bytes = file.value()->SizeBytes();
  if (!bytes.ok()) return bytes.status();
  found->bytes = bytes.value();

  AlignedBuffer block(limits::kBlockBytes);
  Result<size_t> read = file.value()->ReadAt(0, block.span());
  if (!read.ok()) return read.status();
  Result<SegmentHeader> header = DecodeSegmentHeader(block.span().first(read.value()));
  if (header.status().code() == Code::kUnsupported) {
    return Status(Code::kUnsupported, SegmentPath(options_.directory, found->number) + ": " +
                                          header.status().message());
  }
  if (!header.ok()) return Status::Ok();  // ready, torn or damaged: the rest of the log will tell
  found->foreign = CheckForeign(header.value(), options_.volume, found->number, found->bytes);
  if (found->foreign.ok()) found->header = header.value();
  return Status::Ok();
}

// Segments with records come first, then ready ones. Anything else is damage, which is reported
// when the scan arrives there and knows the sequence number.
void Recovery::FindHeaderPrefix() {
  while (
      with_header_ < found_.size() && found_[with_header_].header &&
      (with_header_ == 0 || found_[with_header_].number == found_[with_header_ - 1].number + 1)) {
    with_header_++;
  }
  for (size_t i = with_header_; i < found_.size() && beyond_.empty(); i++) {
    const Found& found = found_[i];
    const std::string name = "segment " + std::to_string(found.number);
    if (!found.foreign.ok()) {
      beyond_ = name + " is not of this log: " + found.foreign.message();
    } else if (i == 0 && found.number != 1) {
      beyond_ = "the header of " + name + ", the oldest, is damaged";
    } else if (i > 0 && found.number != found_[i - 1].number + 1) {
      beyond_ = "segment " + std::to_string(found_[i - 1].number + 1) + " is missing, though " +
                name + " is there";
    } else if (found.header) {
      beyond_ = "a header is damaged, though " + name + ", behind it, has records";
    }
  }
}

Status Recovery::CheckStart() {
  if (with_header_ == 0) {
    end_ = {1, kFirstRecordOffset};
    return Status::Ok();
  }
  report_->first_seq = found_[0].header->first_seq;
  if (start_.replay_from == Position{} || start_.replay_from.segment >= found_[0].number) {
    return Status::Ok();
  }
  return Damage(start_.replay_from,
                "the checkpoint goes on from here, but the oldest segment held is " +
                    std::to_string(found_[0].number));
}

Status Recovery::Scan() {
  size_t first = 0;
  if (start_.replay_from != Position{} && with_header_ > 0) {
    first = std::min(start_.replay_from.segment - found_[0].number, with_header_ - 1);
  }
  Status why_ended(Code::kNotFound, "there are no records");
  for (size_t i = first; i < with_header_; i++) {
    const SegmentHeader& header = *found_[i].header;
    if (i == first) chain_ = {header.first_seq, header.previous_crc};
    bool continues =
        header.first_seq == chain_.next_seq && header.previous_crc == chain_.previous_crc;
    if (!continues) {
      return Damage(end_, why_ended.message() + ", though segment " +
                              std::to_string(header.segment) + " begins with seq " +
                              std::to_string(header.first_seq));
    }
    CFS_RETURN_IF_ERROR(ScanSegment(found_[i], &why_ended));
  }
  report_->last_seq = chain_.next_seq - 1;
  report_->end = end_;
  return CheckEvidence(why_ended);
}

// Replays records until one is not valid, which *why_ended then explains, or the segment is full.
Status Recovery::ScanSegment(const Found& found, Status* why_ended) {
  auto file = OpenFile(found.number, OpenMode::kReadDirect);
  if (!file.ok()) return file.status();
  ReadAhead ahead(file.value().get(), &*buffers_, kFirstRecordOffset, found.bytes);
  end_ = {found.number, kFirstRecordOffset};
  *why_ended = Status(Code::kNotFound, "the segment is full");
  while (end_.offset < found.bytes) {
    Result<Bytes> head = ahead.View(end_.offset, limits::kBlockBytes);
    if (!head.ok()) return head.status();
    Result<RecordHeader> header =
        DecodeRecordHeader(options_.volume, *found.header, end_.offset, head.value());
    *why_ended = header.ok() ? CheckChain(header.value(), chain_) : header.status();
    if (!why_ended->ok()) break;

    const uint64_t record_bytes = RecordBytes(header->body_bytes);
    Result<Bytes> record = ahead.View(end_.offset, record_bytes);
    if (!record.ok()) return record.status();
    *why_ended =
        DecodeItems(options_.volume, header.value(), record.value().first(record_bytes), &items_);
    if (!why_ended->ok()) break;

    CFS_RETURN_IF_ERROR(ReplayRecord(header.value(), end_));
    chain_ = {header->seq + 1, header->header_crc};
    end_.offset += record_bytes;
    report_->bytes += record_bytes;
    *why_ended = Status(Code::kNotFound, "the segment is full");
  }
  recovered_.segments[found.number].records_end = end_.offset;
  return Status::Ok();
}

Status Recovery::ReplayRecord(const RecordHeader& header, Position position) {
  Position next = {position.segment, position.offset + RecordBytes(header.body_bytes)};
  if (position < start_.replay_from) {
    bool is_inside = start_.replay_from.segment == position.segment && start_.replay_from < next;
    if (!is_inside) return Status::Ok();
    return Damage(start_.replay_from, "the checkpoint goes on from here, inside a record");
  }
  report_->records++;
  return replay_(RecordView{.ref = {position, next, header.seq}, .items = items_});
}

// The log ends at end_. Does anything say that it should not?
Status Recovery::CheckEvidence(const Status& why_ended) {
  const std::string& why = why_ended.message();
  if (!beyond_.empty()) return Damage(end_, why + "; " + beyond_);
  if (start_.min_durable_seq >= chain_.next_seq) {
    return Damage(end_, why + "; records up to seq " + std::to_string(start_.min_durable_seq) +
                            " are known to have been durable");
  }
  if (start_.replay_from > end_) {
    return Damage(end_, why + "; a checkpoint goes on from " + Place(start_.replay_from));
  }
  for (size_t i = with_header_ == 0 ? 0 : with_header_ - 1; i < found_.size(); i++) {
    uint64_t from = i + 1 == with_header_ ? end_.offset : 0;
    Status status = CheckBehindEnd(&found_[i], from);
    if (status.code() == Code::kCorrupt) return Damage(end_, why + "; " + status.message());
    CFS_RETURN_IF_ERROR(status);
  }
  return Status::Ok();
}

// Notes what is not zero, and looks for a record that proves the one at end_ to have been durable.
Status Recovery::CheckBehindEnd(Found* found, uint64_t from) {
  auto file = OpenFile(found->number, OpenMode::kReadDirect);
  if (!file.ok()) return file.status();
  const uint64_t end = RoundDownToBlock(found->bytes);
  ReadAhead ahead(file.value().get(), &*buffers_, from, end);
  uint64_t offset = from;
  while (offset < end) {
    Result<Bytes> view = ahead.View(offset, limits::kBlockBytes);
    if (!view.ok()) return view.status();
    Bytes rest = view.value().first(RoundDownToBlock(view.value().size()));
    if (IsZero(rest)) {
      offset += rest.size();
      continue;
    }
    for (; !rest.empty(); rest = rest.subspan(limits::kBlockBytes), offset += limits::kBlockBytes) {
      Bytes block = rest.first(limits::kBlockBytes);
      if (IsZero(block)) continue;
      if (found->dirty_begin == found->dirty_end) found->dirty_begin = offset;
      found->dirty_end = offset + limits::kBlockBytes;
      if (!IsRecordHeader(options_.volume, found->number, offset, block)) continue;
      RecordHeader header;
      memcpy(&header, block.data(), sizeof(header));
      bool is_ours = !found->header || header.incarnation == found->header->incarnation;
      if (is_ours && header.durable_seq >= chain_.next_seq) {
        return Status(Code::kCorrupt, "record seq " + std::to_string(header.seq) + " at " +
                                          Place({found->number, offset}) + " says that seq " +
                                          std::to_string(header.durable_seq) + " was durable");
      }
    }
  }
  return Status::Ok();
}

// What is left behind the end was never acknowledged. It must not come back: the next record may be
// shorter, and a reader must find zeroes behind it.
Status Recovery::EraseBehindEnd() {
  for (const Found& found : found_) {
    if (found.dirty_begin == found.dirty_end) continue;
    CFS_RETURN_IF_ERROR(EraseDirty(found));
    report_->tail_cut = true;
    report_->tail_cut_bytes += found.dirty_end - found.dirty_begin;
  }
  return Status::Ok();
}

Status Recovery::EraseDirty(const Found& found) {
  auto file = OpenFile(found.number, OpenMode::kCommit);
  if (!file.ok()) return file.status();
  AlignedBuffer zeroes(std::min<uint64_t>(kZeroStepBytes, found.dirty_end - found.dirty_begin));
  memset(zeroes.data(), 0, zeroes.size());
  CFS_CRASH_POINT("log.cut.before_write");
  for (uint64_t at = found.dirty_begin; at < found.dirty_end; at += kZeroStepBytes) {
    size_t step = std::min<uint64_t>(kZeroStepBytes, found.dirty_end - at);
    CFS_RETURN_IF_ERROR(file.value()->WriteAt(at, Bytes(zeroes.data(), step)));
  }
  CFS_CRASH_POINT("log.cut.before_sync");
  CFS_RETURN_IF_ERROR(file.value()->SyncData());
  CFS_CRASH_POINT("log.cut.after_sync");
  return Status::Ok();
}

// Ready segments are used again if they have the size that is now configured. Those that do not,
// and all behind them, go, from the last, so that the numbers never have a gap.
Status Recovery::KeepReady() {
  size_t keep = with_header_;
  while (keep < found_.size() && found_[keep].bytes == options_.segment_bytes) {
    recovered_.ready.push_back(found_[keep++].number);
  }
  while (found_.size() > keep) {
    CFS_RETURN_IF_ERROR(
        file_system_->Remove(SegmentPath(options_.directory, found_.back().number)));
    CFS_RETURN_IF_ERROR(file_system_->SyncDirectory(options_.directory));
    found_.pop_back();
  }
  recovered_.next_number = found_.empty() ? 1 : found_.back().number + 1;
  return Status::Ok();
}

}  // namespace cfsrepl
