// Every maximum of the core, and the relations between them.
#ifndef CFS_REPL_BASE_LIMITS_H_
#define CFS_REPL_BASE_LIMITS_H_

#include <cstddef>
#include <cstdint>

namespace cfsrepl::limits {

inline constexpr size_t kBlockBytes = 4096;  // O_DIRECT alignment of offset, length and memory

// Names and values of a file system, as Linux has them.
inline constexpr size_t kNameBytesMax = 255;
inline constexpr size_t kPathBytesMax = 65536;  // an import may be deeper than PATH_MAX
inline constexpr size_t kSymlinkTargetBytesMax = 4095;
inline constexpr size_t kXattrKeyBytesMax = 255;
inline constexpr size_t kXattrValueBytesMax = 65536;

// Clocks. What is received is below the end of the HLC, in the year 2112, by so much that own
// entries after it can be counted on for ever: 2^56 of them.
inline constexpr uint64_t kHlcReceivedMax = ~uint64_t{0} - (uint64_t{1} << 56);

// Entries and frames.
inline constexpr size_t kEntryPayloadBytesMax = 160 * 1024;
inline constexpr size_t kConflictPathBytesMax = 4096;  // its end is kept
inline constexpr size_t kConflictSeenMax = 256;        // origins that each side had seen
inline constexpr size_t kOwnSectionsMax = 1024;        // of own entries, remembered for conflicts
inline constexpr size_t kFrameHeaderBytes = 128;
inline constexpr size_t kFrameRawBytesTarget = 1024 * 1024;   // a batch is cut here
inline constexpr size_t kFrameRawBytesMax = 4 * 1024 * 1024;  // more is refused unread
inline constexpr size_t kFrameStoredBytesMax = kFrameRawBytesMax;
inline constexpr size_t kFrameBytesMax = kFrameHeaderBytes + kFrameStoredBytesMax;
inline constexpr size_t kFrameEntriesMax = 65536;
inline constexpr size_t kFrameSectionsMax = 4096;  // version vector sections in one frame
inline constexpr size_t kOriginsMax = 4096;        // in one version vector
inline constexpr size_t kShardsMax = 4096;
inline constexpr int kZstdLevelMax = 19;  // above, one context costs over 100 MiB

// Control messages between conduits.
inline constexpr size_t kControlBytesMax = 64 * 1024 + 48 * kOriginsMax;
inline constexpr size_t kCapabilitiesMax = 64;
inline constexpr size_t kCapabilityBytesMax = 64;
inline constexpr size_t kSoftwareBytesMax = 128;
inline constexpr size_t kControlTextBytesMax = 1024;
inline constexpr size_t kControlDepthMax =
    8;  // control, its message, cursors, shards: nothing nests deeper
inline constexpr size_t kControlTablesMax = kOriginsMax + 8;
inline constexpr size_t kIdRangesMax = 1024;  // of user ids, and of group ids, in one map

// The log.
inline constexpr size_t kSegmentBytesDefault = 64 * 1024 * 1024;
inline constexpr size_t kSegmentBytesMin = 16 * 1024 * 1024;  // a whole group fits
inline constexpr size_t kSegmentBytesMax = 1024ull * 1024 * 1024;
inline constexpr size_t kRecordBytesMax = 16 * 1024 * 1024;  // one group commit
// A record up to this size is written from one buffer, which so stays warm, and copied for the tail
// cache without its padding. A larger one is written from a buffer that the tail cache then keeps.
inline constexpr size_t kSmallRecordBytesMax = 64 * 1024;
inline constexpr size_t kItemsPerRecordMax = 4096;
inline constexpr size_t kIdentityBytesMax = 4096;  // of the file that says whose data this is

// Checkpoints. An inode with many links or large xattrs is spread over several records.
inline constexpr size_t kCheckpointMetadataBytesMax = 256 * 1024 * 1024;
inline constexpr size_t kCheckpointRecordBytesTarget = 64 * 1024;  // a record is ended here
inline constexpr size_t kCheckpointRecordBytesMax = 256 * 1024;
inline constexpr size_t kCheckpointChunkBytesTarget = 1024 * 1024;  // a chunk is ended here
inline constexpr size_t kCheckpointChunkBytesMax = 2 * 1024 * 1024;

// Queues of the engine.
inline constexpr size_t kAppendQueueBytesMax = 64 * 1024 * 1024;
inline constexpr size_t kReceiveQueueBytesMax = 64 * 1024 * 1024;
inline constexpr size_t kAppendErrorsMax = 1000;  // listed of one batch; all are counted
inline constexpr size_t kRecentGroupsMax = 4096;  // whose place in the log is remembered

// Group commits. A group is cut at its target, or at the latest with the frame that passes it.
inline constexpr size_t kGroupBytesTarget = 4 * 1024 * 1024;
inline constexpr size_t kGroupBytesMax =
    kGroupBytesTarget + 2 * (kFrameBytesMax + kFrameRawBytesTarget);

// Comparison of two sites' states, and repair.
inline constexpr size_t kComparisonQuestionBytesMax = 16 * 1024;
inline constexpr size_t kComparisonAnswerBytesMax = 4 * 1024 * 1024;
inline constexpr size_t kComparisonBodyBytesMax = 192 * 1024;  // part of either in one message
inline constexpr size_t kListedInodesMax = 128 * 1024;         // in one answer
inline constexpr size_t kListedAtOnceMax = 1024 * 1024;        // that are kept, of either side
inline constexpr size_t kComparedInodesMax = 512;              // whose registers are asked for
inline constexpr size_t kRegisterTextBytesMax = 256;  // of a value, as a difference shows it
// Of one inode: beside them fit what came before them, a version vector and flags.
inline constexpr size_t kComparedRegisterBytesMax = kComparisonAnswerBytesMax -
                                                    kCheckpointChunkBytesTarget - 32 * kOriginsMax -
                                                    2 * kComparedInodesMax;

// Taking over a peer's checkpoint.
inline constexpr size_t kTakeOverPartBytesMax = 2 * 1024 * 1024;  // of the file, in one answer

// Calls of one JavaScript thread that run on worker threads or wait for one.
inline constexpr size_t kAddonJobsMax = 4096;

static_assert(kEntryPayloadBytesMax > 2 * (kXattrValueBytesMax + kXattrKeyBytesMax + 64) +
                                          kConflictPathBytesMax + 2 * 24 * kConflictSeenMax + 80);
static_assert(kFrameRawBytesMax > kFrameRawBytesTarget + 64 + kEntryPayloadBytesMax);
static_assert(kControlBytesMax > 2 * 12 * kIdRangesMax + 256);
static_assert(kRecordBytesMax >= 2 * kFrameBytesMax);
static_assert(kGroupBytesMax <= kRecordBytesMax);
static_assert(kGroupBytesMax + 4 * kBlockBytes <= kSegmentBytesMin);
static_assert(kComparisonQuestionBytesMax > 64 + 8 * kComparedInodesMax &&
              kComparisonAnswerBytesMax > 64 + 16 * kListedInodesMax);
static_assert(kGroupBytesMax > kGroupBytesTarget + 2 * kComparisonAnswerBytesMax);
static_assert(kComparisonAnswerBytesMax > 64 + kTakeOverPartBytesMax &&
              kComparisonAnswerBytesMax > 64 + 18 * kOriginsMax);
static_assert(kComparisonBodyBytesMax + 1024 < kControlBytesMax);
static_assert(kCheckpointRecordBytesMax >
              kCheckpointRecordBytesTarget + kXattrValueBytesMax + kXattrKeyBytesMax + 8192);
static_assert(kCheckpointChunkBytesMax >
              kCheckpointChunkBytesTarget + kCheckpointRecordBytesMax + 16 * (kOriginsMax + 1));

}  // namespace cfsrepl::limits

#endif  // CFS_REPL_BASE_LIMITS_H_
