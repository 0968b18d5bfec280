#include "state/name_index.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>

#include "base/bytes.h"

namespace cfsrepl {
namespace {

template <typename T>
absl::weak_ordering Compare(T a, T b) {
  if (a == b) return absl::weak_ordering::equivalent;
  return a < b ? absl::weak_ordering::less : absl::weak_ordering::greater;
}

// Bytes compared unsigned; eight at a time, since names are short and a call would cost more.
absl::weak_ordering CompareNames(Bytes a, Bytes b) {
  size_t common = std::min(a.size(), b.size());
  size_t at = 0;
  for (; at + sizeof(uint64_t) <= common; at += sizeof(uint64_t)) {
    uint64_t word_a, word_b;
    std::memcpy(&word_a, a.data() + at, sizeof(word_a));
    std::memcpy(&word_b, b.data() + at, sizeof(word_b));
    if (word_a != word_b) return Compare(__builtin_bswap64(word_a), __builtin_bswap64(word_b));
  }
  for (; at < common; at++) {
    if (a[at] != b[at]) return Compare(a[at], b[at]);
  }
  return Compare(a.size(), b.size());
}

absl::weak_ordering CompareKeys(const NameKey& a, const NameKey& b) {
  if (a.parent != b.parent) return Compare(a.parent, b.parent);
  return CompareNames(a.name, b.name);
}

// "<name>~<site>.<incarnation>.<lsn>" and `tildes` more '~', the name cut to fit, and not inside a
// UTF-8 character where that can be told.
std::string AliasOf(Bytes name, const LinkId& id, size_t tildes) {
  char hex[16];
  char* hex_end = std::to_chars(hex, hex + sizeof(hex), id.origin.incarnation, 16).ptr;
  std::string suffix = "~" + std::to_string(id.origin.site) + "." + std::string(hex, hex_end) +
                       "." + std::to_string(id.lsn) + std::string(tildes, '~');
  size_t room = limits::kNameBytesMax - std::min(suffix.size(), limits::kNameBytesMax);
  size_t keep = std::min(name.size(), room);
  if (keep < name.size()) {
    constexpr size_t kUtf8ContinuationBytesMax = 3;
    size_t back = 0;
    while (back < kUtf8ContinuationBytesMax && back < keep && (name[keep - back] & 0xc0) == 0x80) {
      back++;
    }
    if ((name[keep - back] & 0xc0) != 0x80) keep -= back;
  }
  return std::string(reinterpret_cast<const char*>(name.data()), keep) + suffix;
}

}  // namespace

absl::weak_ordering NameIndex::NameOrder::operator()(uint32_t a, uint32_t b) const {
  const LinkRecord& link_b = index->store_->links[b];
  return (*this)(a, NameKey{index->EffectiveParent(link_b), index->VisibleName(b)});
}

absl::weak_ordering NameIndex::NameOrder::operator()(uint32_t a, const NameKey& b) const {
  const LinkRecord& link = index->store_->links[a];
  uint32_t parent = index->EffectiveParent(link);
  if (parent != b.parent) return Compare(parent, b.parent);
  return CompareNames(index->VisibleName(a), b.name);
}

absl::weak_ordering NameIndex::NameOrder::operator()(const NameKey& a, uint32_t b) const {
  absl::weak_ordering order = (*this)(b, a);
  if (order == 0) return order;
  return order < 0 ? absl::weak_ordering::greater : absl::weak_ordering::less;
}

absl::weak_ordering NameIndex::GroupOrder::operator()(uint32_t a, uint32_t b) const {
  const LinkRecord& link_b = index->store_->links[b];
  absl::weak_ordering order =
      (*this)(a, NameKey{index->EffectiveParent(link_b), index->store_->Name(link_b)});
  if (order != 0) return order;
  std::strong_ordering links = index->store_->CompareLinks(b, a);  // descending
  if (links != 0) return links < 0 ? absl::weak_ordering::less : absl::weak_ordering::greater;
  return Compare(a, b);
}

absl::weak_ordering NameIndex::GroupOrder::operator()(uint32_t a, const NameKey& b) const {
  const LinkRecord& link = index->store_->links[a];
  return CompareKeys({index->EffectiveParent(link), index->store_->Name(link)}, b);
}

absl::weak_ordering NameIndex::GroupOrder::operator()(const NameKey& a, uint32_t b) const {
  const LinkRecord& link = index->store_->links[b];
  return CompareKeys(a, {index->EffectiveParent(link), index->store_->Name(link)});
}

NameIndex::NameIndex(Store* store)
    : store_(store),
      names_(NameOrder{this}, CountingAllocator<uint32_t>(&memory_bytes_)),
      extras_(GroupOrder{this}, CountingAllocator<uint32_t>(&memory_bytes_)),
      pending_(std::less<uint64_t>(), CountingAllocator<uint64_t>(&memory_bytes_)),
      aliases_(CountingAllocator<std::pair<const uint32_t, uint32_t>>(&memory_bytes_)) {}

void NameIndex::Place(uint32_t link) {
  LinkRecord& record = store_->links[link];
  uint32_t parent = EffectiveParent(record);
  if (store_->inodes[parent].kind != Kind::kDirectory) {
    pending_.insert((uint64_t{parent} << 32) | link);
    record.Set(kLinkPending);
    return;
  }
  if (names_.insert(link).second) [[likely]] {
    Account(link, +1);
    return;
  }
  record.Set(kLinkExtra);
  extras_.insert(link);
  SettleGroup(parent, store_->Name(record));
}

void NameIndex::Unplace(uint32_t link) {
  LinkRecord& record = store_->links[link];
  uint32_t parent = EffectiveParent(record);
  if (record.Has(kLinkPending)) {
    pending_.erase((uint64_t{parent} << 32) | link);
    record.Clear(kLinkPending);
    return;
  }
  if (record.Has(kLinkShown)) Hide(link);
  if (record.Has(kLinkExtra)) {
    extras_.erase(link);
    record.Clear(kLinkExtra);
  }
  if (GroupHasExtra(parent, store_->Name(record))) {
    SettleGroup(parent, store_->Name(record));
  } else if (!displaced_.empty()) {
    ReshowDisplaced(parent);
  }
}

bool NameIndex::GroupHasExtra(uint32_t parent, Bytes name) const {
  if (extras_.empty()) [[likely]]
    return false;
  NameKey key{parent, name};
  auto it = extras_.lower_bound(key);
  return it != extras_.end() && GroupOrder{this}(*it, key) == 0;
}

void NameIndex::SettleGroup(uint32_t parent, Bytes name) {
  NameKey key{parent, name};
  uint32_t holder = Find(parent, name);
  // An alias of another group may have this name; it gives way.
  bool foreign = holder != 0 && store_->links[holder].Has(kLinkAliased);

  std::vector<uint32_t> members;  // greatest first
  for (auto it = extras_.lower_bound(key); it != extras_.end() && GroupOrder{this}(*it, key) == 0;
       ++it) {
    members.push_back(*it);
  }
  for (uint32_t member : members) {
    extras_.erase(member);
    store_->links[member].Clear(kLinkExtra);
    if (store_->links[member].Has(kLinkShown)) Hide(member);
  }
  if (holder != 0) Hide(holder);
  if (holder != 0 && !foreign) {
    auto at = std::find_if(members.begin(), members.end(), [&](uint32_t member) {
      return store_->CompareLinks(holder, member) > 0;
    });
    members.insert(at, holder);
  }

  if (!members.empty()) Show(members.front());
  for (size_t i = 1; i < members.size(); i++) {
    store_->links[members[i]].Set(kLinkExtra);
    extras_.insert(members[i]);
    bool hidden = std::any_of(members.begin(), members.begin() + i, [&](uint32_t greater) {
      return store_->links[greater].child == store_->links[members[i]].child;
    });
    if (!hidden) ShowAliased(members[i]);
  }
  if (foreign) ShowAliased(holder);
}

void NameIndex::ReshowDisplaced(uint32_t parent) {
  std::vector<uint32_t> links;
  for (uint32_t link : displaced_) {
    if (EffectiveParent(store_->links[link]) == parent) links.push_back(link);
  }
  for (uint32_t link : links) Hide(link);
  for (uint32_t link : links) ShowAliased(link);
}

void NameIndex::Show(uint32_t link) {
  names_.insert(link);
  Account(link, +1);
}

void NameIndex::ShowAliased(uint32_t link) {
  LinkRecord& record = store_->links[link];
  uint32_t parent = EffectiveParent(record);
  LinkId id{store_->origins.Get(record.id.origin()), record.id.lsn()};
  size_t tildes = 0;
  std::string alias = AliasOf(store_->Name(record), id, tildes);
  while (Find(parent, AsBytes(alias)) != 0) alias = AliasOf(store_->Name(record), id, ++tildes);
  if (tildes > 0) displaced_.push_back(link);
  aliases_[link] = store_->blobs.Add(AsBytes(alias));
  record.Set(kLinkAliased);
  Show(link);
}

void NameIndex::Hide(uint32_t link) {
  LinkRecord& record = store_->links[link];
  names_.erase(link);
  Account(link, -1);
  if (!record.Has(kLinkAliased)) return;
  auto alias = aliases_.find(link);
  store_->blobs.Remove(alias->second);
  aliases_.erase(alias);
  record.Clear(kLinkAliased);
  std::erase(displaced_, link);
}

void NameIndex::Account(uint32_t link, int change) {
  LinkRecord& record = store_->links[link];
  InodeRecord& child = store_->inodes[record.child];
  store_->NoteChange(record.child);
  if (change > 0) {
    record.Set(kLinkShown);
  } else {
    record.Clear(kLinkShown);
  }
  bool was_live = child.shown_links > 0;
  child.shown_links = child.shown_links + static_cast<uint32_t>(change);
  bool is_live = child.shown_links > 0;
  live_inodes_ += static_cast<uint64_t>(is_live) - static_cast<uint64_t>(was_live);
  if (child.kind == Kind::kDirectory) {
    store_->DirectoryOf(EffectiveParent(record)).subdirectories += static_cast<uint32_t>(change);
  }
}

uint32_t NameIndex::Find(uint32_t parent, Bytes name) const {
  auto it = names_.find(NameKey{parent, name});
  return it == names_.end() ? 0 : *it;
}

std::vector<uint32_t> NameIndex::HiddenDuplicates(uint32_t link) const {
  const LinkRecord& record = store_->links[link];
  NameKey key{EffectiveParent(record), store_->Name(record)};
  std::vector<uint32_t> duplicates;
  for (auto it = extras_.lower_bound(key); it != extras_.end() && GroupOrder{this}(*it, key) == 0;
       ++it) {
    const LinkRecord& other = store_->links[*it];
    if (other.child == record.child && !other.Has(kLinkShown)) duplicates.push_back(*it);
  }
  return duplicates;
}

std::vector<uint32_t> NameIndex::PlacedIn(uint32_t parent) const {
  std::vector<uint32_t> placed;
  NameKey key{parent, {}};
  for (auto it = names_.lower_bound(key);
       it != names_.end() && EffectiveParent(store_->links[*it]) == parent; ++it) {
    placed.push_back(*it);
  }
  for (auto it = extras_.lower_bound(key);
       it != extras_.end() && EffectiveParent(store_->links[*it]) == parent; ++it) {
    if (!store_->links[*it].Has(kLinkShown)) placed.push_back(*it);
  }
  for (auto it = pending_.lower_bound(uint64_t{parent} << 32);
       it != pending_.end() && *it >> 32 == parent; ++it) {
    placed.push_back(static_cast<uint32_t>(*it));
  }
  return placed;
}

}  // namespace cfsrepl
