// The words of the field: origins, numbers, clocks, stamps, version vectors.
#ifndef CFS_REPL_BASE_TYPES_H_
#define CFS_REPL_BASE_TYPES_H_

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>

namespace cfsrepl {

using Bytes = std::span<const uint8_t>;
using Lsn = uint64_t;     // contiguous from 1 within its origin; 0 is "none"
using Inode = uint64_t;   // the minting site in the top 16 bits
using Hlc = uint64_t;     // 52 bits of microseconds since the Unix epoch, 12 bits of counter
using SiteId = uint16_t;  // 1 to 65535
using Epoch = uint64_t;
using Shard = uint16_t;

inline constexpr Inode kRootInode = 1;  // minted by no site, present everywhere
inline constexpr Lsn kLsnMax = (uint64_t{1} << 48) - 1;

struct Uuid {
  uint64_t hi = 0;
  uint64_t lo = 0;
  auto operator<=>(const Uuid&) const = default;
};

// A journal's identity. Incarnations of one site are minted in ascending order.
struct Origin {
  SiteId site = 0;
  uint64_t incarnation = 0;
  auto operator<=>(const Origin&) const = default;
};

// The total order of last-write-wins.
struct Stamp {
  Hlc hlc = 0;
  Origin origin;
  Lsn lsn = 0;
  auto operator<=>(const Stamp&) const = default;
};

// For each origin, the LSN up to which everything is held. Small: an entry a site and incarnation.
class VersionVector {
 public:
  Lsn Get(const Origin& origin) const {
    auto it = lsns_.find(origin);
    return it == lsns_.end() ? 0 : it->second;
  }
  // Raises; never lowers.
  void Raise(const Origin& origin, Lsn lsn) {
    Lsn& held = lsns_[origin];
    if (lsn > held) held = lsn;
  }
  bool Covers(const Origin& origin, Lsn lsn) const { return Get(origin) >= lsn; }
  const std::map<Origin, Lsn>& lsns() const { return lsns_; }
  bool operator==(const VersionVector&) const = default;

 private:
  std::map<Origin, Lsn> lsns_;
};

// splitmix64's finalizer (Steele, Lea, Flood 2014): the hash that FORMAT.md names for shards.
inline uint64_t MixInode(Inode inode) {
  uint64_t x = inode;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

inline Shard ShardOf(Inode inode, uint32_t shard_count) {
  return static_cast<Shard>(MixInode(inode) % shard_count);
}

}  // namespace cfsrepl

#endif  // CFS_REPL_BASE_TYPES_H_
