#include "engine/replica.h"

#include <algorithm>
#include <mutex>

#include "base/eviction.h"
#include "engine/log_items.h"
#include "state/checkpoint.h"

namespace cfsrepl {

Status Replica::CheckShards(const FrameView& view) const {
  for (const ShardRange& range : view.shards) {
    if (range.shard() < metadata.shard_count()) continue;
    return Status(Code::kMalformed, "frame of site " + std::to_string(view.info.origin.site) +
                                        " names shard " + std::to_string(range.shard()) +
                                        ", expected 0 to " +
                                        std::to_string(metadata.shard_count() - 1));
  }
  return Status::Ok();
}

Status Replica::TakeEviction(const Origin& writer, const EntryView& entry) {
  const EntryHeader& header = *entry.header;
  if (header.schema() > kEntrySchemaVersion) return Status::Ok();
  Result<EvictionEntry> evicted = DecodeEviction(header, entry.payload);
  if (!evicted.ok()) return evicted.status();
  metadata.Evict({evicted->site, evicted->incarnation, {header.hlc(), writer, header.lsn()}});
  return Status::Ok();
}

Status Replica::MergeFrame(const FrameView& view, Conflicts conflicts) {
  CFS_RETURN_IF_ERROR(CheckShards(view));
  const Lsn held = metadata.held.Get(view.info.origin);
  size_t section = 0;
  const size_t count = view.entries.size();
  OriginIndex origin = 0;
  for (size_t chunk = 0; chunk < count; chunk += kMergeChunkEntries) {
    std::unique_lock lock(mutex);
    if (chunk == 0) {
      Result<OriginIndex> interned = state->Intern(view.info.origin);
      if (!interned.ok()) return interned.status();
      origin = interned.value();
    }
    const size_t end = std::min(count, chunk + kMergeChunkEntries);
    for (size_t i = chunk; i < end; i++) {
      if (i % kPrefetchEntries == 0) {
        const auto group = view.entries.subspan(i, std::min(end - i, kPrefetchEntries));
        for (const EntryHeader& header : group) state->PrefetchIndex(header.inode());
        for (const EntryHeader& header : group) state->PrefetchInode(header.inode());
      }
      const EntryView entry = view.entry(i);
      // Also of what is held: an adopted checkpoint knows of own entries, not of what they minted.
      if (entry.header->op() <= static_cast<uint8_t>(Op::Symlink)) {
        metadata.SeeInode(entry.header->inode(), site);
      }
      // What is held was merged, and may have been forgotten since.
      if (entry.header->lsn() <= held) continue;
      LossWatch* watch = nullptr;
      if (conflicts == Conflicts::kRecord) {
        const auto& sections = view.sections;
        while (section < sections.size() && sections[section].from_lsn <= entry.header->lsn()) {
          recorder.BeginSection(sections[section++]);
        }
        recorder.Begin(view.info.origin, entry);
        watch = &recorder;
      }
      CFS_RETURN_IF_ERROR(state->Merge(*entry.header, entry.payload, origin, watch));
      if (entry.header->op() == static_cast<uint8_t>(Op::Evict)) {
        CFS_RETURN_IF_ERROR(TakeEviction(view.info.origin, entry));
      }
    }
  }
  unknown_entries += view.unsupported_count;
  metadata.RaiseHeld(view.info.origin, view.info.last_lsn, view.info.hlc_max);
  metadata.last_hlc = std::max(metadata.last_hlc, view.info.hlc_max);
  metadata.epoch = std::max(metadata.epoch, view.info.epoch);
  for (const ShardRange& range : view.shards) {
    metadata.RaiseSeq(view.info.origin, range.shard(), range.last_seq());
  }
  return Status::Ok();
}

Status Replica::MergeRepair(Bytes item) {
  Result<RepairItem> repair = DecodeRepair(item);
  if (!repair.ok()) return repair.status();
  std::unique_lock lock(mutex);
  CFS_RETURN_IF_ERROR(MergeChunks(repair->chunks, state.get(), Ties::kTake));
  for (Inode inode : repair->inodes) metadata.SeeInode(inode, site);
  metadata.last_hlc = std::max(metadata.last_hlc, repair->hlc_max);
  return Status::Ok();
}

}  // namespace cfsrepl
