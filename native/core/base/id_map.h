// Maps of user and group ids between sites, whose user databases need not agree.
#ifndef CFS_REPL_BASE_ID_MAP_H_
#define CFS_REPL_BASE_ID_MAP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/types.h"

namespace cfsrepl {

// As in Linux: what chown takes for "leave it"; never an id.
inline constexpr uint32_t kNoId = 0xffffffff;

// `from` becomes `to`, from + 1 becomes to + 1, and so on for `count` ids.
struct IdRange {
  uint32_t from = 0;
  uint32_t to = 0;
  uint32_t count = 0;
};

class IdMap {
 public:
  // Every id stays what it is.
  IdMap() = default;

  // `fallback` is what ids in no range become; kNoId: they stay. kTooLarge past
  // limits::kIdRangesMax; kInvalidArgument names the range that is empty or goes past the last id,
  // or the two that overlap in what they map. Several may lead to the same ids.
  static Result<IdMap> Make(std::vector<IdRange> ranges, uint32_t fallback);

  // O(log ranges).
  uint32_t Map(uint32_t id) const;

  bool changes_nothing() const { return ranges_.empty() && fallback_ == kNoId; }

 private:
  std::vector<IdRange> ranges_;  // ascending, apart
  uint32_t fallback_ = kNoId;
};

struct Owner {
  uint32_t uid = 0;
  uint32_t gid = 0;
  bool operator==(const Owner&) const = default;
};

struct OwnerMap {
  IdMap uid;
  IdMap gid;

  Owner Map(const Owner& owner) const { return {uid.Map(owner.uid), gid.Map(owner.gid)}; }
};

// How one site's ids become ours: first as that site shows them to us, then as we take them.
struct SiteIdMap {
  SiteId site = 0;
  OwnerMap out;  // theirs
  OwnerMap in;   // ours
};

}  // namespace cfsrepl

#endif  // CFS_REPL_BASE_ID_MAP_H_
