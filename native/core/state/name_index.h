// NameIndex: which visible name each live link has, and the ordered index of those names.
//
// The links of one directory with one register name are a group. A pure function of the group
// decides:
//   - the greatest link (Store::CompareLinks) has the name;
//   - any other is shown as <name>~<site>.<incarnation, hex>.<lsn> by its LinkId, the name cut so
//   that
//     it fits 255 bytes; while a group of the directory has that very name, a '~' is appended
//     (LinkIds are unique: the entry that makes a link names its one inode);
//   - but a link whose child has a greater link in the group is hidden: one inode shows once.
// A link that is the cut of a cycle belongs to a group of the root. A link whose parent is not a
// directory waits, shown nowhere.
#ifndef CFS_REPL_STATE_NAME_INDEX_H_
#define CFS_REPL_STATE_NAME_INDEX_H_

#include <absl/container/btree_set.h>

#include <boost/unordered/unordered_flat_map.hpp>
#include <vector>

#include "state/store.h"

namespace cfsrepl {

// A name in a directory (by slot), for lookups.
struct NameKey {
  uint32_t parent;
  Bytes name;
};

class NameIndex {
 public:
  explicit NameIndex(Store* store);
  NameIndex(const NameIndex&) = delete;
  NameIndex& operator=(const NameIndex&) = delete;

  // Gives the link its place, or takes it away. Between the two its register, its kLinkCut bit and
  // whether its parent is a directory must not change.
  void Place(uint32_t link);
  void Unplace(uint32_t link);

  // Where the link shows: its register's parent, or the root if it is a cut.
  uint32_t EffectiveParent(const LinkRecord& link) const {
    return link.Has(kLinkCut) ? kRootSlot : link.parent;
  }
  Bytes VisibleName(uint32_t link) const {
    const LinkRecord& record = store_->links[link];
    if (record.Has(kLinkAliased)) [[unlikely]]
      return store_->blobs.Get(aliases_.find(link)->second);
    return store_->Name(record);
  }

  uint32_t Find(uint32_t parent, Bytes name) const;  // a link, or 0
  std::vector<uint32_t> HiddenDuplicates(uint32_t link) const;
  // All links placed in `parent`: shown, hidden and waiting.
  std::vector<uint32_t> PlacedIn(uint32_t parent) const;

  uint64_t visible_names() const { return names_.size(); }
  uint64_t live_inodes() const { return live_inodes_; }  // the root not included
  uint64_t memory_bytes() const { return memory_bytes_; }

 private:
  // By (parent, visible name), bytes compared unsigned.
  struct NameOrder {
    using is_transparent = void;
    const NameIndex* index;
    absl::weak_ordering operator()(uint32_t a, uint32_t b) const;
    absl::weak_ordering operator()(uint32_t a, const NameKey& b) const;
    absl::weak_ordering operator()(const NameKey& a, uint32_t b) const;
  };
  // By (parent, register name), then the greatest link first.
  struct GroupOrder {
    using is_transparent = void;
    const NameIndex* index;
    absl::weak_ordering operator()(uint32_t a, uint32_t b) const;
    absl::weak_ordering operator()(uint32_t a, const NameKey& b) const;
    absl::weak_ordering operator()(const NameKey& a, uint32_t b) const;
  };
  using Names = absl::btree_set<uint32_t, NameOrder, CountingAllocator<uint32_t>>;
  using Groups = absl::btree_set<uint32_t, GroupOrder, CountingAllocator<uint32_t>>;
  // The parent in the upper half.
  using Pending = absl::btree_set<uint64_t, std::less<uint64_t>, CountingAllocator<uint64_t>>;
  using Aliases =
      boost::unordered_flat_map<uint32_t, uint32_t, boost::hash<uint32_t>, std::equal_to<uint32_t>,
                                CountingAllocator<std::pair<const uint32_t, uint32_t>>>;

 public:
  // Visible names in order, from `from` on, over the end of its directory into the next: the caller
  // compares parents.
  using Iterator = Names::const_iterator;
  Iterator LowerBound(const NameKey& from) const { return names_.lower_bound(from); }
  Iterator UpperBound(const NameKey& after) const { return names_.upper_bound(after); }
  Iterator end() const { return names_.end(); }

 private:
  // Names the group of (parent, name) anew.
  void SettleGroup(uint32_t parent, Bytes name);
  bool GroupHasExtra(uint32_t parent, Bytes name) const;
  // A base name of `parent` went: aliases that gave way to it are chosen anew.
  void ReshowDisplaced(uint32_t parent);

  void Show(uint32_t link);         // under its register name, which must be free
  void ShowAliased(uint32_t link);  // under the first free alias
  void Hide(uint32_t link);
  void Account(uint32_t link, int change);

  Store* const store_;
  uint64_t memory_bytes_ = 0;
  uint64_t live_inodes_ = 0;
  Names names_;
  Groups extras_;    // members of a group but the one that has the name
  Pending pending_;  // live links whose parent is not a directory
  Aliases aliases_;  // link -> blob
  std::vector<uint32_t>
      displaced_;  // aliased links whose first alias was taken; nearly always empty
};

}  // namespace cfsrepl

#endif  // CFS_REPL_STATE_NAME_INDEX_H_
