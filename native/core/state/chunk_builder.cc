#include "state/chunk_builder.h"

#include <algorithm>

#include "base/limits.h"
#include "checksum/crc32c.h"

namespace cfsrepl {

using namespace checkpoint_format;  // NOLINT: the layouts are named all over this file

ChunkBuilder::ChunkBuilder(const Store* store, uint32_t kind) : store_(store), kind_(kind) {
  chunk_.Resize(sizeof(ChunkHeader));
  origins_.push_back({});
}

void ChunkBuilder::AddInode(ChunkBuilder* builder, uint32_t slot, const Rotate& rotate) {
  const Store& store = *builder->store_;
  const InodeRecord& inode = store.inodes[slot];
  auto make_room = [&] {
    if (!builder->RecordIsFull()) return;
    builder->EndRecord();
    if (builder->full()) builder = rotate();
    builder->BeginRecord(inode);
  };
  builder->BeginRecord(inode);
  builder->AddRegisters(slot);
  for (uint32_t link = inode.first_link; link != 0; link = store.links[link].next) {
    make_room();
    builder->AddLink(store.links[link]);
  }
  for (uint32_t xattr = inode.first_xattr; xattr != 0; xattr = store.xattrs[xattr].next) {
    make_room();
    builder->AddXattr(store.xattrs[xattr]);
  }
  builder->EndRecord();
  if (builder->full()) rotate();
}

bool ChunkBuilder::full() const { return chunk_.size() >= limits::kCheckpointChunkBytesTarget; }

void ChunkBuilder::Seal() {
  ChunkHeader header{};
  header.magic = kChunkMagic;
  header.version = kVersion;
  header.origin_count = static_cast<uint16_t>(origins_.size());
  header.records_bytes = static_cast<uint32_t>(chunk_.size() - sizeof(ChunkHeader));
  header.record_count = record_count_;
  header.kind = kind_;
  for (const ChunkOrigin& origin : origins_) chunk_.Append(BytesOf(origin));
  crc_ = Crc32c(BytesOf(header, offsetof(ChunkHeader, crc)));
  crc_ = Crc32cExtend(crc_, chunk_.bytes().subspan(sizeof(ChunkHeader)));
  header.crc = crc_;
  std::memcpy(chunk_.data(), &header, sizeof(header));
}

void ChunkBuilder::BeginRecord(const InodeRecord& inode) {
  record_ = {};
  record_.inode = inode.inode;
  stamps_.assign(1, PackedStamp{});
  tail_.Clear();
}

void ChunkBuilder::AddRegisters(uint32_t slot) {
  const InodeRecord& inode = store_->inodes[slot];
  Bytes target = store_->Target(inode);
  record_.kind = static_cast<uint8_t>(inode.kind);
  record_.asserts_links = inode.asserts_links;
  record_.mode = inode.mode;
  record_.uid = inode.uid;
  record_.gid = inode.gid;
  record_.file_flags = inode.file_flags;
  record_.project = inode.project;
  record_.size = inode.size;
  record_.extent_ref = inode.extent_ref;
  record_.atime_ns = inode.atime_ns;
  record_.mtime_ns = inode.mtime_ns;
  record_.rdev = store_->Rdev(inode);
  record_.target_bytes = static_cast<uint16_t>(target.size());
  record_.birth = StampNumber(inode.birth);
  for (int i = 0; i < kFieldCount; i++) record_.fields[i] = StampNumber(inode.stamps[i]);
  record_.asserted = StampNumber(store_->AssertedApart(slot));
  tail_.Append(target);
}

void ChunkBuilder::AddLink(const LinkRecord& link) {
  LinkHeader header{};
  header.id = Portable(link.id);
  header.parent = store_->inodes[link.parent].inode;
  header.stamp = StampNumber(link.stamp);
  header.removed = link.Has(kLinkRemoved);
  header.name_bytes = link.name_bytes;
  tail_.Append(BytesOf(header));
  tail_.Append(store_->Name(link));
  record_.link_count++;
}

void ChunkBuilder::AddXattr(const XattrRecord& xattr) {
  Bytes key = store_->blobs.Get(xattr.key);
  Bytes value = store_->blobs.Get(xattr.value);
  XattrHeader header{};
  header.stamp = StampNumber(xattr.stamp);
  header.removed = static_cast<uint8_t>(xattr.removed);
  header.key_bytes = static_cast<uint8_t>(key.size());
  header.value_bytes = static_cast<uint32_t>(value.size());
  tail_.Append(BytesOf(header));
  tail_.Append(key);
  tail_.Append(value);
  record_.xattr_count++;
}

bool ChunkBuilder::RecordIsFull() const {
  return tail_.size() + stamps_.size() * sizeof(PackedStamp) >=
         limits::kCheckpointRecordBytesTarget;
}

void ChunkBuilder::EndRecord() {
  size_t stamps_bytes = stamps_.size() * sizeof(PackedStamp);
  record_.stamp_count = static_cast<uint16_t>(stamps_.size());
  record_.record_bytes = static_cast<uint32_t>(sizeof(record_) + stamps_bytes + tail_.size());
  chunk_.Append(BytesOf(record_));
  chunk_.Append(BytesOf(*stamps_.data(), stamps_bytes));
  chunk_.Append(tail_.bytes());
  record_count_++;
}

void ChunkBuilder::AddLedgerEntry(const Stamp& stamp, Op op, Inode inode, Bytes payload) {
  LedgerHeader header{};
  header.record_bytes = static_cast<uint32_t>(sizeof(header) + payload.size());
  header.origin = OriginNumber(store_->origins.Find(stamp.origin));
  header.op = static_cast<uint8_t>(op);
  header.lsn = stamp.lsn;
  header.hlc = stamp.hlc;
  header.inode = inode;
  chunk_.Append(BytesOf(header));
  chunk_.Append(payload);
  record_count_++;
}

uint16_t ChunkBuilder::StampNumber(const PackedStamp& stamp) {
  if (!stamp.written()) return 0;
  PackedStamp portable{stamp.hlc, {Portable(stamp.source)}};
  // Most inodes have one or two stamps; of many, finding the recent ones again is enough.
  constexpr size_t kComparedMax = 8;
  size_t oldest = std::max<size_t>(1, stamps_.size() - std::min(stamps_.size(), kComparedMax));
  for (size_t i = stamps_.size(); i-- > oldest;) {
    if (stamps_[i] == portable) return static_cast<uint16_t>(i);
  }
  stamps_.push_back(portable);
  return static_cast<uint16_t>(stamps_.size() - 1);
}

uint16_t ChunkBuilder::OriginNumber(OriginIndex origin) {
  if (origin == 0) return 0;
  if (origin >= origin_numbers_.size()) origin_numbers_.resize(origin + size_t{1});
  uint16_t& number = origin_numbers_[origin];
  if (number == 0) {
    const Origin& identity = store_->origins.Get(origin);
    number = static_cast<uint16_t>(origins_.size());
    origins_.push_back({identity.incarnation, identity.site, {}});
  }
  return number;
}

uint64_t ChunkBuilder::Portable(PackedSource source) {
  return PackedSource::Of(OriginNumber(source.origin()), source.lsn()).bits;
}

}  // namespace cfsrepl
