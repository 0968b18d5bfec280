#include "engine/unheard.h"

#include <shared_mutex>

#include "engine/log_items.h"

namespace cfsrepl {

namespace {

// Ops that write registers.
bool IsChange(const EntryView& entry) {
  return entry.header->schema() <= kEntrySchemaVersion &&
         entry.header->op() < static_cast<uint8_t>(Op::Conflict);
}

// What a rename replaces is another inode than its own; 0: nothing.
Inode ReplacedBy(const EntryView& entry) {
  if (entry.header->op() != static_cast<uint8_t>(Op::Rename)) return 0;
  const Result<EntryPayload> parts = DecodePayload(*entry.header, entry.payload);
  return parts.ok() ? parts->replaced_inode : 0;
}

}  // namespace

// A change that asserts an inode's links is lost with its last name. In the played state there are
// no names but those that the two sites made or removed.
void UnheardLosses::Recorder::OnLoss(const Loss& loss) {
  const bool is_change = loss.lost == Lost::kFields || loss.lost == Lost::kXattr;
  if (is_change && IsStructural(winner_op()) && shown()->PathOf(loss.inode).ok()) return;
  ConflictRecorder::OnLoss(loss);
}

Result<std::deque<ConflictDraft>> UnheardLosses::Find() {
  CFS_RETURN_IF_ERROR(ReadFrames(log_->oldest(), [this](Bytes frame, const FrameInfo& info) {
    return IsClosed(info.origin) ? MergeClosed(frame) : Status::Ok();
  }));
  if (!inodes_.empty()) {
    CFS_RETURN_IF_ERROR(ReadFrames(start_, [this](Bytes frame, const FrameInfo& info) {
      return IsClosed(info.origin) ? Status::Ok() : MergeOther(frame);
    }));
  }
  std::deque<ConflictDraft> drafts;
  for (; !recorder_.empty(); recorder_.PopFront()) drafts.push_back(recorder_.front());
  return drafts;
}

Status UnheardLosses::ReadFrames(Position from, const OnFrame& on_frame) {
  const std::unique_ptr<LogReader> reader = log_->NewReader();
  for (Position at = from;;) {
    Result<std::shared_ptr<const Record>> record = reader->ReadAt(at);
    if (!record.ok()) return record.status();
    if (record.value() == nullptr) return Status::Ok();
    for (const Item& item : record.value()->items()) {
      if (item.kind != kItemLocalFrame && item.kind != kItemRemoteFrame) continue;
      Result<FrameHead> head = PeekFrameHeader(item.bytes);
      if (!head.ok()) return head.status();
      CFS_RETURN_IF_ERROR(on_frame(item.bytes, head->info));
    }
    at = record.value()->ref().next;
  }
}

Status UnheardLosses::MergeClosed(Bytes frame) {
  Result<FrameView> view = OpenFrame(frame, &scratch_, Verify::kStructure);
  if (!view.ok()) return view.status();
  Result<OriginIndex> origin = played_.Intern(view->info.origin);
  if (!origin.ok()) return origin.status();
  for (const SeenSection& section : view->sections) {
    recorder_.NoteOwnSection(view->info.origin, section.from_lsn, section.ToVersionVector());
  }
  for (size_t i = 0; i < view->entries.size(); i++) {
    const EntryView entry = view->entry(i);
    if (!IsChange(entry)) continue;
    CFS_RETURN_IF_ERROR(played_.Merge(*entry.header, entry.payload, origin.value()));
    inodes_.insert(entry.header->inode());
    if (const Inode replaced = ReplacedBy(entry)) inodes_.insert(replaced);
  }
  return Status::Ok();
}

Status UnheardLosses::MergeOther(Bytes frame) {
  Result<FrameView> view = OpenFrame(frame, &scratch_, Verify::kStructure);
  if (!view.ok()) return view.status();
  Result<OriginIndex> origin = played_.Intern(view->info.origin);
  if (!origin.ok()) return origin.status();
  size_t section = 0;
  for (size_t i = 0; i < view->entries.size(); i++) {
    const EntryView entry = view->entry(i);
    if (!IsChange(entry) || !IsAboutLosers(entry)) continue;
    const auto& sections = view->sections;
    while (section < sections.size() && sections[section].from_lsn <= entry.header->lsn()) {
      recorder_.BeginSection(sections[section++]);
    }
    recorder_.Begin(view->info.origin, entry);
    std::shared_lock lock(replica_->mutex);  // paths are those that are shown here
    CFS_RETURN_IF_ERROR(played_.Merge(*entry.header, entry.payload, origin.value(), &recorder_));
  }
  return Status::Ok();
}

bool UnheardLosses::IsAboutLosers(const EntryView& entry) const {
  return inodes_.contains(entry.header->inode()) || inodes_.contains(ReplacedBy(entry));
}

}  // namespace cfsrepl
