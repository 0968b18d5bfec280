#include "engine/data_dir.h"

#include <sys/random.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <map>

#include "base/bytes.h"
#include "base/limits.h"
#include "checksum/crc32c.h"

namespace cfsrepl {

namespace {

constexpr char kHeading[] = "claudefs-repl data directory 1\n";

uint64_t RandomU64() {
  uint64_t value = 0;
  while (getrandom(&value, sizeof(value), 0) != sizeof(value)) {
  }
  return value;
}

// Milliseconds in the top 42 bits, so that incarnations of a site ascend and a person can date
// them; random bits below, so that two directories made at once differ.
uint64_t NewIncarnation(uint64_t previous) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const uint64_t ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  constexpr uint64_t kRandomMask = (uint64_t{1} << kIncarnationMsShift) - 1;
  const uint64_t minted = (ms << kIncarnationMsShift) | (RandomU64() & kRandomMask);
  return minted > previous ? minted : previous + 1;
}

// Empty where the file system has no such thing (the in-memory disk).
std::string HomeOf(const std::string& path) {
  struct stat st;
  if (stat(path.c_str(), &st) != 0) return "";
  return std::to_string(st.st_dev) + ":" + std::to_string(st.st_ino);
}

bool ParseHex(const std::string& text, uint64_t* out) {
  if (text.size() != 16) return false;
  char* end = nullptr;
  *out = std::strtoull(text.c_str(), &end, 16);
  return *end == '\0';
}

std::string Hex(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof(text), "%016" PRIx64, value);
  return text;
}

bool ParseUuidHex(const std::string& text, Uuid* out) {
  return text.size() == 32 && ParseHex(text.substr(0, 16), &out->hi) &&
         ParseHex(text.substr(16), &out->lo);
}

std::string Render(const Identity& identity) {
  std::string text = kHeading;
  text += "cluster " + Hex(identity.cluster.hi) + Hex(identity.cluster.lo) + "\n";
  text += "site " + std::to_string(identity.origin.site) + "\n";
  text += "incarnation " + Hex(identity.origin.incarnation) + "\n";
  text += "volume " + Hex(identity.volume.hi) + Hex(identity.volume.lo) + "\n";
  text += "shards " + std::to_string(identity.shard_count) + "\n";
  text += "home " + (identity.home.empty() ? "-" : identity.home) + "\n";
  char crc[16];
  std::snprintf(crc, sizeof(crc), "%08" PRIx32, Crc32c(AsBytes(text)));
  return text + "crc32c " + crc + "\n";
}

bool Parse(const std::string& text, Identity* out) {
  std::map<std::string, std::string> values;
  size_t at = sizeof(kHeading) - 1;
  if (text.compare(0, at, kHeading) != 0) return false;
  while (at < text.size()) {
    const size_t end = text.find('\n', at);
    const size_t space = text.find(' ', at);
    if (end == std::string::npos || space == std::string::npos || space > end) return false;
    values[text.substr(at, space - at)] = text.substr(space + 1, end - space - 1);
    at = end + 1;
  }
  const unsigned long site = std::strtoul(values["site"].c_str(), nullptr, 10);
  out->origin.site = static_cast<SiteId>(site);
  out->shard_count = static_cast<uint32_t>(std::strtoul(values["shards"].c_str(), nullptr, 10));
  out->home = values["home"] == "-" ? "" : values["home"];
  // Rendering what was read and comparing checks the checksum and every field at once.
  return ParseUuidHex(values["cluster"], &out->cluster) &&
         ParseHex(values["incarnation"], &out->origin.incarnation) &&
         ParseUuidHex(values["volume"], &out->volume) && Render(*out) == text;
}

}  // namespace

// An earlier incarnation may have minted inode numbers that this one has not seen: its journal is
// lost, or is still with a peer. So each starts where the clock stands, in milliseconds since 2024
// (its incarnation has them), 256 numbers for each: an earlier one got there only if it made more
// than 256,000 objects a second all its life. 40 bits of milliseconds last until 2058.
uint64_t InodesMintedBefore(uint64_t incarnation) {
  constexpr uint64_t kMs2024 = 1704067200000;
  const uint64_t ms = incarnation >> kIncarnationMsShift;
  return (std::max(ms, kMs2024) - kMs2024) << 8;
}

std::string FormatUuid(const Uuid& uuid) {
  const std::string hex = Hex(uuid.hi) + Hex(uuid.lo);
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" +
         hex.substr(16, 4) + "-" + hex.substr(20);
}

Result<std::unique_ptr<DataDir>> DataDir::Open(FileSystem* file_system, const std::string& path,
                                               const Identity& wanted) {
  std::unique_ptr<DataDir> dir(new DataDir(file_system, path));
  CFS_RETURN_IF_ERROR(file_system->MakeDirectory(path));
  Result<std::unique_ptr<FileLock>> lock = file_system->Lock(path + "/lock");
  if (!lock.ok()) return lock.status();
  dir->lock_ = std::move(lock).value();
  CFS_RETURN_IF_ERROR(file_system->MakeDirectory(dir->journal_path()));
  CFS_RETURN_IF_ERROR(file_system->MakeDirectory(dir->checkpoint_path()));

  Identity& identity = dir->identity_;
  Result<bool> found = dir->ReadIdentity(&identity);
  if (!found.ok()) return found.status();
  const std::string home = HomeOf(path);
  if (!found.value()) {
    identity = wanted;
    identity.origin.incarnation = NewIncarnation(wanted.origin.incarnation);
    identity.volume = {RandomU64(), RandomU64()};
    identity.home = home;
    CFS_RETURN_IF_ERROR(dir->WriteIdentity(identity));
    return dir;
  }
  if (identity.cluster != wanted.cluster || identity.origin.site != wanted.origin.site) {
    return Status(Code::kWrongCluster, path + " belongs to site " +
                                           std::to_string(identity.origin.site) + " of cluster " +
                                           FormatUuid(identity.cluster) + ", expected site " +
                                           std::to_string(wanted.origin.site) + " of cluster " +
                                           FormatUuid(wanted.cluster));
  }
  if (identity.shard_count != wanted.shard_count) {
    return Status(Code::kInvalidArgument,
                  path + " was made with shards: " + std::to_string(identity.shard_count) +
                      ", the configuration says " + std::to_string(wanted.shard_count));
  }
  if (identity.home != home) {
    dir->reborn_because_ = "the directory was copied or restored: it was written at device:inode " +
                           identity.home + " and is now at " + home;
    CFS_RETURN_IF_ERROR(dir->MintIncarnation());
  }
  return dir;
}

Status SetAsideJournal(FileSystem* file_system, const std::string& path, const std::string& into) {
  Result<std::unique_ptr<FileLock>> lock = file_system->Lock(path + "/lock");
  if (!lock.ok()) return lock.status();
  const std::string parent = into.substr(0, into.rfind('/'));
  CFS_RETURN_IF_ERROR(file_system->MakeDirectory(parent));
  CFS_RETURN_IF_ERROR(file_system->MakeDirectory(into));
  for (const char* name : {"/journal", "/checkpoint", "/refused", "/evicted", "/identity"}) {
    const Status moved = file_system->Rename(path + name, into + name);
    if (!moved.ok() && moved.code() != Code::kNotFound) return moved;
  }
  CFS_RETURN_IF_ERROR(file_system->SyncDirectory(into));
  CFS_RETURN_IF_ERROR(file_system->SyncDirectory(parent));
  return file_system->SyncDirectory(path);
}

Status DataDir::MintIncarnation() {
  identity_.origin.incarnation = NewIncarnation(identity_.origin.incarnation);
  identity_.home = HomeOf(path_);
  return WriteIdentity(identity_);
}

Status DataDir::RetireIncarnation() const {
  Identity next = identity_;
  next.origin.incarnation = NewIncarnation(identity_.origin.incarnation);
  return WriteIdentity(next);
}

Result<bool> DataDir::ReadIdentity(Identity* out) {
  Result<std::unique_ptr<File>> file = fs_->Open(path_ + "/identity", OpenMode::kRead);
  if (!file.ok()) {
    if (file.status().code() == Code::kNotFound) return false;
    return file.status();
  }
  std::vector<uint8_t> bytes(limits::kIdentityBytesMax);
  Result<size_t> read = file.value()->ReadAt(0, bytes);
  if (!read.ok()) return read.status();
  if (!Parse(AsString(Bytes(bytes).first(read.value())), out)) {
    return Status(Code::kCorrupt, path_ + "/identity is damaged: its fields or checksum are wrong");
  }
  return true;
}

Status DataDir::WriteIdentity(const Identity& identity) const {
  const std::string path = path_ + "/identity";
  const std::string text = Render(identity);
  Result<std::unique_ptr<File>> file = fs_->Open(path + ".new", OpenMode::kCreate);
  if (!file.ok()) return file.status();
  CFS_RETURN_IF_ERROR(file.value()->WriteAt(0, AsBytes(text)));
  CFS_RETURN_IF_ERROR(file.value()->SyncData());
  CFS_RETURN_IF_ERROR(fs_->Rename(path + ".new", path));
  return fs_->SyncDirectory(path_);
}

}  // namespace cfsrepl
