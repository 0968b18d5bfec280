#include "engine/adoption.h"

#include <algorithm>

#include "base/crash_point.h"
#include "engine/checkpointer.h"
#include "state/checkpoint.h"
#include "wal/log_format.h"

namespace cfsrepl {
namespace {

constexpr char kTaken[] = "taken";
constexpr char kAdopted[] = "adopted";

Result<bool> Exists(FileSystem* file_system, const std::string& directory,
                    const std::string& name) {
  const auto names = file_system->List(directory);
  if (!names.ok()) return names.status();
  return std::ranges::find(names.value(), name) != names->end();
}

class Adoption {
 public:
  Adoption(FileSystem* file_system, const DataDir& directory)
      : fs_(file_system),
        identity_(directory.identity()),
        directory_(directory.checkpoint_path()) {}

  Status Run();

 private:
  Result<CheckpointHeader> OwnHeader(const ReadSource& taken) const;
  Status Rewrite(const std::string& to) const;
  Status RemoveSuperseded(const std::vector<uint64_t>& numbers) const;

  FileSystem* const fs_;
  const Identity& identity_;
  const std::string directory_;
};

Status Adoption::Run() {
  const auto numbers = ListCheckpoints(fs_, directory_);
  if (!numbers.ok()) return numbers.status();
  const std::string path = CheckpointPath(directory_, numbers->empty() ? 1 : numbers->back() + 1);
  CFS_RETURN_IF_ERROR(Rewrite(path + ".new"));
  CFS_CRASH_POINT("adoption.written");
  CFS_RETURN_IF_ERROR(fs_->Open(directory_ + "/" + kAdopted, OpenMode::kCreate).status());
  CFS_RETURN_IF_ERROR(fs_->SyncDirectory(directory_));
  CFS_RETURN_IF_ERROR(fs_->Rename(path + ".new", path));
  CFS_CRASH_POINT("adoption.renamed");
  CFS_RETURN_IF_ERROR(fs_->SyncDirectory(directory_));
  CFS_CRASH_POINT("adoption.published");
  CFS_RETURN_IF_ERROR(RemoveSuperseded(numbers.value()));
  CFS_CRASH_POINT("adoption.superseded");
  CFS_RETURN_IF_ERROR(fs_->Remove(TakenPath(directory_)));
  CFS_CRASH_POINT("adoption.removed");
  // Or it might come back when the journal no longer has what goes on from it.
  return fs_->SyncDirectory(directory_);
}

Status Adoption::Rewrite(const std::string& to) const {
  const std::string from = TakenPath(directory_);
  auto in = fs_->Open(from, OpenMode::kRead);
  if (!in.ok()) return in.status();
  const auto total = in.value()->SizeBytes();
  if (!total.ok()) return total.status();
  const ReadSource read = ReadsOf(in.value().get());
  const auto header = OwnHeader(read);
  if (!header.ok()) return Status(header.status().code(), from + ": " + header.status().message());
  auto out = fs_->Open(to, OpenMode::kCreate);
  if (!out.ok()) return out.status();
  uint64_t offset = 0;
  const Status rewritten = RewriteCheckpoint(read, total.value(), header.value(), [&](Bytes piece) {
    const uint64_t at = offset;
    offset += piece.size();
    return out.value()->WriteAt(at, piece);
  });
  if (!rewritten.ok()) return Status(rewritten.code(), from + ": " + rewritten.message());
  return out.value()->SyncData();
}

// As FORMAT.md says: own entries are merged over it from the beginning of the journal on.
Result<CheckpointHeader> Adoption::OwnHeader(const ReadSource& taken) const {
  auto header = ReadCheckpointHeader(taken);
  if (!header.ok()) return header.status();
  auto engine = DecodeEngineMetadata(header->engine_metadata);
  if (!engine.ok()) return engine.status();
  Metadata& metadata = engine.value().metadata;
  metadata.peer_cursors.clear();
  metadata.unheard.clear();  // the peer sees to it
  metadata.inodes_minted = InodesMintedBefore(identity_.origin.incarnation);
  const Position beginning{1, kFirstRecordOffset};
  VersionVector before;  // the journal does have what is its own
  for (const auto& [origin, lsn] : metadata.held.lsns()) {
    if (origin != identity_.origin) before.Raise(origin, lsn);
  }
  LogIndex index;
  index.Add(beginning, before);
  header->volume = identity_.volume;
  header->segment = beginning.segment;
  header->offset = beginning.offset;
  header->record_seq = 0;
  header->engine_metadata = EncodeEngineMetadata(metadata, index.Encode());
  return header;
}

// Else one of them might be fallen back on, and what was adopted be lost in silence.
Status Adoption::RemoveSuperseded(const std::vector<uint64_t>& numbers) const {
  for (uint64_t number : numbers) {
    CFS_RETURN_IF_ERROR(fs_->Remove(CheckpointPath(directory_, number)));
  }
  return fs_->SyncDirectory(directory_);
}

}  // namespace

std::string TakenPath(const std::string& checkpoint_directory) {
  return checkpoint_directory + "/" + kTaken;
}

Status AdoptTaken(FileSystem* file_system, const DataDir& directory) {
  const std::string path = TakenPath(directory.checkpoint_path());
  const Status removed = file_system->Remove(path + ".new");
  if (!removed.ok() && removed.code() != Code::kNotFound) return removed;
  const auto taken = Exists(file_system, directory.checkpoint_path(), kTaken);
  if (!taken.ok()) return taken.status();
  return taken.value() ? Adoption(file_system, directory).Run() : Status::Ok();
}

Status CheckNeverAdopted(FileSystem* file_system, const DataDir& directory,
                         const std::string& damaged) {
  const auto adopted = Exists(file_system, directory.checkpoint_path(), kAdopted);
  if (!adopted.ok()) return adopted.status();
  if (!adopted.value()) return Status::Ok();
  return Status(Code::kCorrupt,
                directory.checkpoint_path() +
                    ": no checkpoint is whole, and the journal does not have what was taken over "
                    "from a peer" +
                    (damaged.empty() ? "" : ": " + damaged));
}

}  // namespace cfsrepl
