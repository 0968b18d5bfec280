// State: the registers of one volume and the tree they show.
//
// Everything is a last-write-wins register (store.h); Merge keeps the greater stamp, so any order,
// duplication or batching of the same entries gives the same registers. The visible tree is a pure
// function of the registers (visible_tree.h), kept current with every merge and never replicated.
//
// Threads: none of its own and not safe by itself; the engine locks. const methods may run together
// when nothing else does. Nothing it returns points into it unless the comment says so.
//
// Errors: kNotFound, kNotDirectory and kInvalidArgument name the path or inode; kMalformed an entry
// that breaks FORMAT.md; kTooLarge when a table of limits.h is full. After an error nothing
// changed, except that placeholders (inodes known by number only) may exist.
#ifndef CFS_REPL_STATE_STATE_H_
#define CFS_REPL_STATE_STATE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/entry.h"
#include "base/status.h"
#include "base/types.h"
#include "state/ledger.h"
#include "state/loss_watch.h"
#include "state/origin_table.h"
#include "state/register_records.h"
#include "state/tombstones.h"

namespace cfsrepl {

class ChangedSlots;
class Store;
class VisibleTree;

// What a visible name leads to.
struct NameEntry {
  Inode parent = 0;
  Inode inode = 0;
  LinkId link;  // what unlink, rmdir and rename must name; none for the root
  Kind kind = Kind::kNone;
};

struct ListedName {
  std::string name;  // as visible: a name that lost a conflict shows as name~site.incarnation.lsn
  NameEntry entry;
};

// An inode without its strings: no allocation, for admission.
struct InodeAttributes {
  Inode inode = 0;
  Kind kind = Kind::kNone;
  uint32_t mode = 0;  // type and permission bits, as stat gives them
  uint32_t uid = 0;
  uint32_t gid = 0;
  SiteId owner_site = 0;  // whose ids those two are: that of the site that wrote them; 0: none did
  uint64_t size = 0;
  uint64_t extent_ref = 0;
  int64_t atime_ns = 0;
  int64_t mtime_ns = 0;
  int64_t ctime_ns = 0;  // physical part of the greatest stamp on the inode, its links and xattrs
  uint32_t rdev = 0;
  uint32_t file_flags = 0;
  uint32_t project = 0;
  uint32_t nlink = 0;  // visible names; directories: 2 + visible subdirectories; 0: no visible name
  // Some link of it is removed and not visible: an entry that changes it now must not carry
  // kEntryAssertsLinks.
  bool has_removed_link = false;
};

// What admission asks of an inode whose attributes change: one lookup, and a walk of its links only
// if one of them was ever removed.
struct ChangeTarget {
  Kind kind = Kind::kNone;
  bool has_removed_link = false;  // as in InodeAttributes
  // Of registers with two values: what a change that gives only one keeps of the other.
  uint32_t uid = 0, gid = 0;
  uint32_t file_flags = 0, project = 0;
  uint64_t size = 0, extent_ref = 0;
  SiteId owner_site = 0;  // as in InodeAttributes
};

struct NamedValue {
  std::string key;
  std::string value;
};

struct VisibleLink {
  Inode parent = 0;
  std::string name;
  LinkId link;
};

struct InodeView {
  InodeAttributes attributes;
  std::string target;              // symlinks
  std::vector<NamedValue> xattrs;  // sorted by key
  std::vector<VisibleLink> links;  // sorted by (parent, name)
};

struct DumpedName {
  std::string path;
  InodeAttributes attributes;
  std::string target;
  std::vector<NamedValue> xattrs;
};

struct StateCounters {
  uint64_t inodes = 0;       // records, placeholders and removed ones included
  uint64_t live_inodes = 0;  // with a visible name, and the root
  uint64_t links = 0;        // records, removed ones included
  uint64_t visible_names = 0;
  uint64_t xattrs = 0;           // records, removed ones included
  uint64_t memory_bytes = 0;     // slabs, arena and tables, as allocated
  uint64_t unknown_entries = 0;  // of a newer schema or op: counted, not merged
};

class State {
 public:
  State();  // the root alone: inode 1, directory, 0755, uid and gid 0
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // The local index of an origin, stable for the life of this State. kTooLarge past
  // limits::kOriginsMax.
  Result<OriginIndex> Intern(const Origin& origin);
  const OriginTable& origins() const;

  // Merges one verified entry of `origin`. An entry that was merged before changes nothing.
  // write, truncate and setattr cost one lookup and no allocation. `watch` (may be null) is told
  // of what the entry takes from changes that its writer had not seen; it must know every origin.
  // Conflicts and their acknowledgements go to the ledger.
  Status Merge(const EntryHeader& header, Bytes payload, OriginIndex origin,
               LossWatch* watch = nullptr);

  // Start loading what Merge of an entry of this inode will touch. For batches: first PrefetchIndex
  // for all entries of a group of 16 or so, then PrefetchInode for all, then Merge them.
  void PrefetchIndex(Inode inode) const;
  void PrefetchInode(Inode inode) const;

  // Merge registers that another State wrote (checkpoint, bootstrap, repair); see
  // register_records.h. The caller has checked lengths and names. Stamps and link ids are in this
  // State's indices.
  Status MergeInodeRecord(const InodeRecordView& record, Ties ties = Ties::kKeep);
  Status MergeLinkRecord(Inode child, const LinkRecordView& record, Ties ties = Ties::kKeep);
  Status MergeXattrRecord(Inode inode, const XattrRecordView& record, Ties ties = Ties::kKeep);

  // From now on `changed` is told of the slots of inodes that change, and at once of all; null:
  // nobody is. Borrows it.
  void Watch(ChangedSlots* changed);
  // Takes one from it; 0 if there is none.
  uint32_t TakeChanged();

  // The visible name `name` in directory `parent`; nullopt if there is none.
  std::optional<NameEntry> LookupName(Inode parent, Bytes name) const;

  // Further links of the same inode under the same register name, which LookupName's link hides.
  // An unlink or rename of the name must remove these too, or one of them shows. Almost always
  // empty.
  std::vector<LinkId> HiddenDuplicates(Inode parent, Bytes name) const;

  // "/a/b" by visible names; "/" is the root; repeated and trailing slashes are ignored; symlinks
  // are not followed. kNotFound and kNotDirectory name the component.
  Result<NameEntry> ResolvePath(Bytes path) const;

  // False for an inode that was never created (or not yet heard of).
  bool GetAttributes(Inode inode, InodeAttributes* out) const;
  bool GetChangeTarget(Inode inode, ChangeTarget* out) const;
  Result<InodeView> GetInode(Inode inode) const;

  // All names that it has or had, as its link registers say, the latest last.
  struct NameRegister {
    LinkId link;
    Inode parent = 0;
    std::string name;
  };
  std::vector<NameRegister> NamesEver(Inode inode) const;

  // The path of its first visible link by (parent, name). kNotFound if no name of it is visible or
  // a directory above has none.
  Result<std::string> PathOf(Inode inode) const;

  // Names in this directory, and hidden duplicates of them. What the cut of a cycle shows in the
  // root counts there.
  uint64_t ChildCount(Inode directory) const;

  // The name in the root under which the cycle that `directory` is on was cut; nullopt if it is on
  // none. To move or remove a member, first make the cut permanent: rename that name to itself.
  std::optional<ListedName> CutOfCycle(Inode directory) const;

  // The name of a directory that was removed and lives only by what is in it; nullopt of any other.
  // To take something out of it, first make its name permanent in the same way.
  std::optional<ListedName> HeldUpName(Inode directory) const;

  // Visible names in `directory` greater than `after` in byte order (empty: from the first), at
  // most `max`.
  std::vector<ListedName> ListDirectory(Inode directory, Bytes after, size_t max) const;

  // True if `ancestor` is `inode` or a directory above it on its visible path.
  bool IsAncestor(Inode ancestor, Inode inode) const;

  // Appends visible names to *out in byte order of the whole path, from the first path greater than
  // `after` (empty: from the first), at most `max`. Fewer means the end. The root itself has no
  // name and is not listed. Changes between two calls show if they sort after the position.
  void Dump(Bytes after, size_t max, std::vector<DumpedName>* out) const;

  StateCounters counters() const;

  Ledger& ledger() { return ledger_; }
  const Ledger& ledger() const { return ledger_; }

  // Looks for what is gone (tombstones.h) in the `max_slots` slots below *slot, which moves down: 0
  // when it is through. What is in a directory mostly came after it, and so goes before it. Gives
  // back how many records were forgotten.
  uint64_t ForgetGone(const Forgettable& forgettable, uint32_t* slot, size_t max_slots);

  // For checkpoint.h and digest.h.
  const Store& store() const { return *store_; }
  const VisibleTree& tree() const { return *tree_; }

 private:
  class OpMerger;

  ListedName Listed(uint32_t link) const;

  std::unique_ptr<Store> store_;
  std::unique_ptr<VisibleTree> tree_;
  Ledger ledger_;
  uint64_t unknown_entries_ = 0;
  // Slots: the records of an inode come together, and new names mostly in one directory.
  uint32_t recent_inode_ = 0;
  uint32_t recent_parent_ = 0;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_STATE_STATE_H_
