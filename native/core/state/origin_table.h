// Origins as small numbers, and stamps packed with them.
#ifndef CFS_REPL_STATE_ORIGIN_TABLE_H_
#define CFS_REPL_STATE_ORIGIN_TABLE_H_

#include <map>
#include <vector>

#include "base/limits.h"
#include "base/status.h"
#include "base/types.h"

namespace cfsrepl {

// Local to one State or one checkpoint chunk; never leaves it. 0 is "no origin".
using OriginIndex = uint16_t;

// (origin, LSN) in 8 bytes: the index in the top 16 bits.
struct PackedSource {
  uint64_t bits = 0;

  static PackedSource Of(OriginIndex origin, Lsn lsn) {
    return {(uint64_t{origin} << 48) | (lsn & kLsnMax)};
  }
  OriginIndex origin() const { return static_cast<OriginIndex>(bits >> 48); }
  Lsn lsn() const { return bits & kLsnMax; }
  bool operator==(const PackedSource&) const = default;
};

// A Stamp in 16 bytes. All zero: the register was never written.
struct PackedStamp {
  Hlc hlc = 0;
  PackedSource source;

  bool written() const { return hlc != 0 || source.bits != 0; }
  bool operator==(const PackedStamp&) const = default;
};
static_assert(sizeof(PackedStamp) == 16);

class OriginTable {
 public:
  OriginTable() { origins_.emplace_back(); }

  // The index of `origin`, which is added if new; the none origin {0, 0} is 0. kTooLarge when full.
  Result<OriginIndex> Intern(const Origin& origin) {
    if (origin == Origin{}) return OriginIndex{0};
    auto it = indices_.find(origin);
    if (it != indices_.end()) return it->second;
    if (origins_.size() > limits::kOriginsMax) {
      return Status(Code::kTooLarge, "the state knows " + std::to_string(limits::kOriginsMax) +
                                         " origins already; site " + std::to_string(origin.site) +
                                         " brings one more");
    }
    auto index = static_cast<OriginIndex>(origins_.size());
    origins_.push_back(origin);
    indices_.emplace(origin, index);
    return index;
  }

  // 0 if it is not known.
  OriginIndex Find(const Origin& origin) const {
    auto it = indices_.find(origin);
    return it == indices_.end() ? OriginIndex{0} : it->second;
  }

  // The index must come from Intern.
  const Origin& Get(OriginIndex index) const { return origins_[index]; }
  size_t size() const { return origins_.size(); }  // the none origin included

  Stamp Unpack(const PackedStamp& stamp) const {
    return {stamp.hlc, Get(stamp.source.origin()), stamp.source.lsn()};
  }

  std::strong_ordering Compare(const PackedSource& a, const PackedSource& b) const {
    if (a.origin() == b.origin()) return a.lsn() <=> b.lsn();
    return Get(a.origin()) <=> Get(b.origin());
  }
  // The order of last-write-wins: clock, then origin identity, then LSN.
  std::strong_ordering Compare(const PackedStamp& a, const PackedStamp& b) const {
    if (a.hlc != b.hlc) return a.hlc <=> b.hlc;
    return Compare(a.source, b.source);
  }
  bool Newer(const PackedStamp& a, const PackedStamp& b) const {
    if (a.hlc != b.hlc) [[likely]]
      return a.hlc > b.hlc;
    return Compare(a.source, b.source) > 0;
  }

 private:
  std::vector<Origin> origins_;
  std::map<Origin, OriginIndex> indices_;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_STATE_ORIGIN_TABLE_H_
