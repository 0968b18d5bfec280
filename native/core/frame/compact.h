// Compaction: which entries of a batch need not be sent, because later ones of the batch say all
// they say.
#ifndef CFS_REPL_FRAME_COMPACT_H_
#define CFS_REPL_FRAME_COMPACT_H_

#include <span>
#include <vector>

#include "base/entry.h"
#include "base/types.h"

namespace cfsrepl {

// Whether objects that were created and removed inside the batch may vanish with everything
// between.
//
// Superseded attributes may always go: registers keep the greatest stamp, so what is dropped could
// never have won. A vanished object is different. If some site came to hold its create without its
// removal (another peer was sent a frame that ends between the two, or a checkpoint was taken
// there), that site may change it, and such a change brings it back to life by the merge rules
// everywhere but where the create vanished. So kVanish is only for a caller who knows that no site
// but the origin and the one the batch goes to ever receives these entries other than together.
enum class ShortLived { kKeep, kVanish };

// One thread at a time; reuse it, and it stops allocating.
class Compactor {
 public:
  // `entries` are entries of `origin`, ascending by LSN, verified by OpenFrame. Replaces *kept by
  // the indices of those that stay, ascending:
  //  - write, truncate and setattr go when later ones of the batch set every field they set;
  //  - setxattr and removexattr go when a later one of the batch has the same inode and key;
  //  - but of those that assert the inode's links the last stays;
  //  - create, mkdir, symlink, link, unlink, rmdir and rename stay, except those of objects that
  //  vanish
  //    under kVanish: made and removed in the batch, never linked twice, replacing and replaced by
  //    nothing, untouched after their removal, and no parent of anything that stays;
  //  - entries of a newer schema or op stay, and nothing vanishes from a batch that has any.
  // After merging the kept entries every register that is live holds what all entries would have
  // left, whatever else is merged before, between or after.
  //
  // `learned_at`, ascending: from each of these LSNs on, the origin had seen more of other origins.
  // Nothing goes for an entry that knew more: a change of another site may have lost to the one and
  // been seen by the other, and it is the one that says that there was a conflict.
  void Run(const Origin& origin, std::span<const EntryView> entries, ShortLived short_lived,
           std::vector<uint32_t>* kept, std::span<const Lsn> learned_at = {});

 private:
  // Open addressing, linear probing, at most half full. A slot is empty unless its generation is
  // the current one, so nothing is cleared for a new batch, nor for the registers of a new section.
  struct FieldSlot {
    Inode inode;
    uint32_t generation;
    uint32_t registers;  // written by later entries: Field bits and kAssertedRegister
  };
  struct XattrSlot {
    uint64_t hash;
    uint32_t generation;
    uint32_t entry;  // a later entry with this inode and key
  };
  enum class Fate : uint8_t { kAlive, kRemoved, kStays, kVanishes };
  // An inode made in this batch.
  struct ObjectSlot {
    Inode inode;
    uint32_t generation;
    uint32_t first_entry;  // the one that made it; its LSN is the link's identity
    uint32_t last_name;    // its latest structural entry, from which name_before_ leads back
    uint32_t children;     // entries not vanished so far that name it as a parent
    Fate fate;
  };

  void Prepare(size_t entry_count);
  // What later entries set no longer counts.
  void ForgetRegisters();
  bool IsSuperseded(std::span<const EntryView> entries, size_t index);
  bool AreFieldsSuperseded(const EntryView& entry);
  // Whether later entries of the inode write all of these registers; now they do.
  bool CoverRegisters(Inode inode, uint32_t registers);
  bool IsXattrSuperseded(std::span<const EntryView> entries, size_t index);

  // Returns whether anything vanishes; the fates in objects_ then say what.
  bool FindVanishing(const Origin& origin, std::span<const EntryView> entries);
  void TrackObject(const Origin& origin, std::span<const EntryView> entries, uint32_t index);
  void TrackReferences(std::span<const EntryView> entries, uint32_t index);
  void CountParents(const EntryView& entry, uint32_t change);
  bool Vanishes(const EntryView& entry, size_t index);
  ObjectSlot* FindObject(Inode inode);
  void AddObject(Inode inode, uint32_t index);

  uint32_t generation_ = 0;           // of objects_
  uint32_t register_generation_ = 0;  // of fields_ and xattrs_
  int shift_ = 0;                     // 64 minus the log2 of the slots in use
  size_t slot_mask_ = 0;              // slots in use, less one
  std::vector<FieldSlot> fields_;
  std::vector<XattrSlot> xattrs_;
  std::vector<ObjectSlot> objects_;
  std::vector<uint32_t> name_before_;  // by entry: the same object's previous structural entry
  std::vector<uint32_t> removals_;     // entries that removed an object, ascending
  std::vector<uint32_t> kept_descending_;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_FRAME_COMPACT_H_
