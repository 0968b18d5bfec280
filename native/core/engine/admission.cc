#include "engine/admission.h"

#include <cstring>

#include "base/bytes.h"

namespace cfsrepl {

namespace {

constexpr uint32_t kPermissionBits = 07777;

Status Invalid(std::string message) { return Status(Code::kInvalidArgument, std::move(message)); }

Status NoInode(Inode inode) {
  return Status(Code::kNotFound, "inode " + std::to_string(inode) + " does not exist");
}

std::string DescribePlace(Inode parent, Bytes name) {
  return QuoteBytes(name) + " in directory " + std::to_string(parent);
}

uint32_t DefaultPermissions(Op op) {
  if (op == Op::Mkdir) return 0755;
  return op == Op::Symlink ? 0777 : 0644;
}

Kind DefaultKind(Op op) {
  if (op == Op::Mkdir) return Kind::kDirectory;
  return op == Op::Symlink ? Kind::kSymlink : Kind::kFile;
}

uint32_t Keep(uint32_t given, uint32_t current) { return given == kKeep32 ? current : given; }
uint64_t Keep(uint64_t given, uint64_t current) { return given == kKeep64 ? current : given; }

// What was given, and from the inode what was to be kept.
Attributes Completed(const Attributes& given, uint32_t mode, Op op, const ChangeTarget& now,
                     int64_t now_ns) {
  // Data that changes changes its time too, unless the embedder says when.
  const bool dates_itself = op != Op::Setattr && (given.mask() & kFieldMtime) == 0;
  return Attributes(given.mask() | (dates_itself ? uint32_t{kFieldMtime} : 0u), mode,
                    Keep(given.uid(), now.uid), Keep(given.gid(), now.gid),
                    Keep(given.size(), now.size), Keep(given.extent_ref(), now.extent_ref),
                    given.atime_ns(), dates_itself ? now_ns : given.mtime_ns(), given.rdev(),
                    Keep(given.file_flags(), now.file_flags), Keep(given.project(), now.project),
                    given.reserved());
}

}  // namespace

Result<OpView> ReadOp(Bytes batch, size_t* offset) {
  const Bytes rest = batch.subspan(*offset);
  OpView op;
  if (rest.size() < sizeof(OpRecord)) {
    return Invalid("the batch ends inside an op at byte " + std::to_string(*offset));
  }
  std::memcpy(static_cast<void*>(&op.record), rest.data(), sizeof(OpRecord));
  const OpRecord& r = op.record;
  const uint64_t strings = uint64_t{r.name_bytes} + r.new_name_bytes + r.value_bytes;
  const uint64_t needed = (sizeof(OpRecord) + strings + 7) / 8 * 8;
  if (r.record_bytes != needed || needed > rest.size()) {
    return Invalid("the op at byte " + std::to_string(*offset) + " of the batch says it has " +
                   std::to_string(r.record_bytes) + " bytes, expected " + std::to_string(needed) +
                   " of the " + std::to_string(rest.size()) + " that are left");
  }
  op.name = rest.subspan(sizeof(OpRecord), r.name_bytes);
  op.new_name = rest.subspan(sizeof(OpRecord) + r.name_bytes, r.new_name_bytes);
  op.value = rest.subspan(sizeof(OpRecord) + r.name_bytes + r.new_name_bytes, r.value_bytes);
  *offset += needed;
  return op;
}

Result<Admission::Outcome> Admission::Admit(const OpView& op, int64_t now_ns, Inode* inode) {
  drafts_.clear();
  *inode = 0;
  Outcome outcome = Outcome::kEntries;
  if ((op.record.flags & kOpHasSeq) != 0) {
    CFS_RETURN_IF_ERROR(Number(op, &outcome));
    if (outcome == Outcome::kDuplicate) return outcome;
  }
  switch (static_cast<Op>(op.record.op)) {
    case Op::Create:
    case Op::Mkdir:
    case Op::Symlink:
      CFS_RETURN_IF_ERROR(AdmitBirth(op, now_ns, inode));
      break;
    case Op::Link:
      CFS_RETURN_IF_ERROR(AdmitLink(op, inode));
      break;
    case Op::Unlink:
    case Op::Rmdir:
      CFS_RETURN_IF_ERROR(AdmitRemoval(op, inode));
      break;
    case Op::Rename:
      CFS_RETURN_IF_ERROR(AdmitRename(op, inode, &outcome));
      break;
    case Op::Write:
    case Op::Truncate:
    case Op::Setattr:
      CFS_RETURN_IF_ERROR(AdmitChange(op, now_ns, inode));
      break;
    case Op::Setxattr:
    case Op::Removexattr:
      CFS_RETURN_IF_ERROR(AdmitXattr(op, inode));
      break;
    case Op::Conflictack:
      CFS_RETURN_IF_ERROR(AdmitSettling(op, inode));
      break;
    case Op::Evict:
      CFS_RETURN_IF_ERROR(AdmitEviction(op));
      break;
    case Op::Conflict:
      *inode = op.record.inode;
      if (state_->ledger().Knows(op.value)) return Outcome::kUnchanged;
      AddRaw(op, Op::Conflict, *inode, 0, op.value);
      break;
    case Op::None:
    default:
      return Invalid("op is " + std::to_string(op.record.op) + ", expected 1 to 12");
  }
  CFS_RETURN_IF_ERROR(CheckDrafts());
  return outcome;
}

// What this node writes it must be able to read: the rules of FORMAT.md are checked in one place.
Status Admission::CheckDrafts() const {
  for (const Draft& draft : drafts_) {
    const EntryHeader header(0, 0, draft.inode, draft.seq, 0,
                             static_cast<uint32_t>(draft.payload.size()), 0, draft.shard,
                             origin_.site, static_cast<uint8_t>(draft.op), kEntrySchemaVersion,
                             draft.flags, 0, 0);
    const Status status = ValidatePayload(header, draft.payload);
    if (status.ok()) continue;
    const size_t rule = status.message().find("): ");
    return Invalid(rule == std::string::npos ? status.message()
                                             : status.message().substr(rule + 3));
  }
  return Status::Ok();
}

Status Admission::Number(const OpView& op, Outcome* outcome) {
  const OpRecord& r = op.record;
  if ((r.flags & kOpHasShard) == 0) return Invalid("seq is given without shard");
  if (r.shard >= metadata_->shard_count()) {
    return Invalid("shard is " + std::to_string(r.shard) + ", expected 0 to " +
                   std::to_string(metadata_->shard_count() - 1));
  }
  const uint64_t next = metadata_->SeqOf(origin_, r.shard) + 1;
  if (r.seq == 0) return Invalid("seq is 0, expected 1 or more");
  if (r.seq > next) {
    return Status(Code::kSequenceGap, "shard " + std::to_string(r.shard) + " skips from seq " +
                                          std::to_string(next) + " (expected) to " +
                                          std::to_string(r.seq) + " (given)");
  }
  *outcome = r.seq < next ? Outcome::kDuplicate : Outcome::kEntries;
  return Status::Ok();
}

Status Admission::AdmitBirth(const OpView& op, int64_t now_ns, Inode* inode) {
  const Op kind = static_cast<Op>(op.record.op);
  Result<Place> place =
      ResolvePlace(op.record.parent, op.name, (op.record.flags & kOpNameIsPath) != 0);
  if (!place.ok()) return place.status();
  CFS_RETURN_IF_ERROR(NeedVacant(place.value()));

  const Attributes& given = op.record.attributes;
  const uint32_t mask = given.mask();
  auto set = [&](Field field) { return (mask & field) != 0; };
  const uint32_t permissions =
      set(kFieldMode) ? given.mode() & kPermissionBits : DefaultPermissions(kind);
  const uint32_t type_bits = (op.record.flags & kOpHasKindBits) != 0
                                 ? given.mode() & ~kPermissionBits
                                 : ModeOfKind(DefaultKind(kind));
  const uint64_t size = kind == Op::Symlink ? op.value.size() : 0;
  EntryPayload parts;
  // A birth writes every field, so that each has a stamp from the start.
  parts.attributes = Attributes(
      kFieldsAll | mask, type_bits | permissions, set(kFieldOwner) ? Keep(given.uid(), 0) : 0,
      set(kFieldOwner) ? Keep(given.gid(), 0) : 0,
      set(kFieldSize) ? Keep(given.size(), size) : size,
      set(kFieldSize) ? Keep(given.extent_ref(), 0) : 0,
      set(kFieldAtime) ? given.atime_ns() : now_ns, set(kFieldMtime) ? given.mtime_ns() : now_ns,
      given.rdev(), set(kFieldFlags) ? Keep(given.file_flags(), 0) : 0,
      set(kFieldFlags) ? Keep(given.project(), 0) : 0, given.reserved());
  parts.parent = place->parent;
  parts.name = place->name;
  parts.target = op.value;
  Result<Inode> taken = TakeInode(op.record.inode);
  if (!taken.ok()) return taken.status();
  *inode = taken.value();
  Add(op, kind, *inode, kEntryAssertsLinks, parts);
  return Status::Ok();
}

Status Admission::AdmitLink(const OpView& op, Inode* inode) {
  Result<Inode> object = ResolveObject(op);
  if (!object.ok()) return object.status();
  InodeAttributes file;
  if (!state_->GetAttributes(object.value(), &file) || file.nlink == 0) {
    return Status(Code::kNotFound, "inode " + std::to_string(object.value()) + " has no name");
  }
  if (file.kind == Kind::kDirectory) {
    return Status(Code::kIsDirectory, "inode " + std::to_string(file.inode) +
                                          " is a directory, which has one name only");
  }
  Result<Place> place = ResolvePlace(op.record.new_parent, op.new_name,
                                     (op.record.flags & kOpDestinationIsPath) != 0);
  if (!place.ok()) return place.status();
  CFS_RETURN_IF_ERROR(NeedVacant(place.value()));
  EntryPayload parts;
  parts.parent = place->parent;
  parts.name = place->name;
  *inode = file.inode;
  Add(op, Op::Link, file.inode, 0, parts);
  return Status::Ok();
}

Status Admission::AdmitRemoval(const OpView& op, Inode* inode) {
  const Op kind = static_cast<Op>(op.record.op);
  Result<Place> place =
      ResolvePlace(op.record.parent, op.name, (op.record.flags & kOpNameIsPath) != 0);
  if (!place.ok()) return place.status();
  Result<NameEntry> entry = ResolveName(place.value());
  if (!entry.ok()) return entry.status();
  const bool is_directory = entry->kind == Kind::kDirectory;
  const std::string what = DescribePlace(place->parent, place->name);
  if (kind == Op::Unlink && is_directory) {
    return Status(Code::kIsDirectory, what + " is a directory; rmdir removes it");
  }
  if (kind == Op::Rmdir && !is_directory) {
    return Status(Code::kNotDirectory, what + " is not a directory; unlink removes it");
  }
  if (kind == Op::Rmdir && state_->ChildCount(entry->inode) != 0) {
    return Status(
        Code::kNotEmpty,
        what + " has " + std::to_string(state_->ChildCount(entry->inode)) + " names in it");
  }
  *inode = entry->inode;
  AddNameRemoval(op, kind, place.value(), entry.value());
  return Status::Ok();
}

Status Admission::CheckReplaceable(const NameEntry& moved, const NameEntry& replaced,
                                   const Place& place) const {
  const std::string what = DescribePlace(place.parent, place.name);
  const bool onto_directory = replaced.kind == Kind::kDirectory;
  if (onto_directory && moved.kind != Kind::kDirectory) {
    return Status(Code::kIsDirectory, what + " is a directory, but what moves there is not");
  }
  if (!onto_directory && moved.kind == Kind::kDirectory) {
    return Status(Code::kNotDirectory, what + " is not a directory, but what moves there is");
  }
  if (onto_directory && state_->ChildCount(replaced.inode) != 0) {
    return Status(Code::kNotEmpty, what + " is a directory with names in it");
  }
  return Status::Ok();
}

Status Admission::AdmitRename(const OpView& op, Inode* inode, Outcome* outcome) {
  const uint8_t flags = op.record.flags;
  Result<Place> from = ResolvePlace(op.record.parent, op.name, (flags & kOpNameIsPath) != 0);
  if (!from.ok()) return from.status();
  Result<Place> to =
      ResolvePlace(op.record.new_parent, op.new_name, (flags & kOpDestinationIsPath) != 0);
  if (!to.ok()) return to.status();
  Result<NameEntry> moved = ResolveName(from.value());
  if (!moved.ok()) return moved.status();
  *inode = moved->inode;

  EntryPayload parts;
  parts.parent = from->parent;
  parts.name = from->name;
  parts.new_parent = to->parent;
  parts.new_name = to->name;
  parts.link = moved->link;
  if (auto replaced = state_->LookupName(to->parent, to->name)) {
    // As POSIX has it, a rename onto another name of the same file changes nothing.
    if (replaced->inode == moved->inode) {
      *outcome = Outcome::kUnchanged;
      return Status::Ok();
    }
    CFS_RETURN_IF_ERROR(CheckReplaceable(moved.value(), *replaced, to.value()));
    parts.replaced_inode = replaced->inode;
    parts.replaced_link = replaced->link;
  }
  if (moved->kind == Kind::kDirectory && state_->IsAncestor(moved->inode, to->parent)) {
    return Invalid(DescribePlace(from->parent, from->name) + " cannot move below itself");
  }
  AddMove(op, moved.value(), parts);
  return Status::Ok();
}

Status Admission::AdmitChange(const OpView& op, int64_t now_ns, Inode* inode) {
  const Op kind = static_cast<Op>(op.record.op);
  Result<Inode> object = ResolveObject(op);
  if (!object.ok()) return object.status();
  ChangeTarget target;
  if (!state_->GetChangeTarget(object.value(), &target)) return NoInode(object.value());
  if (kind != Op::Setattr && target.kind != Kind::kFile) {
    return Status(target.kind == Kind::kDirectory ? Code::kIsDirectory : Code::kInvalidArgument,
                  "inode " + std::to_string(object.value()) + " is not a regular file, which " +
                      std::string(OpName(kind)) + " needs");
  }
  const Attributes& given = op.record.attributes;
  uint32_t mode = given.mode();
  if ((op.record.flags & kOpHasKindBits) != 0) {
    if (KindOfMode(mode) != target.kind) {
      return Invalid("mode " + std::to_string(mode) + " has type bits of another kind than inode " +
                     std::to_string(object.value()) + ", whose are " +
                     std::to_string(ModeOfKind(target.kind)));
    }
    mode &= kPermissionBits;
  }
  *inode = object.value();
  if ((given.mask() & kFieldOwner) != 0 && (given.uid() == kKeep32 || given.gid() == kKeep32)) {
    // The half that is kept becomes one of ours with this change.
    const Owner kept = id_maps_->Get()->Local(target.owner_site, {target.uid, target.gid});
    target.uid = kept.uid;
    target.gid = kept.gid;
  }
  EntryPayload parts;
  parts.attributes = Completed(given, mode, kind, target, now_ns);
  Add(op, kind, *inode, target.has_removed_link ? 0 : kEntryAssertsLinks, parts);
  return Status::Ok();
}

Status Admission::AdmitXattr(const OpView& op, Inode* inode) {
  const Op kind = static_cast<Op>(op.record.op);
  Result<Inode> object = ResolveObject(op);
  if (!object.ok()) return object.status();
  ChangeTarget target;
  if (!state_->GetChangeTarget(object.value(), &target)) return NoInode(object.value());
  *inode = object.value();
  EntryPayload parts;
  parts.key = op.new_name;
  parts.value = op.value;
  Add(op, kind, *inode, target.has_removed_link ? 0 : kEntryAssertsLinks, parts);
  return Status::Ok();
}

Result<Admission::Place> Admission::ResolvePlace(Inode parent, Bytes name, bool is_path) const {
  if (!is_path) {
    InodeAttributes directory;
    if (!state_->GetAttributes(parent, &directory) || directory.nlink == 0) {
      return Status(Code::kNotFound, "directory " + std::to_string(parent) + " does not exist");
    }
    if (directory.kind != Kind::kDirectory) {
      return Status(Code::kNotDirectory, "inode " + std::to_string(parent) + " is not a directory");
    }
    CFS_RETURN_IF_ERROR(ValidateName(name));
    return Place{parent, name};
  }
  size_t end = name.size();
  while (end > 0 && name[end - 1] == '/') end--;
  size_t start = end;
  while (start > 0 && name[start - 1] != '/') start--;
  if (start == 0) {
    return Invalid("path " + QuoteBytes(name) +
                   (end == 0 ? " names the root or nothing"
                             : " is not absolute: expected it to start with '/'"));
  }
  const Bytes last = name.subspan(start, end - start);
  CFS_RETURN_IF_ERROR(ValidateName(last));
  Result<NameEntry> directory = state_->ResolvePath(name.first(start));
  if (!directory.ok()) return directory.status();
  if (directory->kind != Kind::kDirectory) {
    return Status(Code::kNotDirectory, QuoteBytes(name.first(start)) + " is not a directory");
  }
  return Place{directory->inode, last};
}

Result<NameEntry> Admission::ResolveName(const Place& place) const {
  auto entry = state_->LookupName(place.parent, place.name);
  if (entry.has_value()) return *entry;
  return Status(Code::kNotFound, DescribePlace(place.parent, place.name) + " does not exist");
}

Result<Inode> Admission::ResolveObject(const OpView& op) const {
  const OpRecord& r = op.record;
  if (r.inode != 0) return r.inode;
  if ((r.flags & kOpNameIsPath) != 0) {
    Result<NameEntry> entry = state_->ResolvePath(op.name);
    if (!entry.ok()) return entry.status();
    return entry->inode;
  }
  if (r.parent == 0)
    return Invalid("no inode, path, or parent and name says which object is meant");
  Result<NameEntry> entry = ResolveName({r.parent, op.name});
  if (!entry.ok()) return entry.status();
  return entry->inode;
}

Status Admission::NeedVacant(const Place& place) const {
  auto entry = state_->LookupName(place.parent, place.name);
  if (!entry.has_value()) return Status::Ok();
  return Status(Code::kExists, DescribePlace(place.parent, place.name) + " exists as inode " +
                                   std::to_string(entry->inode));
}

Result<Inode> Admission::TakeInode(Inode wanted) {
  if (wanted == 0) {
    return (Inode{origin_.site} << kInodeSiteShift) | (metadata_->inodes_minted + 1);
  }
  InodeAttributes existing;
  if (state_->GetAttributes(wanted, &existing)) {
    return Status(Code::kExists, "inode " + std::to_string(wanted) + " exists");
  }
  return wanted;
}

}  // namespace cfsrepl
