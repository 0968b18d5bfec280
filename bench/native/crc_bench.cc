#include <isa-l/crc.h>

#include <cstring>

#include "checksum/crc32c.h"
#include "entries.h"
#include "measure.h"

namespace cfsrepl::bench {

namespace {

// ISA-L takes and gives the register without the final inversion.
uint32_t IsalCrc32c(const uint8_t* data, size_t bytes) {
  return ~crc32_iscsi(const_cast<uint8_t*>(data), static_cast<int>(bytes), ~0u);
}

template <typename Crc>
double RateGbs(Bytes data, size_t piece_bytes, Crc crc) {
  constexpr double kSeconds = 0.05;
  uint32_t sum = 0;
  uint64_t bytes = 0;
  const double start = NowSeconds();
  double elapsed = 0;
  while (elapsed < kSeconds) {
    for (size_t at = 0; at + piece_bytes <= data.size(); at += piece_bytes) {
      sum += crc(data.data() + at, piece_bytes);
      bytes += piece_bytes;
    }
    elapsed = NowSeconds() - start;
  }
  volatile uint32_t used = sum;
  (void)used;
  return static_cast<double>(bytes) / elapsed / 1e9;
}

}  // namespace

void BenchCrc() {
  std::mt19937_64 random(1);
  std::vector<uint8_t> data(4 << 20);
  for (uint8_t& byte : data) byte = static_cast<uint8_t>(random());
  for (const size_t bytes : {size_t{128}, size_t{4096}, size_t{1} << 20}) {
    const Pair pair = Compare(
        11,
        [&] {
          return RateGbs(data, bytes, [](const uint8_t* p, size_t n) { return Crc32c({p, n}); });
        },
        [&] { return RateGbs(data, bytes, IsalCrc32c); });
    Print("crc", pair, "GB/s", "{\"bytes\":" + std::to_string(bytes) + "}", "ISA-L crc32_iscsi");
  }
  // An entry's CRC as the product makes it: header without two fields, then payload.
  const Buffer frame = MakeFrame(&random, 8192, 100000, 1);
  FrameScratch scratch;
  const FrameView view = OpenFrame(frame.bytes(), &scratch).value();
  auto per_entry = [&](auto crc) {
    uint32_t sum = 0;
    const double start = NowSeconds();
    for (int round = 0; round < 50; round++) {
      for (size_t i = 0; i < view.entries.size(); i++) sum += crc(view.entry(i));
    }
    volatile uint32_t used = sum;
    (void)used;
    return static_cast<double>(50 * view.entries.size() * 128) / (NowSeconds() - start) / 1e9;
  };
  const Pair pair = Compare(
      11,
      [&] { return per_entry([](const EntryView& e) { return EntryCrc(*e.header, e.payload); }); },
      [&] {
        return per_entry([](const EntryView& e) {
          uint8_t header[sizeof(EntryHeader)];
          std::memcpy(header, e.header, sizeof(header));
          std::memset(header + kPayloadOffsetAt, 0, sizeof(uint32_t));
          std::memset(header + kEntryCrcAt, 0, sizeof(uint32_t));
          const uint32_t crc = crc32_iscsi(header, sizeof(header), ~0u);
          return ~crc32_iscsi(const_cast<uint8_t*>(e.payload.data()), 64, crc);
        });
      });
  Print("crc", pair, "GB/s", "{\"what\":\"entry of 128 bytes\"}",
        "ISA-L crc32_iscsi over a copy of the header without two fields, then the payload");
}

}  // namespace cfsrepl::bench
