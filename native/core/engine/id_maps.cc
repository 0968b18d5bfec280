#include "engine/id_maps.h"

#include <utility>

namespace cfsrepl {

namespace {

bool ChangesNothing(const OwnerMap& map) {
  return map.uid.changes_nothing() && map.gid.changes_nothing();
}

}  // namespace

IdMaps::IdMaps(std::vector<SiteIdMap> maps) {
  for (SiteIdMap& map : maps) {
    if (ChangesNothing(map.in) && ChangesNothing(map.out)) continue;
    maps_.insert_or_assign(map.site, std::move(map));
  }
}

Owner IdMaps::Local(SiteId writer, const Owner& owner) const {
  if (maps_.empty()) [[likely]]
    return owner;
  const auto found = maps_.find(writer);
  if (found == maps_.end()) return owner;
  return found->second.in.Map(found->second.out.Map(owner));
}

Attributes WithOwner(const Attributes& attributes, const Owner& owner) {
  return Attributes(attributes.mask(), attributes.mode(), owner.uid, owner.gid, attributes.size(),
                    attributes.extent_ref(), attributes.atime_ns(), attributes.mtime_ns(),
                    attributes.rdev(), attributes.file_flags(), attributes.project(),
                    attributes.reserved());
}

}  // namespace cfsrepl
