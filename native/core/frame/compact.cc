#include "frame/compact.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace cfsrepl {
namespace {

constexpr uint32_t kNoEntry = ~uint32_t{0};
constexpr uint64_t kGolden = 0x9e3779b97f4a7c15ull;  // 2^64 / golden ratio: Fibonacci hashing

bool IsKnown(const EntryHeader& header) {
  return header.schema() == kEntrySchemaVersion && header.op() <= static_cast<uint8_t>(Op::MAX);
}

Op OpOf(const EntryView& entry) { return static_cast<Op>(entry.header->op()); }

bool MakesObject(Op op) { return op == Op::Create || op == Op::Mkdir || op == Op::Symlink; }
bool RemovesName(Op op) { return op == Op::Unlink || op == Op::Rmdir; }
bool IsXattr(Op op) { return op == Op::Setxattr || op == Op::Removexattr; }

// Beside the Field bits: the register that holds when the inode's links were asserted last.
constexpr uint32_t kAssertedRegister = 1u << 31;
static_assert((kAssertedRegister & kFieldsAll) == 0);

uint32_t AssertedRegister(const EntryHeader& header) {
  return (header.flags() & kEntryAssertsLinks) != 0 ? kAssertedRegister : 0;
}

// The key of a setxattr or removexattr that OpenFrame has verified.
Bytes KeyOf(const EntryView& entry) {
  uint16_t key_bytes;
  std::memcpy(&key_bytes, entry.payload.data(), sizeof(key_bytes));
  size_t fixed_bytes = OpOf(entry) == Op::Setxattr ? 2 + 4 : 2;
  return entry.payload.subspan(fixed_bytes, key_bytes);
}

// FNV-1a, seeded by the inode. Keys are short and rare; only speed depends on it.
uint64_t HashXattr(Inode inode, Bytes key) {
  uint64_t hash = 0xcbf29ce484222325ull ^ (inode * kGolden);
  for (uint8_t byte : key) hash = (hash ^ byte) * 0x100000001b3ull;
  return hash * kGolden;
}

// The parts of a structural entry, which OpenFrame has verified.
EntryPayload PartsOf(const EntryView& entry) {
  auto parts = DecodePayload(*entry.header, entry.payload);
  return parts.ok() ? parts.value() : EntryPayload{};
}

}  // namespace

void Compactor::Prepare(size_t entry_count) {
  size_t slots = std::bit_ceil(std::max<size_t>(2 * entry_count, 16));
  if (slots > fields_.size()) {
    fields_.assign(slots, FieldSlot{});
    xattrs_.assign(slots, XattrSlot{});
    objects_.assign(slots, ObjectSlot{});
    generation_ = register_generation_ = 0;
  }
  if (++generation_ == 0) {  // after 2^32 batches old slots would look current
    std::fill(objects_.begin(), objects_.end(), ObjectSlot{});
    generation_ = 1;
  }
  ForgetRegisters();
  slot_mask_ = slots - 1;
  shift_ = 64 - std::countr_zero(slots);
}

void Compactor::ForgetRegisters() {
  if (++register_generation_ != 0) return;
  std::fill(fields_.begin(), fields_.end(), FieldSlot{});
  std::fill(xattrs_.begin(), xattrs_.end(), XattrSlot{});
  register_generation_ = 1;
}

void Compactor::Run(const Origin& origin, std::span<const EntryView> entries,
                    ShortLived short_lived, std::vector<uint32_t>* kept,
                    std::span<const Lsn> learned_at) {
  Prepare(entries.size());
  bool any_vanish = short_lived == ShortLived::kVanish && FindVanishing(origin, entries);
  kept_descending_.resize(std::max(kept_descending_.size(), entries.size()));
  uint32_t* next = kept_descending_.data();
  // Backwards, so that what later entries set is known.
  for (size_t i = entries.size(); i-- > 0;) {
    if (!learned_at.empty() && entries[i].header->lsn() < learned_at.back()) {
      ForgetRegisters();
      do {
        learned_at = learned_at.first(learned_at.size() - 1);
      } while (!learned_at.empty() && entries[i].header->lsn() < learned_at.back());
    }
    if (any_vanish && Vanishes(entries[i], i)) continue;
    if (!IsSuperseded(entries, i)) *next++ = static_cast<uint32_t>(i);
  }
  kept->resize(static_cast<size_t>(next - kept_descending_.data()));
  std::reverse_copy(kept_descending_.data(), next, kept->begin());
}

bool Compactor::IsSuperseded(std::span<const EntryView> entries, size_t index) {
  const EntryView& entry = entries[index];
  if (!IsKnown(*entry.header)) return false;
  Op op = OpOf(entry);
  if (SetsOnlyAttributes(op)) return AreFieldsSuperseded(entry);
  if (!IsXattr(op)) return false;
  const bool superseded = IsXattrSuperseded(entries, index);
  const uint32_t asserted = AssertedRegister(*entry.header);
  return CoverRegisters(entry.header->inode(), asserted) && superseded;
}

bool Compactor::AreFieldsSuperseded(const EntryView& entry) {
  uint32_t fields;  // Attributes.mask, the payload's first field
  std::memcpy(&fields, entry.payload.data(), sizeof(fields));
  return CoverRegisters(entry.header->inode(), fields | AssertedRegister(*entry.header));
}

bool Compactor::CoverRegisters(Inode inode, uint32_t registers) {
  size_t at = (inode * kGolden) >> shift_;
  while (fields_[at].generation == register_generation_) {
    FieldSlot& slot = fields_[at];
    if (slot.inode == inode) {
      bool superseded = (registers & ~slot.registers) == 0;
      slot.registers |= registers;
      return superseded;
    }
    at = (at + 1) & slot_mask_;
  }
  fields_[at] = {inode, register_generation_, registers};
  return registers == 0;
}

bool Compactor::IsXattrSuperseded(std::span<const EntryView> entries, size_t index) {
  const EntryView& entry = entries[index];
  Inode inode = entry.header->inode();
  Bytes key = KeyOf(entry);
  uint64_t hash = HashXattr(inode, key);
  size_t at = hash >> shift_;
  while (xattrs_[at].generation == register_generation_) {
    if (xattrs_[at].hash == hash) {
      const EntryView& later = entries[xattrs_[at].entry];
      Bytes later_key = KeyOf(later);
      if (later.header->inode() == inode && std::ranges::equal(later_key, key)) return true;
    }
    at = (at + 1) & slot_mask_;
  }
  xattrs_[at] = {hash, register_generation_, static_cast<uint32_t>(index)};
  return false;
}

bool Compactor::FindVanishing(const Origin& origin, std::span<const EntryView> entries) {
  bool any_made = false;
  bool any_removed = false;
  for (const EntryView& entry : entries) {
    if (!IsKnown(*entry.header)) return false;  // who knows what it refers to
    any_made |= MakesObject(OpOf(entry));
    any_removed |= RemovesName(OpOf(entry));
  }
  if (!any_made || !any_removed) return false;

  name_before_.resize(std::max(name_before_.size(), entries.size()));
  removals_.clear();
  for (uint32_t i = 0; i < entries.size(); ++i) TrackObject(origin, entries, i);
  for (uint32_t i = 0; i < entries.size(); ++i) TrackReferences(entries, i);

  // In order of removal, so that what was inside a directory has vanished before it is looked at.
  bool any_vanish = false;
  for (uint32_t removal : removals_) {
    ObjectSlot* object = FindObject(entries[removal].header->inode());
    if (object->fate != Fate::kRemoved || object->children > 0) continue;
    object->fate = Fate::kVanishes;
    any_vanish = true;
    for (uint32_t i = object->last_name; i != kNoEntry; i = name_before_[i]) {
      CountParents(entries[i], ~uint32_t{0});
    }
  }
  return any_vanish;
}

// Follows each object made in the batch through the entries that name it.
void Compactor::TrackObject(const Origin& origin, std::span<const EntryView> entries,
                            uint32_t index) {
  const EntryView& entry = entries[index];
  Op op = OpOf(entry);
  ObjectSlot* object = FindObject(entry.header->inode());
  if (object == nullptr) {
    if (MakesObject(op)) AddObject(entry.header->inode(), index);
    return;
  }
  // Made or linked again, or touched after its removal.
  if (MakesObject(op) || op == Op::Link || object->fate != Fate::kAlive) {
    object->fate = Fate::kStays;
    return;
  }
  if (!IsStructural(op)) return;
  EntryPayload parts = PartsOf(entry);
  LinkId made{origin, entries[object->first_entry].header->lsn()};
  if (parts.link != made || parts.replaced_inode != 0) {
    object->fate = Fate::kStays;
    return;
  }
  name_before_[index] = object->last_name;
  object->last_name = index;
  if (!RemovesName(op)) return;
  object->fate = Fate::kRemoved;
  removals_.push_back(index);
}

// Notes which objects other entries need: as parents, as what a rename replaced, or before they
// were made.
void Compactor::TrackReferences(std::span<const EntryView> entries, uint32_t index) {
  const EntryView& entry = entries[index];
  if (!IsStructural(OpOf(entry))) return;
  CountParents(entry, 1);
  ObjectSlot* object = FindObject(entry.header->inode());
  if (object != nullptr && index < object->first_entry) object->fate = Fate::kStays;
  if (OpOf(entry) != Op::Rename) return;
  ObjectSlot* replaced = FindObject(PartsOf(entry).replaced_inode);
  if (replaced != nullptr) replaced->fate = Fate::kStays;
}

void Compactor::CountParents(const EntryView& entry, uint32_t change) {
  EntryPayload parts = PartsOf(entry);
  for (Inode parent : {parts.parent, parts.new_parent}) {
    ObjectSlot* object = FindObject(parent);
    if (object != nullptr) object->children += change;
  }
}

bool Compactor::Vanishes(const EntryView& entry, size_t index) {
  const ObjectSlot* object = FindObject(entry.header->inode());
  return object != nullptr && object->fate == Fate::kVanishes && index >= object->first_entry;
}

Compactor::ObjectSlot* Compactor::FindObject(Inode inode) {
  size_t at = (inode * kGolden) >> shift_;
  while (objects_[at].generation == generation_) {
    if (objects_[at].inode == inode) return &objects_[at];
    at = (at + 1) & slot_mask_;
  }
  return nullptr;
}

void Compactor::AddObject(Inode inode, uint32_t index) {
  size_t at = (inode * kGolden) >> shift_;
  while (objects_[at].generation == generation_) at = (at + 1) & slot_mask_;
  objects_[at] = {inode, generation_, index, index, 0, Fate::kAlive};
  name_before_[index] = kNoEntry;
}

}  // namespace cfsrepl
