// The entries that the benchmarks use: 128-byte setattr entries over so many inodes.
#ifndef CFS_REPL_BENCH_ENTRIES_H_
#define CFS_REPL_BENCH_ENTRIES_H_

#include <random>
#include <vector>

#include "base/entry.h"
#include "frame/frame.h"
#include "frame/frame_writer.h"

namespace cfsrepl::bench {

inline constexpr Origin kOrigin{1, 7};

// A raw frame of `count` setattr entries of random inodes out of `inodes`.
inline Buffer MakeFrame(std::mt19937_64* random, size_t count, uint64_t inodes, Lsn first_lsn) {
  FrameWriter writer;
  writer.Begin({1, 2}, kOrigin, 1);
  (void)writer.AddSection(first_lsn, {});
  std::vector<uint8_t> payload;
  for (size_t i = 0; i < count; i++) {
    const Inode inode = (uint64_t{1} << 48) + 1 + (*random)() % inodes;
    EntryPayload parts;
    parts.attributes = Attributes(
        kFieldMode | kFieldOwner | kFieldSize | kFieldMtime, (*random)() % 01000,
        (*random)() % 5000, (*random)() % 500, (*random)() % (1u << 30), 0, 0,
        1700000000000000000 + static_cast<int64_t>((*random)() % 1000000000), 0, 0, 0, 0);
    payload.clear();
    EncodePayload(Op::Setattr, parts, &payload);
    const Lsn lsn = first_lsn + i;
    writer.Append(EntryHeader(lsn, lsn << 12, inode, lsn, 0, 64, 0, ShardOf(inode, 256), 1,
                              static_cast<uint8_t>(Op::Setattr), kEntrySchemaVersion,
                              kEntryAssertsLinks, 0, 0),
                  payload);
  }
  Buffer frame;
  (void)writer.Finish(&frame);
  return frame;
}

}  // namespace cfsrepl::bench

#endif  // CFS_REPL_BENCH_ENTRIES_H_
