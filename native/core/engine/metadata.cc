#include "engine/metadata.h"

#include <algorithm>

#include "engine/vector_codec.h"

namespace cfsrepl {

namespace {
constexpr uint32_t kMetadataVersion = 4;
constexpr uint32_t kVersionWithoutEvictions = 3;
constexpr uint32_t kVersionWithoutForgotten = 2;
constexpr uint32_t kVersionWithoutHlcs = 1;

void PutPeerCursors(const std::map<SiteId, VersionVector>& cursors, ByteWriter* out) {
  out->Put<uint32_t>(static_cast<uint32_t>(cursors.size()));
  for (const auto& [peer, cursor] : cursors) {
    out->Put<uint16_t>(peer);
    PutVersionVector(cursor, out);
  }
}

std::map<SiteId, VersionVector> GetPeerCursors(ByteReader* in) {
  std::map<SiteId, VersionVector> cursors;
  const uint32_t count = in->Get<uint32_t>();
  for (uint32_t i = 0; i < count && in->ok(); i++) {
    const SiteId peer = in->Get<uint16_t>();
    cursors[peer] = GetVersionVector(in);
  }
  return cursors;
}

void PutEviction(const Eviction& eviction, ByteWriter* out) {
  PutOrigin({eviction.site, eviction.incarnation}, out);
  out->Put<uint64_t>(eviction.by.hlc);
  PutOrigin(eviction.by.origin, out);
  out->Put<uint64_t>(eviction.by.lsn);
}

Eviction GetEviction(ByteReader* in) {
  const Origin closed = GetOrigin(in);
  const Hlc hlc = in->Get<uint64_t>();
  const Origin by = GetOrigin(in);
  return {closed.site, closed.incarnation, {hlc, by, in->Get<uint64_t>()}};
}

}  // namespace

void Metadata::RaiseHeld(const Origin& origin, Lsn lsn, Hlc hlc) {
  if (held.Covers(origin, lsn)) return;
  held.Raise(origin, lsn);
  held_hlcs[origin] = hlc;
}

Hlc Metadata::HeldHlc(const Origin& origin) const {
  auto it = held_hlcs.find(origin);
  return it == held_hlcs.end() ? 0 : it->second;
}

void Metadata::Evict(const Eviction& eviction) {
  Eviction& kept = evictions.try_emplace(eviction.site, eviction).first->second;
  const bool closes_more = eviction.incarnation > kept.incarnation;
  const bool closed_earlier = eviction.incarnation == kept.incarnation && eviction.by < kept.by;
  if (closes_more || closed_earlier) kept = eviction;
}

const Eviction* Metadata::EvictionOf(const Origin& journal) const {
  auto it = evictions.find(journal.site);
  if (it == evictions.end() || journal.incarnation > it->second.incarnation) return nullptr;
  return &it->second;
}

uint64_t Metadata::SeqOf(const Origin& origin, Shard shard) const {
  auto it = seqs_.find(origin);
  return it == seqs_.end() || shard >= it->second.size() ? 0 : it->second[shard];
}

std::vector<uint64_t>* Metadata::SeqsOf(const Origin& origin) {
  std::vector<uint64_t>& seqs = seqs_[origin];
  if (seqs.empty()) seqs.resize(shard_count_);
  return &seqs;
}

bool Metadata::RaiseSeq(const Origin& origin, Shard shard, uint64_t seq) {
  if (shard >= shard_count_) return false;
  uint64_t& mark = (*SeqsOf(origin))[shard];
  mark = std::max(mark, seq);
  return true;
}

void Metadata::SeeInode(Inode inode, SiteId site) {
  if (SiteOfInode(inode) != site) return;
  inodes_minted = std::max(inodes_minted, inode & ((uint64_t{1} << kInodeSiteShift) - 1));
}

std::vector<OriginCursor> Metadata::Cursors(const Origin& own, bool with_shards) const {
  std::vector<OriginCursor> cursors;
  auto add = [&](const Origin& origin, Lsn lsn) {
    OriginCursor cursor{origin, lsn, {}, HeldHlc(origin)};
    auto it = seqs_.find(origin);
    if (with_shards && it != seqs_.end()) {
      for (size_t shard = 0; shard < it->second.size(); shard++) {
        if (it->second[shard] != 0) {
          cursor.shards.push_back({static_cast<Shard>(shard), it->second[shard]});
        }
      }
    }
    cursors.push_back(std::move(cursor));
  };
  add(own, held.Get(own));
  for (const auto& [origin, lsn] : held.lsns()) {
    if (origin != own) add(origin, lsn);
  }
  return cursors;
}

std::vector<uint8_t> Metadata::Encode() const {
  ByteWriter out;
  out.Put<uint32_t>(kMetadataVersion);
  out.Put<uint32_t>(shard_count_);
  out.Put<uint64_t>(last_hlc);
  out.Put<uint64_t>(epoch);
  out.Put<uint64_t>(inodes_minted);
  PutVersionVector(held, &out);
  PutPeerCursors(peer_cursors, &out);
  out.Put<uint32_t>(static_cast<uint32_t>(seqs_.size()));
  for (const auto& [origin, seqs] : seqs_) {
    PutOrigin(origin, &out);
    for (uint64_t seq : seqs) out.Put<uint64_t>(seq);
  }
  out.Put<uint32_t>(static_cast<uint32_t>(held_hlcs.size()));
  for (const auto& [origin, hlc] : held_hlcs) {
    PutOrigin(origin, &out);
    out.Put<uint64_t>(hlc);
  }
  PutVersionVector(forgotten, &out);
  out.Put<uint32_t>(static_cast<uint32_t>(evictions.size()));
  for (const auto& [site, eviction] : evictions) PutEviction(eviction, &out);
  PutPeerCursors(unheard, &out);
  return out.Take();
}

Result<Metadata> Metadata::Decode(Bytes bytes) {
  ByteReader in(bytes);
  const uint32_t version = in.Get<uint32_t>();
  if (in.ok() && (version == 0 || version > kMetadataVersion)) {
    return Status(Code::kUnsupported, "checkpoint metadata version " + std::to_string(version) +
                                          ", expected at most " + std::to_string(kMetadataVersion));
  }
  const uint32_t shard_count = in.Get<uint32_t>();
  if (shard_count == 0 || shard_count > limits::kShardsMax) {
    return Status(Code::kCorrupt, "checkpoint metadata: shard count " +
                                      std::to_string(shard_count) + ", expected 1 to " +
                                      std::to_string(limits::kShardsMax));
  }
  Metadata metadata(shard_count);
  metadata.last_hlc = in.Get<uint64_t>();
  metadata.epoch = in.Get<uint64_t>();
  metadata.inodes_minted = in.Get<uint64_t>();
  metadata.held = GetVersionVector(&in);
  metadata.peer_cursors = GetPeerCursors(&in);
  const uint32_t origins = in.Get<uint32_t>();
  for (uint32_t i = 0; i < origins && in.ok(); i++) {
    std::vector<uint64_t>* seqs = metadata.SeqsOf(GetOrigin(&in));
    for (uint64_t& seq : *seqs) seq = in.Get<uint64_t>();
  }
  const uint32_t stamped = version <= kVersionWithoutHlcs ? 0 : in.Get<uint32_t>();
  for (uint32_t i = 0; i < stamped && in.ok(); i++) {
    const Origin origin = GetOrigin(&in);
    metadata.held_hlcs[origin] = in.Get<uint64_t>();
  }
  if (version > kVersionWithoutForgotten) metadata.forgotten = GetVersionVector(&in);
  const uint32_t evicted = version <= kVersionWithoutEvictions ? 0 : in.Get<uint32_t>();
  for (uint32_t i = 0; i < evicted && in.ok(); i++) metadata.Evict(GetEviction(&in));
  if (version > kVersionWithoutEvictions) metadata.unheard = GetPeerCursors(&in);
  if (!in.finished()) {
    return Status(Code::kCorrupt, "checkpoint metadata of " + std::to_string(bytes.size()) +
                                      " bytes does not follow its format");
  }
  return metadata;
}

VersionVector ToVersionVector(const std::vector<OriginCursor>& cursors) {
  VersionVector vector;
  for (const OriginCursor& cursor : cursors) vector.Raise(cursor.origin, cursor.lsn);
  return vector;
}

}  // namespace cfsrepl
