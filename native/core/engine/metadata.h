// What an engine must remember besides the registers: what it holds, whom it has told, where its
// numbers stand. Derived from the log record by record, saved whole in each checkpoint.
#ifndef CFS_REPL_ENGINE_METADATA_H_
#define CFS_REPL_ENGINE_METADATA_H_

#include <algorithm>
#include <map>
#include <span>
#include <vector>

#include "base/entry.h"
#include "base/limits.h"
#include "base/status.h"
#include "base/types.h"
#include "engine/engine.h"

namespace cfsrepl {

// The low 48 bits of an inode number count; the high 16 are the minting site.
inline constexpr int kInodeSiteShift = 48;
inline SiteId SiteOfInode(Inode inode) { return static_cast<SiteId>(inode >> kInodeSiteShift); }

// A wall clock as an HLC. One that stands before 1970 or where no HLC may is the nearest that may
// be.
inline Hlc HlcOfWall(int64_t unix_ns) {
  constexpr int kCounterBits = 12;
  constexpr Hlc kLastUs = limits::kHlcReceivedMax >> kCounterBits;
  if (unix_ns < 0) return 0;
  return std::min(static_cast<Hlc>(unix_ns) / 1000, kLastUs) << kCounterBits;
}

class Metadata {
 public:
  explicit Metadata(uint32_t shard_count = 0) : shard_count_(shard_count) {}

  VersionVector held;
  std::map<Origin, Hlc> held_hlcs;  // of the entry at held.Get(origin); none where it is not known
  Hlc last_hlc = 0;
  Epoch epoch = 1;
  uint64_t inodes_minted = 0;  // counter part of the last inode this site minted
  std::map<SiteId, VersionVector> peer_cursors;
  VersionVector forgotten;  // what was gone by then may be missing in the state
  std::map<SiteId, Eviction> evictions;
  // Of evicted sites: what each had made durable of what is here, until what it lost since is on
  // record.
  std::map<SiteId, VersionVector> unheard;

  uint32_t shard_count() const { return shard_count_; }

  // The clock of the next entry of our own: the wall's, unless something merged was ahead of it.
  Hlc NextHlc(Hlc wall) const { return std::max(wall, last_hlc + 1); }
  // What is held of `origin` now ends with the entry `lsn`, stamped `hlc`. Raises; never lowers.
  void RaiseHeld(const Origin& origin, Lsn lsn, Hlc hlc);
  Hlc HeldHlc(const Origin& origin) const;  // 0: not known

  // Of each site the greatest incarnation stays, of those that closed it the smallest stamp.
  void Evict(const Eviction& eviction);
  // What closed `journal`; null while it is open.
  const Eviction* EvictionOf(const Origin& journal) const;

  // The highest source number in (origin, shard); 0 before the first.
  uint64_t SeqOf(const Origin& origin, Shard shard) const;
  // Raises; never lowers. False if `shard` is not below the shard count.
  bool RaiseSeq(const Origin& origin, Shard shard, uint64_t seq);
  // One origin's marks, for a writer that raises one an entry: valid until another origin is added.
  std::vector<uint64_t>* SeqsOf(const Origin& origin);

  // Remembers an inode number of `site`, so that minting goes on past it.
  void SeeInode(Inode inode, SiteId site);

  std::vector<OriginCursor> Cursors(const Origin& own, bool with_shards) const;

  std::vector<uint8_t> Encode() const;
  static Result<Metadata> Decode(Bytes bytes);

 private:
  uint32_t shard_count_;
  std::map<Origin, std::vector<uint64_t>> seqs_;
};

VersionVector ToVersionVector(const std::vector<OriginCursor>& cursors);

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_METADATA_H_
