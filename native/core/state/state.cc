// Merging: each op as changes of registers.
#include "state/state.h"

#include <cstring>
#include <string>

#include "state/losses.h"
#include "state/store.h"
#include "state/visible_tree.h"

namespace cfsrepl {
namespace {

// True if `stamp` takes the register that is written with `held`.
inline bool Wins(const Store& store, const PackedStamp& stamp, const PackedStamp& held, Ties ties) {
  return ties == Ties::kKeep ? store.origins.Newer(stamp, held)
                             : stamp.written() && !store.origins.Newer(held, stamp);
}

// `recent_parent` is a slot that is looked at first; `losses` may be null.
void MergeLink(Store* store, VisibleTree* tree, uint32_t child, const LinkRecordView& value,
               uint32_t* recent_parent, LossFinder* losses, Ties ties = Ties::kKeep) {
  if (child == kRootSlot) return;  // it has no name
  uint32_t link = store->FindLink(child, value.id);
  if (link == 0) link = store->AddLink(child, value.id);
  LinkRecord& record = store->links[link];
  if (!Wins(*store, value.stamp, record.stamp, ties)) return;
  if (losses != nullptr) losses->BeforeLink(link, value);
  tree->BeforeLinkChange(link);
  record.stamp = value.stamp;
  store->SetParent(&record, store->FindOrAddInode(value.parent, recent_parent));
  store->SetName(&record, value.name);
  value.removed ? record.Set(kLinkRemoved) : record.Clear(kLinkRemoved);
  tree->AfterLinkChange(link);
  if (losses != nullptr) losses->AfterLink(link);
}

struct Existence {
  PackedStamp stamp;
  Kind kind = Kind::kNone;
  uint32_t rdev = 0;
  Bytes target;
};

void MergeExistence(Store* store, VisibleTree* tree, uint32_t slot, const Existence& value,
                    Ties ties = Ties::kKeep) {
  InodeRecord& record = store->inodes[slot];
  if (slot == kRootSlot || !Wins(*store, value.stamp, record.birth, ties)) return;
  store->NoteChange(slot);
  bool kind_changes = record.kind != value.kind;
  // A new inode has nothing that could be shown under another kind.
  bool bracket = kind_changes && (record.first_link != 0 || record.directory != 0);
  if (bracket) tree->BeforeKindChange(slot);
  if (record.kind == Kind::kSymlink) store->blobs.Remove(record.special);
  record.birth = value.stamp;
  record.kind = value.kind;
  record.special = value.kind == Kind::kSymlink ? store->blobs.Add(value.target) : value.rdev;
  if (bracket) {
    tree->AfterKindChange(slot);
  } else if (record.has_removed) {
    tree->AfterAssertChange(slot);
  }
}

// Takes over what wins of the fields in the mask; stamp_of(field) is the stamp of each, and
// `asserts_links` has the bits of those that assert. True if the asserted register may have
// changed.
template <Ties kTies = Ties::kKeep, typename StampOf>
inline bool MergeFields(Store* store, const Attributes& attributes, StampOf stamp_of,
                        uint32_t asserts_links, uint32_t slot) {
  InodeRecord* const record = &store->inodes[slot];
  const uint32_t mask = attributes.mask() & kFieldsAll;
  // A field that does not assert may take the place of one that does.
  if (record->asserts_links & mask & ~asserts_links) [[unlikely]] {
    store->KeepAssert(slot, store->GreatestAssert(slot));
  }
  uint32_t won = 0;
  for (uint32_t rest = mask; rest != 0; rest &= rest - 1) {
    int field = __builtin_ctz(rest);
    const PackedStamp& stamp = stamp_of(field);
    if (!Wins(*store, stamp, record->stamps[field], kTies)) continue;
    record->stamps[field] = stamp;
    won |= 1u << field;
  }
  if (won & kFieldMode) record->mode = attributes.mode() & 07777;
  if (won & kFieldOwner) {
    record->uid = attributes.uid();
    record->gid = attributes.gid();
  }
  if (won & kFieldSize) {
    record->size = attributes.size();
    record->extent_ref = attributes.extent_ref();
  }
  if (won & kFieldAtime) record->atime_ns = attributes.atime_ns();
  if (won & kFieldMtime) record->mtime_ns = attributes.mtime_ns();
  if (won & kFieldFlags) {
    record->file_flags = attributes.file_flags();
    record->project = attributes.project();
  }
  // The other way round: it came too late for the field, but it asserts.
  const uint32_t unheld = asserts_links & mask & ~won & ~uint32_t{record->asserts_links};
  for (uint32_t rest = unheld; rest != 0; rest &= rest - 1) {
    store->KeepAssert(slot, stamp_of(__builtin_ctz(rest)));
  }
  record->asserts_links =
      static_cast<uint8_t>((record->asserts_links & ~won) | (asserts_links & won));
  if ((won | unheld) != 0) store->NoteChange(slot);
  return (won | unheld) != 0 && record->has_removed;
}

// The fields of one entry, all under its stamp.
inline bool MergeFields(Store* store, const Attributes& attributes, const PackedStamp& stamp,
                        uint16_t entry_flags, uint32_t slot) {
  bool asserts = (entry_flags & kEntryAssertsLinks) != 0;
  uint32_t asserts_links = asserts ? uint32_t{kFieldsAll} : 0;
  return MergeFields(
      store, attributes, [&](int) -> const PackedStamp& { return stamp; }, asserts_links, slot);
}

void MergeAssert(Store* store, VisibleTree* tree, uint32_t slot, const PackedStamp& stamp) {
  if (!store->origins.Newer(stamp, store->GreatestAssert(slot))) return;
  store->KeepAssert(slot, stamp);
  store->NoteChange(slot);
  if (store->inodes[slot].has_removed) tree->AfterAssertChange(slot);
}

void MergeXattr(Store* store, uint32_t inode, const XattrRecordView& value,
                const LossFinder* losses, Ties ties = Ties::kKeep) {
  uint32_t xattr = store->FindXattr(inode, value.key);
  if (xattr == 0) xattr = store->AddXattr(inode, value.key);
  XattrRecord& record = store->xattrs[xattr];
  if (!Wins(*store, value.stamp, record.stamp, ties)) return;
  store->NoteChange(inode);
  if (losses != nullptr) losses->BeforeXattr(inode, record, value);
  record.stamp = value.stamp;
  record.removed = value.removed;
  if (value.removed) {
    store->blobs.Remove(record.value);
    record.value = 0;
  } else {
    store->SetBlob(&record.value, value.value);
  }
}

Status Malformed(const EntryHeader& header, const char* what) {
  return Status(Code::kMalformed,
                "entry LSN " + std::to_string(header.lsn()) + ": " + std::string(what));
}

}  // namespace

// One entry of an op other than write, truncate and setattr: decodes it and merges its registers.
class State::OpMerger {
 public:
  OpMerger(State* state, const EntryHeader& header, PackedStamp stamp, LossFinder* losses)
      : state_(state),
        losses_(losses),
        store_(state->store_.get()),
        tree_(state->tree_.get()),
        header_(header),
        stamp_(stamp) {}

  Status Merge(Bytes payload) {
    Result<EntryPayload> decoded = DecodePayload(header_, payload);
    if (!decoded.ok()) return decoded.status();
    const EntryPayload& parts = decoded.value();
    switch (static_cast<Op>(header_.op())) {
      case Op::Create:
      case Op::Mkdir:
      case Op::Symlink:
        return Birth(parts);
      case Op::Link:
        return NewLink(parts);
      case Op::Unlink:
      case Op::Rmdir:
        return Removal(parts);
      case Op::Rename:
        return Rename(parts);
      case Op::Setxattr:
      case Op::Removexattr:
        return Xattr(parts);
      default:
        return Status::Ok();
    }
  }

 private:
  Status Birth(const EntryPayload& parts) {
    uint32_t slot = store_->FindOrAddInode(header_.inode());
    LookBefore(slot, parts.attributes);
    if (losses_ != nullptr && store_->origins.Newer(stamp_, store_->inodes[slot].birth)) {
      losses_->BeforeExistence(slot, parts);
    }
    MergeExistence(
        store_, tree_, slot,
        {stamp_, KindOfMode(parts.attributes.mode()), parts.attributes.rdev(), parts.target});
    if (MergeFields(store_, parts.attributes, stamp_, header_.flags(), slot)) {
      tree_->AfterAssertChange(slot);
    }
    Link(slot, {stamp_.source, stamp_, false, parts.parent, parts.name});
    return Status::Ok();
  }

  Status NewLink(const EntryPayload& parts) {
    uint32_t slot = store_->FindOrAddInode(header_.inode());
    Link(slot, {stamp_.source, stamp_, false, parts.parent, parts.name});
    return Status::Ok();
  }

  Status Removal(const EntryPayload& parts) {
    Result<PackedSource> id = Pack(parts.link);
    if (!id.ok()) return id.status();
    uint32_t slot = store_->FindOrAddInode(header_.inode());
    Link(slot, {id.value(), stamp_, true, parts.parent, parts.name});
    return Status::Ok();
  }

  Status Rename(const EntryPayload& parts) {
    Result<PackedSource> id = Pack(parts.link);
    if (!id.ok()) return id.status();
    Result<PackedSource> replaced_id = Pack(parts.replaced_link);
    if (!replaced_id.ok()) return replaced_id.status();
    // The replaced name goes first, so that the renamed one finds it free.
    if (parts.replaced_inode != 0) {
      uint32_t replaced = store_->FindOrAddInode(parts.replaced_inode);
      Link(replaced, {replaced_id.value(), stamp_, true, parts.new_parent, parts.new_name});
    }
    uint32_t slot = store_->FindOrAddInode(header_.inode());
    Link(slot, {id.value(), stamp_, false, parts.new_parent, parts.new_name});
    return Status::Ok();
  }

  Status Xattr(const EntryPayload& parts) {
    bool removed = static_cast<Op>(header_.op()) == Op::Removexattr;
    uint32_t slot = store_->FindOrAddInode(header_.inode());
    MergeXattr(store_, slot, {stamp_, removed, parts.key, parts.value}, losses_);
    LookBefore(slot, Attributes());
    if ((header_.flags() & kEntryAssertsLinks) != 0) MergeAssert(store_, tree_, slot, stamp_);
    return Status::Ok();
  }

  void Link(uint32_t slot, const LinkRecordView& value) {
    MergeLink(store_, tree_, slot, value, &state_->recent_parent_, losses_);
  }

  void LookBefore(uint32_t slot, const Attributes& attributes) const {
    if (losses_ == nullptr) return;
    losses_->BeforeFields(slot, attributes, stamp_);
    if ((header_.flags() & kEntryAssertsLinks) != 0) losses_->BeforeAssert(slot, stamp_);
  }

  Result<PackedSource> Pack(const LinkId& id) {
    Result<OriginIndex> origin = state_->Intern(id.origin);
    if (!origin.ok()) return origin.status();
    return PackedSource::Of(origin.value(), id.lsn);
  }

  State* const state_;
  LossFinder* const losses_;
  Store* const store_;
  VisibleTree* const tree_;
  const EntryHeader& header_;
  const PackedStamp stamp_;
};

State::State()
    : store_(std::make_unique<Store>()), tree_(std::make_unique<VisibleTree>(store_.get())) {}

State::~State() = default;

Result<OriginIndex> State::Intern(const Origin& origin) { return store_->origins.Intern(origin); }

const OriginTable& State::origins() const { return store_->origins; }

Status State::Merge(const EntryHeader& header, Bytes payload, OriginIndex origin,
                    LossWatch* watch) {
  if (header.schema() > kEntrySchemaVersion || header.op() > static_cast<uint8_t>(Op::MAX)) {
    unknown_entries_++;
    return Status::Ok();
  }
  if (header.lsn() == 0 || header.lsn() > kLsnMax) return Malformed(header, "LSN out of range");
  PackedStamp stamp{header.hlc(), PackedSource::Of(origin, header.lsn())};

  LossFinder losses(store_.get(), tree_.get(), watch);
  Op op = static_cast<Op>(header.op());
  if (op == Op::Conflict || op == Op::Conflictack) {
    return ledger_.Merge(header, payload, store_->origins.Get(origin)).status();
  }
  if (op == Op::Evict) return Status::Ok();  // of journals; Metadata keeps it
  if (op != Op::Write && op != Op::Truncate && op != Op::Setattr) {
    return OpMerger(this, header, stamp, watch == nullptr ? nullptr : &losses).Merge(payload);
  }
  if (payload.size() != sizeof(Attributes) || header.inode() == 0) {
    return Malformed(header, "expected an inode, and exactly its attributes as payload");
  }
  Attributes attributes;
  std::memcpy(static_cast<void*>(&attributes), payload.data(), sizeof(attributes));
  uint32_t slot = store_->FindOrAddInode(header.inode());
  if (watch != nullptr) {
    losses.BeforeFields(slot, attributes, stamp);
    if ((header.flags() & kEntryAssertsLinks) != 0) losses.BeforeAssert(slot, stamp);
  }
  if (MergeFields(store_.get(), attributes, stamp, header.flags(), slot)) [[unlikely]] {
    tree_->AfterAssertChange(slot);
  }
  return Status::Ok();
}

void State::PrefetchIndex(Inode inode) const { store_->PrefetchIndex(inode); }
void State::PrefetchInode(Inode inode) const { store_->PrefetchInode(inode); }

void State::Watch(ChangedSlots* changed) {
  store_->changed = changed;
  for (uint32_t slot = 1; changed != nullptr && slot < store_->inodes.end(); slot++) {
    store_->inodes[slot].changed = 0;
    store_->NoteChange(slot);
  }
}

uint32_t State::TakeChanged() { return store_->TakeChanged(); }

Status State::MergeInodeRecord(const InodeRecordView& view, Ties ties) {
  if (view.inode == 0) return Status(Code::kMalformed, "inode record: inode is 0");
  uint32_t slot = store_->FindOrAddInode(view.inode, &recent_inode_);
  if (view.birth.written()) {
    MergeExistence(store_.get(), tree_.get(), slot, {view.birth, view.kind, view.rdev, view.target},
                   ties);
  }
  uint32_t mask = 0;
  for (int field = 0; field < kFieldCount; field++) {
    if (view.stamps[field].written()) mask |= 1u << field;
  }
  Attributes attributes(mask, view.mode, view.uid, view.gid, view.size, view.extent_ref,
                        view.atime_ns, view.mtime_ns, 0, view.file_flags, view.project, 0);
  auto stamp_of = [&](int field) -> const PackedStamp& { return view.stamps[field]; };
  const bool asserted =
      ties == Ties::kKeep
          ? MergeFields(store_.get(), attributes, stamp_of, view.asserts_links, slot)
          : MergeFields<Ties::kTake>(store_.get(), attributes, stamp_of, view.asserts_links, slot);
  if (asserted) tree_->AfterAssertChange(slot);
  if (view.asserted.written()) MergeAssert(store_.get(), tree_.get(), slot, view.asserted);
  return Status::Ok();
}

Status State::MergeLinkRecord(Inode child, const LinkRecordView& view, Ties ties) {
  if (child == 0 || view.parent == 0) {
    return Status(Code::kMalformed, "link record of inode " + std::to_string(child) +
                                        " in parent " + std::to_string(view.parent) +
                                        ": neither may be 0");
  }
  MergeLink(store_.get(), tree_.get(), store_->FindOrAddInode(child, &recent_inode_), view,
            &recent_parent_, nullptr, ties);
  return Status::Ok();
}

Status State::MergeXattrRecord(Inode inode, const XattrRecordView& view, Ties ties) {
  if (inode == 0) return Status(Code::kMalformed, "xattr record: inode is 0");
  MergeXattr(store_.get(), store_->FindOrAddInode(inode, &recent_inode_), view, nullptr, ties);
  return Status::Ok();
}

}  // namespace cfsrepl
