// A checkpoint: every register of a State in a file, taken while the state changes.
// native/schema/FORMAT.md, "Checkpoint", is the specification.
//
// It is fuzzy: each inode is written as it is when its turn comes. Because merging is idempotent
// and commutative, loading it and then merging every entry journaled at or after its position gives
// the state at the journal's end, whatever was merged while it was being written.
#ifndef CFS_REPL_STATE_CHECKPOINT_H_
#define CFS_REPL_STATE_CHECKPOINT_H_

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "base/status.h"
#include "base/types.h"
#include "state/state.h"

namespace cfsrepl {

class ChunkBuilder;

// Of a whole file: header and footer, without metadata and chunks.
inline constexpr uint64_t kCheckpointBytesMin = 120;

// What the file says about itself. `position` and `record_seq` are where replay starts: taken
// before the first Step, under the same lock.
struct CheckpointHeader {
  Uuid cluster;
  Uuid volume;
  uint64_t segment = 0;  // of the log
  uint64_t offset = 0;
  uint64_t record_seq = 0;
  std::vector<uint8_t> engine_metadata;  // opaque; at most limits::kCheckpointMetadataBytesMax
};

// Writes through `append`, which takes bytes in file order and keeps nothing of them.
//   Start(); loop { lock; Step(); unlock; Flush(); } until Step gave true; Finish().
// Step touches the state and does no I/O; the others do I/O and do not touch the state.
class CheckpointWriter {
 public:
  using AppendSink = std::function<Status(Bytes)>;

  CheckpointWriter(const State* state, CheckpointHeader header, AppendSink append);
  ~CheckpointWriter();

  Status Start();
  // Serialises up to `max_inodes` more inodes into the chunk buffer. True when all are.
  bool Step(size_t max_inodes);
  Status Flush();   // writes the chunks that are full
  Status Finish();  // the last chunk and the footer; the caller makes the file durable

  uint64_t bytes_written() const { return bytes_written_; }
  uint64_t inodes_written() const { return inodes_; }

 private:
  Status Append(Bytes bytes);
  bool StepLedger(size_t max_records);

  const State* const state_;
  const CheckpointHeader header_;
  const AppendSink append_;
  uint32_t next_slot_ = 1;
  bool in_ledger_ = false;
  LedgerPlace ledger_place_;  // of the last one serialised
  std::unique_ptr<ChunkBuilder> filling_;
  std::vector<std::unique_ptr<ChunkBuilder>> full_;
  uint64_t bytes_written_ = 0;
  uint64_t inodes_ = 0;
  uint64_t chunks_ = 0;
  uint64_t records_ = 0;
  uint32_t chunks_crc_ = 0;
};

// Reads up to out.size() bytes at `offset`; fewer only at the end of the file.
using ReadSource = std::function<Result<size_t>(uint64_t offset, std::span<uint8_t> out)>;

// Reads and checks the header alone.
Result<CheckpointHeader> ReadCheckpointHeader(const ReadSource& read);

// Copies a checkpoint of `file_bytes` under another header: the chunks byte for byte, piece by
// piece, and a footer that fits. kCorrupt if header or footer are not those of a whole checkpoint;
// chunks are not looked into. kTooLarge as CheckpointWriter::Start.
Status RewriteCheckpoint(const ReadSource& read, uint64_t file_bytes,
                         const CheckpointHeader& header,
                         const CheckpointWriter::AppendSink& append);

// Merges a checkpoint into `state`, a chunk at a time, each checked before any of it is merged. Ok
// only when the footer was there and agreed: a cut or damaged file is kCorrupt, and the state then
// holds what came before the damage, which is harmless but not all. `progress` (may be null) is
// told the bytes read so far.
Result<CheckpointHeader> LoadCheckpoint(const ReadSource& read, State* state,
                                        const std::function<void(uint64_t bytes)>& progress);

// Chunks by themselves, for bootstrap and repair: the registers of some inodes in portable form,
// merged in any order and any number of times.

// Appends one or more chunks with all registers of one inode, its links and xattrs, to *out.
// kNotFound if the inode is not known even by number.
Status EncodeInodeChunks(const State& state, Inode inode, Buffer* out);

// Merges whole chunks, one after the other, each checked before any of it is merged. kMalformed,
// kChecksum, kUnsupported.
Status MergeChunks(Bytes chunks, State* state, Ties ties = Ties::kKeep);

}  // namespace cfsrepl

#endif  // CFS_REPL_STATE_CHECKPOINT_H_
