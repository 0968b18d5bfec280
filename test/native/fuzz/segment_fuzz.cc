// Recovery over arbitrary segment files: it must not crash, must not loop, must not accept what it
// cannot continue from, and must come to the same end when it runs again.
//
// Input: a mode byte, then the contents of segment 1, spread over as many 32 KiB segments as it
// takes. Mode bit 0: headers and records found where they belong get right CRCs and a right chain
// first, so that the fuzzer gets past the checksums. Bits 1 to 3: evidence, the seq known to have
// been durable.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "checksum/crc32c.h"
#include "io/memory_disk.h"
#include "wal/log.h"
#include "wal/log_format.h"

namespace cfsrepl {
namespace {

constexpr size_t kSegment = 32 * 1024;
constexpr size_t kInputBytesMax = 4 * kSegment;
constexpr Uuid kVolume{1, 2};

void Require(bool holds) {
  if (!holds) abort();
}

uint32_t Seed(uint64_t incarnation) {
  const uint64_t seed[3] = {kVolume.hi, kVolume.lo, incarnation};
  return Crc32c(Bytes(reinterpret_cast<const uint8_t*>(seed), sizeof(seed)));
}

// Makes one record's identity, chain and CRCs right; its sizes, counts and items stay as they are.
// Returns how far to go on.
size_t SealRecord(std::span<uint8_t> segment, size_t offset, const SegmentHeader& owner,
                  ChainLink* chain) {
  RecordHeader header;
  memcpy(&header, segment.data() + offset, sizeof(header));
  if (header.magic != kRecordMagic) return 0;
  size_t bytes = RecordBytes(header.body_bytes % kSegment);
  if (offset + bytes > segment.size()) return 0;
  header.seq = chain->next_seq;
  header.segment = owner.segment;
  header.incarnation = owner.incarnation;
  header.durable_seq = header.seq - 1;
  header.previous_crc = chain->previous_crc;
  header.block = static_cast<uint32_t>(offset / limits::kBlockBytes);
  uint32_t seed = Seed(owner.incarnation);
  header.body_crc =
      Crc32cExtend(seed, segment.subspan(offset + sizeof(header), bytes - sizeof(header)));
  auto* raw = reinterpret_cast<const uint8_t*>(&header);
  header.header_crc = Crc32cExtend(seed, Bytes(raw, offsetof(RecordHeader, header_crc)));
  memcpy(segment.data() + offset, &header, sizeof(header));
  *chain = {header.seq + 1, header.header_crc};
  return bytes;
}

void Seal(std::vector<std::vector<uint8_t>>* segments) {
  ChainLink chain;
  uint64_t number = 1;
  for (std::vector<uint8_t>& segment : *segments) {
    SegmentHeader header;
    memcpy(&header, segment.data(), sizeof(header));
    if (header.magic != kSegmentMagic) return;
    header.version = kSegmentVersion;
    header.block_bytes = limits::kBlockBytes;
    header.volume = kVolume;
    header.segment = number++;
    header.first_seq = chain.next_seq;
    header.segment_bytes = kSegment;
    header.previous_crc = chain.previous_crc;
    EncodeSegmentHeader(header, segment);
    size_t step = 1;
    for (size_t at = kFirstRecordOffset; step != 0 && at < kSegment; at += step) {
      step = SealRecord(segment, at, header, &chain);
    }
  }
}

std::unique_ptr<MemoryDisk> DiskOf(Bytes input, bool seal) {
  std::vector<std::vector<uint8_t>> segments;
  while (!input.empty()) {
    Bytes part = input.first(std::min(input.size(), kSegment));
    segments.emplace_back(part.begin(), part.end());
    segments.back().resize(kSegment);
    input = input.subspan(part.size());
  }
  if (seal) Seal(&segments);
  auto disk = std::make_unique<MemoryDisk>();
  Require(disk->MakeDirectory("log").ok());
  for (size_t i = 0; i < segments.size(); i++) {
    auto file = disk->Open(SegmentPath("log", i + 1), OpenMode::kCreate);
    Require(file.ok() && file.value()->WriteAt(0, segments[i]).ok());
  }
  return disk;
}

struct Outcome {
  Status status;
  std::unique_ptr<Log> log;
  RecoveryReport report;
};

Outcome Recover(MemoryDisk* disk, uint64_t min_durable_seq) {
  const LogOptions options{.directory = "log",
                           .volume = kVolume,
                           .segment_bytes = kSegment,
                           .reserve_bytes = 0,
                           .reserve_file_bytes = 0,
                           .tail_cache_bytes = 0,
                           .random_seed = 1,
                           .prepare_inline = true};
  uint64_t seq = 0;
  uint32_t item_crc = 0;
  auto replay = [&](const RecordView& record) {
    Require(seq == 0 || record.ref.seq == seq + 1);
    seq = record.ref.seq;
    for (const Item& item : record.items) item_crc = Crc32cExtend(item_crc, item.bytes);
    return Status::Ok();  // every byte that is shown was touched
  };
  Outcome outcome;
  auto log =
      Log::Open(options, disk, {.min_durable_seq = min_durable_seq}, replay, &outcome.report);
  outcome.status = log.status();
  if (log.ok()) outcome.log = std::move(log).value();
  return outcome;
}

void CheckReaders(Log* log) {
  auto reader = log->NewReader();
  Position position = log->oldest();
  for (uint64_t seq = log->oldest_seq(); seq <= log->durable_seq(); seq++) {
    auto record = reader->ReadAt(position);
    Require(record.ok() && record.value() != nullptr && record.value()->ref().seq == seq);
    position = record.value()->ref().next;
  }
  auto end = reader->ReadAt(position);
  Require(end.ok() && end.value() == nullptr);
}

}  // namespace
}  // namespace cfsrepl

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cfsrepl;
  if (size == 0 || size > kInputBytesMax) return 0;
  const uint8_t mode = data[0];
  auto disk = DiskOf(Bytes(data + 1, size - 1), (mode & 1) != 0);
  const uint64_t evidence = (mode >> 1) & 7;
  Outcome first = Recover(disk.get(), evidence);
  if (!first.status.ok()) return 0;
  Require(first.log->durable_seq() >= evidence);
  CheckReaders(first.log.get());
  const uint8_t text[] = "after";
  const Item item{1, text};
  auto ref = first.log->Append({&item, 1});
  Require(ref.ok() && ref->seq == first.report.last_seq + 1);
  first.log.reset();
  Outcome second = Recover(disk.get(), ref->seq);
  Require(second.status.ok() && !second.report.tail_cut && second.report.last_seq == ref->seq);
  return 0;
}
