#include "state/tombstones.h"

#include <algorithm>

#include "state/state.h"
#include "state/store.h"

namespace cfsrepl {

Forgettable::Forgettable(const OriginTable& origins, const VersionVector& horizon, Hlc before,
                         const Ledger& ledger)
    : horizon_(origins.size()), before_(before), ledger_(&ledger) {
  for (OriginIndex index = 1; index < origins.size(); index++) {
    horizon_[index] = horizon.Get(origins.Get(index));
  }
}

bool Forgettable::Covers(const Store& store, uint32_t slot) const {
  const InodeRecord& inode = store.inodes[slot];
  if (slot == kRootSlot || inode.inode == 0 || inode.shown_links != 0) return false;
  if (inode.changed) return false;  // the digest has not taken it out yet
  if (inode.directory != 0 && store.directories[inode.directory].links != 0) return false;
  if (!Covers(inode.birth) || !Covers(store.AssertedApart(slot))) return false;
  for (const PackedStamp& stamp : inode.stamps) {
    if (!Covers(stamp)) return false;
  }
  for (uint32_t link = inode.first_link; link != 0; link = store.links[link].next) {
    if (store.links[link].Has(kLinkLive) || !Covers(store.links[link].stamp)) return false;
  }
  for (uint32_t xattr = inode.first_xattr; xattr != 0; xattr = store.xattrs[xattr].next) {
    if (!Covers(store.xattrs[xattr].stamp)) return false;
  }
  return !ledger_->IsAbout(inode.inode);
}

// Links removed from what has other names stay: that a file once lost a name decides whether
// changes of it assert its links.
uint64_t State::ForgetGone(const Forgettable& forgettable, uint32_t* slot, size_t max_slots) {
  *slot = std::min(*slot, store_->inodes.end());
  uint64_t forgotten = 0;
  for (size_t count = 0; count<max_slots&& * slot> 1; count++) {
    --*slot;
    const InodeRecord& inode = store_->inodes[*slot];
    for (uint32_t xattr = inode.first_xattr; xattr != 0;) {
      const XattrRecord& record = store_->xattrs[xattr];
      const uint32_t next = record.next;
      if (record.removed != 0 && forgettable.Covers(record.stamp)) {
        store_->RemoveXattr(*slot, xattr);
        forgotten++;
      }
      xattr = next;
    }
    if (!forgettable.Covers(*store_, *slot)) continue;
    store_->RemoveInode(*slot);
    forgotten++;
  }
  recent_inode_ = 0;
  recent_parent_ = 0;
  if (*slot <= 1) *slot = 0;
  return forgotten;
}

}  // namespace cfsrepl
