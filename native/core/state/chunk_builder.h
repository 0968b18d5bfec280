// Serialises the registers of inodes into one chunk.
#ifndef CFS_REPL_STATE_CHUNK_BUILDER_H_
#define CFS_REPL_STATE_CHUNK_BUILDER_H_

#include <functional>
#include <vector>

#include "base/buffer.h"
#include "state/checkpoint_format.h"
#include "state/store.h"

namespace cfsrepl {

class ChunkBuilder {
 public:
  // `kind` as in ChunkHeader.
  explicit ChunkBuilder(const Store* store, uint32_t kind = checkpoint_format::kInodeChunk);

  // Takes a builder that is full in exchange for one to go on with.
  using Rotate = std::function<ChunkBuilder*()>;

  // Appends all registers of the inode in `slot` to `builder`, or, as they fill up, to the ones
  // that `rotate` gives.
  static void AddInode(ChunkBuilder* builder, uint32_t slot, const Rotate& rotate);

  // For a chunk of the ledger.
  void AddLedgerEntry(const Stamp& stamp, Op op, Inode inode, Bytes payload);

  uint32_t record_count() const { return record_count_; }
  bool full() const;

  // Completes the chunk. Bytes and CRC are then final; nothing more may be added.
  void Seal();
  Bytes bytes() const { return chunk_.bytes(); }
  uint32_t crc() const { return crc_; }

 private:
  // One inode record being put together: the stamps go in front of what refers to them.
  void BeginRecord(const InodeRecord& inode);
  void AddRegisters(uint32_t slot);
  void AddLink(const LinkRecord& link);
  void AddXattr(const XattrRecord& xattr);
  bool RecordIsFull() const;
  void EndRecord();

  uint16_t StampNumber(const PackedStamp& stamp);
  uint16_t OriginNumber(OriginIndex origin);
  uint64_t Portable(PackedSource source);

  const Store* const store_;
  const uint32_t kind_;
  Buffer chunk_;
  uint32_t record_count_ = 0;
  uint32_t crc_ = 0;
  std::vector<checkpoint_format::ChunkOrigin> origins_;
  std::vector<uint16_t> origin_numbers_;  // by OriginIndex; 0 is not numbered yet

  checkpoint_format::RecordHeader record_{};
  std::vector<PackedStamp> stamps_;  // portable
  Buffer tail_;                      // target, links, xattrs
};

}  // namespace cfsrepl

#endif  // CFS_REPL_STATE_CHUNK_BUILDER_H_
