#include <memory>

#include "entries.h"
#include "measure.h"
#include "state/digest_tree.h"
#include "state/state.h"

namespace cfsrepl::bench {
namespace {

constexpr uint64_t kInodes = 100000;
constexpr uint64_t kManyInodes = 1000000;
constexpr size_t kEntriesPerFrame = 8192;
constexpr size_t kFrames = 64;
constexpr int kRepeats = 8;  // of all frames in one round: about half a second
constexpr size_t kPrefetch = 16;
constexpr size_t kSettledPerStep = 1024;  // as the engine does under one lock

// Frames of changes, and the files that they change.
class Load {
 public:
  explicit Load(uint64_t inodes) : inodes_(inodes) {
    std::mt19937_64 random(1);
    scratches_.resize(kFrames);
    for (FrameScratch& scratch : scratches_) {
      frames_.push_back(MakeFrame(&random, kEntriesPerFrame, inodes, 1));
      views_.push_back(OpenFrame(frames_.back().bytes(), &scratch).value());
    }
  }

  size_t entries() const { return kFrames * kEntriesPerFrame; }

  // Names of 16 bytes in the root, numbered as MakeFrame has them.
  void MakeInodes(State* state) const {
    const OriginIndex origin = state->Intern({2, 1}).value();
    std::vector<uint8_t> payload;
    char name[17];
    for (uint64_t i = 1; i <= inodes_; i++) {
      std::snprintf(name, sizeof(name), "file-%011llu", static_cast<unsigned long long>(i));
      EntryPayload parts;
      parts.parent = kRootInode;
      parts.name = Bytes(reinterpret_cast<const uint8_t*>(name), 16);
      parts.attributes = Attributes(kFieldsAll, 0100644, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
      payload.clear();
      EncodePayload(Op::Create, parts, &payload);
      const EntryHeader header(
          i, 1, (uint64_t{1} << 48) + i, i, 0, static_cast<uint32_t>(payload.size()), 0, 0, 2,
          static_cast<uint8_t>(Op::Create), kEntrySchemaVersion, kEntryAssertsLinks, 0, 0);
      if (!state->Merge(header, payload, origin).ok()) std::abort();
    }
  }

  // As the engine merges a peer's frames. Each entry's clock is past all before: it changes a
  // value.
  void Merge(State* state, Hlc* clock) const {
    const OriginIndex origin = state->Intern(kOrigin).value();
    for (const FrameView& view : views_) {
      for (size_t at = 0; at < view.entries.size(); at++) {
        if (at % kPrefetch == 0) {
          const auto group =
              view.entries.subspan(at, std::min(view.entries.size() - at, kPrefetch));
          for (const EntryHeader& header : group) state->PrefetchIndex(header.inode());
          for (const EntryHeader& header : group) state->PrefetchInode(header.inode());
        }
        const EntryView entry = view.entry(at);
        EntryHeader header = *entry.header;
        header = EntryHeader(header.lsn(), ++*clock, header.inode(), header.seq(), 0,
                             header.payload_bytes(), 0, header.shard(), header.site(), header.op(),
                             header.schema(), header.flags(), 0, 0);
        if (!state->Merge(header, entry.payload, origin).ok()) std::abort();
      }
    }
  }

 private:
  const uint64_t inodes_;
  std::vector<FrameScratch> scratches_;
  std::vector<Buffer> frames_;
  std::vector<FrameView> views_;
};

// Entries a second. With a tree everything is settled at the end, as when somebody asks.
double Round(const Load& load, State* state, DigestTree* tree, Hlc* clock) {
  const double start = NowSeconds();
  for (int repeat = 0; repeat < kRepeats; repeat++) load.Merge(state, clock);
  while (tree != nullptr && !tree->Settle(kSettledPerStep)) {
  }
  return static_cast<double>(load.entries() * kRepeats) / (NowSeconds() - start);
}

}  // namespace

void BenchDigest() {
  const Load load(kInodes);
  State with, without;
  DigestTree tree(&with);
  Hlc clock = uint64_t{1} << 40, other_clock = clock;
  load.MakeInodes(&with);
  load.MakeInodes(&without);
  const Pair pair = Compare(
      9, [&] { return Round(load, &with, &tree, &clock); },
      [&] { return Round(load, &without, nullptr, &other_clock); });
  Print("digest", pair, "entries/s",
        "{\"what\":\"merge, digest kept current\",\"inodes\":" + std::to_string(kInodes) +
            ",\"settled_after\":" + std::to_string(load.entries() * kRepeats) + "}",
        "merge alone");

  State many;
  DigestTree many_tree(&many);
  Load(kManyInodes).MakeInodes(&many);
  const double start = NowSeconds();
  while (!many_tree.Settle(kSettledPerStep)) {
  }
  Print("digest", static_cast<double>(kManyInodes) / (NowSeconds() - start), "inodes/s",
        "{\"what\":\"settle\",\"inodes\":" + std::to_string(kManyInodes) + "}");
}

}  // namespace cfsrepl::bench
