// What a start does with the segments it finds: sync, verify, replay, cut. FORMAT.md, "Reading a
// log at start", is the rule it follows.
#ifndef CFS_REPL_WAL_RECOVERY_H_
#define CFS_REPL_WAL_RECOVERY_H_

#include <map>
#include <optional>
#include <vector>

#include "wal/log.h"
#include "wal/log_format.h"
#include "wal/read_ahead.h"

namespace cfsrepl {

// A segment with a header, as the log keeps it in memory.
struct SegmentState {
  SegmentHeader header;
  uint64_t records_end = 0;  // where its last record ends; 0 if it was not scanned
};

struct RecoveredLog {
  std::map<uint64_t, SegmentState> segments;
  std::vector<uint64_t> ready;  // numbers of the zeroed ones, ascending, of options.segment_bytes
  uint64_t next_number = 1;     // of the next segment to be made
  ChainLink chain;              // what the next record continues
};

class Recovery {
 public:
  // All must outlive it. *report is filled as it goes.
  Recovery(const LogOptions& options, FileSystem* file_system, const LogStart& start,
           const ReplayFunction& replay, RecoveryReport* report)
      : options_(options),
        file_system_(file_system),
        start_(start),
        replay_(replay),
        report_(report) {}

  // Once. Reads only, until everything has been verified; then erases a torn tail.
  Result<RecoveredLog> Run();

 private:
  struct Found {  // a segment file
    uint64_t number = 0;
    uint64_t bytes = 0;
    std::optional<SegmentHeader> header = {};  // if it is intact and of this volume and segment
    Status foreign = {};  // not ok if a header is intact but cannot belong here
    // What has to be zeroed, [dirty_begin, dirty_end); nothing if they are equal.
    uint64_t dirty_begin = 0;
    uint64_t dirty_end = 0;
  };

  Status FindSegments();
  Status SyncAndReadHeader(Found* found);
  void FindHeaderPrefix();
  Status CheckStart();
  Status Scan();
  Status ScanSegment(const Found& found, Status* why_ended);
  Status ReplayRecord(const RecordHeader& header, Position position);
  Status CheckEvidence(const Status& why_ended);
  Status CheckBehindEnd(Found* found, uint64_t from);
  Status EraseBehindEnd();
  Status EraseDirty(const Found& found);
  Status KeepReady();
  Status Damage(Position position, const std::string& what);
  Result<std::unique_ptr<File>> OpenFile(uint64_t number, OpenMode mode);

  const LogOptions& options_;
  FileSystem* const file_system_;
  const LogStart& start_;
  const ReplayFunction& replay_;
  RecoveryReport* const report_;

  std::vector<Found> found_;  // ascending
  size_t with_header_ = 0;    // the first so many have records, or had
  std::string beyond_;        // what stands behind them that no crash explains; empty if nothing
  ChainLink chain_;           // what the next record must continue
  Position end_;              // where it must be
  std::optional<ReadAheadBuffers> buffers_;
  std::vector<Item> items_;
  RecoveredLog recovered_;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_WAL_RECOVERY_H_
