// Frames from nowhere: as they come, and with the checksums made right so that what lies behind
// them is reached too. Whatever opens must be safe to use: read, decoded, compacted, sealed again.
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/entry.h"
#include "checksum/crc32c.h"
#include "frame/compact.h"
#include "frame/frame.h"
#include "frame/frame_writer.h"

namespace cfsrepl {
namespace {

constexpr size_t kStoredBytesAt = 76;
constexpr size_t kBodyCrcAt = 120;
constexpr size_t kHeaderCrcAt = 124;

// What a hostile peer would do: everything its own, but lengths and checksums that fit.
std::vector<uint8_t> Forge(Bytes input) {
  std::vector<uint8_t> frame(input.begin(), input.end());
  const schema::FrameHeader ours(kFrameMagic, kFrameVersion, limits::kFrameHeaderBytes, 0, 0, 0, 0,
                                 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  std::memcpy(frame.data(), &ours, 8);
  const uint32_t stored_bytes = static_cast<uint32_t>(frame.size() - limits::kFrameHeaderBytes);
  std::memcpy(frame.data() + kStoredBytesAt, &stored_bytes, sizeof(stored_bytes));
  const uint32_t body_crc = Crc32c(Bytes(frame).subspan(limits::kFrameHeaderBytes));
  std::memcpy(frame.data() + kBodyCrcAt, &body_crc, sizeof(body_crc));
  std::memset(frame.data() + kHeaderCrcAt, 0, sizeof(uint32_t));
  const uint32_t header_crc = Crc32c(Bytes(frame).first(limits::kFrameHeaderBytes));
  std::memcpy(frame.data() + kHeaderCrcAt, &header_crc, sizeof(header_crc));
  return frame;
}

void Use(const FrameView& view) {
  // Entry CRCs are not forged, so Verify::kStructure lets payloads through that no rule has seen.
  std::vector<EntryView> entries;
  for (size_t i = 0; i < view.entries.size(); ++i) {
    const Status status = DecodePayload(view.entries[i], view.entry(i).payload).status();
    if (status.ok() || status.code() == Code::kUnsupported) entries.push_back(view.entry(i));
  }
  for (const SeenSection& section : view.sections) (void)section.ToVersionVector();
  (void)view.SectionIndexOf(view.info.last_lsn);

  static Compactor compactor;
  static FrameSealer sealer;
  static Buffer sealed;
  static FrameScratch scratch;
  std::vector<uint32_t> kept;
  compactor.Run(view.info.origin, entries, ShortLived::kVanish, &kept);
  if (!sealer.Seal({&view, 1}, entries, kept, {Codec::Lz4, 0}, &sealed).ok()) return;
  // What we seal, we can read.
  if (!OpenFrame(sealed.bytes(), &scratch, Verify::kStructure).ok()) std::abort();
}

void Open(Bytes frame) {
  static FrameScratch scratch;
  for (Verify verify : {Verify::kAll, Verify::kStructure}) {
    auto opened = OpenFrame(frame, &scratch, verify);
    if (opened.ok()) Use(opened.value());
  }
}

}  // namespace
}  // namespace cfsrepl

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  cfsrepl::Open({data, size});
  if (size >= cfsrepl::limits::kFrameHeaderBytes) cfsrepl::Open(cfsrepl::Forge({data, size}));
  return 0;
}
