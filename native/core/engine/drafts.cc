// Admission: the drafts of entries, and those that a removal or a move needs beside its own.
#include <algorithm>

#include "base/bytes.h"
#include "engine/admission.h"

namespace cfsrepl {
namespace {

Bytes BytesOf(const Attributes& attributes) {
  return {reinterpret_cast<const uint8_t*>(&attributes), sizeof(attributes)};
}

}  // namespace

void Admission::Add(const OpView& op, Op kind, Inode inode, uint16_t flags,
                    const EntryPayload& parts) {
  std::vector<uint8_t>& payload = AddDraft(op, kind, inode, flags);
  if (SetsOnlyAttributes(kind)) {
    const Bytes attributes = BytesOf(parts.attributes);
    payload.assign(attributes.begin(), attributes.end());
  } else {
    EncodePayload(kind, parts, &payload);
  }
  drafts_.back().payload = payload;
}

void Admission::AddRaw(const OpView& op, Op kind, Inode inode, uint16_t flags, Bytes bytes) {
  AddDraft(op, kind, inode, flags).assign(bytes.begin(), bytes.end());
  drafts_.back().payload = payloads_[drafts_.size() - 1];
}

// The draft's payload is empty.
std::vector<uint8_t>& Admission::AddDraft(const OpView& op, Op kind, Inode inode, uint16_t flags) {
  Draft draft;
  draft.op = kind;
  draft.inode = inode;
  draft.flags = flags;
  const bool has_shard = (op.record.flags & kOpHasShard) != 0;
  draft.shard = has_shard ? op.record.shard : ShardOf(inode, metadata_->shard_count());
  const bool has_seq = (op.record.flags & kOpHasSeq) != 0;
  draft.seq = has_seq ? op.record.seq : 0;
  if (payloads_.size() <= drafts_.size()) payloads_.emplace_back();
  std::vector<uint8_t>& payload = payloads_[drafts_.size()];
  payload.clear();
  drafts_.push_back(draft);
  return payload;
}

void Admission::AddRemoval(const OpView& op, Op kind, Inode inode, const Place& place,
                           const LinkId& link) {
  EntryPayload parts;
  parts.parent = place.parent;
  parts.name = place.name;
  parts.link = link;
  Add(op, kind, inode, 0, parts);
}

// The name that shows at `place`.
void Admission::AddNameRemoval(const OpView& op, Op kind, const Place& place,
                               const NameEntry& entry) {
  if (entry.kind == Kind::kDirectory) KeepCutOf(op, entry.inode);
  KeepHeldUp(op, place.parent);
  AddRemoval(op, kind, entry.inode, place, entry.link);
  AddHiddenRemovals(op, entry.inode, place);
}

// The name that shows where the parts of the rename say.
void Admission::AddMove(const OpView& op, const NameEntry& moved, const EntryPayload& parts) {
  if (moved.kind == Kind::kDirectory) {
    KeepCutOf(op, moved.inode);
    if (parts.replaced_inode != 0) KeepCutOf(op, parts.replaced_inode);
  }
  KeepHeldUp(op, parts.parent);
  Add(op, Op::Rename, moved.inode, 0, parts);
  AddHiddenRemovals(op, moved.inode, {parts.parent, parts.name});
  if (parts.replaced_inode == 0) return;
  AddHiddenRemovals(op, parts.replaced_inode, {parts.new_parent, parts.new_name});
}

// A directory on a cut cycle is about to go elsewhere. The cycle ends with that, and what the cut
// shows in the root would jump below another directory.
void Admission::KeepCutOf(const OpView& op, Inode directory) {
  const std::optional<ListedName> cut = state_->CutOfCycle(directory);
  if (cut.has_value() && cut->entry.inode != directory) KeepInPlace(op, *cut);
}

// A name is about to leave a directory that lives only by its names. It would go with the last of
// them, while whoever empties it here has seen it and means to keep it until its rmdir.
void Admission::KeepHeldUp(const OpView& op, Inode directory) {
  const std::optional<ListedName> held_up = state_->HeldUpName(directory);
  if (!held_up.has_value()) return;
  KeepCutOf(op, directory);
  KeepInPlace(op, *held_up);
}

// Renames a directory to where it shows, so that its register says what is seen.
void Admission::KeepInPlace(const OpView& op, const ListedName& name) {
  const Inode directory = name.entry.inode;
  auto kept = [&](const Draft& draft) { return draft.inode == directory; };
  if (std::any_of(drafts_.begin(), drafts_.end(), kept)) return;
  EntryPayload parts;
  parts.parent = name.entry.parent;
  parts.new_parent = name.entry.parent;
  parts.link = name.entry.link;
  parts.name = AsBytes(name.name);
  parts.new_name = AsBytes(name.name);
  Add(op, Op::Rename, directory, 0, parts);
}

// Two sites may have linked one file under one name; the name goes when all its links are gone.
void Admission::AddHiddenRemovals(const OpView& op, Inode inode, const Place& place) {
  for (const LinkId& link : state_->HiddenDuplicates(place.parent, place.name)) {
    AddRemoval(op, Op::Unlink, inode, place, link);
  }
}

}  // namespace cfsrepl
