#include "model/history_site.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace cfsrepl {

namespace {

constexpr Uuid kCluster{0x1122334455667788, 0x99aabbccddeeff00};
constexpr uint32_t kShards = 4;
constexpr uint64_t kIncarnationBefore = 15;  // site n has incarnation 15 + n
constexpr int kHlcCounterBits = 12;

Buffer CopyOf(Bytes bytes) {
  Buffer copy;
  copy.Append(bytes);
  return copy;
}

}  // namespace

void Require(const Status& status, const char* what) {
  if (status.ok()) return;
  std::fflush(stdout);
  std::fprintf(stderr, "%s: %s\n", what, status.message().c_str());
  std::exit(1);
}

HistorySite::HistorySite(SiteId id, HistoryTools* tools)
    : origin_{id, kIncarnationBefore + id}, tools_(tools) {
  Start(std::make_unique<Replica>(id, kShards));
}

void HistorySite::Start(std::unique_ptr<Replica> replica) {
  replica_ = std::move(replica);
  admission_ = std::make_unique<Admission>(replica_->state.get(), &replica_->metadata,
                                           &replica_->id_maps, origin_);
  Result<OriginIndex> index = replica_->state->Intern(origin_);
  Require(index.status(), "intern");
  origin_index_ = index.value();
  seqs_ = replica_->metadata.SeqsOf(origin_);
  next_lsn_ = replica_->metadata.held.Get(origin_) + 1;
  writer_.Begin(kCluster, origin_, replica_->metadata.epoch);
  seen_changed_ = true;
}

Result<Admission::Outcome> HistorySite::Append(Bytes batch, int64_t clock_us) {
  size_t offset = 0;
  Result<OpView> op = ReadOp(batch, &offset);
  Require(op.status(), "op");
  Inode inode = 0;
  Result<Admission::Outcome> outcome = admission_->Admit(op.value(), clock_us * 1000, &inode);
  if (outcome.ok() && outcome.value() == Admission::Outcome::kEntries) {
    const Hlc wall = static_cast<Hlc>(clock_us) << kHlcCounterBits;
    for (const Draft& draft : admission_->drafts()) AppendDraft(draft, wall);
  }
  return outcome;
}

void HistorySite::AppendDraft(const Draft& draft, Hlc wall) {
  Metadata& metadata = replica_->metadata;
  if (seen_changed_) Require(writer_.AddSection(next_lsn_, metadata.held), "section");
  seen_changed_ = false;
  const Hlc hlc = metadata.NextHlc(wall);
  const uint64_t seq = (*seqs_)[draft.shard] + 1;
  const EntryHeader header(next_lsn_, hlc, draft.inode, seq, 0,
                           static_cast<uint32_t>(draft.payload.size()), 0, draft.shard,
                           origin_.site, static_cast<uint8_t>(draft.op), kEntrySchemaVersion,
                           draft.flags, 0, 0);
  Require(replica_->state->Merge(header, draft.payload, origin_index_), "merge of an own entry");
  writer_.Append(header, draft.payload);
  metadata.last_hlc = hlc;
  (*seqs_)[draft.shard] = seq;
  if (draft.op <= Op::Symlink) metadata.SeeInode(draft.inode, origin_.site);
  next_lsn_++;
}

void HistorySite::Cut() {
  if (writer_.entry_count() == 0) return;
  Buffer& frame = frames_.emplace_back();
  Require(writer_.Finish(&frame), "finish");
  replica_->metadata.held.Raise(origin_, next_lsn_ - 1);
  if (checkpoint_ != nullptr) log_.push_back(CopyOf(frame.bytes()));
  writer_.Begin(kCluster, origin_, replica_->metadata.epoch);
  seen_changed_ = true;
}

Buffer HistorySite::Seal(size_t first, size_t end, ShortLived short_lived) {
  auto& scratches = tools_->scratches;
  while (scratches.size() < end - first) scratches.push_back(std::make_unique<FrameScratch>());
  std::vector<FrameView> views;
  std::vector<EntryView> entries;
  for (size_t i = first; i < end; i++) {
    Result<FrameView> view =
        OpenFrame(frames_[i].bytes(), scratches[i - first].get(), Verify::kStructure);
    Require(view.status(), "open of an own frame");
    for (size_t e = 0; e < view->entries.size(); e++) entries.push_back(view->entry(e));
    views.push_back(std::move(view).value());
  }
  std::vector<uint32_t> kept;
  tools_->compactor.Run(origin_, entries, short_lived, &kept);
  SealOptions options;
  options.codec = end - first > 1 ? Codec::Lz4 : Codec::None;
  Buffer frame;
  Require(tools_->sealer.Seal(views, entries, kept, options, &frame).status(), "seal");
  return frame;
}

void HistorySite::Receive(Bytes frame) {
  Cut();  // what it wrote before it saw this stays before it
  Result<FrameView> view = OpenFrame(frame, &tools_->scratch, Verify::kAll);
  Require(view.status(), "open of a received frame");
  const FrameInfo& info = view->info;
  const Lsn held = replica_->metadata.held.Get(info.origin);
  if (info.first_lsn > held + 1) {
    Require(Status(Code::kLsnGap, "a history may not leave a gap"), "receive");
  }
  // The engine would leave a duplicate out. Merging it must not matter.
  Require(replica_->MergeFrame(view.value(), Replica::Conflicts::kIgnore),
          "merge of a received frame");
  if (checkpoint_ != nullptr) log_.push_back(CopyOf(frame));
  seen_changed_ = true;
}

void HistorySite::Forget(const std::vector<VersionVector>& reports) {
  if (checkpoint_ != nullptr || reports.empty()) return;
  VersionVector horizon;
  for (const auto& [origin, lsn] : held().lsns()) {
    Lsn least = lsn;
    for (const VersionVector& report : reports) least = std::min(least, report.Get(origin));
    horizon.Raise(origin, least);
  }
  for (const VersionVector& report : reports) {
    for (const auto& [origin, lsn] : report.lsns()) {
      if (!held().Covers(origin, lsn)) return;
    }
  }
  State& state = *replica_->state;
  const Forgettable forgettable(state.origins(), horizon, UINT64_MAX, state.ledger());
  uint32_t slot = UINT32_MAX;
  while (slot != 0) state.ForgetGone(forgettable, &slot, 3);
}

void HistorySite::BeginCheckpoint() {
  Cut();
  log_.clear();
  checkpoint_file_.Clear();
  CheckpointHeader header;
  header.cluster = kCluster;
  header.engine_metadata = replica_->metadata.Encode();
  checkpoint_ = std::make_unique<CheckpointWriter>(replica_->state.get(), std::move(header),
                                                   [this](Bytes bytes) {
                                                     checkpoint_file_.Append(bytes);
                                                     return Status::Ok();
                                                   });
  Require(checkpoint_->Start(), "start of a checkpoint");
}

void HistorySite::StepCheckpoint(size_t max_inodes) {
  checkpoint_->Step(max_inodes);
  Require(checkpoint_->Flush(), "flush of a checkpoint");
}

void HistorySite::EndCheckpoint() {
  Cut();
  while (!checkpoint_->Step(1)) {
  }
  Require(checkpoint_->Flush(), "flush of a checkpoint");
  Require(checkpoint_->Finish(), "finish of a checkpoint");
  checkpoint_.reset();

  auto replica = std::make_unique<Replica>(origin_.site, kShards);
  const ReadSource read = [this](uint64_t offset, std::span<uint8_t> out) -> Result<size_t> {
    const Bytes rest = checkpoint_file_.bytes().subspan(offset);
    const size_t count = std::min(rest.size(), out.size());
    std::copy_n(rest.begin(), count, out.begin());
    return count;
  };
  Result<CheckpointHeader> header = LoadCheckpoint(read, replica->state.get(), nullptr);
  Require(header.status(), "load of a checkpoint");
  Result<Metadata> metadata = Metadata::Decode(header->engine_metadata);
  Require(metadata.status(), "metadata of a checkpoint");
  replica->metadata = std::move(metadata).value();
  for (const Buffer& frame : log_) {
    Result<FrameView> view = OpenFrame(frame.bytes(), &tools_->scratch, Verify::kAll);
    Require(view.status(), "open of a logged frame");
    Require(replica->MergeFrame(view.value(), Replica::Conflicts::kIgnore),
            "merge of a logged frame");
  }
  log_.clear();
  Start(std::move(replica));
}

}  // namespace cfsrepl
