#include "engine/books.h"

#include <algorithm>

namespace cfsrepl {

void Books::Publish(const RecordRef& ref, const Metadata& after, Lsn own_lsn, Hlc own_hlc) {
  std::lock_guard lock(mutex_);
  index_.Add(ref.position, durable_.held);
  if (own_lsn != 0) index_.AddOwnGroup(own_lsn, own_hlc);
  NoteEvictions(after);
  durable_ = after;
  end_ = ref.next;
  record_seq_ = ref.seq;
}

// What an evicted site had acknowledged says nothing of it when it is back.
void Books::NoteEvictions(const Metadata& after) {
  for (const auto& [site, eviction] : after.evictions) {
    const auto known = durable_.evictions.find(site);
    const bool is_new =
        known == durable_.evictions.end() || known->second.incarnation < eviction.incarnation;
    if (!is_new || site == own_.site) continue;
    unheard_[site] = std::move(peer_cursors_[site]);
    peer_cursors_.erase(site);
    cursor_changed_.erase(site);
  }
}

void Books::Begin(const Origin& own, const Metadata& checkpoint, Position end,
                  uint64_t record_seq) {
  {
    std::lock_guard lock(mutex_);
    own_ = own;
    peer_cursors_ = checkpoint.peer_cursors;
    unheard_ = checkpoint.unheard;
  }
  EndRecovery(checkpoint, end, record_seq);
}

void Books::EndRecovery(const Metadata& recovered, Position end, uint64_t record_seq) {
  std::lock_guard lock(mutex_);
  durable_ = recovered;
  end_ = end;
  record_seq_ = record_seq;
}

void Books::set_index(LogIndex index) {
  std::lock_guard lock(mutex_);
  index_ = std::move(index);
}

void Books::SetForgotten(const VersionVector& forgotten) {
  std::lock_guard lock(mutex_);
  durable_.forgotten = forgotten;
}

VersionVector Books::forgotten() const {
  std::lock_guard lock(mutex_);
  return durable_.forgotten;
}

std::vector<Eviction> Books::Evictions() const {
  std::lock_guard lock(mutex_);
  std::vector<Eviction> evictions;
  for (const auto& [site, eviction] : durable_.evictions) evictions.push_back(eviction);
  return evictions;
}

void Books::BeginGroup() {
  std::lock_guard lock(mutex_);
  groups_begun_++;
}

void Books::EndGroup() {
  {
    std::lock_guard lock(mutex_);
    groups_ended_++;
  }
  group_ended_.notify_all();
}

void Books::WaitForGroups() {
  std::unique_lock lock(mutex_);
  const uint64_t begun = groups_begun_;
  group_ended_.wait(lock, [&] { return groups_ended_ >= begun; });
}

std::vector<std::pair<SiteId, VersionVector>> Books::TakeChangedCursors() {
  std::lock_guard lock(mutex_);
  std::vector<std::pair<SiteId, VersionVector>> changed;
  for (const auto& [peer, is_changed] : cursor_changed_) {
    if (is_changed) changed.emplace_back(peer, peer_cursors_[peer]);
  }
  cursor_changed_.clear();
  return changed;
}

std::vector<OriginCursor> Books::Held(bool with_shards) const {
  std::lock_guard lock(mutex_);
  return durable_.Cursors(own_, with_shards);
}

Lsn Books::durable_lsn() const {
  std::lock_guard lock(mutex_);
  return durable_.held.Get(own_);
}

uint64_t Books::NextSeq(Shard shard) const {
  std::lock_guard lock(mutex_);
  return durable_.SeqOf(own_, shard) + 1;
}

Engine::Backlog Books::BacklogFrom(Lsn held_lsn) const {
  std::lock_guard lock(mutex_);
  const Lsn durable = durable_.held.Get(own_);
  if (held_lsn >= durable) return {};
  return {durable - held_lsn, index_.HlcOf(held_lsn + 1) >> 12};
}

std::optional<Books::EntryPlace> Books::PlaceOf(const Origin& origin, Lsn lsn) const {
  std::lock_guard lock(mutex_);
  const Lsn held = durable_.held.Get(origin);
  if (lsn == 0 || lsn > held) return std::nullopt;
  EntryPlace place;
  if (lsn == held) place.hlc = durable_.HeldHlc(origin);
  if (place.hlc == 0) place.start = index_.StartOf(origin, lsn);
  return place;
}

Hlc Books::last_hlc() const {
  std::lock_guard lock(mutex_);
  return durable_.last_hlc;
}

Epoch Books::epoch() const {
  std::lock_guard lock(mutex_);
  return durable_.epoch;
}

void Books::RaisePeerCursor(const Origin& peer, const VersionVector& held) {
  std::lock_guard lock(mutex_);
  if (durable_.EvictionOf(peer) != nullptr) return;
  VersionVector& cursor = peer_cursors_[peer.site];
  for (const auto& [origin, lsn] : held.lsns()) {
    if (cursor.Covers(origin, lsn)) continue;
    cursor.Raise(origin, lsn);
    cursor_changed_[peer.site] = true;
  }
}

VersionVector Books::PeerCursor(SiteId peer) const {
  std::lock_guard lock(mutex_);
  auto it = peer_cursors_.find(peer);
  return it == peer_cursors_.end() ? VersionVector() : it->second;
}

void Books::SetPeers(std::vector<SiteId> peers) {
  std::lock_guard lock(mutex_);
  peers_ = std::move(peers);
}

std::optional<Books::Unheard> Books::UnheardOf(SiteId site) const {
  std::lock_guard lock(mutex_);
  const auto cursor = unheard_.find(site);
  if (cursor == unheard_.end()) return std::nullopt;
  const auto eviction = durable_.evictions.find(site);
  if (eviction == durable_.evictions.end()) return std::nullopt;
  return Unheard{{site, eviction->second.incarnation}, index_.StartFor(cursor->second, 0)};
}

std::vector<SiteId> Books::UnheardSites() const {
  std::lock_guard lock(mutex_);
  std::vector<SiteId> sites;
  for (const auto& [site, cursor] : unheard_) sites.push_back(site);
  return sites;
}

void Books::NoteRecorded(const Origin& closed) {
  std::lock_guard lock(mutex_);
  const auto eviction = durable_.evictions.find(closed.site);
  const bool is_last =
      eviction == durable_.evictions.end() || eviction->second.incarnation == closed.incarnation;
  if (is_last) unheard_.erase(closed.site);
}

Result<Position> Books::StartFor(const VersionVector& held, SiteId site) const {
  std::lock_guard lock(mutex_);
  if (index_.empty()) return end_;
  const Position start = index_.StartFor(held, site);
  if (start != Position{}) return start;
  if (site == 0) {
    return Status(Code::kTruncated,
                  "the journal no longer holds all that the reader lacks of other sites: it was "
                  "collected");
  }
  return Status(Code::kTruncated, "the journal no longer holds what follows LSN " +
                                      std::to_string(held.Get(own_)) + " of site " +
                                      std::to_string(site) + ": it was collected");
}

Books::Mark Books::TakeMark() const {
  std::lock_guard lock(mutex_);
  Mark mark{durable_, index_.Encode(), end_, record_seq_};
  mark.metadata.peer_cursors = peer_cursors_;
  mark.metadata.unheard = unheard_;
  return mark;
}

Position Books::CollectFloor(Position checkpoint, std::string* held_by) const {
  std::lock_guard lock(mutex_);
  Position floor = checkpoint;
  *held_by = "checkpoint";
  for (SiteId peer : peers_) {
    auto it = peer_cursors_.find(peer);
    // Of all sites: it may have to get what others wrote from here.
    const Position needs = it == peer_cursors_.end() ? Position{} : index_.StartFor(it->second, 0);
    if (needs >= floor) continue;
    floor = needs;
    *held_by = "peer " + std::to_string(peer);
  }
  for (const auto& [site, cursor] : unheard_) {
    const Position needs = index_.StartFor(cursor, 0);
    if (needs >= floor) continue;
    floor = needs;
    *held_by = "site " + std::to_string(site) + ", evicted: its losses are to be recorded";
  }
  return floor;
}

void Books::Trim(Position oldest) {
  std::lock_guard lock(mutex_);
  index_.Trim(oldest);
}

}  // namespace cfsrepl
