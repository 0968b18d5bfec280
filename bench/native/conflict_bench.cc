// What it costs to look for conflicts while a peer's entries are merged.
#include <cstdlib>

#include "base/bytes.h"
#include "engine/replica.h"
#include "entries.h"
#include "measure.h"

namespace cfsrepl::bench {
namespace {

constexpr Origin kOwn{2, 9};
constexpr uint64_t kInodes = 100'000;
constexpr size_t kFrameEntries = 8192;
constexpr size_t kConcurrentEvery = 100;  // one entry of so many meets a change it had not seen
constexpr int kHlcCounterBits = 12;

Inode InodeAt(uint64_t number) { return (uint64_t{1} << 48) + 1 + number; }

void Need(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.message().c_str());
  std::exit(1);
}

// The receiving site: what it has of both origins, and where their next entries go.
class Receiver {
 public:
  Receiver() : replica_(kOwn.site, 256) {
    FrameScratch scratch;
    Result<OriginIndex> own = replica_.state->Intern(kOwn);
    Need(own.status());
    own_ = own.value();
    replica_.recorder.NoteOwnSection(kOwn, 1, {});
    for (uint64_t first = 0; first < kInodes; first += kFrameEntries) {
      const size_t count = std::min<uint64_t>(kFrameEntries, kInodes - first);
      const Buffer frame = Creates(first, count);
      Need(replica_.MergeFrame(OpenFrame(frame.bytes(), &scratch).value(),
                               Replica::Conflicts::kIgnore));
      next_lsn_ += count;
    }
  }

  // Seconds that merging `count` frames takes. `concurrent`: some entries meet changes of ours.
  double MergeFrames(int count, Replica::Conflicts conflicts, bool concurrent) {
    double seconds = 0;
    FrameScratch scratch;
    for (int i = 0; i < count; i++) {
      const Buffer frame = Setattrs();
      const FrameView view = OpenFrame(frame.bytes(), &scratch).value();
      if (concurrent) WriteApart(view);
      const double start = NowSeconds();
      Need(replica_.MergeFrame(view, conflicts));
      seconds += NowSeconds() - start;
      for (; !replica_.recorder.empty(); replica_.recorder.PopFront()) conflicts_++;
      next_lsn_ += kFrameEntries;
      own_seen_ = own_lsn_;
    }
    return seconds;
  }

  uint64_t conflicts() const { return conflicts_; }

 private:
  Buffer Creates(uint64_t first, size_t count) {
    return Frame(count, [&](size_t i, EntryPayload* parts, std::string* name) {
      *name = "file-" + std::to_string(10'000'000'000 + first + i);
      parts->attributes = Attributes(kFieldsAll, 0100644, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0);
      parts->parent = kRootInode;
      parts->name = AsBytes(*name);
      return std::pair(Op::Create, InodeAt(first + i));
    });
  }

  Buffer Setattrs() {
    return Frame(kFrameEntries, [&](size_t, EntryPayload* parts, std::string*) {
      parts->attributes =
          Attributes(kFieldMode | kFieldOwner | kFieldSize | kFieldMtime, random_() % 01000,
                     random_() % 5000, random_() % 500, random_() % (1u << 30), 0, 0,
                     static_cast<int64_t>(random_() % 1'000'000'000), 0, 0, 0, 0);
      return std::pair(Op::Setattr, InodeAt(random_() % kInodes));
    });
  }

  template <typename Make>
  Buffer Frame(size_t count, const Make& make) {
    FrameWriter writer;
    writer.Begin({1, 2}, kOrigin, 1);
    VersionVector seen;
    if (own_seen_ != 0) seen.Raise(kOwn, own_seen_);
    Need(writer.AddSection(next_lsn_, seen));
    std::vector<uint8_t> payload;
    for (size_t i = 0; i < count; i++) {
      EntryPayload parts;
      std::string name;
      const auto [op, inode] = make(i, &parts, &name);
      payload.clear();
      EncodePayload(op, parts, &payload);
      const Lsn lsn = next_lsn_ + i;
      writer.Append(
          EntryHeader(lsn, (lsn + 1) << kHlcCounterBits, inode, lsn, 0,
                      static_cast<uint32_t>(payload.size()), 0, ShardOf(inode, 256), kOrigin.site,
                      static_cast<uint8_t>(op), kEntrySchemaVersion, kEntryAssertsLinks, 0, 0),
          payload);
    }
    Buffer frame;
    Need(writer.Finish(&frame));
    return frame;
  }

  // Changes of ours that the frame's writer had not seen, and over which it wins.
  void WriteApart(const FrameView& view) {
    for (size_t i = 0; i < view.entries.size(); i += kConcurrentEvery) {
      const Attributes mode(kFieldMode, 0777, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
      own_lsn_++;
      const EntryHeader header(own_lsn_, (next_lsn_ << kHlcCounterBits) + 1 + i,
                               view.entries[i].inode(), own_lsn_, 0, sizeof(mode), 0, 0, kOwn.site,
                               static_cast<uint8_t>(Op::Setattr), kEntrySchemaVersion,
                               kEntryAssertsLinks, 0, 0);
      Need(replica_.state->Merge(
          header, Bytes(reinterpret_cast<const uint8_t*>(&mode), sizeof(mode)), own_));
    }
  }

  Replica replica_;
  OriginIndex own_ = 0;
  std::mt19937_64 random_{1};
  Lsn next_lsn_ = 1;
  Lsn own_lsn_ = 0;
  Lsn own_seen_ = 0;
  uint64_t conflicts_ = 0;
};

}  // namespace

void BenchConflict() {
  constexpr int kRounds = 15, kFrames = 16;
  constexpr double kEntries = static_cast<double>(kFrames) * kFrameEntries;
  Receiver receiver;
  std::vector<double> rates, check_ns;
  receiver.MergeFrames(kFrames, Replica::Conflicts::kRecord, true);  // warm up
  const uint64_t before = receiver.conflicts();
  for (int round = 0; round < kRounds; round++) {
    rates.push_back(kEntries / receiver.MergeFrames(kFrames, Replica::Conflicts::kRecord, true));
  }
  const double found = static_cast<double>(receiver.conflicts() - before) / kRounds / kEntries;
  for (int round = 0; round < kRounds; round++) {
    const double without = receiver.MergeFrames(kFrames, Replica::Conflicts::kIgnore, false);
    const double with = receiver.MergeFrames(kFrames, Replica::Conflicts::kRecord, false);
    check_ns.push_back((with - without) / kEntries * 1e9);
  }
  char params[160];
  std::snprintf(params, sizeof(params),
                "{\"inodes\":%llu,\"entry_bytes\":128,\"conflicts_per_entry\":%.4f,"
                "\"check_ns\":%.3g}",
                static_cast<unsigned long long>(kInodes), found, Median(check_ns));
  Print("conflict", Median(rates), "entries/s", params);
}

}  // namespace cfsrepl::bench
