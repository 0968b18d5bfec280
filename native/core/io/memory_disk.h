// A disk in memory that behaves as badly as a disk may: it forgets what was not synced, tears
// writes between sectors, reorders them, fails, fills up. For tests, fuzzing and the simulator.
//
// What counts as unsynced: each 512-byte sector that a write changed, each change of a file's size,
// and each change of a directory's entries (creation, rename, removal: one each). A crash keeps any
// subset of them, each sector whole. SyncData settles a file's, SyncDirectory a directory's; a file
// whose entry was never settled is lost whatever it holds.
#ifndef CFS_REPL_IO_MEMORY_DISK_H_
#define CFS_REPL_IO_MEMORY_DISK_H_

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "io/file_system.h"

namespace cfsrepl {

// Faults to come. Numbers count from 1, from the call that sets the plan; 0 is never.
// An operation is anything that changes the disk or makes it durable: creating open, write, sync,
// rename, remove, directory sync, make directory.
struct DiskFaults {
  uint64_t crash_at_operation = 0;  // has its effect as unsynced, then nothing works any more
  uint64_t fail_write = 0;          // this write does a part of its work and gives kIo
  uint64_t fail_sync = 0;  // this SyncData gives kIo; part of the data is lost, yet still read
  uint64_t fail_read = 0;  // this read gives kIo
};

class MemoryDisk : public FileSystem {
 public:
  // `seed` decides all that is random. The root directory "" is there, for paths such as "log/a".
  explicit MemoryDisk(uint64_t seed = 1);
  ~MemoryDisk() override;

  Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status Remove(const std::string& path) override;
  Status SyncDirectory(const std::string& directory) override;
  Status MakeDirectory(const std::string& directory) override;
  Result<std::vector<std::string>> List(const std::string& directory) override;
  Result<std::unique_ptr<FileLock>> Lock(const std::string& path) override;
  Result<uint64_t> FreeBytes(const std::string& directory) override;
  std::string_view backend_name() const override { return "memory"; }

  void SetFaults(const DiskFaults& faults);
  void SetCapacityBytes(uint64_t bytes);  // of all files together; unlimited at first
  void CrashNow();                        // from here on everything gives kIo
  bool crashed() const;
  uint64_t operations() const;  // since the plan was set

  // How many things are unsynced, and the disk a machine finds after losing power now: a new disk
  // that holds what was durable and those unsynced things i (in order of issue, from 0) for which
  // survives(i). This disk is unchanged, so that one crash can be examined with many outcomes.
  size_t unsynced_count() const;
  std::unique_ptr<MemoryDisk> AfterCrash(const std::function<bool(size_t)>& survives) const;

  // What a process finds that starts after this one died, while the machine went on: reads show
  // everything, and what was unsynced still is, for a later crash to keep or lose.
  std::unique_ptr<MemoryDisk> AfterProcessDeath() const;

  // A crash with everything surviving; or a copy of a data directory.
  std::unique_ptr<MemoryDisk> Copy() const {
    return AfterCrash([](size_t) { return true; });
  }

  // The bytes of a file as a reader sees them; empty if there is none.
  std::vector<uint8_t> Contents(const std::string& path) const;
  // Changes bytes of an existing file behind everyone's back, durably.
  void Damage(const std::string& path, uint64_t offset, Bytes bytes);

 private:
  class MemoryFile;
  class MemoryLock;
  struct Image;
  struct Unsynced;

  // All below but Unlock expect mutex_ to be held.
  Status BeginOperation(std::string_view call, const std::string& path);
  Status EndOperation(std::string_view call, const std::string& path);
  Status Dead(std::string_view call, const std::string& path) const;
  Status Write(uint64_t inode, const std::string& path, uint64_t offset, Bytes data);
  Status Sync(uint64_t inode, const std::string& path);
  Result<size_t> Read(uint64_t inode, const std::string& path, uint64_t offset,
                      std::span<uint8_t> out);
  Result<uint64_t> Size(uint64_t inode) const;
  void SetSize(uint64_t inode, uint64_t size);
  void Unlock(const std::string& path);
  void ForgetUnreachable();
  uint64_t NextRandom();

  mutable std::mutex mutex_;
  uint64_t random_state_;
  std::unique_ptr<Image> visible_;  // what reads show
  std::unique_ptr<Image> durable_;  // what a crash leaves at least
  std::vector<Unsynced> unsynced_;
  std::set<std::string> locks_;
  std::map<uint64_t, int> open_counts_;  // handles by inode
  uint64_t next_inode_ = 1;
  uint64_t capacity_bytes_ = UINT64_MAX;
  DiskFaults faults_;
  uint64_t operations_ = 0;
  uint64_t writes_ = 0;
  uint64_t syncs_ = 0;
  uint64_t reads_ = 0;
  bool crashed_ = false;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_IO_MEMORY_DISK_H_
