// The ids of other sites as this one shows them.
//
// Entries, and so the state, the digests and everything that is sent, have ids as their writer's
// site has them, for ever: what sites hold is the same bytes everywhere. The maps are a view of
// that, applied where ids leave for this site's users, so that a new map holds for all that is
// stored. A register's stamp says which site wrote it.
#ifndef CFS_REPL_ENGINE_ID_MAPS_H_
#define CFS_REPL_ENGINE_ID_MAPS_H_

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "base/entry.h"
#include "base/id_map.h"

namespace cfsrepl {

// Immutable.
class IdMaps {
 public:
  IdMaps() = default;
  explicit IdMaps(std::vector<SiteIdMap> maps);

  // What `owner`, which `writer` wrote, is here. Unknown writers and our own: the same.
  Owner Local(SiteId writer, const Owner& owner) const;

 private:
  std::map<SiteId, SiteIdMap> maps_;  // those that change something
};

// The maps in force. Any thread.
class CurrentIdMaps {
 public:
  std::shared_ptr<const IdMaps> Get() const {
    std::lock_guard lock(mutex_);
    return maps_;
  }
  void Set(std::shared_ptr<const IdMaps> maps) {
    std::lock_guard lock(mutex_);
    maps_.swap(maps);  // what was in force is freed without the lock
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const IdMaps> maps_ = std::make_shared<const IdMaps>();
};

// `attributes` with another owner.
Attributes WithOwner(const Attributes& attributes, const Owner& owner);

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_ID_MAPS_H_
