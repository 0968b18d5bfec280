#include "state/visible_tree.h"

namespace cfsrepl {

void VisibleTree::BeforeLinkChange(uint32_t link) {
  if (store_->links[link].Has(kLinkLive)) Detach(link);
}

void VisibleTree::AfterLinkChange(uint32_t link) {
  uint32_t child = store_->links[link].child;
  if (store_->links[link].Has(kLinkRemoved)) store_->inodes[child].has_removed = 1;
  if (IsDirectory(child)) {
    RefreshDirectory(child);
  } else if (LivesByOwnRight(link)) {
    Attach(link);
  }
  Settle();
}

void VisibleTree::BeforeKindChange(uint32_t inode) {
  const InodeRecord& record = store_->inodes[inode];
  for (uint32_t link = record.first_link; link != 0; link = store_->links[link].next) {
    if (store_->links[link].Has(kLinkLive)) Detach(link);
  }
  moved_.clear();
  if (record.directory != 0) moved_ = names_.PlacedIn(inode);
  for (uint32_t link : moved_) names_.Unplace(link);
}

void VisibleTree::AfterKindChange(uint32_t inode) {
  for (uint32_t link : moved_) names_.Place(link);
  RefreshChild(inode);
  Settle();
}

void VisibleTree::AfterAssertChange(uint32_t inode) {
  RefreshChild(inode);
  Settle();
}

bool VisibleTree::LivesByOwnRight(uint32_t link) const {
  const LinkRecord& record = store_->links[link];
  const InodeRecord& child = store_->inodes[record.child];
  if (child.kind == Kind::kNone || record.parent == 0) return false;
  if (!record.Has(kLinkRemoved)) return true;
  return store_->origins.Newer(store_->GreatestAssert(record.child), record.stamp);
}

VisibleTree::Candidate VisibleTree::CandidateOf(uint32_t directory) const {
  Candidate best;
  for (uint32_t link = store_->inodes[directory].first_link; link != 0;
       link = store_->links[link].next) {
    if (store_->links[link].parent == 0) continue;
    bool own_right = LivesByOwnRight(link);
    if (best.link != 0 && best.own_right && !own_right) continue;
    if (best.link == 0 || own_right != best.own_right ||
        store_->CompareLinks(link, best.link) > 0) {
      best = {link, own_right};
    }
  }
  return best;
}

uint32_t VisibleTree::LiveLink(uint32_t directory) const {
  uint32_t link = store_->inodes[directory].first_link;
  while (link != 0 && !store_->links[link].Has(kLinkLive)) link = store_->links[link].next;
  return link;
}

uint32_t VisibleTree::HeldUpLink(uint32_t directory) const {
  if (!store_->inodes[directory].has_removed) [[likely]]
    return 0;
  const uint32_t link = LiveLink(directory);
  return link == 0 || LivesByOwnRight(link) ? 0 : link;
}

uint32_t VisibleTree::CutOf(uint32_t directory) const {
  if (!store_->inodes[directory].in_cycle) return 0;
  uint32_t link = LiveLink(directory);
  while (!store_->links[link].Has(kLinkCut)) link = LiveLink(store_->links[link].parent);
  return link;
}

uint32_t VisibleTree::LiveChildren(uint32_t directory) const {
  uint32_t slot = store_->inodes[directory].directory;
  return slot == 0 ? 0 : store_->directories[slot].live_children;
}

void VisibleTree::RefreshChild(uint32_t inode) {
  if (IsDirectory(inode)) {
    RefreshDirectory(inode);
    return;
  }
  for (uint32_t link = store_->inodes[inode].first_link; link != 0;
       link = store_->links[link].next) {
    bool live = store_->links[link].Has(kLinkLive);
    bool should_live = LivesByOwnRight(link);
    if (live && !should_live) Detach(link);
    if (!live && should_live) Attach(link);
  }
}

void VisibleTree::RefreshDirectory(uint32_t directory) {
  Candidate candidate = CandidateOf(directory);
  bool should_live = candidate.own_right;
  if (candidate.link != 0 && !should_live) {
    should_live = LiveChildren(directory) > 0 &&
                  (!store_->inodes[directory].in_cycle || CycleIsHeldUp(directory));
  }
  uint32_t live = LiveLink(directory);
  if (live != 0 && (live != candidate.link || !should_live)) {
    Detach(live);
    live = 0;
  }
  if (live == 0 && should_live) Attach(candidate.link);
}

void VisibleTree::Settle() {
  while (!doubtful_.empty()) {
    uint32_t directory = doubtful_.back();
    doubtful_.pop_back();
    if (IsDirectory(directory)) RefreshDirectory(directory);
  }
}

// Only a directory with a removed link can live by its children.
void VisibleTree::Doubt(uint32_t directory) {
  if (store_->inodes[directory].has_removed) [[unlikely]]
    doubtful_.push_back(directory);
}

void VisibleTree::Attach(uint32_t link) {
  LinkRecord& record = store_->links[link];
  record.Set(kLinkLive);
  store_->DirectoryOf(record.parent).live_children++;
  Doubt(record.parent);
  if (IsDirectory(record.child) && LiveChildren(record.child) > 0) CutCycle(link);
  names_.Place(link);
}

void VisibleTree::Detach(uint32_t link) {
  LinkRecord& record = store_->links[link];
  if (store_->inodes[record.child].in_cycle) DissolveCycle(record.child);
  names_.Unplace(link);
  record.Clear(kLinkLive);
  store_->DirectoryOf(record.parent).live_children--;
  Doubt(record.parent);
}

void VisibleTree::CutCycle(uint32_t link) {
  uint32_t start = store_->links[link].child;
  uint32_t greatest = link;
  for (uint32_t at = store_->links[link].parent; at != start;) {
    // No cycle, or the way into one that is cut already.
    if (!IsDirectory(at) || store_->inodes[at].in_cycle) return;
    uint32_t up = LiveLink(at);
    if (up == 0) return;
    if (store_->CompareLinks(up, greatest) > 0) greatest = up;
    at = store_->links[up].parent;
  }
  uint32_t member = start;
  do {
    store_->inodes[member].in_cycle = 1;
    member = store_->links[LiveLink(member)].parent;
  } while (member != start);

  if (greatest != link) names_.Unplace(greatest);
  store_->links[greatest].Set(kLinkCut);
  if (greatest != link) names_.Place(greatest);
}

void VisibleTree::DissolveCycle(uint32_t directory) {
  uint32_t cut = 0;
  uint32_t member = directory;
  do {
    uint32_t link = LiveLink(member);
    store_->inodes[member].in_cycle = 0;
    if (store_->links[link].Has(kLinkCut)) cut = link;
    member = store_->links[link].parent;
  } while (member != directory);
  names_.Unplace(cut);
  store_->links[cut].Clear(kLinkCut);
  names_.Place(cut);
}

bool VisibleTree::CycleIsHeldUp(uint32_t directory) const {
  uint32_t member = directory;
  do {
    // One live child of each member is on the cycle; any further one is held up from elsewhere.
    if (LiveChildren(member) > 1 || CandidateOf(member).own_right) return true;
    member = store_->links[LiveLink(member)].parent;
  } while (member != directory);
  return false;
}

}  // namespace cfsrepl
