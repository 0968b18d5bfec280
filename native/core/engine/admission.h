// Admission: turns what an embedder asks for into entries, or says why not.
//
// Names are resolved against the state as it is, so an entry says exactly which link it removes or
// moves, and the rules of a file system hold: a name is made once, a directory is empty when it
// goes.
#ifndef CFS_REPL_ENGINE_ADMISSION_H_
#define CFS_REPL_ENGINE_ADMISSION_H_

#include <vector>

#include "base/entry.h"
#include "base/status.h"
#include "engine/id_maps.h"
#include "engine/metadata.h"
#include "engine/op_batch.h"
#include "state/state.h"

namespace cfsrepl {

// An op of a batch. Views borrow the batch.
struct OpView {
  OpRecord record;
  Bytes name;
  Bytes new_name;
  Bytes value;
};

// Takes the op at *offset and moves it past. kInvalidArgument when the bytes are not a batch.
Result<OpView> ReadOp(Bytes batch, size_t* offset);

// An entry but for its stamp.
struct Draft {
  Op op = Op::None;
  Inode inode = 0;
  Shard shard = 0;
  uint64_t seq = 0;  // 0: the next of the shard
  uint16_t flags = 0;
  Bytes payload;  // valid until the next Admit
};

class Admission {
 public:
  enum class Outcome { kEntries, kDuplicate, kUnchanged };

  // Borrows all; reads state and maps, mints inode numbers in the metadata, changes nothing else.
  Admission(const State* state, Metadata* metadata, const CurrentIdMaps* id_maps, Origin origin)
      : state_(state), metadata_(metadata), id_maps_(id_maps), origin_(origin) {}

  // With kEntries, drafts() are to be stamped, merged and journaled in order, and the shard's mark
  // raised to their seq. *inode is the object's. `now_ns` is for times that were not given.
  Result<Outcome> Admit(const OpView& op, int64_t now_ns, Inode* inode);

  const std::vector<Draft>& drafts() const { return drafts_; }

 private:
  // A directory and a name in it that need not exist.
  struct Place {
    Inode parent = 0;
    Bytes name;
  };

  Status AdmitBirth(const OpView& op, int64_t now_ns, Inode* inode);
  Status AdmitLink(const OpView& op, Inode* inode);
  Status AdmitRemoval(const OpView& op, Inode* inode);
  Status AdmitRename(const OpView& op, Inode* inode, Outcome* outcome);
  Status AdmitChange(const OpView& op, int64_t now_ns, Inode* inode);
  Status AdmitXattr(const OpView& op, Inode* inode);
  Status AdmitSettling(const OpView& op, Inode* inode);
  Status AdmitEviction(const OpView& op);
  Status AddRestored(const OpView& op, const Conflict& conflict);
  Status AddRestoredBirth(const OpView& op, Op birth, Inode inode, EntryPayload parts);
  Status AddRestoredChange(const OpView& op, const Conflict& conflict, const EntryPayload& parts);
  Status AddRestoredName(const OpView& op, const Conflict& conflict, EntryPayload parts);
  Status AddUnsentRemoval(const OpView& op, Op kind, Inode inode, const EntryPayload& parts);
  Status AddUnsentRename(const OpView& op, Inode inode, EntryPayload parts);
  Status AddRevival(const OpView& op, Inode inode, const Place& place);
  Status AddRebirth(const OpView& op, Op birth, Inode inode, const EntryPayload& parts);
  Result<Inode> AddRevivedDirectory(const OpView& op, Inode directory);

  Result<Place> ResolvePlace(Inode parent, Bytes name, bool is_path) const;
  Result<NameEntry> ResolveName(const Place& place) const;
  Result<Inode> ResolveObject(const OpView& op) const;
  bool IsGone(Inode inode) const;
  Status NeedVacant(const Place& place) const;
  Status CheckReplaceable(const NameEntry& moved, const NameEntry& replaced,
                          const Place& place) const;
  Result<Inode> TakeInode(Inode wanted);

  void Add(const OpView& op, Op kind, Inode inode, uint16_t flags, const EntryPayload& parts);
  void AddRaw(const OpView& op, Op kind, Inode inode, uint16_t flags, Bytes payload);
  std::vector<uint8_t>& AddDraft(const OpView& op, Op kind, Inode inode, uint16_t flags);
  void AddRemoval(const OpView& op, Op kind, Inode inode, const Place& place, const LinkId& link);
  void AddNameRemoval(const OpView& op, Op kind, const Place& place, const NameEntry& entry);
  void AddMove(const OpView& op, const NameEntry& moved, const EntryPayload& parts);
  void KeepCutOf(const OpView& op, Inode directory);
  void KeepHeldUp(const OpView& op, Inode directory);
  void KeepInPlace(const OpView& op, const ListedName& name);
  void AddHiddenRemovals(const OpView& op, Inode inode, const Place& place);
  Status Number(const OpView& op, Outcome* outcome);
  Status CheckDrafts() const;

  const State* const state_;
  Metadata* const metadata_;
  const CurrentIdMaps* const id_maps_;
  const Origin origin_;
  std::vector<Draft> drafts_;
  std::vector<std::vector<uint8_t>> payloads_;  // one a draft, reused
  std::vector<Inode> reviving_;                 // directories, each above the one before it
};

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_ADMISSION_H_
