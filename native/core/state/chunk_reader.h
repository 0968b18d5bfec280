// Checks a chunk and merges it.
#ifndef CFS_REPL_STATE_CHUNK_READER_H_
#define CFS_REPL_STATE_CHUNK_READER_H_

#include "base/status.h"
#include "base/types.h"
#include "state/state.h"

namespace cfsrepl {

// How long the chunk is that starts with these bytes, of which the header must be there; within
// limits::kCheckpointChunkBytesMax. kMalformed, kUnsupported. Nothing but the header is read.
Result<size_t> ChunkBytes(Bytes start);

struct ChunkSummary {
  uint32_t record_count = 0;
  uint32_t crc = 0;
};

// `chunk` is exactly as long as ChunkBytes says. Everything is checked before anything is merged.
// kMalformed names the record's offset in the chunk and the field; kChecksum.
Result<ChunkSummary> MergeChunk(Bytes chunk, State* state, Ties ties = Ties::kKeep);

}  // namespace cfsrepl

#endif  // CFS_REPL_STATE_CHUNK_READER_H_
