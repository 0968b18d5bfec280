#include "engine/committer.h"

#include <algorithm>
#include <chrono>
#include <mutex>

#include "engine/log_items.h"

namespace cfsrepl {

namespace {
// How long a peer's new cursor may wait to be journaled: it only holds collection back.
constexpr auto kCursorInterval = std::chrono::seconds(1);
// Without a request, before the digest is brought up to date.
constexpr auto kQuietBeforeSettling = std::chrono::milliseconds(20);
// Kept for the frames that are cut when a group is full already: one each MiB at most.
constexpr size_t kSpareItems = limits::kGroupBytesMax / limits::kFrameRawBytesTarget + 2;

Status EvictedStatus(const Origin& journal, const Eviction& closed) {
  const Stamp& by = closed.by;
  return Status(Code::kEvicted, "site " + std::to_string(journal.site) + " in incarnation " +
                                    std::to_string(journal.incarnation) + " was evicted by LSN " +
                                    std::to_string(by.lsn) + " of site " +
                                    std::to_string(by.origin.site) + ", incarnation " +
                                    std::to_string(by.origin.incarnation));
}

}  // namespace

Committer::Committer(const Uuid& cluster, const Origin& origin, Replica* replica, Books* books,
                     Log* log)
    : cluster_(cluster),
      origin_(origin),
      replica_(replica),
      books_(books),
      log_(log),
      sweeper_(replica, books),
      admission_(replica->state.get(), &replica->metadata, &replica->id_maps, origin) {}

Committer::~Committer() { Stop(); }

void Committer::Start() {
  Result<OriginIndex> index = replica_->state->Intern(origin_);
  if (!index.ok()) stopped_ = index.status();
  if (index.ok()) origin_index_ = index.value();
  seqs_ = replica_->metadata.SeqsOf(origin_);
  next_lsn_ = replica_->metadata.held.Get(origin_) + 1;
  thread_ = std::thread([this] { Run(); });
}

void Committer::Stop() {
  queue_.Close();
  if (thread_.joinable()) thread_.join();
}

Status Committer::stopped() const {
  std::lock_guard lock(stopped_mutex_);
  return stopped_;
}

void Committer::Run() {
  for (;;) {
    // Conflicts that did not fit the group before go at once, if there is a journal to go to.
    const bool carries = accepting_ && !replica_->recorder.empty();
    const bool sweeps = sweeper_.Step();
    if (!NextRequest(carries || sweeps ? Wait::kNot : Wait::kForWork)) {
      if (!carries && queue_.closed()) break;
      if (replica_->recorder.empty()) {
        WriteCursors();
        continue;
      }
    }
    books_->BeginGroup();
    accepting_ = BuildGroup();
    if (accepting_) Commit();
    books_->EndGroup();
    WriteCursors();
  }
  WriteCursors();
}

// Takes a request over: an append, a frame or a look. False if there is nothing.
bool Committer::NextRequest(Wait wait) {
  if (active_.has_value() || pending_receive_.has_value() || pending_look_.has_value()) return true;
  Request request;
  if (wait == Wait::kNot ? !queue_.TryPop(&request) : !WaitForRequest(&request)) return false;
  if (request.is_receive()) {
    pending_receive_ = std::move(request.receive);
  } else if (request.is_look()) {
    pending_look_ = std::move(request.look);
  } else {
    active_.emplace();
    active_->request = std::move(request.append);
  }
  return true;
}

// A moment without requests is not idleness: others need the processor then.
bool Committer::WaitForRequest(Request* request) {
  const auto now = std::chrono::steady_clock::now();
  if (replica_->digest.unsettled() > 0) {
    if (queue_.Pop(request, now + kQuietBeforeSettling)) return true;
    SettleWhileIdle();
  }
  return queue_.Pop(request, now + kCursorInterval);
}

bool Committer::GroupIsFull() const {
  const size_t conflict_bytes = replica_->recorder.pending_bytes();
  return group_bytes_ + writer_.raw_bytes() + conflict_bytes >= limits::kGroupBytesTarget ||
         items_.size() + kSpareItems >= limits::kItemsPerRecordMax;
}

// True if there is anything to answer.
bool Committer::BuildGroup() {
  items_.clear();
  mended_.clear();
  answers_.clear();
  frames_used_ = 0;
  group_bytes_ = 0;
  group_first_lsn_ = 0;
  BeginFrame();
  Status refused = stopped();
  if (refused.ok()) refused = log_->EnsureRoom(limits::kGroupBytesMax);
  if (!refused.ok()) {
    RefuseAll(refused);
    return false;
  }
  while (!GroupIsFull() && NextRequest(Wait::kNot)) {
    if (pending_receive_.has_value()) {
      ReceiveRequest request = std::move(*pending_receive_);
      pending_receive_.reset();
      Receive(std::move(request));
    } else if (pending_look_.has_value()) {
      LookRequest request = std::move(*pending_look_);
      pending_look_.reset();
      Answer(std::move(request));
    } else {
      Append(&*active_);
    }
  }
  RecordConflicts();
  CutFrame();
  return true;
}

void Committer::RefuseAll(const Status& why) {
  while (NextRequest(Wait::kNot)) {
    if (pending_receive_.has_value()) {
      ReceiveResult result;
      result.status = why;
      pending_receive_->done(std::move(result));
      pending_receive_.reset();
    } else if (pending_look_.has_value()) {
      RefuseLook(std::move(*pending_look_), why);
      pending_look_.reset();
    } else {
      active_->result.status = why;
      active_->request.done(std::move(active_->result));
      active_.reset();
    }
  }
}

void Committer::Commit() {
  Status committed;
  if (!items_.empty()) {
    Result<RecordRef> ref = log_->Append(items_);
    if (ref.ok()) {
      books_->Publish(ref.value(), replica_->metadata, group_first_lsn_, group_first_hlc_);
    } else {
      committed = ref.status();
      std::lock_guard lock(stopped_mutex_);
      stopped_ = Status(Code::kStopped, "the journal stopped: " + committed.message());
    }
  }
  for (auto& answer : answers_) answer(committed);
  if (committed.ok() && !items_.empty() && on_durable_) on_durable_();
}

void Committer::WriteCursors() {
  const auto now = std::chrono::steady_clock::now();
  if (now < cursors_due_ && !queue_.closed()) return;
  cursors_due_ = now + kCursorInterval;
  ForgetOldConflicts();
  SettleUnderLoad();
  std::vector<std::vector<uint8_t>> encoded;
  for (const auto& [peer, cursor] : books_->TakeChangedCursors()) {
    encoded.push_back(EncodePeerCursor(peer, cursor));
  }
  if (encoded.empty() || !stopped().ok()) return;
  std::vector<Item> items;
  for (const auto& bytes : encoded) items.push_back({kItemPeerCursor, bytes});
  books_->BeginGroup();
  Result<RecordRef> ref = log_->AppendReserved(items);
  // A cursor that was not written only makes collection keep more; the next one says as much.
  if (ref.ok()) books_->Publish(ref.value(), replica_->metadata, 0, 0);
  books_->EndGroup();
}

// By this node's clock, not by stamps: one from the far future must not empty the ledger.
void Committer::ForgetOldConflicts() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto now_us = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  Ledger& ledger = replica_->state->ledger();
  if (!ledger.HasOlderThan(static_cast<uint64_t>(now_us))) return;
  std::unique_lock lock(replica_->mutex);
  ledger.ForgetOld(static_cast<uint64_t>(now_us));
}

// ---- own entries

void Committer::BeginFrame() {
  writer_.Begin(cluster_, origin_, replica_->metadata.epoch);
  seen_changed_ = true;
}

void Committer::CutFrame() {
  if (writer_.entry_count() == 0) return;
  if (frames_.size() <= frames_used_) frames_.emplace_back();
  Buffer& frame = frames_[frames_used_++];
  const Status status = writer_.Finish(&frame);
  // Every entry was let in by HasRoom and has a section, which is all that Finish asks.
  if (!status.ok()) std::abort();
  items_.push_back({kItemLocalFrame, frame.bytes()});
  group_bytes_ += frame.size();
  replica_->metadata.RaiseHeld(origin_, next_lsn_ - 1, last_own_hlc_);
  BeginFrame();
}

void Committer::Append(Active* active) {
  active->finished = false;
  while (!active->finished && !GroupIsFull()) active->finished = AppendChunk(active);
  if (active->finished) FinishAppend(active);
}

// Admits up to a chunk of ops under one lock. True when the batch is done with.
bool Committer::AppendChunk(Active* active) {
  const Bytes batch = active->request.batch;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const int64_t now_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
  hlc_floor_ = HlcOfWall(now_ns);

  std::array<OpView, kPrefetchEntries> ops;
  std::unique_lock lock(replica_->mutex);
  for (size_t done = 0; done < kMergeChunkEntries; done += ops.size()) {
    size_t count = 0;
    Status parsed;
    while (count < ops.size() && active->offset < batch.size()) {
      Result<OpView> op = ReadOp(batch, &active->offset);
      if (!op.ok()) {
        parsed = op.status();
        break;
      }
      replica_->state->PrefetchIndex(op->record.inode);
      ops[count++] = std::move(op).value();
    }
    for (size_t i = 0; i < count; i++) replica_->state->PrefetchInode(ops[i].record.inode);
    for (size_t i = 0; i < count; i++) {
      if (!AppendOp(ops[i], now_ns, active)) return true;
    }
    if (!parsed.ok()) {
      RefuseOp(active, std::move(parsed), nullptr);
      return true;
    }
    if (active->offset >= batch.size()) return true;
    if (GroupIsFull()) return false;
  }
  return false;
}

// False if the batch stops here.
bool Committer::AppendOp(const OpView& op, int64_t now_ns, Active* active) {
  Inode inode = 0;
  Result<Admission::Outcome> outcome = admission_.Admit(op, now_ns, &inode);
  Status status = outcome.status();
  if (outcome.ok() && outcome.value() == Admission::Outcome::kEntries) {
    for (const Draft& draft : admission_.drafts()) {
      status = AppendDraft(draft, active);
      if (!status.ok()) break;
    }
  }
  if (!status.ok()) {
    // A gap is never skipped: what follows it in the shard would be a gap as well.
    const bool go_on = active->request.options.keep_going && status.code() != Code::kSequenceGap;
    RefuseOp(active, std::move(status), &op);
    return go_on;
  }
  if (outcome.value() == Admission::Outcome::kDuplicate) active->result.duplicates++;
  if (outcome.value() == Admission::Outcome::kUnchanged) {
    active->result.unchanged++;
    ConsumeSeq(op);
  }
  if (outcome.value() == Admission::Outcome::kEntries) active->result.appended++;
  if (active->request.options.want_inodes) active->result.inodes.push_back(inode);
  active->index++;
  return true;
}

Status Committer::AppendDraft(const Draft& draft, Active* active) {
  CFS_RETURN_IF_ERROR(AppendEntry(draft));
  if (active->result.first_lsn == 0) active->result.first_lsn = next_lsn_ - 1;
  active->result.last_lsn = next_lsn_ - 1;
  return Status::Ok();
}

// Stamps, merges and adds to the frame being filled.
Status Committer::AppendEntry(const Draft& draft) {
  const VersionVector& held = replica_->metadata.held;
  const bool full = !writer_.HasRoom(draft.payload.size(), held.lsns().size()) ||
                    writer_.raw_bytes() >= limits::kFrameRawBytesTarget;
  if (full) CutFrame();
  if (seen_changed_) {
    CFS_RETURN_IF_ERROR(writer_.AddSection(next_lsn_, held));
    replica_->recorder.NoteOwnSection(origin_, next_lsn_, held);
    seen_changed_ = false;
  }
  Metadata& metadata = replica_->metadata;
  const Hlc hlc = metadata.NextHlc(hlc_floor_);
  // What no source wrote has no number in one.
  const bool of_source = draft.op < Op::Conflict;
  const uint64_t next_seq = of_source ? (*seqs_)[draft.shard] + 1 : 0;
  const uint64_t seq = draft.seq != 0 ? draft.seq : next_seq;
  const EntryHeader header(next_lsn_, hlc, draft.inode, seq, 0,
                           static_cast<uint32_t>(draft.payload.size()), 0, draft.shard,
                           origin_.site, static_cast<uint8_t>(draft.op), kEntrySchemaVersion,
                           draft.flags, 0, 0);
  CFS_RETURN_IF_ERROR(replica_->state->Merge(header, draft.payload, origin_index_));
  if (draft.op == Op::Evict) {
    CFS_RETURN_IF_ERROR(replica_->TakeEviction(origin_, {&header, draft.payload}));
  }
  writer_.Append(header, draft.payload);
  metadata.last_hlc = hlc;
  last_own_hlc_ = hlc;
  (*seqs_)[draft.shard] = std::max((*seqs_)[draft.shard], seq);
  if (draft.op <= Op::Symlink) metadata.SeeInode(draft.inode, origin_.site);
  if (group_first_lsn_ == 0) {
    group_first_lsn_ = next_lsn_;
    group_first_hlc_ = hlc;
  }
  next_lsn_++;
  return Status::Ok();
}

// What the frames of this group took from our own entries goes with them into one record. Only if
// it does not fit into the largest record is the rest left to the groups that follow at once.
void Committer::RecordConflicts() {
  ConflictRecorder& recorder = replica_->recorder;
  if (recorder.empty()) return;
  hlc_floor_ = 0;
  std::unique_lock lock(replica_->mutex);
  constexpr size_t kRoomForOne = limits::kFrameRawBytesTarget + limits::kEntryPayloadBytesMax;
  while (!recorder.empty() &&
         group_bytes_ + writer_.raw_bytes() + kRoomForOne < limits::kGroupBytesMax) {
    const ConflictDraft& conflict = recorder.front();
    Draft draft;
    draft.op = Op::Conflict;
    draft.inode = conflict.inode;
    draft.payload = conflict.payload;
    // The engine made it, of parts that were checked.
    if (!AppendEntry(draft).ok()) std::abort();
    recorder.PopFront();
  }
}

// An op that makes no entry still has its number in the source, which must be able to go on.
void Committer::ConsumeSeq(const OpView& op) {
  if ((op.record.flags & kOpHasSeq) == 0) return;
  (*seqs_)[op.record.shard] = std::max((*seqs_)[op.record.shard], op.record.seq);
}

void Committer::RefuseOp(Active* active, Status status, const OpView* op) {
  AppendResult& result = active->result;
  stats_.appends_refused++;
  result.refused++;
  const bool keep_going = active->request.options.keep_going && op != nullptr;
  if (!keep_going || status.code() == Code::kSequenceGap) {
    result.status = status;
  } else {
    ConsumeSeq(*op);
    if (active->request.options.want_inodes) result.inodes.push_back(0);
  }
  if (result.errors.size() < limits::kAppendErrorsMax) {
    result.errors.push_back({active->index, std::move(status)});
  }
  active->index++;
}

void Committer::FinishAppend(Active* active) {
  stats_.entries_appended += active->result.appended;
  stats_.entries_duplicate += active->result.duplicates;
  if (active->request.options.memory_ack) {
    active->request.done(std::move(active->result));
  } else {
    answers_.push_back([done = std::move(active->request.done),
                        result = std::move(active->result)](const Status& committed) mutable {
      if (!committed.ok()) result.status = committed;
      done(std::move(result));
    });
  }
  active_.reset();
}

// ---- peers' frames

Status Committer::CheckFrame(const FrameView& view, const Origin& from,
                             ReceiveResult* result) const {
  const FrameInfo& info = view.info;
  if (info.cluster != cluster_) {
    return Status(Code::kWrongCluster, "the frame is of another cluster");
  }
  if (info.epoch < replica_->metadata.epoch) {
    return Status(Code::kStaleEpoch, "the frame has epoch " + std::to_string(info.epoch) +
                                         ", this node has seen " +
                                         std::to_string(replica_->metadata.epoch));
  }
  if (info.hlc_max > limits::kHlcReceivedMax) {
    return Status(Code::kMalformed, "the frame has the hlc " + std::to_string(info.hlc_max) +
                                        ", expected at most " +
                                        std::to_string(limits::kHlcReceivedMax));
  }
  const Lsn held = replica_->metadata.held.Get(info.origin);
  result->duplicate = info.last_lsn <= held;
  if (result->duplicate) return Status::Ok();
  // A directory that was copied or restored may have its site's closed journal, and another name.
  const Eviction* closed = replica_->metadata.EvictionOf(info.origin);
  if (info.origin.site == from.site && closed != nullptr) {
    return EvictedStatus(info.origin, *closed);
  }
  if (info.origin == origin_) {
    return Status(Code::kInvalidArgument, "the frame claims LSN " + std::to_string(info.last_lsn) +
                                              " of this node's own journal, which ends at " +
                                              std::to_string(held));
  }
  if (info.first_lsn > held + 1) {
    return Status(Code::kLsnGap, "the frame of site " + std::to_string(info.origin.site) +
                                     " starts at LSN " + std::to_string(info.first_lsn) +
                                     ", expected at most " + std::to_string(held + 1));
  }
  return Status::Ok();
}

// Nothing of a peer whose journal is closed is looked at.
Result<FrameView> Committer::OpenReceived(const ReceiveRequest& request) {
  const Eviction* closed = replica_->metadata.EvictionOf(request.from);
  if (closed == nullptr) return OpenFrame(request.frame, &scratch_, Verify::kAll);
  return EvictedStatus(request.from, *closed);
}

void Committer::Receive(ReceiveRequest request) {
  ReceiveResult result;
  Result<FrameView> view = OpenReceived(request);
  result.status = view.status();
  if (view.ok()) {
    const FrameInfo& info = view->info;
    result.origin = info.origin;
    result.first_lsn = info.first_lsn;
    result.last_lsn = info.last_lsn;
    result.hlc_max = info.hlc_max;
    result.status = CheckFrame(view.value(), request.from, &result);
  }
  if (result.status.ok() && !result.duplicate) {
    CutFrame();  // what we wrote before we saw this stays before it
    result.status = replica_->MergeFrame(view.value(), Replica::Conflicts::kRecord);
  }
  if (!result.status.ok()) {
    stats_.frames_refused++;
  } else if (result.duplicate) {
    stats_.frames_duplicate++;
  } else {
    items_.push_back({kItemRemoteFrame, request.frame});
    group_bytes_ += request.frame.size();
    seen_changed_ = true;
    result.entries = static_cast<uint32_t>(view->entries.size()) - view->unsupported_count;
    result.unknown_entries = view->unsupported_count;
    stats_.frames_received++;
    stats_.entries_merged += result.entries;
    stats_.entries_unknown += result.unknown_entries;
  }
  answers_.push_back([done = std::move(request.done),
                      result = std::move(result)](const Status& committed) mutable {
    if (result.status.ok() && !committed.ok()) result.status = committed;
    done(std::move(result));
  });
}

}  // namespace cfsrepl
