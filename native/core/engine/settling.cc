// Admission of what an operator decides about a conflict.
#include <string>

#include "base/bytes.h"
#include "engine/admission.h"

namespace cfsrepl {

namespace {

// What DecodePayload asks of a side of a conflict.
EntryHeader HeaderOf(const ConflictSide& side, Inode inode) {
  return EntryHeader(side.stamp.lsn, 0, inode, 0, 0, static_cast<uint32_t>(side.payload.size()), 0,
                     0, side.stamp.origin.site, static_cast<uint8_t>(side.op), kEntrySchemaVersion,
                     0, 0, 0);
}

}  // namespace

// Acknowledges a conflict, having made the loser's change again if that is wanted. Its entry is the
// same but for the stamp, whatever the tree looks like now: a name or a directory that is gone
// comes back with it.
Status Admission::AdmitSettling(const OpView& op, Inode* inode) {
  ByteReader reader(op.name);
  const auto stored = reader.Get<schema::LinkId>();
  const auto how = static_cast<Settled>(op.record.attributes.mode());
  if (!reader.finished() || (how != Settled::kAcknowledged && how != Settled::kRestored)) {
    return Status(Code::kInvalidArgument,
                  "expected the id of a conflict, and whether it is to be restored");
  }
  const LinkId id{{stored.site(), stored.incarnation()}, stored.lsn()};
  const auto record = state_->ledger().Find(id);
  if (record == state_->ledger().end()) return NoConflict(id);
  const Conflict conflict = record->second.conflict();
  *inode = conflict.loser_inode;
  if (how == Settled::kRestored) {
    CFS_RETURN_IF_ERROR(AddRevival(op, conflict));
    CFS_RETURN_IF_ERROR(AddAgain(op, conflict));
  }
  std::vector<uint8_t> ack;
  EncodeConflictAck({record->first.id, how}, &ack);
  AddRaw(op, Op::Conflictack, kRootInode, 0, ack);
  return Status::Ok();
}

// A change that was lost with the last name of its inode needs that name again.
Status Admission::AddRevival(const OpView& op, const Conflict& conflict) {
  if (conflict.lost != Lost::kFields && conflict.lost != Lost::kXattr) return Status::Ok();
  const ConflictSide& winner = conflict.winner;
  if (winner.op != Op::Unlink && winner.op != Op::Rmdir && winner.op != Op::Rename) {
    return Status::Ok();
  }
  auto removal = DecodePayload(HeaderOf(winner, conflict.inode), winner.payload);
  if (!removal.ok()) return removal.status();
  EntryPayload parts;
  const bool replaced = winner.op == Op::Rename;
  parts.link = replaced ? removal->replaced_link : removal->link;
  parts.parent = replaced ? removal->new_parent : removal->parent;
  parts.name = replaced ? removal->new_name : removal->name;
  parts.new_parent = parts.parent;
  parts.new_name = parts.name;
  Add(op, Op::Rename, conflict.loser_inode, 0, parts);
  return Status::Ok();
}

// The loser's change, in our ids: the entry will be one of this site's.
Status Admission::AddAgain(const OpView& op, const Conflict& conflict) {
  const ConflictSide& loser = conflict.loser;
  ChangeTarget target;
  const bool known = state_->GetChangeTarget(conflict.loser_inode, &target);
  const bool asserts = loser.asserts_links && known && !target.has_removed_link;
  const uint16_t flags = asserts ? uint16_t{kEntryAssertsLinks} : uint16_t{0};
  const bool has_attributes = SetsOnlyAttributes(loser.op) || loser.op <= Op::Symlink;
  if (!has_attributes) {
    AddRaw(op, loser.op, conflict.loser_inode, flags, loser.payload);
    return Status::Ok();
  }
  Result<EntryPayload> parts = DecodePayload(HeaderOf(loser, conflict.loser_inode), loser.payload);
  if (!parts.ok()) return parts.status();
  const Attributes& given = parts->attributes;
  if ((given.mask() & kFieldOwner) != 0) {
    parts->attributes = WithOwner(
        given, id_maps_->Get()->Local(loser.stamp.origin.site, {given.uid(), given.gid()}));
  }
  Add(op, loser.op, conflict.loser_inode, flags, parts.value());
  return Status::Ok();
}

void Admission::AddRaw(const OpView& op, Op kind, Inode inode, uint16_t flags, Bytes bytes) {
  AddDraft(op, kind, inode, flags).assign(bytes.begin(), bytes.end());
  drafts_.back().payload = payloads_[drafts_.size() - 1];
}

}  // namespace cfsrepl
