// Entries that were not sent before their journal was closed, as records of the ledger.
#include <algorithm>
#include <optional>

#include "base/bytes.h"
#include "base/conflict.h"
#include "base/eviction.h"
#include "engine/conflict_batch.h"
#include "engine/engine_impl.h"

namespace cfsrepl {

namespace {

// Where things were in the tree that the journal's site had.
class PathsBefore {
 public:
  // Borrows it.
  explicit PathsBefore(Engine* before) : before_(before) {}

  // Of the name that the entry made, moved or removed, else of its inode. Empty if there is none.
  Result<std::string> Of(const EntryHeader& header, const EntryPayload& parts) {
    const Op op = static_cast<Op>(header.op());
    if (!IsStructural(op)) return OfInode(header.inode());
    Result<std::string> path = OfInode(op == Op::Rename ? parts.new_parent : parts.parent);
    if (!path.ok() || path->empty()) return path;
    const std::string name = AsString(op == Op::Rename ? parts.new_name : parts.name);
    return (path.value() == "/" ? "" : path.value()) + "/" + name;
  }

 private:
  Result<std::string> OfInode(Inode inode) {
    if (inode == last_) return last_path_;
    Result<InodeInfo> info = before_->Lookup(inode);
    if (!info.ok() && info.status().code() != Code::kNotFound) return info.status();
    last_ = inode;
    last_path_ = info.ok() && !info->paths.empty() ? info->paths.front() : "";
    return last_path_;
  }

  Engine* const before_;
  // What was written together is mostly in one directory.
  Inode last_ = 0;
  std::string last_path_;
};

// One frame of a closed journal.
class UnsentFrame {
 public:
  // Borrows frame and paths. `held` is what this node has of all journals.
  UnsentFrame(const FrameView& view, const Eviction& eviction, const VersionVector& held,
              PathsBefore* paths)
      : view_(view), eviction_(eviction), held_(held), paths_(paths) {
    EncodeEviction({eviction.site, eviction.incarnation}, &eviction_payload_);
  }

  // Adds what the entry is to be recorded as, if it is.
  Status Add(size_t index, ConflictBatch* batch) {
    const EntryView entry = view_.entry(index);
    const EntryHeader& header = *entry.header;
    const bool is_known = header.schema() == kEntrySchemaVersion;
    if (!is_known || held_.Covers(view_.info.origin, header.lsn())) return Status::Ok();
    const Op op = static_cast<Op>(header.op());
    if (op < Op::Conflict) return AddChange(entry, batch);
    return op == Op::Conflict ? AddConflict(entry, batch) : Status::Ok();
  }

 private:
  Status AddChange(const EntryView& entry, ConflictBatch* batch) {
    const EntryHeader& header = *entry.header;
    Result<EntryPayload> parts = DecodePayload(header, entry.payload);
    if (!parts.ok()) return parts.status();
    Result<std::string> path = paths_->Of(header, parts.value());
    if (!path.ok()) return path.status();
    const auto& seen = view_.sections[view_.SectionIndexOf(header.lsn())].seen;
    Conflict conflict;
    conflict.inode = header.inode();
    conflict.loser_inode = header.inode();
    conflict.lost = Lost::kUnsent;
    conflict.loser = {{header.hlc(), view_.info.origin, header.lsn()},
                      static_cast<Op>(header.op()),
                      (header.flags() & kEntryAssertsLinks) != 0,
                      entry.payload};
    conflict.winner = {eviction_.by, Op::Evict, false, eviction_payload_};
    conflict.path = AsBytes(path.value());
    conflict.loser_seen.assign(seen.begin(), seen.end());
    std::vector<uint8_t> payload;
    EncodeConflict(conflict, &payload);
    batch->Add(header.inode(), payload);
    return Status::Ok();
  }

  // What a change lost that nobody has is in the record of that change.
  Status AddConflict(const EntryView& entry, ConflictBatch* batch) {
    Result<Conflict> conflict = DecodeConflict(*entry.header, entry.payload);
    if (!conflict.ok()) return conflict.status();
    const Stamp& loser = conflict->loser.stamp;
    const bool is_closed =
        loser.origin.site == eviction_.site && loser.origin.incarnation <= eviction_.incarnation;
    const bool is_unsent = is_closed && !held_.Covers(loser.origin, loser.lsn);
    // A record of an earlier way back is all that there is of it.
    if (is_unsent && conflict->lost != Lost::kUnsent) return Status::Ok();
    batch->Add(entry.header->inode(), entry.payload);
    return Status::Ok();
  }

  const FrameView& view_;
  const Eviction eviction_;
  const VersionVector& held_;
  PathsBefore* const paths_;
  std::vector<uint8_t> eviction_payload_;
};

}  // namespace

Result<uint64_t> EngineImpl::RecordUnsent(Bytes frame, Engine* before) {
  Gate::Pass pass(&gate_);
  if (!pass.inside()) return EngineClosed();
  FrameScratch scratch;
  Result<FrameView> view = OpenFrame(frame, &scratch);
  if (!view.ok()) return view.status();
  if (view->info.cluster != options_.cluster) {
    return Status(Code::kWrongCluster, "the frame is of another cluster");
  }
  const Origin& journal = view->info.origin;
  VersionVector held;
  std::optional<Eviction> eviction;
  CFS_RETURN_IF_ERROR(committer_->Look([&] {
    const Metadata& metadata = parts_.replica->metadata;
    held = metadata.held;
    const Eviction* closed_by = metadata.EvictionOf(journal);
    if (closed_by != nullptr) eviction = *closed_by;
  }));
  if (!eviction.has_value() || journal == parts_.directory->identity().origin) {
    return Status(Code::kInvalidArgument,
                  "the frame is of site " + std::to_string(journal.site) + ", incarnation " +
                      std::to_string(journal.incarnation) +
                      ", expected a journal that an eviction closed, other than this node's own");
  }
  PathsBefore paths(before);
  UnsentFrame unsent(view.value(), *eviction, held, &paths);
  ConflictBatch batch;
  uint64_t recorded = 0;
  for (size_t i = 0; i < view->entries.size(); i++) {
    CFS_RETURN_IF_ERROR(unsent.Add(i, &batch));
    const bool is_last = i + 1 == view->entries.size();
    if (batch.bytes().empty() ||
        (!is_last && batch.bytes().size() < limits::kFrameRawBytesTarget)) {
      continue;
    }
    const AppendResult result = AppendDurably(batch.bytes());
    if (!result.status.ok()) return result.status;
    recorded += result.appended;
    batch.Clear();
  }
  return recorded;
}

}  // namespace cfsrepl
