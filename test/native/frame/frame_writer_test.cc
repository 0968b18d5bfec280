#include "frame/frame_writer.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "frame/frame.h"
#include "frame/frame_support.h"

namespace cfsrepl {
namespace {

using test::kCluster;
using test::kOrigin;
using test::TestEntry;

VersionVector Seen(std::initializer_list<std::pair<Origin, Lsn>> lsns) {
  VersionVector seen;
  for (const auto& [origin, lsn] : lsns) seen.Raise(origin, lsn);
  return seen;
}

// A raw frame of setattrs in LSN order with the given section, kept open.
struct RawFrame {
  RawFrame(Lsn first_lsn, Lsn last_lsn, const VersionVector& seen, Epoch epoch = 1,
           const Origin& origin = kOrigin) {
    FrameWriter writer;
    writer.Begin(kCluster, origin, epoch);
    EXPECT_TRUE(writer.AddSection(first_lsn, seen).ok());
    for (Lsn lsn = first_lsn; lsn <= last_lsn; ++lsn) {
      TestEntry entry = test::Setattr(lsn, 100 + lsn, kFieldMode);
      writer.Append(entry.header, entry.payload);
    }
    EXPECT_TRUE(writer.Finish(&bytes).ok());
    auto opened = OpenFrame(bytes.bytes(), &scratch);
    EXPECT_TRUE(opened.ok()) << opened.status().message();
    view = opened.value();
  }

  Buffer bytes;
  FrameScratch scratch;
  FrameView view;
};

// Seals frames with the entries at `kept`, all without, and opens the result.
struct Sealed {
  Sealed(const std::vector<const RawFrame*>& frames, const SealOptions& options,
         std::vector<uint32_t> kept = {}, bool keep_all = true) {
    std::vector<FrameView> views;
    std::vector<EntryView> entries;
    for (const RawFrame* frame : frames) {
      views.push_back(frame->view);
      for (size_t i = 0; i < frame->view.entries.size(); ++i) {
        entries.push_back(frame->view.entry(i));
      }
    }
    if (keep_all) {
      kept.resize(entries.size());
      std::iota(kept.begin(), kept.end(), 0u);
    }
    auto sealed = sealer.Seal(views, entries, kept, options, &bytes);
    status = sealed.status();
    if (!sealed.ok()) return;
    result = sealed.value();
    auto opened = OpenFrame(bytes.bytes(), &scratch);
    EXPECT_TRUE(opened.ok()) << opened.status().message();
    view = opened.value();
  }

  FrameSealer sealer;
  Buffer bytes;
  FrameScratch scratch;
  Status status;
  SealResult result;
  FrameView view;
};

TEST(FrameWriter, CountsItsBodyExactly) {
  FrameWriter writer;
  for (int round = 0; round < 3; ++round) {  // reused, as the engine does
    writer.Begin(kCluster, kOrigin, 4);
    writer.SetTrace(1, 2, 3);
    Buffer out;
    for (Lsn lsn = 1; lsn <= 20; ++lsn) {
      ASSERT_TRUE(writer.AddSection(lsn, Seen({{{1, 1}, 1 + lsn / 5}, {kOrigin, lsn}})).ok());
      TestEntry entry = test::Setxattr(lsn, 9, "k", std::string(lsn, 'v'));
      writer.Append(entry.header, entry.payload);
      ASSERT_TRUE(writer.Finish(&out).ok());
      ASSERT_EQ(out.size(), limits::kFrameHeaderBytes + writer.raw_bytes());
      FrameScratch scratch;
      auto opened = OpenFrame(out.bytes(), &scratch);
      ASSERT_TRUE(opened.ok()) << opened.status().message();
      ASSERT_EQ(opened->entries.size(), lsn);
      ASSERT_EQ(opened->sections.size(), 1 + lsn / 5);
      EXPECT_EQ(opened->info.epoch, 4u);
      EXPECT_EQ(opened->info.trace_id_hi, 1u);
      EXPECT_EQ(opened->info.trace_id_lo, 2u);
      EXPECT_EQ(opened->info.span_id, 3u);
    }
  }
}

TEST(FrameWriter, MakesCrcAndPlaceOfEachEntry) {
  FrameWriter writer;
  writer.Begin(kCluster, kOrigin, 1);
  ASSERT_TRUE(writer.AddSection(1, {}).ok());
  TestEntry entry = test::Setattr(1, 5, kFieldMode);
  EntryHeader unsized = entry.header;
  for (size_t at : {kPayloadOffsetAt, kPayloadBytesAt, kEntryCrcAt}) {
    SetHeaderField(&unsized, at, 99);
  }
  writer.Append(unsized, entry.payload);
  Buffer out;
  ASSERT_TRUE(writer.Finish(&out).ok());
  FrameScratch scratch;
  auto opened = OpenFrame(out.bytes(), &scratch);
  ASSERT_TRUE(opened.ok()) << opened.status().message();
  EXPECT_EQ(opened->entries[0].crc(), entry.header.crc());
}

TEST(FrameWriter, StatesTheRangeOfEachShard) {
  FrameWriter writer;
  writer.Begin(kCluster, kOrigin, 1);
  ASSERT_TRUE(writer.AddSection(1, {}).ok());
  const std::pair<Shard, uint64_t> kSource[] = {{9, 100}, {4, 7}, {9, 101}, {4095, 1}, {4, 8}};
  Lsn lsn = 0;
  for (auto [shard, seq] : kSource) {
    EntryPayload parts;
    parts.attributes = test::SomeAttributes(kFieldMode);
    TestEntry entry = test::MakeEntry({.lsn = ++lsn, .seq = seq, .shard = shard}, parts);
    writer.Append(entry.header, entry.payload);
  }
  Buffer out;
  ASSERT_TRUE(writer.Finish(&out).ok());
  FrameScratch scratch;
  auto opened = OpenFrame(out.bytes(), &scratch);
  ASSERT_TRUE(opened.ok());
  ASSERT_EQ(opened->shards.size(), 3u);
  EXPECT_EQ(opened->shards[0].shard(), 4);
  EXPECT_EQ(opened->shards[0].first_seq(), 7u);
  EXPECT_EQ(opened->shards[0].last_seq(), 8u);
  EXPECT_EQ(opened->shards[1].last_seq(), 101u);
  EXPECT_EQ(opened->shards[2].shard(), 4095);
}

TEST(FrameWriter, NeedsAnEntryAndASectionThatCoversIt) {
  FrameWriter writer;
  Buffer out;
  writer.Begin(kCluster, kOrigin, 1);
  EXPECT_EQ(writer.Finish(&out).code(), Code::kInvalidArgument);
  TestEntry entry = test::Setattr(5, 5, kFieldMode);
  writer.Append(entry.header, entry.payload);
  EXPECT_EQ(writer.Finish(&out).code(), Code::kInvalidArgument);
  ASSERT_TRUE(writer.AddSection(6, {}).ok());
  EXPECT_EQ(writer.Finish(&out).code(), Code::kInvalidArgument);
}

TEST(FrameWriter, FilledToTheBrimIsAccepted) {
  FrameWriter writer;
  writer.Begin(kCluster, kOrigin, 1);
  ASSERT_TRUE(writer.AddSection(1, {}).ok());
  const std::string value(limits::kXattrValueBytesMax, 'v');
  Lsn lsn = 0;
  for (;;) {
    TestEntry entry = test::Setxattr(lsn + 1, 5, "k", value);
    if (!writer.HasRoom(entry.payload.size())) break;
    writer.Append(entry.header, entry.payload);
    ++lsn;
  }
  EXPECT_GE(lsn, 60u);
  Buffer out;
  ASSERT_TRUE(writer.Finish(&out).ok());
  FrameScratch scratch;
  EXPECT_TRUE(OpenFrame(out.bytes(), &scratch).ok());
}

TEST(FrameWriter, HasRoomForSoManyEntries) {
  FrameWriter writer;
  writer.Begin(kCluster, kOrigin, 1);
  ASSERT_TRUE(writer.AddSection(1, {}).ok());
  Lsn lsn = 0;
  while (writer.HasRoom(0)) {
    writer.Append(test::MakeEntry({.lsn = ++lsn, .schema = 2}, std::vector<uint8_t>{}).header, {});
  }
  Buffer out;
  ASSERT_TRUE(writer.Finish(&out).ok());
  EXPECT_LE(lsn, limits::kFrameEntriesMax);
  FrameScratch scratch;
  EXPECT_TRUE(OpenFrame(out.bytes(), &scratch).ok());
}

TEST(FrameSealer, JoinsFramesAndKeepsTheWholeRange) {
  RawFrame first(5, 10, Seen({{{1, 1}, 3}}));
  RawFrame second(11, 12, Seen({{{1, 1}, 3}}));
  RawFrame third(13, 20, Seen({{{1, 1}, 9}}), 2);
  for (Codec codec : {Codec::None, Codec::Lz4, Codec::Zstd}) {
    Sealed sealed({&first, &second, &third}, {codec, 0}, {1, 6, 15}, false);
    ASSERT_TRUE(sealed.status.ok()) << sealed.status.message();
    const FrameView& view = sealed.view;
    EXPECT_EQ(view.info.first_lsn, 5u);
    EXPECT_EQ(view.info.last_lsn, 20u);
    EXPECT_EQ(view.info.hlc_max, 20u << 12);
    EXPECT_EQ(view.info.epoch, 2u);
    ASSERT_EQ(view.entries.size(), 3u);
    EXPECT_EQ(view.entries[0].lsn(), 6u);
    EXPECT_EQ(view.entries[1].lsn(), 11u);
    EXPECT_EQ(view.entries[2].lsn(), 20u);
    ASSERT_EQ(view.shards.size(), 1u);
    EXPECT_EQ(view.shards[0].first_seq(), 5u);
    EXPECT_EQ(view.shards[0].last_seq(), 20u);
    EXPECT_EQ(sealed.result.raw_bytes, view.raw_bytes);
    EXPECT_EQ(sealed.result.stored_bytes, view.stored_bytes);
    EXPECT_EQ(sealed.result.entry_count, 3u);
  }
}

TEST(FrameSealer, DropsSectionsThatSayTheSame) {
  RawFrame first(5, 10, Seen({{{1, 1}, 3}}));
  RawFrame second(11, 12, Seen({{{1, 1}, 3}}));
  RawFrame third(13, 20, Seen({{{1, 1}, 9}}));
  Sealed sealed({&first, &second, &third}, {});
  ASSERT_EQ(sealed.view.sections.size(), 2u);
  EXPECT_EQ(sealed.view.sections[0].from_lsn, 5u);
  EXPECT_EQ(sealed.view.sections[1].from_lsn, 13u);
  EXPECT_EQ(sealed.view.sections[1].ToVersionVector().Get({1, 1}), 9u);
}

TEST(FrameSealer, SealsABatchOfWhichNothingIsLeft) {
  RawFrame frame(5, 10, {});
  Sealed sealed({&frame}, {Codec::Lz4, 0}, {}, false);
  ASSERT_TRUE(sealed.status.ok()) << sealed.status.message();
  EXPECT_EQ(sealed.view.entries.size(), 0u);
  EXPECT_EQ(sealed.view.info.last_lsn, 10u);
}

TEST(FrameSealer, CompressesOnlyWhatGetsSmaller) {
  RawFrame regular(1, 100, {});
  for (Codec codec : {Codec::Lz4, Codec::Zstd}) {
    Sealed sealed({&regular}, {codec, 0});
    EXPECT_EQ(sealed.result.codec, codec);
    EXPECT_LT(sealed.result.stored_bytes, sealed.result.raw_bytes / 2);
  }
  std::mt19937_64 random(1);
  std::string noise(60'000, '\0');
  for (char& byte : noise) byte = static_cast<char>(random());
  Buffer bytes = test::WriteFrame({test::Setxattr(1, 5, "k", noise)});
  FrameScratch scratch;
  FrameView view = OpenFrame(bytes.bytes(), &scratch).value();
  EntryView entry = view.entry(0);
  uint32_t kept = 0;
  for (Codec codec : {Codec::Lz4, Codec::Zstd}) {
    Buffer out;
    auto sealed = FrameSealer().Seal({&view, 1}, {&entry, 1}, {&kept, 1}, {codec, 0}, &out);
    ASSERT_TRUE(sealed.ok());
    EXPECT_EQ(sealed->codec, Codec::None);
    EXPECT_EQ(sealed->stored_bytes, sealed->raw_bytes);
    FrameScratch other;
    EXPECT_TRUE(OpenFrame(out.bytes(), &other).ok());
  }
}

TEST(FrameSealer, RefusesWhatDoesNotBelongTogether) {
  RawFrame frame(5, 10, {});
  RawFrame gap(12, 13, {});
  RawFrame stranger(11, 13, {}, 1, Origin{2, 8});
  EXPECT_EQ(Sealed({}, {}).status.code(), Code::kInvalidArgument);
  EXPECT_EQ(Sealed({&frame, &gap}, {}).status.code(), Code::kInvalidArgument);
  EXPECT_EQ(Sealed({&frame, &stranger}, {}).status.code(), Code::kInvalidArgument);
  EXPECT_EQ(Sealed({&frame}, {Codec::Zstd, 99}).status.code(), Code::kInvalidArgument);
}

TEST(FrameSealer, SealsAgainWhatWasSealed) {
  RawFrame first(5, 10, Seen({{{1, 1}, 3}}));
  Sealed once({&first}, {Codec::Lz4, 0}, {1, 3, 5}, false);
  std::vector<EntryView> entries = {once.view.entry(0), once.view.entry(1), once.view.entry(2)};
  std::vector<uint32_t> kept = {0, 2};
  Buffer out;
  auto twice = FrameSealer().Seal({&once.view, 1}, entries, kept, {Codec::Zstd, 3}, &out);
  ASSERT_TRUE(twice.ok());
  FrameScratch scratch;
  auto opened = OpenFrame(out.bytes(), &scratch);
  ASSERT_TRUE(opened.ok()) << opened.status().message();
  EXPECT_EQ(opened->info.first_lsn, 5u);
  EXPECT_EQ(opened->entries[1].lsn(), 10u);
}

}  // namespace
}  // namespace cfsrepl
