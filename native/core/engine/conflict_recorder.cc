#include "engine/conflict_recorder.h"

#include "base/bytes.h"

namespace cfsrepl {

void ConflictRecorder::NoteOwnSection(const Origin& own, Lsn from_lsn, const VersionVector& seen) {
  OwnSection section{own, from_lsn, {}};
  for (const auto& [origin, lsn] : seen.lsns()) {
    if (origin != own) section.seen.emplace_back(origin.incarnation, lsn, origin.site, 0, 0);
  }
  own_sections_.push_back(std::move(section));
  if (own_sections_.size() > limits::kOwnSectionsMax) own_sections_.pop_front();
}

void ConflictRecorder::BeginSection(const SeenSection& section) {
  seen_.assign(section.seen.begin(), section.seen.end());
  const OriginTable& origins = state_->origins();
  std::vector<Lsn> seen(origins.size(), kLsnMax);
  for (OriginIndex index = 1; index < origins.size(); index++) {
    if (origins.Get(index).site == site_) seen[index] = 0;
  }
  for (const schema::OriginLsn& origin : seen_) {
    const OriginIndex index = origins.Find({origin.site(), origin.incarnation()});
    if (index != 0 && origin.site() == site_) seen[index] = origin.lsn();
  }
  SetSeen(std::move(seen));
}

void ConflictRecorder::Begin(const Origin& origin, const EntryView& entry) {
  origin_ = origin;
  entry_ = entry;
}

void ConflictRecorder::OnLoss(const Loss& loss) {
  loser_payload_.clear();
  EncodePayload(loss.op, InOwnIds(loss), &loser_payload_);
  const std::string path = PathOf(loss);
  const EntryHeader& header = *entry_.header;
  Conflict conflict;
  conflict.inode = header.inode();
  conflict.loser_inode = loss.inode;
  conflict.lost = loss.lost;
  conflict.loser = {state_->origins().Unpack(loss.stamp), loss.op, loss.asserts_links,
                    loser_payload_};
  conflict.winner = {{header.hlc(), origin_, header.lsn()},
                     static_cast<Op>(header.op()),
                     (header.flags() & kEntryAssertsLinks) != 0,
                     entry_.payload};
  conflict.path = AsBytes(path);
  if (const auto* seen = SeenBy(conflict.loser.stamp)) conflict.loser_seen = *seen;
  conflict.winner_seen = seen_;
  ConflictDraft draft{conflict.inode, {}};
  EncodeConflict(conflict, &draft.payload);
  pending_bytes_ += draft.payload.size();
  pending_.push_back(std::move(draft));
}

void ConflictRecorder::PopFront() {
  pending_bytes_ -= pending_.front().payload.size();
  pending_.pop_front();
}

// What an inode was when its existence lost may have been given its owner by another site. The
// record is under the stamp of one of ours.
EntryPayload ConflictRecorder::InOwnIds(const Loss& loss) const {
  EntryPayload parts = loss.parts;
  InodeAttributes now;
  if (loss.lost != Lost::kExistence || !shown_->GetAttributes(loss.inode, &now)) return parts;
  const Owner owner = id_maps_->Get()->Local(now.owner_site, {now.uid, now.gid});
  parts.attributes = WithOwner(parts.attributes, owner);
  return parts;
}

bool ConflictRecorder::IsSameOwner(const Attributes& incoming, uint32_t uid, uint32_t gid) const {
  const Owner theirs{incoming.uid(), incoming.gid()};
  return id_maps_->Get()->Local(origin_.site, theirs) == Owner{uid, gid};
}

std::string ConflictRecorder::PathOf(const Loss& loss) const {
  if (loss.parent == 0) {
    Result<std::string> path = shown_->PathOf(loss.inode);
    return path.ok() ? path.value() : "";
  }
  Result<std::string> path = shown_->PathOf(loss.parent);
  if (!path.ok()) return "";
  return (path.value() == "/" ? "" : path.value()) + "/" + AsString(loss.name);
}

// Null when it was written too long ago.
const std::vector<schema::OriginLsn>* ConflictRecorder::SeenBy(const Stamp& stamp) const {
  for (auto section = own_sections_.rbegin(); section != own_sections_.rend(); ++section) {
    if (section->origin == stamp.origin && section->from_lsn <= stamp.lsn) return &section->seen;
  }
  return nullptr;
}

}  // namespace cfsrepl
