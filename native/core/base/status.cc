#include "base/status.h"

namespace cfsrepl {

std::string_view CodeName(Code code) {
  switch (code) {
    case Code::kOk:
      return "CFS_OK";
    case Code::kInvalidArgument:
      return "CFS_INVALID_ARGUMENT";
    case Code::kNotFound:
      return "CFS_NOT_FOUND";
    case Code::kExists:
      return "CFS_EXISTS";
    case Code::kNotDirectory:
      return "CFS_NOT_DIRECTORY";
    case Code::kIsDirectory:
      return "CFS_IS_DIRECTORY";
    case Code::kNotEmpty:
      return "CFS_NOT_EMPTY";
    case Code::kSequenceGap:
      return "CFS_SEQUENCE_GAP";
    case Code::kLsnGap:
      return "CFS_LSN_GAP";
    case Code::kStaleEpoch:
      return "CFS_STALE_EPOCH";
    case Code::kWrongCluster:
      return "CFS_WRONG_CLUSTER";
    case Code::kMalformed:
      return "CFS_MALFORMED";
    case Code::kChecksum:
      return "CFS_CHECKSUM";
    case Code::kUnsupported:
      return "CFS_UNSUPPORTED";
    case Code::kTooLarge:
      return "CFS_TOO_LARGE";
    case Code::kQueueFull:
      return "CFS_QUEUE_FULL";
    case Code::kDiskFull:
      return "CFS_DISK_FULL";
    case Code::kIo:
      return "CFS_IO";
    case Code::kCorrupt:
      return "CFS_CORRUPT";
    case Code::kLocked:
      return "CFS_LOCKED";
    case Code::kStopped:
      return "CFS_STOPPED";
    case Code::kClosed:
      return "CFS_CLOSED";
    case Code::kTruncated:
      return "CFS_TRUNCATED";
    case Code::kCatchingUp:
      return "CFS_CATCHING_UP";
    case Code::kEvicted:
      return "CFS_EVICTED";
  }
  return "CFS_UNKNOWN";
}

}  // namespace cfsrepl
