#include "entries.h"
#include "frame/compact.h"
#include "measure.h"

namespace cfsrepl::bench {

void BenchCompact() {
  constexpr size_t kEntries = 8192;
  for (const uint64_t inodes : {uint64_t{1000}, uint64_t{100000}}) {
    std::mt19937_64 random(1);
    // Several batches, so that the entries do not all lie in the cache from the round before.
    std::vector<Buffer> frames;
    std::vector<FrameScratch> scratches(16);
    std::vector<std::vector<EntryView>> batches;
    for (FrameScratch& scratch : scratches) {
      frames.push_back(MakeFrame(&random, kEntries, inodes, 1));
      const FrameView view = OpenFrame(frames.back().bytes(), &scratch).value();
      std::vector<EntryView> entries;
      for (size_t i = 0; i < view.entries.size(); i++) entries.push_back(view.entry(i));
      batches.push_back(std::move(entries));
    }
    Compactor compactor;
    std::vector<uint32_t> kept;
    std::vector<double> rates;
    size_t survivors = 0;
    for (int round = 0; round < 11; round++) {
      size_t entries = 0;
      const double start = NowSeconds();
      for (int repeat = 0; repeat < 8; repeat++) {
        for (const auto& batch : batches) {
          compactor.Run(kOrigin, batch, ShortLived::kVanish, &kept);
          entries += batch.size();
          survivors = kept.size();
        }
      }
      rates.push_back(static_cast<double>(entries) / (NowSeconds() - start));
    }
    Print("compact", Median(rates), "entries/s",
          "{\"entries\":" + std::to_string(kEntries) + ",\"inodes\":" + std::to_string(inodes) +
              ",\"kept\":" + std::to_string(survivors) + ",\"entry_bytes\":128}");
  }
}

}  // namespace cfsrepl::bench
