// Admission of what an operator decides: about a conflict, about the journals of a site.
#include <algorithm>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "engine/admission.h"

namespace cfsrepl {
namespace {

Result<EntryPayload> PartsOf(const ConflictSide& side, Inode inode) {
  const EntryHeader header(side.stamp.lsn, 0, inode, 0, 0,
                           static_cast<uint32_t>(side.payload.size()), 0, 0, side.stamp.origin.site,
                           static_cast<uint8_t>(side.op), kEntrySchemaVersion, 0, 0, 0);
  return DecodePayload(header, side.payload);
}

// The name that an unsent entry is about: by its link, and if that does not show, by where it was.
// If its creation was restored, it has another identity here.
const VisibleLink* NameMeant(const std::vector<VisibleLink>& links, const EntryPayload& parts) {
  const std::string name = AsString(parts.name);
  const VisibleLink* at_place = nullptr;
  for (const VisibleLink& link : links) {
    if (link.link == parts.link) return &link;
    if (link.parent == parts.parent && link.name == name) at_place = &link;
  }
  return at_place;
}

}  // namespace

// Acknowledges a conflict, having made the loser's change again if that is wanted.
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
  if (how == Settled::kRestored) CFS_RETURN_IF_ERROR(AddRestored(op, conflict));
  std::vector<uint8_t> ack;
  EncodeConflictAck({record->first.id, how}, &ack);
  AddRaw(op, Op::Conflictack, kRootInode, 0, ack);
  return Status::Ok();
}

// No name of it shows. The root has none, and is not.
bool Admission::IsGone(Inode inode) const {
  return inode != kRootInode && !state_->PathOf(inode).ok();
}

// What else must hold is a rule of the entry, which all drafts are checked for.
Status Admission::AdmitEviction(const OpView& op) {
  ByteReader reader(op.name);
  const auto evicted = reader.Get<schema::Evicted>();
  if (evicted.site() == origin_.site && evicted.incarnation() >= origin_.incarnation) {
    return Status(Code::kInvalidArgument, "incarnation " + std::to_string(evicted.incarnation()) +
                                              " of site " + std::to_string(evicted.site()) +
                                              " is this site's own, expected one before " +
                                              std::to_string(origin_.incarnation));
  }
  AddRaw(op, Op::Evict, kRootInode, 0, op.name);
  return Status::Ok();
}

// The loser's entry is the same but for its stamp, whatever the tree looks like now. What it needs
// and is gone, its inode or a directory, is made again first, in full: other sites may
// have forgotten it already.
Status Admission::AddRestored(const OpView& op, const Conflict& conflict) {
  const ConflictSide& loser = conflict.loser;
  const Inode inode = conflict.loser_inode;
  Result<EntryPayload> parts = PartsOf(loser, inode);
  if (!parts.ok()) return parts.status();
  // The entry will be one of this site's, and so in its ids.
  if ((parts->attributes.mask() & kFieldOwner) != 0) {
    const Owner owner{parts->attributes.uid(), parts->attributes.gid()};
    parts->attributes =
        WithOwner(parts->attributes, id_maps_->Get()->Local(loser.stamp.origin.site, owner));
  }
  if (loser.op <= Op::Symlink) return AddRestoredBirth(op, loser.op, inode, parts.value());
  const bool is_unsent = conflict.lost == Lost::kUnsent;
  if (loser.op == Op::Unlink || loser.op == Op::Rmdir) {
    if (is_unsent) return AddUnsentRemoval(op, loser.op, inode, parts.value());
    if (!IsGone(inode)) AddRaw(op, loser.op, inode, 0, loser.payload);
    return Status::Ok();
  }
  InodeAttributes attributes;
  if (is_unsent && !state_->GetAttributes(inode, &attributes)) {
    return Status(Code::kNotFound, "nothing is known of inode " + std::to_string(inode) +
                                       " here: its creation has to be restored first, unless it "
                                       "was removed and has been forgotten");
  }
  if (IsStructural(loser.op)) return AddRestoredName(op, conflict, parts.value());
  return AddRestoredChange(op, conflict, parts.value());
}

Status Admission::AddRestoredBirth(const OpView& op, Op birth, Inode inode, EntryPayload parts) {
  Result<Inode> parent = AddRevivedDirectory(op, parts.parent);
  if (!parent.ok()) return parent.status();
  parts.parent = parent.value();
  InodeAttributes attributes;
  const bool is_known = state_->GetAttributes(inode, &attributes);
  if (is_known && IsGone(inode)) return AddRebirth(op, birth, inode, parts);
  Add(op, birth, inode, kEntryAssertsLinks, parts);
  return Status::Ok();
}

// A link or a rename.
Status Admission::AddRestoredName(const OpView& op, const Conflict& conflict, EntryPayload parts) {
  const Op kind = conflict.loser.op;
  const Inode inode = conflict.loser_inode;
  Inode* const directory = kind == Op::Rename ? &parts.new_parent : &parts.parent;
  if (IsGone(inode)) {
    return AddRevival(op, inode, {*directory, kind == Op::Rename ? parts.new_name : parts.name});
  }
  Result<Inode> parent = AddRevivedDirectory(op, *directory);
  if (!parent.ok()) return parent.status();
  *directory = parent.value();
  if (kind == Op::Rename && conflict.lost == Lost::kUnsent) {
    return AddUnsentRename(op, inode, parts);
  }
  Add(op, kind, inode, 0, parts);
  return Status::Ok();
}

// Of attributes or an xattr.
Status Admission::AddRestoredChange(const OpView& op, const Conflict& conflict,
                                    const EntryPayload& parts) {
  const ConflictSide& loser = conflict.loser;
  const Inode inode = conflict.loser_inode;
  // Of a file that was open, and had no name as its writer knew it, no name comes back.
  const bool may_be_nameless = conflict.lost == Lost::kUnsent && !loser.asserts_links;
  if (IsGone(inode) && !may_be_nameless) {
    const auto names = state_->NamesEver(inode);
    if (names.empty()) {
      return Status(Code::kNotFound,
                    "inode " + std::to_string(inode) + " was removed, and has been forgotten");
    }
    CFS_RETURN_IF_ERROR(AddRevival(op, inode, {names.back().parent, AsBytes(names.back().name)}));
  }
  ChangeTarget target;
  const bool known = state_->GetChangeTarget(inode, &target);
  const bool asserts = loser.asserts_links && known && !target.has_removed_link;
  Add(op, loser.op, inode, asserts ? uint16_t{kEntryAssertsLinks} : uint16_t{0}, parts);
  return Status::Ok();
}

Status Admission::AddUnsentRemoval(const OpView& op, Op kind, Inode inode,
                                   const EntryPayload& parts) {
  const Result<InodeView> view = state_->GetInode(inode);
  const VisibleLink* const name = view.ok() ? NameMeant(view->links, parts) : nullptr;
  if (name == nullptr) {
    return Status(Code::kNotFound, "nothing is left to remove: inode " + std::to_string(inode) +
                                       " is not " + QuoteBytes(parts.name) + " in directory " +
                                       std::to_string(parts.parent) +
                                       " any more, nor elsewhere under that link");
  }
  AddNameRemoval(op, kind, {name->parent, AsBytes(name->name)},
                 {name->parent, inode, name->link, view->attributes.kind});
  return Status::Ok();
}

// The inode has a name that shows.
Status Admission::AddUnsentRename(const OpView& op, Inode inode, EntryPayload parts) {
  const Result<InodeView> view = state_->GetInode(inode);
  if (!view.ok()) return view.status();
  const auto names = state_->NamesEver(inode);
  const bool is_known = std::any_of(names.begin(), names.end(),
                                    [&](const auto& name) { return name.link == parts.link; });
  const VisibleLink* from = NameMeant(view->links, parts);
  if (from == nullptr || (is_known && from->link != parts.link)) {
    from = is_known ? nullptr : &view->links.front();
  }
  if (from != nullptr) {
    parts.link = from->link;
    parts.parent = from->parent;
    parts.name = AsBytes(from->name);
  }
  // What it replaced goes if it is there still, by whatever link; what else is there stays.
  const Inode replaced = std::exchange(parts.replaced_inode, 0);
  parts.replaced_link = {};
  const auto there = state_->LookupName(parts.new_parent, parts.new_name);
  if (there.has_value() && there->inode == inode && there->link != parts.link) return Status::Ok();
  if (there.has_value() && there->inode == replaced) {
    parts.replaced_inode = replaced;
    parts.replaced_link = there->link;
  }
  if (from == nullptr) {
    Add(op, Op::Rename, inode, 0, parts);  // the name was removed here, and comes back
  } else {
    AddMove(op, {from->parent, inode, from->link, view->attributes.kind}, parts);
  }
  return Status::Ok();
}

// An inode that is gone, as it was, under a new link.
Status Admission::AddRevival(const OpView& op, Inode inode, const Place& place) {
  Result<InodeView> view = state_->GetInode(inode);
  if (!view.ok()) return view.status();
  Result<Inode> parent = AddRevivedDirectory(op, place.parent);
  if (!parent.ok()) return parent.status();
  const InodeAttributes& now = view->attributes;
  const Owner owner = id_maps_->Get()->Local(now.owner_site, {now.uid, now.gid});
  EntryPayload parts;
  parts.attributes =
      Attributes(kFieldsAll, now.mode, owner.uid, owner.gid, now.size, now.extent_ref, now.atime_ns,
                 now.mtime_ns, now.rdev, now.file_flags, now.project, 0);
  parts.target = AsBytes(view->target);
  parts.parent = parent.value();
  parts.name = place.name;
  return AddRebirth(op, BirthOpOf(now.kind), inode, parts);
}

// Writes every register that the inode has, so that a site which has forgotten it and one which has
// not end in the same. Its old links are removed once more: the new birth asserts them.
Status Admission::AddRebirth(const OpView& op, Op birth, Inode inode, const EntryPayload& parts) {
  Result<InodeView> view = state_->GetInode(inode);
  if (!view.ok()) return view.status();
  Add(op, birth, inode, kEntryAssertsLinks, parts);
  for (const NamedValue& xattr : view->xattrs) {
    EntryPayload set;
    set.key = AsBytes(xattr.key);
    set.value = AsBytes(xattr.value);
    Add(op, Op::Setxattr, inode, 0, set);
  }
  const Op removal = birth == Op::Mkdir ? Op::Rmdir : Op::Unlink;
  for (const State::NameRegister& name : state_->NamesEver(inode)) {
    AddRemoval(op, removal, inode, {name.parent, AsBytes(name.name)}, name.link);
  }
  return Status::Ok();
}

// `directory`, if need be made again where it was last; the root if nothing is known of it any
// more.
Result<Inode> Admission::AddRevivedDirectory(const OpView& op, Inode directory) {
  if (directory == kRootInode || state_->PathOf(directory).ok()) return directory;
  InodeAttributes attributes;
  const auto names = state_->NamesEver(directory);
  const bool is_above_itself =
      std::find(reviving_.begin(), reviving_.end(), directory) != reviving_.end();
  if (is_above_itself || names.empty() || !state_->GetAttributes(directory, &attributes) ||
      attributes.kind != Kind::kDirectory) {
    return kRootInode;
  }
  reviving_.push_back(directory);
  const Status added = AddRevival(op, directory, {names.back().parent, AsBytes(names.back().name)});
  reviving_.pop_back();
  if (!added.ok()) return added;
  return directory;
}

}  // namespace cfsrepl
