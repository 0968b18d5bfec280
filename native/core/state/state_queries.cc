// Looking at the visible tree.
#include <algorithm>
#include <string>

#include "base/bytes.h"
#include "state/state.h"
#include "state/store.h"
#include "state/visible_tree.h"

namespace cfsrepl {
namespace {

constexpr int kHlcCounterBits = 12;

LinkId IdOf(const Store& store, const LinkRecord& link) {
  return {store.origins.Get(link.id.origin()), link.id.lsn()};
}

NameEntry EntryOf(const Store& store, const NameIndex& names, uint32_t link) {
  const LinkRecord& record = store.links[link];
  const InodeRecord& child = store.inodes[record.child];
  return {store.inodes[names.EffectiveParent(record)].inode, child.inode, IdOf(store, record),
          child.kind};
}

// Of the root: itself, without a link.
NameEntry RootEntry() { return {kRootInode, kRootInode, {}, Kind::kDirectory}; }

// The visible link of `inode` that comes first by (parent, visible name), so that every site picks
// the same; 0 if none.
uint32_t FirstShownLink(const Store& store, const NameIndex& names, uint32_t inode) {
  uint32_t first = 0;
  for (uint32_t link = store.inodes[inode].first_link; link != 0; link = store.links[link].next) {
    if (!store.links[link].Has(kLinkShown)) continue;
    auto key = [&](uint32_t at) {
      Bytes name = names.VisibleName(at);
      return std::make_pair(
          store.inodes[names.EffectiveParent(store.links[at])].inode,
          std::string_view(reinterpret_cast<const char*>(name.data()), name.size()));
    };
    if (first == 0 || key(link) < key(first)) first = link;
  }
  return first;
}

// The physical part of the greatest clock on the inode.
int64_t ChangeTimeNs(const Store& store, const InodeRecord& inode, Hlc links_hlc) {
  Hlc greatest = std::max(inode.birth.hlc, links_hlc);
  for (const PackedStamp& stamp : inode.stamps) greatest = std::max(greatest, stamp.hlc);
  for (uint32_t xattr = inode.first_xattr; xattr != 0; xattr = store.xattrs[xattr].next) {
    greatest = std::max(greatest, store.xattrs[xattr].stamp.hlc);
  }
  return static_cast<int64_t>(greatest >> kHlcCounterBits) * 1000;
}

uint32_t LinkCount(const Store& store, const InodeRecord& inode) {
  if (inode.kind != Kind::kDirectory) return inode.shown_links;
  if (inode.shown_links == 0 && inode.inode != kRootInode) return 0;
  return 2 + (inode.directory == 0 ? 0 : store.directories[inode.directory].subdirectories);
}

bool HasRemovedLink(const Store& store, const InodeRecord& inode) {
  if (!inode.has_removed) return false;
  for (uint32_t link = inode.first_link; link != 0; link = store.links[link].next) {
    const LinkRecord& record = store.links[link];
    if (record.Has(kLinkRemoved) && !record.Has(kLinkLive)) return true;
  }
  return false;
}

// The site that wrote uid and gid; 0 if none did.
SiteId OwnerSite(const Store& store, const InodeRecord& inode) {
  static_assert(kFieldOwner == 1u << 1);
  return store.origins.Get(inode.stamps[1].source.origin()).site;
}

void FillAttributes(const Store& store, const InodeRecord& inode, InodeAttributes* out) {
  *out = {};
  out->inode = inode.inode;
  out->kind = inode.kind;
  out->mode = ModeOfKind(inode.kind) | inode.mode;
  out->uid = inode.uid;
  out->gid = inode.gid;
  out->owner_site = OwnerSite(store, inode);
  out->size = inode.size;
  out->extent_ref = inode.extent_ref;
  out->atime_ns = inode.atime_ns;
  out->mtime_ns = inode.mtime_ns;
  out->rdev = store.Rdev(inode);
  out->file_flags = inode.file_flags;
  out->project = inode.project;
  out->nlink = LinkCount(store, inode);
  out->has_removed_link = HasRemovedLink(store, inode);
  Hlc links_hlc = 0;
  for (uint32_t link = inode.first_link; link != 0; link = store.links[link].next) {
    links_hlc = std::max(links_hlc, store.links[link].stamp.hlc);
  }
  out->ctime_ns = ChangeTimeNs(store, inode, links_hlc);
}

std::vector<NamedValue> SetXattrs(const Store& store, const InodeRecord& inode) {
  std::vector<NamedValue> xattrs;
  for (uint32_t slot = inode.first_xattr; slot != 0; slot = store.xattrs[slot].next) {
    const XattrRecord& xattr = store.xattrs[slot];
    if (xattr.removed) continue;
    xattrs.push_back(
        {AsString(store.blobs.Get(xattr.key)), AsString(store.blobs.Get(xattr.value))});
  }
  std::sort(xattrs.begin(), xattrs.end(),
            [](const NamedValue& a, const NamedValue& b) { return a.key < b.key; });
  return xattrs;
}

// A walk of the tree in byte order of the whole path. A directory's subtree starts at its name and
// a
// '/', so names such as "a-b" and "a.c" come between "a" and what is in it: directories whose turn
// has not come wait, the longest name first.
class PathWalk {
 public:
  PathWalk(const Store& store, const NameIndex& names) : store_(store), names_(names) {}

  // To the first path greater than `after`.
  void Seek(Bytes after) {
    Enter(kRootSlot, 0);
    while (!after.empty()) {
      if (after.front() != '/') {
        // Paths start with '/': all of them are greater, or none is.
        if (after.front() > '/') levels_.clear();
        return;
      }
      after = after.subspan(1);
      auto slash = std::find(after.begin(), after.end(), '/');
      Bytes name(after.begin(), slash);
      bool last = slash == after.end();
      if (!SeekInLevel(name, last)) return;
      after = after.subspan(name.size());
    }
  }

  // The next visible link, or 0; path() is then its path.
  uint32_t Next() {
    while (!levels_.empty()) {
      Level& level = levels_.back();
      uint32_t link = NextOf(level);
      if (!level.waiting.empty() && (link == 0 || StartsBefore(level.waiting.back(), link))) {
        EnterWaiting();
      } else if (link == 0) {
        levels_.pop_back();
      } else {
        ++level.next;
        const LinkRecord& record = store_.links[link];
        if (store_.inodes[record.child].directory != 0) level.waiting.push_back(link);
        SetPath(level, link);
        return link;
      }
    }
    return 0;
  }

  const std::string& path() const { return path_; }

 private:
  struct Level {
    uint32_t directory;
    size_t path_bytes;  // of the directory's own path in path_; 0 for the root
    NameIndex::Iterator next;
    std::vector<uint32_t> waiting;  // shown links of directories not entered yet
  };

  void Enter(uint32_t directory, size_t path_bytes) {
    levels_.push_back({directory, path_bytes, names_.LowerBound({directory, {}}), {}});
  }

  void EnterWaiting() {
    Level& level = levels_.back();
    uint32_t link = level.waiting.back();
    level.waiting.pop_back();
    SetPath(level, link);
    Enter(store_.links[link].child, path_.size());
  }

  uint32_t NextOf(const Level& level) const {
    if (level.next == names_.end()) return 0;
    return names_.EffectiveParent(store_.links[*level.next]) == level.directory ? *level.next : 0;
  }

  // True if what is in `directory` comes before `link`, a later name beside it.
  bool StartsBefore(uint32_t directory, uint32_t link) const {
    Bytes prefix = names_.VisibleName(directory);
    Bytes name = names_.VisibleName(link);
    if (name.size() <= prefix.size()) return true;
    return !std::equal(prefix.begin(), prefix.end(), name.begin()) || name[prefix.size()] > '/';
  }

  void SetPath(const Level& level, uint32_t link) {
    path_.resize(level.path_bytes);
    path_ += '/';
    Bytes name = names_.VisibleName(link);
    path_.append(name.begin(), name.end());
  }

  // Positions the innermost level after `name` (after what is in it, unless `last`), with the
  // directories waiting that come later. True if it entered `name`.
  bool SeekInLevel(Bytes name, bool last) {
    Level& level = levels_.back();
    for (size_t bytes = 1; bytes <= name.size(); bytes++) {
      bool whole = bytes == name.size();
      if (whole ? !last : name[bytes] >= '/') continue;
      uint32_t link = names_.Find(level.directory, name.first(bytes));
      if (link != 0 && store_.inodes[store_.links[link].child].directory != 0) {
        level.waiting.push_back(link);
      }
    }
    if (last) {
      level.next = names_.UpperBound({level.directory, name});
      return false;
    }
    std::vector<uint8_t> subtree(name.begin(), name.end());
    subtree.push_back('/');
    level.next = names_.LowerBound({level.directory, subtree});
    uint32_t link = names_.Find(level.directory, name);
    if (link == 0 || store_.inodes[store_.links[link].child].kind != Kind::kDirectory) return false;
    SetPath(level, link);
    Enter(store_.links[link].child, path_.size());
    return true;
  }

  const Store& store_;
  const NameIndex& names_;
  std::vector<Level> levels_;
  std::string path_;
};

}  // namespace

std::optional<NameEntry> State::LookupName(Inode parent, Bytes name) const {
  uint32_t directory = store_->FindInode(parent);
  if (directory == 0) return std::nullopt;
  uint32_t link = tree_->names().Find(directory, name);
  if (link == 0) return std::nullopt;
  return EntryOf(*store_, tree_->names(), link);
}

std::vector<LinkId> State::HiddenDuplicates(Inode parent, Bytes name) const {
  std::vector<LinkId> ids;
  uint32_t directory = store_->FindInode(parent);
  uint32_t link = directory == 0 ? 0 : tree_->names().Find(directory, name);
  if (link == 0) return ids;
  for (uint32_t hidden : tree_->names().HiddenDuplicates(link)) {
    ids.push_back(IdOf(*store_, store_->links[hidden]));
  }
  return ids;
}

Result<NameEntry> State::ResolvePath(Bytes path) const {
  if (path.empty() || path.front() != '/') {
    return Status(Code::kInvalidArgument, "path " + QuoteBytes(path) + " does not start with '/'");
  }
  NameEntry at = RootEntry();
  uint32_t directory = kRootSlot;
  for (auto it = path.begin(); it != path.end();) {
    if (*it == '/') {
      ++it;
      continue;
    }
    auto end = std::find(it, path.end(), '/');
    if (at.kind != Kind::kDirectory) {
      return Status(Code::kNotDirectory, "path " + QuoteBytes(path) + ": " +
                                             QuoteBytes(Bytes(path.begin(), it - 1)) +
                                             " is not a directory");
    }
    uint32_t link = tree_->names().Find(directory, Bytes(it, end));
    if (link == 0) {
      return Status(Code::kNotFound, "path " + QuoteBytes(path) + ": there is no " +
                                         QuoteBytes(Bytes(path.begin(), end)));
    }
    at = EntryOf(*store_, tree_->names(), link);
    directory = store_->links[link].child;
    it = end;
  }
  if (path.back() == '/' && at.kind != Kind::kDirectory) {
    return Status(Code::kNotDirectory, "path " + QuoteBytes(path) + " is not a directory");
  }
  return at;
}

bool State::GetAttributes(Inode inode, InodeAttributes* out) const {
  uint32_t slot = store_->FindInode(inode);
  if (slot == 0 || store_->inodes[slot].kind == Kind::kNone) return false;
  FillAttributes(*store_, store_->inodes[slot], out);
  return true;
}

bool State::GetChangeTarget(Inode inode, ChangeTarget* out) const {
  const uint32_t slot = store_->FindInode(inode);
  if (slot == 0 || store_->inodes[slot].kind == Kind::kNone) return false;
  const InodeRecord& record = store_->inodes[slot];
  *out = {record.kind,
          HasRemovedLink(*store_, record),
          record.uid,
          record.gid,
          record.file_flags,
          record.project,
          record.size,
          record.extent_ref,
          OwnerSite(*store_, record)};
  return true;
}

Result<InodeView> State::GetInode(Inode inode) const {
  uint32_t slot = store_->FindInode(inode);
  if (slot == 0 || store_->inodes[slot].kind == Kind::kNone) {
    return Status(Code::kNotFound, "inode " + std::to_string(inode) + " does not exist");
  }
  const InodeRecord& record = store_->inodes[slot];
  InodeView view;
  FillAttributes(*store_, record, &view.attributes);
  view.target = AsString(store_->Target(record));
  view.xattrs = SetXattrs(*store_, record);
  for (uint32_t link = record.first_link; link != 0; link = store_->links[link].next) {
    const LinkRecord& at = store_->links[link];
    if (!at.Has(kLinkShown)) continue;
    view.links.push_back({store_->inodes[tree_->names().EffectiveParent(at)].inode,
                          AsString(tree_->names().VisibleName(link)), IdOf(*store_, at)});
  }
  std::sort(view.links.begin(), view.links.end(), [](const VisibleLink& a, const VisibleLink& b) {
    return a.parent != b.parent ? a.parent < b.parent : a.name < b.name;
  });
  return view;
}

std::vector<State::NameRegister> State::NamesEver(Inode inode) const {
  std::vector<uint32_t> links;
  const uint32_t slot = store_->FindInode(inode);
  if (slot == 0) return {};
  for (uint32_t at = store_->inodes[slot].first_link; at != 0; at = store_->links[at].next) {
    links.push_back(at);
  }
  std::sort(links.begin(), links.end(),
            [&](uint32_t a, uint32_t b) { return store_->CompareLinks(a, b) < 0; });
  std::vector<NameRegister> names;
  for (uint32_t link : links) {
    const LinkRecord& at = store_->links[link];
    names.push_back(
        {IdOf(*store_, at), store_->inodes[at.parent].inode, AsString(store_->Name(at))});
  }
  return names;
}

Result<std::string> State::PathOf(Inode inode) const {
  uint32_t slot = store_->FindInode(inode);
  if (slot == kRootSlot) return std::string("/");
  std::vector<uint32_t> links;  // upwards; the visible tree has no cycles
  for (uint32_t at = slot; at != kRootSlot;) {
    uint32_t link = at == 0 ? 0 : FirstShownLink(*store_, tree_->names(), at);
    if (link == 0) {
      return Status(Code::kNotFound, "inode " + std::to_string(inode) + " has no visible path");
    }
    links.push_back(link);
    at = tree_->names().EffectiveParent(store_->links[link]);
  }
  std::string path;
  for (size_t i = links.size(); i-- > 0;) {
    path += '/';
    path += AsString(tree_->names().VisibleName(links[i]));
  }
  return path;
}

uint64_t State::ChildCount(Inode directory) const {
  uint32_t slot = store_->FindInode(directory);
  if (slot == 0 || store_->inodes[slot].directory == 0) return 0;
  const uint64_t live = store_->directories[store_->inodes[slot].directory].live_children;
  const uint32_t cut = tree_->CutOf(slot);
  if (cut == 0) [[likely]]
    return live;
  return live - (store_->links[cut].parent == slot);
}

std::optional<ListedName> State::CutOfCycle(Inode directory) const {
  const uint32_t slot = store_->FindInode(directory);
  const uint32_t cut = slot == 0 ? 0 : tree_->CutOf(slot);
  if (cut == 0) return std::nullopt;
  return Listed(cut);
}

std::optional<ListedName> State::HeldUpName(Inode directory) const {
  const uint32_t slot = store_->FindInode(directory);
  const uint32_t link = slot == 0 ? 0 : tree_->HeldUpLink(slot);
  if (link == 0) return std::nullopt;
  return Listed(link);
}

ListedName State::Listed(uint32_t link) const {
  const NameIndex& names = tree_->names();
  return {AsString(names.VisibleName(link)), EntryOf(*store_, names, link)};
}

std::vector<ListedName> State::ListDirectory(Inode directory, Bytes after, size_t max) const {
  std::vector<ListedName> listed;
  uint32_t slot = store_->FindInode(directory);
  if (slot == 0) return listed;
  const NameIndex& names = tree_->names();
  for (auto it = names.UpperBound({slot, after}); it != names.end() && listed.size() < max; ++it) {
    if (names.EffectiveParent(store_->links[*it]) != slot) break;
    listed.push_back(Listed(*it));
  }
  return listed;
}

bool State::IsAncestor(Inode ancestor, Inode inode) const {
  uint32_t at = store_->FindInode(inode);
  uint32_t sought = store_->FindInode(ancestor);
  if (at == 0 || sought == 0) return false;
  while (at != sought) {
    uint32_t link = FirstShownLink(*store_, tree_->names(), at);
    if (link == 0) return false;
    at = tree_->names().EffectiveParent(store_->links[link]);
  }
  return true;
}

void State::Dump(Bytes after, size_t max, std::vector<DumpedName>* out) const {
  PathWalk walk(*store_, tree_->names());
  walk.Seek(after);
  for (size_t count = 0; count < max; count++) {
    uint32_t link = walk.Next();
    if (link == 0) return;
    const InodeRecord& inode = store_->inodes[store_->links[link].child];
    DumpedName& name = out->emplace_back();
    name.path = walk.path();
    FillAttributes(*store_, inode, &name.attributes);
    name.target = AsString(store_->Target(inode));
    if (inode.first_xattr != 0) name.xattrs = SetXattrs(*store_, inode);
  }
}

StateCounters State::counters() const {
  StateCounters counters;
  counters.inodes = store_->inodes.size();
  counters.live_inodes = tree_->names().live_inodes() + 1;
  counters.links = store_->links.size();
  counters.visible_names = tree_->names().visible_names();
  counters.xattrs = store_->xattrs.size();
  counters.memory_bytes = sizeof(State) + store_->memory_bytes() + tree_->names().memory_bytes();
  counters.unknown_entries = unknown_entries_;
  return counters;
}

}  // namespace cfsrepl
