#include "state/ledger.h"

#include <algorithm>

#include "base/bytes.h"

namespace cfsrepl {
namespace {

constexpr uint64_t kHlcPerUs = 4096;
// Of the maps' nodes and what vectors waste; the payload is counted as it is.
constexpr uint64_t kRecordOverheadBytes = 400;

EntryHeader HeaderOf(Inode inode, size_t payload_bytes) {
  return EntryHeader(1, 0, inode, 0, 0, static_cast<uint32_t>(payload_bytes), 0, 0, 1,
                     static_cast<uint8_t>(Op::Conflict), kEntrySchemaVersion, 0, 0, 0);
}

}  // namespace

Conflict LedgerRecord::conflict() const {
  return DecodeConflict(HeaderOf(inode, payload.size()), payload).value();  // it was checked
}

void Ledger::SetLimits(const LedgerLimits& limits) {
  limits_ = limits;
  Evict();
}

Result<bool> Ledger::Merge(const EntryHeader& header, Bytes payload, const Origin& origin) {
  if (static_cast<Op>(header.op()) == Op::Conflict) {
    return MergeConflict(header, payload, {origin, header.lsn()});
  }
  CFS_RETURN_IF_ERROR(MergeAck(header, payload, origin));
  return false;
}

Result<bool> Ledger::MergeConflict(const EntryHeader& header, Bytes payload, const LinkId& id) {
  if (places_.contains(id)) return false;
  const LossKey key = KeyOf(payload);
  const LedgerPlace place{header.hlc(), id};
  auto [known, is_new] = known_.try_emplace(key, Known{place, {}});
  if (is_new) {
    LedgerRecord record;
    record.inode = header.inode();
    record.payload.assign(payload.begin(), payload.end());
    record.arrival = ++recorded_;
    arrivals_.emplace_hint(arrivals_.end(), record.arrival, place);
    losers_[key.inode]++;
    bytes_ += BytesOf(record);
    records_.emplace_hint(records_.end(), place, std::move(record));
    open_++;
  } else if (place < known->second.place) {
    known->second.others.push_back(known->second.place.id);
    auto node = records_.extract(known->second.place);
    node.key() = place;
    // What one loss was recorded with may differ in its path, say: all sites show the first.
    bytes_ -= BytesOf(node.mapped());
    node.mapped().inode = header.inode();
    node.mapped().payload.assign(payload.begin(), payload.end());
    bytes_ += BytesOf(node.mapped());
    arrivals_[node.mapped().arrival] = place;
    records_.insert(std::move(node));
    known->second.place = place;
  } else {
    known->second.others.push_back(id);
  }
  places_[known->second.place.id] = known->second.place;
  for (const LinkId& other : known->second.others) places_[other] = known->second.place;
  if (auto ack = early_acks_.find(id); ack != early_acks_.end()) {
    Settle(&records_.find(known->second.place)->second, ack->second.first, ack->second.second);
    early_acks_.erase(ack);
  }
  Evict();
  return is_new;
}

Status Ledger::MergeAck(const EntryHeader& header, Bytes payload, const Origin& origin) {
  auto ack = DecodeConflictAck(header, payload);
  if (!ack.ok()) return ack.status();
  const Stamp stamp{header.hlc(), origin, header.lsn()};
  if (auto place = places_.find(ack->conflict); place != places_.end()) {
    Settle(&records_.find(place->second)->second, stamp, ack->how);
    return Status::Ok();
  }
  auto& early = early_acks_[ack->conflict];
  if (stamp > early.first) early = {stamp, ack->how};
  // As many as there may be records; the rest acknowledge what was forgotten.
  while (early_acks_.size() > limits_.bytes_max / kRecordOverheadBytes) {
    early_acks_.erase(early_acks_.begin());
  }
  return Status::Ok();
}

// The latest acknowledgement stands.
void Ledger::Settle(LedgerRecord* record, const Stamp& stamp, Settled how) {
  if (record->settled && stamp <= record->settled_at) return;
  if (!record->settled) open_--;
  record->settled = true;
  record->settled_at = stamp;
  record->how = how;
}

std::map<LedgerPlace, LedgerRecord>::const_iterator Ledger::Find(const LinkId& id) const {
  auto place = places_.find(id);
  return place == places_.end() ? records_.end() : records_.find(place->second);
}

std::map<LedgerPlace, LedgerRecord>::const_iterator Ledger::ArrivedAfter(uint64_t after) const {
  auto next = arrivals_.upper_bound(after);
  return next == arrivals_.end() ? records_.end() : records_.find(next->second);
}

bool Ledger::HasOlderThan(uint64_t now_us) const {
  if (records_.empty() || now_us <= limits_.age_us_max) return false;
  return records_.begin()->first.hlc / kHlcPerUs < now_us - limits_.age_us_max;
}

void Ledger::ForgetOld(uint64_t now_us) {
  while (HasOlderThan(now_us)) EvictOldest();
}

void Ledger::Evict() {
  while (bytes_ > limits_.bytes_max) EvictOldest();
}

void Ledger::EvictOldest() {
  const auto oldest = records_.begin();
  const auto known = known_.find(KeyOf(oldest->second.payload));
  const auto loser = losers_.find(known->first.inode);
  if (--loser->second == 0) losers_.erase(loser);
  places_.erase(known->second.place.id);
  for (const LinkId& id : known->second.others) places_.erase(id);
  known_.erase(known);
  arrivals_.erase(oldest->second.arrival);
  bytes_ -= BytesOf(oldest->second);
  if (!oldest->second.settled) open_--;
  records_.erase(oldest);
  evicted_++;
}

Ledger::LossKey Ledger::KeyOf(Bytes payload) {
  const auto head = ByteReader(payload).Get<schema::ConflictHead>();
  auto stamp_of = [](const schema::ConflictSide& side) {
    return Stamp{side.hlc(), {side.site(), side.incarnation()}, side.lsn()};
  };
  const auto lost = static_cast<Lost>(head.lost());
  return {stamp_of(head.loser()), lost == Lost::kUnsent ? Stamp() : stamp_of(head.winner()),
          head.loser_inode(), lost};
}

size_t Ledger::Hash::operator()(const LossKey& key) const {
  const uint64_t losers = key.loser.hlc ^ key.loser.lsn ^ (uint64_t{key.loser.origin.site} << 48);
  const uint64_t winners = key.winner.lsn ^ (uint64_t{key.winner.origin.site} << 48);
  return MixInode(MixInode(losers) ^ winners ^
                  MixInode(key.inode + static_cast<uint64_t>(key.lost)));
}

size_t Ledger::Hash::operator()(const LinkId& id) const {
  return MixInode(id.lsn ^ (uint64_t{id.origin.site} << 48) ^ id.origin.incarnation);
}

uint64_t Ledger::BytesOf(const LedgerRecord& record) {
  return record.payload.size() + kRecordOverheadBytes;
}

}  // namespace cfsrepl
