#include "engine/frame_summary.h"

namespace cfsrepl {

FrameSummary Summarize(const FrameHead& head) {
  FrameSummary summary;
  summary.origin = head.info.origin;
  summary.epoch = head.info.epoch;
  summary.first_lsn = head.info.first_lsn;
  summary.last_lsn = head.info.last_lsn;
  summary.hlc_max = head.info.hlc_max;
  summary.codec = head.codec;
  summary.entry_count = head.entry_count;
  summary.raw_bytes = head.raw_bytes;
  summary.total_bytes = static_cast<uint32_t>(head.total_bytes());
  summary.cluster = head.info.cluster;
  return summary;
}

Result<FrameSummary> PeekFrame(Bytes prefix) {
  Result<FrameHead> head = PeekFrameHeader(prefix);
  if (!head.ok()) return head.status();
  return Summarize(head.value());
}

Result<std::vector<uint8_t>> OpenFrameBody(Bytes frame, FrameSummary* summary) {
  FrameScratch scratch;
  Result<FrameView> view = OpenFrame(frame, &scratch);
  if (!view.ok()) return view.status();
  *summary = Summarize(PeekFrameHeader(frame).value());
  const Bytes body =
      view->codec == Codec::None ? frame.subspan(limits::kFrameHeaderBytes) : scratch.raw.bytes();
  return std::vector<uint8_t>(body.begin(), body.end());
}

}  // namespace cfsrepl
