#include "engine/fork_check.h"

#include <algorithm>

#include "engine/log_items.h"
#include "frame/frame.h"

namespace cfsrepl {

namespace {

// In the frame that covers the entry. `before` is the HLC of an earlier entry, or 0.
Result<HlcBounds> BoundInFrame(Bytes frame, Lsn lsn, Hlc before) {
  FrameScratch scratch;
  Result<FrameView> view = OpenFrame(frame, &scratch, Verify::kStructure);
  if (!view.ok()) return view.status();
  const FrameInfo& info = view->info;
  if (info.last_lsn == lsn) return HlcBounds{info.hlc_max, info.hlc_max};
  HlcBounds bounds{before == 0 ? 0 : before + 1, info.hlc_max - 1};
  for (const EntryHeader& entry : view->entries) {
    if (entry.lsn() == lsn) return HlcBounds{entry.hlc(), entry.hlc()};
    if (entry.lsn() > lsn) {
      bounds.most = entry.hlc() - 1;
      break;
    }
    bounds.least = entry.hlc() + 1;
  }
  return bounds;
}

}  // namespace

Result<HlcBounds> BoundHlc(Log* log, Position start, const Origin& origin, Lsn lsn) {
  if (start == Position{}) return HlcBounds();
  const std::unique_ptr<LogReader> reader = log->NewReader();
  Hlc before = 0;
  for (Position at = start;;) {
    Result<std::shared_ptr<const Record>> record = reader->ReadAt(at);
    if (record.status().code() == Code::kTruncated) return HlcBounds();
    if (!record.ok()) return record.status();
    if (record.value() == nullptr) return HlcBounds();
    for (const Item& item : record.value()->items()) {
      if (item.kind != kItemLocalFrame && item.kind != kItemRemoteFrame) continue;
      Result<FrameHead> head = PeekFrameHeader(item.bytes);
      if (!head.ok()) return head.status();
      if (head->info.origin != origin) continue;
      if (head->info.last_lsn >= lsn) return BoundInFrame(item.bytes, lsn, before);
      before = std::max(before, head->info.hlc_max);
    }
    at = record.value()->ref().next;
  }
}

}  // namespace cfsrepl
