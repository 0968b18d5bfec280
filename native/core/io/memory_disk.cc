#include "io/memory_disk.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "base/limits.h"
#include "io/io_error.h"
#include "io/posix_file_system.h"

namespace cfsrepl {
namespace {

constexpr size_t kSectorBytes = 512;
constexpr uint64_t kDirectoryInode = 0;

using Sector = std::array<uint8_t, kSectorBytes>;
using SectorPointer = std::shared_ptr<const Sector>;  // immutable and shared; null is all zeroes

SectorPointer MakeSector(const Sector& bytes) {
  static constexpr Sector kZero{};
  return bytes == kZero ? nullptr : std::make_shared<const Sector>(bytes);
}

bool SameBytes(const SectorPointer& a, const SectorPointer& b) {
  return a == b || (a != nullptr && b != nullptr && *a == *b);
}

std::string DirectoryOf(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == path.npos ? "" : path.substr(0, slash);
}

std::string WithoutTrailingSlash(const std::string& directory) {
  return directory.ends_with('/') ? directory.substr(0, directory.size() - 1) : directory;
}

}  // namespace

// One state of the disk.
struct MemoryDisk::Image {
  struct FileData {
    std::vector<SectorPointer> sectors;
    uint64_t size = 0;

    SectorPointer Get(size_t sector) const {
      return sector < sectors.size() ? sectors[sector] : nullptr;
    }
    void Set(size_t sector, SectorPointer bytes) {
      if (sector >= sectors.size()) sectors.resize(sector + 1);
      sectors[sector] = std::move(bytes);
    }
  };

  std::map<uint64_t, FileData> files;     // by inode
  std::map<std::string, uint64_t> names;  // path to inode, or kDirectoryInode

  std::optional<uint64_t> Find(const std::string& path) const {
    auto it = names.find(path);
    if (it == names.end()) return std::nullopt;
    return it->second;
  }
  bool HasDirectory(const std::string& path) const {
    return path.empty() || Find(path) == kDirectoryInode;
  }
};

// Something a crash may keep or lose.
struct MemoryDisk::Unsynced {
  enum class Kind { kSector, kSize, kName } kind;
  uint64_t inode = 0;           // kSector, kSize; kName: what `set_name` leads to
  uint64_t number = 0;          // the sector's, or the size
  SectorPointer bytes = {};     // kSector
  std::string directory = {};   // kName: whose sync settles it
  std::string erase_name = {};  // kName: empty for none
  std::string set_name = {};    // kName: empty for none

  void ApplyTo(Image* image) const {
    switch (kind) {
      case Kind::kSector:
        image->files[inode].Set(number, bytes);
        break;
      case Kind::kSize: {
        Image::FileData& file = image->files[inode];
        file.size = number;
        size_t sectors = (number + kSectorBytes - 1) / kSectorBytes;
        if (sectors < file.sectors.size()) file.sectors.resize(sectors);
        break;
      }
      case Kind::kName:
        if (!erase_name.empty()) image->names.erase(erase_name);
        if (!set_name.empty()) image->names[set_name] = inode;
        break;
    }
  }
};

class MemoryDisk::MemoryFile : public File {
 public:
  MemoryFile(MemoryDisk* disk, uint64_t inode, std::string path, OpenMode mode)
      : disk_(disk), inode_(inode), path_(std::move(path)), mode_(mode) {
    disk_->open_counts_[inode]++;  // Open holds the mutex
  }
  ~MemoryFile() override {
    std::lock_guard<std::mutex> lock(disk_->mutex_);
    if (--disk_->open_counts_[inode_] == 0) disk_->open_counts_.erase(inode_);
  }

  Status WriteAt(uint64_t offset, Bytes data) override {
    if (mode_ == OpenMode::kRead || mode_ == OpenMode::kReadDirect) {
      return Status(Code::kIo, "write to " + path_ + ": opened for reading");
    }
    if (IsDirect(mode_)) {
      CFS_RETURN_IF_ERROR(CheckAligned(path_, offset, data.data(), data.size()));
    }
    std::lock_guard<std::mutex> lock(disk_->mutex_);
    return disk_->Write(inode_, path_, offset, data);
  }

  Status SyncData() override {
    std::lock_guard<std::mutex> lock(disk_->mutex_);
    return disk_->Sync(inode_, path_);
  }

  Result<size_t> ReadAt(uint64_t offset, std::span<uint8_t> out) override {
    if (IsDirect(mode_)) {
      CFS_RETURN_IF_ERROR(CheckAligned(path_, offset, out.data(), out.size()));
    }
    std::lock_guard<std::mutex> lock(disk_->mutex_);
    return disk_->Read(inode_, path_, offset, out);
  }

  Result<uint64_t> SizeBytes() override {
    std::lock_guard<std::mutex> lock(disk_->mutex_);
    return disk_->Size(inode_);
  }

 private:
  MemoryDisk* const disk_;
  const uint64_t inode_;
  const std::string path_;
  const OpenMode mode_;
};

class MemoryDisk::MemoryLock : public FileLock {
 public:
  MemoryLock(MemoryDisk* disk, std::string path) : disk_(disk), path_(std::move(path)) {}
  ~MemoryLock() override { disk_->Unlock(path_); }

 private:
  MemoryDisk* const disk_;
  const std::string path_;
};

MemoryDisk::MemoryDisk(uint64_t seed)
    : random_state_(seed),
      visible_(std::make_unique<Image>()),
      durable_(std::make_unique<Image>()) {}

MemoryDisk::~MemoryDisk() = default;

uint64_t MemoryDisk::NextRandom() { return MixInode(random_state_ += 0x9e3779b97f4a7c15ull); }

Status MemoryDisk::Dead(std::string_view call, const std::string& path) const {
  return Status(Code::kIo, std::string(call) + " " + path + ": the machine has crashed");
}

// Counts the operation. One that the crash strikes still takes effect, as unsynced.
Status MemoryDisk::BeginOperation(std::string_view call, const std::string& path) {
  if (crashed_) return Dead(call, path);
  operations_++;
  return Status::Ok();
}

Status MemoryDisk::EndOperation(std::string_view call, const std::string& path) {
  bool strikes = faults_.crash_at_operation != 0 && operations_ >= faults_.crash_at_operation;
  if (!strikes) return Status::Ok();
  crashed_ = true;
  return Dead(call, path);
}

Result<std::unique_ptr<File>> MemoryDisk::Open(const std::string& path, OpenMode mode) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (crashed_) return Dead("open", path);
  bool creates = mode == OpenMode::kCreate || mode == OpenMode::kCreateDirect;
  std::optional<uint64_t> inode = visible_->Find(path);
  if (inode == kDirectoryInode) return Status(Code::kIo, "open " + path + ": is a directory");
  if (!inode && !creates) return Status(Code::kNotFound, "open " + path + ": no such file");
  if (creates) {
    CFS_RETURN_IF_ERROR(BeginOperation("create", path));
    if (inode) {
      SetSize(*inode, 0);
    } else {
      std::string directory = DirectoryOf(path);
      if (!visible_->HasDirectory(directory)) {
        return Status(Code::kNotFound, "create " + path + ": no such directory");
      }
      inode = next_inode_++;
      visible_->files[*inode];
      unsynced_.push_back({.kind = Unsynced::Kind::kName,
                           .inode = *inode,
                           .directory = directory,
                           .set_name = path});
      unsynced_.back().ApplyTo(visible_.get());
    }
    CFS_RETURN_IF_ERROR(EndOperation("create", path));
  }
  return std::unique_ptr<File>(new MemoryFile(this, *inode, path, mode));
}

Status MemoryDisk::Rename(const std::string& from, const std::string& to) {
  std::lock_guard<std::mutex> lock(mutex_);
  CFS_RETURN_IF_ERROR(BeginOperation("rename", from));
  std::optional<uint64_t> inode = visible_->Find(from);
  if (!inode) return Status(Code::kNotFound, "rename " + from + " to " + to + ": no such file");
  unsynced_.push_back({.kind = Unsynced::Kind::kName,
                       .inode = *inode,
                       .directory = DirectoryOf(to),
                       .erase_name = from,
                       .set_name = to});
  unsynced_.back().ApplyTo(visible_.get());
  return EndOperation("rename", from);
}

Status MemoryDisk::Remove(const std::string& path) {
  std::lock_guard<std::mutex> lock(mutex_);
  CFS_RETURN_IF_ERROR(BeginOperation("remove", path));
  std::optional<uint64_t> inode = visible_->Find(path);
  if (!inode) return Status(Code::kNotFound, "remove " + path + ": no such file");
  if (*inode == kDirectoryInode) return Status(Code::kIo, "remove " + path + ": is a directory");
  unsynced_.push_back({.kind = Unsynced::Kind::kName,
                       .inode = *inode,
                       .directory = DirectoryOf(path),
                       .erase_name = path});
  unsynced_.back().ApplyTo(visible_.get());
  return EndOperation("remove", path);
}

Status MemoryDisk::MakeDirectory(const std::string& directory) {
  std::lock_guard<std::mutex> lock(mutex_);
  CFS_RETURN_IF_ERROR(BeginOperation("mkdir", directory));
  if (visible_->HasDirectory(directory)) return EndOperation("mkdir", directory);
  if (visible_->Find(directory)) return Status(Code::kIo, "mkdir " + directory + ": is a file");
  if (!visible_->HasDirectory(DirectoryOf(directory))) {
    return Status(Code::kNotFound, "mkdir " + directory + ": no such parent");
  }
  unsynced_.push_back({.kind = Unsynced::Kind::kName,
                       .inode = kDirectoryInode,
                       .directory = DirectoryOf(directory),
                       .set_name = directory});
  unsynced_.back().ApplyTo(visible_.get());
  return EndOperation("mkdir", directory);
}

Status MemoryDisk::SyncDirectory(const std::string& path) {
  std::lock_guard<std::mutex> lock(mutex_);
  std::string directory = WithoutTrailingSlash(path);
  CFS_RETURN_IF_ERROR(BeginOperation("fsync", directory));
  if (!visible_->HasDirectory(directory)) {
    return Status(Code::kNotFound, "fsync " + directory + ": no such directory");
  }
  CFS_RETURN_IF_ERROR(EndOperation("fsync", directory));  // a crash strikes before the effect
  std::erase_if(unsynced_, [&](const Unsynced& change) {
    bool settled = change.kind == Unsynced::Kind::kName && change.directory == directory;
    if (settled) change.ApplyTo(durable_.get());
    return settled;
  });
  ForgetUnreachable();
  return Status::Ok();
}

// Frees the contents that no name, no handle and no crash can lead to any more.
void MemoryDisk::ForgetUnreachable() {
  std::set<uint64_t> reachable;
  for (const auto& [inode, count] : open_counts_) reachable.insert(inode);
  for (const auto& [name, inode] : visible_->names) reachable.insert(inode);
  for (const auto& [name, inode] : durable_->names) reachable.insert(inode);
  for (const Unsynced& change : unsynced_) {
    if (change.kind == Unsynced::Kind::kName) reachable.insert(change.inode);
  }
  auto is_lost = [&](uint64_t inode) { return !reachable.contains(inode); };
  std::erase_if(visible_->files, [&](const auto& file) { return is_lost(file.first); });
  std::erase_if(durable_->files, [&](const auto& file) { return is_lost(file.first); });
  std::erase_if(unsynced_, [&](const Unsynced& change) {
    return change.kind != Unsynced::Kind::kName && is_lost(change.inode);
  });
}

Result<std::vector<std::string>> MemoryDisk::List(const std::string& path) {
  std::lock_guard<std::mutex> lock(mutex_);
  std::string directory = WithoutTrailingSlash(path);
  if (crashed_) return Dead("list", directory);
  if (!visible_->HasDirectory(directory)) {
    return Status(Code::kNotFound, "list " + directory + ": no such directory");
  }
  std::vector<std::string> names;
  for (const auto& [name, inode] : visible_->names) {
    if (DirectoryOf(name) != directory) continue;
    names.push_back(directory.empty() ? name : name.substr(directory.size() + 1));
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::unique_ptr<FileLock>> MemoryDisk::Lock(const std::string& path) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (crashed_) return Dead("lock", path);
  if (!locks_.insert(path).second) {
    return Status(Code::kLocked, path + " is locked by process 0");
  }
  return std::unique_ptr<FileLock>(new MemoryLock(this, path));
}

void MemoryDisk::Unlock(const std::string& path) {
  std::lock_guard<std::mutex> lock(mutex_);
  locks_.erase(path);
}

Result<uint64_t> MemoryDisk::FreeBytes(const std::string&) {
  std::lock_guard<std::mutex> lock(mutex_);
  uint64_t used = 0;
  for (const auto& [path, inode] : visible_->names) {
    if (inode != kDirectoryInode) used += visible_->files[inode].size;
  }
  return used < capacity_bytes_ ? capacity_bytes_ - used : 0;
}

void MemoryDisk::SetSize(uint64_t inode, uint64_t size) {
  if (visible_->files[inode].size == size) return;
  unsynced_.push_back({.kind = Unsynced::Kind::kSize, .inode = inode, .number = size});
  unsynced_.back().ApplyTo(visible_.get());
}

Status MemoryDisk::Write(uint64_t inode, const std::string& path, uint64_t offset, Bytes data) {
  CFS_RETURN_IF_ERROR(BeginOperation("write", path));
  if (data.empty()) return EndOperation("write", path);
  bool fails = ++writes_ == faults_.fail_write;
  if (fails) data = data.first(NextRandom() % (data.size() / kSectorBytes + 1) * kSectorBytes);

  Image::FileData& file = visible_->files[inode];
  uint64_t end = offset + data.size();
  if (end > file.size && capacity_bytes_ != UINT64_MAX) {
    uint64_t used = end - file.size;
    for (const auto& [name, other] : visible_->names) {
      if (other != kDirectoryInode) used += visible_->files[other].size;
    }
    if (used > capacity_bytes_) return Status(Code::kDiskFull, "write to " + path + ": disk full");
  }
  for (uint64_t at = offset; at < end;) {
    size_t number = at / kSectorBytes;
    size_t within = at % kSectorBytes;
    size_t length = std::min<uint64_t>(kSectorBytes - within, end - at);
    SectorPointer before = file.Get(number);
    Sector bytes = before == nullptr ? Sector{} : *before;
    memcpy(bytes.data() + within, data.data() + (at - offset), length);
    SectorPointer after = MakeSector(bytes);
    if (!SameBytes(before, after)) {
      file.Set(number, after);
      unsynced_.push_back(
          {.kind = Unsynced::Kind::kSector, .inode = inode, .number = number, .bytes = after});
    }
    at += length;
  }
  if (end > file.size && !data.empty()) SetSize(inode, end);
  CFS_RETURN_IF_ERROR(EndOperation("write", path));
  return fails ? Status(Code::kIo, "write to " + path + ": injected fault") : Status::Ok();
}

Status MemoryDisk::Sync(uint64_t inode, const std::string& path) {
  CFS_RETURN_IF_ERROR(BeginOperation("fdatasync", path));
  CFS_RETURN_IF_ERROR(EndOperation("fdatasync", path));  // a crash strikes before the effect
  bool fails = ++syncs_ == faults_.fail_sync;
  std::erase_if(unsynced_, [&](const Unsynced& change) {
    bool settled = change.kind != Unsynced::Kind::kName && change.inode == inode;
    // A failed sync writes some and drops the rest as if it were clean: no later sync will write
    // it.
    if (settled && (!fails || NextRandom() % 2 == 0)) change.ApplyTo(durable_.get());
    return settled;
  });
  return fails ? Status(Code::kIo, "fdatasync " + path + ": injected fault") : Status::Ok();
}

Result<size_t> MemoryDisk::Read(uint64_t inode, const std::string& path, uint64_t offset,
                                std::span<uint8_t> out) {
  if (crashed_) return Dead("read", path);
  if (++reads_ == faults_.fail_read) {
    return Status(Code::kIo, "read of " + std::to_string(out.size()) + " bytes at " +
                                 std::to_string(offset) + " in " + path + ": injected fault");
  }
  const Image::FileData& file = visible_->files[inode];
  if (offset >= file.size) return size_t{0};
  size_t total = std::min<uint64_t>(out.size(), file.size - offset);
  for (size_t done = 0; done < total;) {
    uint64_t at = offset + done;
    size_t within = at % kSectorBytes;
    size_t length = std::min(kSectorBytes - within, total - done);
    SectorPointer sector = file.Get(at / kSectorBytes);
    if (sector == nullptr) {
      memset(out.data() + done, 0, length);
    } else {
      memcpy(out.data() + done, sector->data() + within, length);
    }
    done += length;
  }
  return total;
}

Result<uint64_t> MemoryDisk::Size(uint64_t inode) const { return visible_->files[inode].size; }

void MemoryDisk::SetFaults(const DiskFaults& faults) {
  std::lock_guard<std::mutex> lock(mutex_);
  faults_ = faults;
  operations_ = writes_ = syncs_ = reads_ = 0;
}

void MemoryDisk::SetCapacityBytes(uint64_t bytes) {
  std::lock_guard<std::mutex> lock(mutex_);
  capacity_bytes_ = bytes;
}

void MemoryDisk::CrashNow() {
  std::lock_guard<std::mutex> lock(mutex_);
  crashed_ = true;
}

bool MemoryDisk::crashed() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return crashed_;
}

uint64_t MemoryDisk::operations() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return operations_;
}

size_t MemoryDisk::unsynced_count() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return unsynced_.size();
}

std::unique_ptr<MemoryDisk> MemoryDisk::AfterProcessDeath() const {
  std::lock_guard<std::mutex> lock(mutex_);
  auto disk = std::make_unique<MemoryDisk>(MixInode(random_state_));
  disk->visible_ = std::make_unique<Image>(*visible_);
  disk->durable_ = std::make_unique<Image>(*durable_);
  disk->unsynced_ = unsynced_;
  disk->next_inode_ = next_inode_;
  disk->capacity_bytes_ = capacity_bytes_;
  return disk;
}

std::unique_ptr<MemoryDisk> MemoryDisk::AfterCrash(
    const std::function<bool(size_t)>& survives) const {
  auto disk = AfterProcessDeath();
  Image* durable = disk->durable_.get();
  size_t i = 0;
  for (const Unsynced& change : std::exchange(disk->unsynced_, {})) {
    if (survives(i++)) change.ApplyTo(durable);
  }
  // What lies in a directory that was lost is lost. Parents sort before what they hold.
  std::erase_if(durable->names,
                [&](const auto& name) { return !durable->HasDirectory(DirectoryOf(name.first)); });
  *disk->visible_ = *durable;
  disk->ForgetUnreachable();
  return disk;
}

std::vector<uint8_t> MemoryDisk::Contents(const std::string& path) const {
  std::lock_guard<std::mutex> lock(mutex_);
  std::optional<uint64_t> inode = visible_->Find(path);
  if (!inode || *inode == kDirectoryInode) return {};
  const Image::FileData& file = visible_->files[*inode];
  std::vector<uint8_t> contents(file.size);
  for (size_t i = 0; i < file.sectors.size(); i++) {
    if (file.sectors[i] == nullptr || i * kSectorBytes >= file.size) continue;
    memcpy(contents.data() + i * kSectorBytes, file.sectors[i]->data(),
           std::min<uint64_t>(kSectorBytes, file.size - i * kSectorBytes));
  }
  return contents;
}

void MemoryDisk::Damage(const std::string& path, uint64_t offset, Bytes bytes) {
  std::lock_guard<std::mutex> lock(mutex_);
  std::optional<uint64_t> inode = visible_->Find(path);
  if (!inode || *inode == kDirectoryInode) return;
  for (size_t i = 0; i < bytes.size(); i++) {
    for (Image* image : {visible_.get(), durable_.get()}) {
      Image::FileData& file = image->files[*inode];
      SectorPointer before = file.Get((offset + i) / kSectorBytes);
      Sector sector = before == nullptr ? Sector{} : *before;
      sector[(offset + i) % kSectorBytes] = bytes[i];
      file.Set((offset + i) / kSectorBytes, MakeSector(sector));
    }
  }
}

}  // namespace cfsrepl
