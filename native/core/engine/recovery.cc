#include "engine/recovery.h"

#include <algorithm>
#include <chrono>

#include "engine/adoption.h"
#include "engine/log_items.h"
#include "state/checkpoint.h"

namespace cfsrepl {

namespace {

struct LoadedCheckpoint {
  CheckpointInfo info;
  uint64_t record_seq = 0;
  LogIndex index;
};

class Recovery {
 public:
  Recovery(const EngineOptions& options, FileSystem* file_system,
           const std::function<void(const OpenProgress&)>& progress)
      : options_(options), fs_(file_system), progress_(progress) {}

  Result<Recovered> Run();

 private:
  void NewReplica();
  Status OpenDirectory();
  Status LoadNewestCheckpoint();
  Result<LoadedCheckpoint> Load(uint64_t number);
  Status OpenLog();
  Status Replay(const RecordView& record);
  Status ReplayFrame(const Item& item, Lsn* own_lsn, Hlc* own_hlc);
  void CarryMarksOver();
  void StartInodesAfresh();
  void Report(const char* phase, uint64_t done_bytes, uint64_t total_bytes) {
    if (progress_) progress_({phase, done_bytes, total_bytes});
  }

  const EngineOptions& options_;
  FileSystem* const fs_;
  const std::function<void(const OpenProgress&)>& progress_;
  Recovered out_;
  LoadedCheckpoint loaded_;
  std::string damaged_checkpoints_;
  FrameScratch scratch_;
  uint64_t replayed_bytes_ = 0;
  uint64_t reported_bytes_ = 0;
};

Result<Recovered> Recovery::Run() {
  const auto start = std::chrono::steady_clock::now();
  CFS_RETURN_IF_ERROR(OpenDirectory());
  CFS_RETURN_IF_ERROR(AdoptTaken(fs_, *out_.directory));
  CFS_RETURN_IF_ERROR(LoadNewestCheckpoint());
  CFS_RETURN_IF_ERROR(OpenLog());
  CarryMarksOver();
  StartInodesAfresh();
  out_.checkpoint = loaded_.info;
  out_.duration_ns = std::chrono::nanoseconds(std::chrono::steady_clock::now() - start).count();
  return std::move(out_);
}

void Recovery::NewReplica() {
  out_.replica = std::make_unique<Replica>(options_.site, options_.shard_count);
  out_.replica->state->ledger().SetLimits({options_.ledger_bytes_max, options_.ledger_age_us_max});
}

Status Recovery::OpenDirectory() {
  Identity wanted;
  wanted.cluster = options_.cluster;
  wanted.origin = {options_.site, options_.incarnation_after};
  wanted.shard_count = options_.shard_count;
  auto directory = DataDir::Open(fs_, options_.data_dir, wanted);
  if (!directory.ok()) return directory.status();
  out_.directory = std::move(directory).value();
  NewReplica();
  out_.books = std::make_unique<Books>();
  return Status::Ok();
}

Status Recovery::LoadNewestCheckpoint() {
  auto numbers = ListCheckpoints(fs_, out_.directory->checkpoint_path());
  if (!numbers.ok()) return numbers.status();
  for (auto number = numbers->rbegin(); number != numbers->rend(); ++number) {
    auto loaded = Load(*number);
    if (loaded.ok()) {
      loaded_ = std::move(loaded).value();
      loaded_.info.number = numbers->back();  // the next one is numbered past any damaged one
      return Status::Ok();
    }
    if (loaded.status().code() != Code::kCorrupt) return loaded.status();
    damaged_checkpoints_ += (damaged_checkpoints_.empty() ? "" : "; ") + loaded.status().message();
    NewReplica();
  }
  if (!numbers->empty()) loaded_.info.number = numbers->back();
  return CheckNeverAdopted(fs_, *out_.directory, damaged_checkpoints_);
}

Result<LoadedCheckpoint> Recovery::Load(uint64_t number) {
  const std::string path = CheckpointPath(out_.directory->checkpoint_path(), number);
  auto file = fs_->Open(path, OpenMode::kRead);
  if (!file.ok()) return file.status();
  auto total = file.value()->SizeBytes();
  if (!total.ok()) return total.status();
  auto header = LoadCheckpoint(ReadsOf(file.value().get()), out_.replica->state.get(),
                               [&](uint64_t bytes) { Report("checkpoint", bytes, total.value()); });
  if (!header.ok()) return Status(header.status().code(), path + ": " + header.status().message());
  const Identity& identity = out_.directory->identity();
  if (header->cluster != identity.cluster || header->volume != identity.volume) {
    return Status(Code::kCorrupt, path + " is of another data directory");
  }
  auto engine = DecodeEngineMetadata(header->engine_metadata);
  if (!engine.ok()) return Status(engine.status().code(), path + ": " + engine.status().message());
  out_.replica->metadata = std::move(engine->metadata);
  LoadedCheckpoint loaded;
  loaded.info.number = number;
  loaded.info.bytes = total.value();
  loaded.info.position = {header->segment, header->offset};
  loaded.info.held = out_.replica->metadata.held;
  loaded.record_seq = header->record_seq;
  loaded.index = std::move(engine->index);
  return loaded;
}

Status Recovery::OpenLog() {
  out_.books->set_index(std::move(loaded_.index));
  out_.books->Begin(out_.directory->identity().origin, out_.replica->metadata,
                    loaded_.info.position, loaded_.record_seq);
  LogOptions options;
  options.directory = out_.directory->journal_path();
  options.volume = out_.directory->identity().volume;
  options.segment_bytes = options_.segment_bytes;
  options.tail_cache_bytes = options_.tail_cache_bytes;
  options.reserve_file_bytes = options_.disk_reserve_bytes;
  const LogStart start{loaded_.info.position, loaded_.record_seq};
  RecoveryReport report;
  auto log = Log::Open(
      options, fs_, start, [this](const RecordView& record) { return Replay(record); }, &report);
  if (!log.ok()) return log.status();
  out_.log = std::move(log).value();
  if (!damaged_checkpoints_.empty() && loaded_.record_seq == 0 && report.first_seq > 1) {
    return Status(Code::kCorrupt,
                  "no checkpoint is whole, and the journal no longer reaches back "
                  "to the beginning: " +
                      damaged_checkpoints_);
  }
  out_.torn_bytes = report.tail_cut_bytes;
  out_.books->Trim(out_.log->oldest());
  out_.books->EndRecovery(out_.replica->metadata, out_.log->end(), out_.log->durable_seq());
  return Status::Ok();
}

Status Recovery::Replay(const RecordView& record) {
  constexpr uint64_t kReportBytes = 16 * 1024 * 1024;
  Lsn own_lsn = 0;
  Hlc own_hlc = 0;
  for (const Item& item : record.items) {
    replayed_bytes_ += item.bytes.size();
    if (item.kind == kItemPeerCursor) {
      auto cursor = DecodePeerCursor(item.bytes);
      if (!cursor.ok()) return cursor.status();
      out_.books->RaisePeerCursor({cursor->peer, kNoIncarnation}, cursor->held);
    } else if (item.kind == kItemLocalFrame || item.kind == kItemRemoteFrame) {
      CFS_RETURN_IF_ERROR(ReplayFrame(item, &own_lsn, &own_hlc));
    } else if (item.kind == kItemRepair) {
      const Status merged = out_.replica->MergeRepair(item.bytes);
      if (!merged.ok()) {
        return Status(Code::kCorrupt, "a repair in the journal is damaged: " + merged.message());
      }
    } else {
      return Status(Code::kUnsupported, "the journal has an item of kind " +
                                            std::to_string(item.kind) +
                                            ", which this version does not know");
    }
  }
  out_.books->Publish(record.ref, out_.replica->metadata, own_lsn, own_hlc);
  if (replayed_bytes_ - reported_bytes_ >= kReportBytes) {
    reported_bytes_ = replayed_bytes_;
    Report("journal", replayed_bytes_, 0);
  }
  return Status::Ok();
}

Status Recovery::ReplayFrame(const Item& item, Lsn* own_lsn, Hlc* own_hlc) {
  auto view = OpenFrame(item.bytes, &scratch_, Verify::kAll);
  if (!view.ok()) {
    return Status(Code::kCorrupt, "a frame in the journal is damaged: " + view.status().message());
  }
  const FrameInfo& info = view->info;
  const Lsn held = out_.replica->metadata.held.Get(info.origin);
  if (info.first_lsn > held + 1) {
    return Status(Code::kCorrupt, "the journal of site " + std::to_string(info.origin.site) +
                                      " goes from LSN " + std::to_string(held) + " to " +
                                      std::to_string(info.first_lsn));
  }
  if (item.kind == kItemLocalFrame && *own_lsn == 0 && !view->entries.empty()) {
    *own_lsn = info.first_lsn;
    *own_hlc = view->entries.front().hlc();
  }
  if (item.kind == kItemLocalFrame) {
    for (const SeenSection& section : view->sections) {
      out_.replica->recorder.NoteOwnSection(info.origin, section.from_lsn,
                                            section.ToVersionVector());
    }
  }
  out_.entries += view->entries.size();
  return out_.replica->MergeFrame(view.value(), Replica::Conflicts::kIgnore);
}

// A source numbers its entries for the site, whatever incarnation the site is in.
void Recovery::CarryMarksOver() {
  const Origin own = out_.directory->identity().origin;
  Metadata& metadata = out_.replica->metadata;
  for (const auto& [origin, lsn] : metadata.held.lsns()) {
    if (origin.site != own.site || origin == own) continue;
    for (uint32_t shard = 0; shard < metadata.shard_count(); shard++) {
      metadata.RaiseSeq(own, static_cast<Shard>(shard),
                        metadata.SeqOf(origin, static_cast<Shard>(shard)));
    }
  }
}

void Recovery::StartInodesAfresh() {
  const Origin own = out_.directory->identity().origin;
  Metadata& metadata = out_.replica->metadata;
  if (metadata.held.Get(own) != 0) return;
  metadata.inodes_minted = std::max(metadata.inodes_minted, InodesMintedBefore(own.incarnation));
}

}  // namespace

Result<Recovered> Recover(const EngineOptions& options, FileSystem* file_system,
                          const std::function<void(const OpenProgress&)>& progress) {
  return Recovery(options, file_system, progress).Run();
}

}  // namespace cfsrepl
