#include <algorithm>
#include <string>

#include "base/crash_point.h"
#include "base/limits.h"
#include "engine/adoption.h"
#include "engine/checkpointer.h"
#include "engine/takeover_impl.h"
#include "state/checkpoint.h"

namespace cfsrepl {
namespace {

Status Corrupt(const std::string& what) { return Status(Code::kCorrupt, what); }

}  // namespace

Status CheckMayTakeOver(const TakeOverParts& parts) {
  const Origin own = parts.directory->identity().origin;
  for (const OriginCursor& cursor : parts.books->Held(false)) {
    if (cursor.origin == own || cursor.lsn == 0) continue;
    return Status(
        Code::kInvalidArgument,
        "a checkpoint is taken over only where nothing but own entries is held: this site "
        "holds " +
            std::to_string(cursor.lsn) + " of site " + std::to_string(cursor.origin.site) +
            ", incarnation " + std::to_string(cursor.origin.incarnation));
  }
  if (parts.log->oldest_seq() > 1) {
    return Status(Code::kInvalidArgument,
                  "a checkpoint is taken over only where the own journal is whole: this one begins "
                  "with record " +
                      std::to_string(parts.log->oldest_seq()));
  }
  return Status::Ok();
}

TakeOverImpl::TakeOverImpl(SiteId peer, std::shared_ptr<void> owner, const TakeOverParts& parts)
    : peer_(peer), owner_(std::move(owner)), parts_(parts), turn_(++parts.turn->newest) {}

std::optional<std::vector<uint8_t>> TakeOverImpl::Next() {
  std::lock_guard lock(mutex_);
  if (phase_ == Phase::kOver) return std::nullopt;
  return EncodeQuestion(question_);
}

TakeOverStatus TakeOverImpl::status() const {
  std::lock_guard lock(mutex_);
  return status_;
}

Status TakeOverImpl::Take(Bytes answer) {
  std::lock_guard lock(mutex_);
  std::lock_guard turn(parts_.turn->mutex);
  Gate::Pass pass(parts_.gate);
  if (!pass.inside()) return EngineClosed();
  if (turn_ != parts_.turn->newest) {
    return Status(Code::kClosed, "another take-over has begun here since");
  }
  if (answer.size() > limits::kComparisonAnswerBytesMax) {
    return Status(Code::kTooLarge, "taking over: an answer of " + std::to_string(answer.size()) +
                                       " bytes, at most " +
                                       std::to_string(limits::kComparisonAnswerBytesMax));
  }
  switch (phase_) {
    case Phase::kBegin:
      return TakeBegin(answer);
    case Phase::kParts:
      return TakePart(answer);
    case Phase::kOver:
      break;
  }
  return Status(Code::kInvalidArgument, "the take-over is over: it asked for nothing");
}

Status TakeOverImpl::TakeBegin(Bytes bytes) {
  BeginAnswer answer;
  CFS_RETURN_IF_ERROR(DecodeAnswer(bytes, question_, &answer));
  if (answer.file_bytes < kCheckpointBytesMin) {
    return Status(Code::kMalformed,
                  "taking over: a checkpoint of " + std::to_string(answer.file_bytes) +
                      " bytes, expected at least " + std::to_string(kCheckpointBytesMin));
  }
  // It is there twice while it is adopted.
  const std::string directory = parts_.directory->checkpoint_path();
  const Result<uint64_t> free = parts_.file_system->FreeBytes(directory);
  if (!free.ok()) return free.status();
  if (answer.file_bytes > free.value() / 2) {
    return Status(Code::kDiskFull, "taking over: a checkpoint of " +
                                       std::to_string(answer.file_bytes) + " bytes needs " +
                                       directory + " to have room for two, " +
                                       std::to_string(free.value()) + " bytes are free");
  }
  auto file = parts_.file_system->Open(TakenPath(directory) + ".new", OpenMode::kCreate);
  if (!file.ok()) return file.status();
  file_ = std::move(file).value();
  status_.bytes_total = answer.file_bytes;
  status_.held = answer.held;
  question_.asked = TakeOverAsked::kPart;
  question_.number = answer.number;
  AskForPart();
  phase_ = Phase::kParts;
  return Status::Ok();
}

void TakeOverImpl::AskForPart() {
  question_.offset = status_.bytes_done;
  question_.bytes = static_cast<uint32_t>(
      std::min<uint64_t>(status_.bytes_total - status_.bytes_done, limits::kTakeOverPartBytesMax));
}

Status TakeOverImpl::TakePart(Bytes bytes) {
  PartAnswer answer;
  CFS_RETURN_IF_ERROR(DecodeAnswer(bytes, question_, &answer));
  if (answer.bytes.empty()) {
    return Status(Code::kMalformed, "taking over: the checkpoint ends at " +
                                        std::to_string(question_.offset) + ", expected " +
                                        std::to_string(status_.bytes_total) + " bytes");
  }
  CFS_RETURN_IF_ERROR(file_->WriteAt(question_.offset, answer.bytes));
  status_.bytes_done += answer.bytes.size();
  if (status_.bytes_done < status_.bytes_total) {
    AskForPart();
    return Status::Ok();
  }
  phase_ = Phase::kOver;
  const Status finished = Finish();
  file_.reset();
  status_.done = finished.ok();
  if (finished.ok()) return Status::Ok();
  // If it stays, the next opening removes it.
  (void)parts_.file_system->Remove(TakenPath(parts_.directory->checkpoint_path()) + ".new");
  return Status(finished.code(),
                "the checkpoint of site " + std::to_string(peer_) + ": " + finished.message());
}

Status TakeOverImpl::Finish() {
  CFS_RETURN_IF_ERROR(file_->SyncData());
  CFS_RETURN_IF_ERROR(Verify(file_.get(), &status_.held));
  CFS_RETURN_IF_ERROR(CheckMayTakeOver(parts_));
  CFS_CRASH_POINT("takeover.written");
  return Publish();
}

// Reads all of it, into a state of its own.
Status TakeOverImpl::Verify(File* file, VersionVector* held) const {
  State scratch;
  const Result<CheckpointHeader> header = LoadCheckpoint(ReadsOf(file), &scratch, nullptr);
  if (!header.ok()) return header.status();
  const Identity& identity = parts_.directory->identity();
  if (header->cluster != identity.cluster) {
    return Corrupt("it is of cluster " + FormatUuid(header->cluster) + ", expected " +
                   FormatUuid(identity.cluster));
  }
  const Result<EngineMetadata> engine = DecodeEngineMetadata(header->engine_metadata);
  if (!engine.ok()) return engine.status();
  const Metadata& metadata = engine.value().metadata;
  if (metadata.shard_count() != identity.shard_count) {
    return Corrupt("it has " + std::to_string(metadata.shard_count()) + " shards, expected " +
                   std::to_string(identity.shard_count));
  }
  const Lsn own = metadata.held.Get(identity.origin);
  if (own > parts_.books->durable_lsn()) {
    return Corrupt("it holds this site's journal up to LSN " + std::to_string(own) +
                   ", which ends with " + std::to_string(parts_.books->durable_lsn()));
  }
  *held = metadata.held;
  return Status::Ok();
}

Status TakeOverImpl::Publish() {
  const std::string directory = parts_.directory->checkpoint_path();
  const std::string taken = TakenPath(directory);
  CFS_RETURN_IF_ERROR(parts_.file_system->Rename(taken + ".new", taken));
  CFS_CRASH_POINT("takeover.renamed");
  CFS_RETURN_IF_ERROR(parts_.file_system->SyncDirectory(directory));
  CFS_CRASH_POINT("takeover.published");
  return Status::Ok();
}

}  // namespace cfsrepl
