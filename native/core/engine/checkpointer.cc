#include "engine/checkpointer.h"

#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <shared_mutex>

#include "base/bytes.h"
#include "base/crash_point.h"

namespace cfsrepl {

namespace {
constexpr size_t kInodesPerStep = 512;  // under one lock
constexpr size_t kCheckpointsKept = 2;
constexpr char kSuffix[] = ".checkpoint";
}  // namespace

std::string CheckpointPath(const std::string& directory, uint64_t number) {
  char name[32];
  std::snprintf(name, sizeof(name), "%016" PRIx64, number);
  return directory + "/" + name + kSuffix;
}

Result<std::vector<uint64_t>> ListCheckpoints(FileSystem* file_system,
                                              const std::string& directory) {
  Result<std::vector<std::string>> names = file_system->List(directory);
  if (!names.ok()) return names.status();
  std::vector<uint64_t> numbers;
  for (const std::string& name : names.value()) {
    if (name.size() != 16 + sizeof(kSuffix) - 1 || name.substr(16) != kSuffix) continue;
    const std::string digits = name.substr(0, 16);
    char* end = nullptr;
    const uint64_t number = std::strtoull(digits.c_str(), &end, 16);
    if (*end == '\0') numbers.push_back(number);
  }
  return numbers;  // names are sorted and of one width
}

ReadSource ReadsOf(File* file) {
  return [file](uint64_t offset, std::span<uint8_t> out) { return file->ReadAt(offset, out); };
}

std::vector<uint8_t> EncodeEngineMetadata(const Metadata& metadata, Bytes index) {
  const std::vector<uint8_t> encoded = metadata.Encode();
  ByteWriter out;
  out.Put<uint32_t>(static_cast<uint32_t>(encoded.size()));
  out.PutBytes(encoded);
  out.PutBytes(index);
  return out.Take();
}

Result<EngineMetadata> DecodeEngineMetadata(Bytes bytes) {
  ByteReader in(bytes);
  const Bytes encoded = in.GetBytes(in.Get<uint32_t>());
  if (!in.ok()) return Status(Code::kCorrupt, "checkpoint metadata is cut short");
  Result<Metadata> metadata = Metadata::Decode(encoded);
  if (!metadata.ok()) return metadata.status();
  Result<LogIndex> index = LogIndex::Decode(in.GetBytes(in.remaining()));
  if (!index.ok()) return index.status();
  return EngineMetadata{std::move(metadata).value(), std::move(index).value()};
}

CheckpointInfo Checkpointer::newest() const {
  std::lock_guard lock(newest_mutex_);
  return newest_;
}

Status Checkpointer::Write(const std::function<Status()>& committed) {
  std::lock_guard turn(turn_);
  std::lock_guard keep(replica_->forgetting);
  const Books::Mark mark = books_->TakeMark();
  CheckpointHeader header;
  header.cluster = cluster_;
  header.volume = volume_;
  header.segment = mark.end.segment;
  header.offset = mark.end.offset;
  header.record_seq = mark.record_seq;
  header.engine_metadata = EncodeEngineMetadata(mark.metadata, mark.index);

  CheckpointInfo info;
  info.number = newest().number + 1;
  info.position = mark.end;
  info.held = mark.metadata.held;
  const std::string path = CheckpointPath(directory_, info.number);
  const std::string unfinished = path + ".new";
  Status written = WriteFile(unfinished, header, &info.bytes);
  if (written.code() == Code::kDiskFull) {
    CFS_RETURN_IF_ERROR(log_->ReleaseReserve());
    written = WriteFile(unfinished, header, &info.bytes);
  }
  CFS_RETURN_IF_ERROR(written);
  books_->WaitForGroups();
  CFS_RETURN_IF_ERROR(committed());
  CFS_RETURN_IF_ERROR(fs_->Rename(unfinished, path));
  CFS_CRASH_POINT("checkpoint.renamed");
  CFS_RETURN_IF_ERROR(fs_->SyncDirectory(directory_));
  CFS_CRASH_POINT("checkpoint.published");
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  info.unix_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  {
    std::lock_guard lock(newest_mutex_);
    newest_ = info;
  }
  return RemoveOld();
}

Status Checkpointer::WriteFile(const std::string& path, const CheckpointHeader& header,
                               uint64_t* bytes) {
  Result<std::unique_ptr<File>> file = fs_->Open(path, OpenMode::kCreate);
  if (!file.ok()) return file.status();
  CFS_CRASH_POINT("checkpoint.created");
  uint64_t offset = 0;
  CheckpointWriter writer(replica_->state.get(), header, [&](Bytes chunk) {
    const uint64_t at = offset;
    offset += chunk.size();
    return file.value()->WriteAt(at, chunk);
  });
  CFS_RETURN_IF_ERROR(writer.Start());
  for (bool done = false; !done;) {
    {
      std::shared_lock lock(replica_->mutex);
      done = writer.Step(kInodesPerStep);
    }
    CFS_RETURN_IF_ERROR(writer.Flush());
  }
  CFS_RETURN_IF_ERROR(writer.Finish());
  CFS_RETURN_IF_ERROR(file.value()->SyncData());
  CFS_CRASH_POINT("checkpoint.written");
  *bytes = offset;
  return Status::Ok();
}

Status Checkpointer::RemoveOld() {
  Result<std::vector<uint64_t>> numbers = ListCheckpoints(fs_, directory_);
  if (!numbers.ok()) return numbers.status();
  for (size_t i = 0; i + kCheckpointsKept < numbers->size(); i++) {
    CFS_RETURN_IF_ERROR(fs_->Remove(CheckpointPath(directory_, numbers.value()[i])));
  }
  return Status::Ok();
}

}  // namespace cfsrepl
