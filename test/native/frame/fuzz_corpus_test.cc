// The seeds that fuzzing starts from follow the format as it is. After a change of the format,
// write them anew: CFS_REPL_WRITE_CORPUS=1 core_tests --gtest_filter='FuzzCorpus.*'
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "base/conflict.h"
#include "base/eviction.h"
#include "codec/codec.h"
#include "frame/frame_support.h"

namespace cfsrepl {
namespace {

std::string CorpusPath(const std::string& name) {
  return std::string(CFS_REPL_SOURCE_DIR "/test/native/fuzz/corpus/") + name;
}

std::vector<test::TestEntry> OneOfEach() {
  EntryPayload symlink;
  symlink.attributes = test::SomeAttributes(kFieldsAll, 0120777);
  symlink.parent = 50;
  symlink.name = test::AsBytes("s");
  symlink.target = test::AsBytes("../f");
  EntryPayload write;
  write.attributes = test::SomeAttributes(kFieldSize | kFieldMtime);
  ConflictSide loser{{1, {1, 5}, 7}, Op::Setxattr, true, {}};
  const auto side = test::Setxattr(7, 100, "user.a", "value");
  loser.payload = side.payload;
  Conflict conflict{100, 100, Lost::kXattr, loser, loser, test::AsBytes("/d/f"), {}, {}};
  conflict.winner.stamp.lsn = 8;
  conflict.winner_seen.emplace_back(5, 6, 1, 0, 0);
  std::vector<uint8_t> recorded, settled, evicted;
  EncodeConflict(conflict, &recorded);
  EncodeConflictAck({{{1, 5}, 13}, Settled::kRestored}, &settled);
  EncodeEviction({3, 9}, &evicted);
  return {test::Mkdir(1, 50, kRootInode, "d"),
          test::Create(2, 100, 50, "f"),
          test::MakeEntry({.op = Op::Symlink, .lsn = 3, .inode = 101}, symlink),
          test::Link(4, 100, kRootInode, "g"),
          test::MakeEntry({.op = Op::Write, .lsn = 5, .inode = 100}, write),
          test::MakeEntry({.op = Op::Truncate, .lsn = 6, .inode = 100}, write),
          test::Setattr(7, 100, kFieldsAll),
          test::Setxattr(8, 100, "user.a", "value"),
          test::Removexattr(9, 100, "user.a"),
          test::Rename(10, 101, 3, 50, "s", kRootInode, "t", 100, 4),
          test::Unlink(11, 100, 2, 50, "f"),
          test::Rmdir(12, 50, 1, kRootInode, "d"),
          test::MakeEntry({.op = Op::Conflict, .lsn = 13, .inode = 100}, recorded),
          test::MakeEntry({.op = Op::Conflictack, .lsn = 14, .inode = kRootInode}, settled),
          test::MakeEntry({.op = Op::Evict, .lsn = 15, .inode = kRootInode}, evicted),
          test::MakeEntry({.op = static_cast<Op>(200), .lsn = 16}, std::vector<uint8_t>{1, 2})};
}

std::vector<uint8_t> SealedSeed(const Buffer& raw, Codec codec) {
  FrameScratch scratch;
  const FrameView view = OpenFrame(raw.bytes(), &scratch).value();
  std::vector<EntryView> entries;
  std::vector<uint32_t> kept;
  for (uint32_t i = 0; i < view.entries.size(); ++i) {
    entries.push_back(view.entry(i));
    kept.push_back(i);
  }
  Buffer out;
  EXPECT_TRUE(FrameSealer().Seal({&view, 1}, entries, kept, {codec, 0}, &out).ok());
  return test::ToVector(out.bytes());
}

// For decompress_fuzz, which says what the three bytes in front are.
std::vector<uint8_t> StreamSeed(Codec codec) {
  const std::vector<uint8_t> raw(64, 'x');
  std::vector<uint8_t> stored(100);
  CodecContext context;
  stored.resize(context.Compress(codec, 0, raw, stored).value());
  std::vector<uint8_t> seed = {static_cast<uint8_t>(codec), static_cast<uint8_t>(raw.size() / 16),
                               0};
  seed.insert(seed.end(), stored.begin(), stored.end());
  return seed;
}

std::map<std::string, std::vector<uint8_t>> Seeds() {
  const Buffer raw = test::WriteFrame(OneOfEach());
  return {{"frame/raw", test::ToVector(raw.bytes())},
          {"frame/lz4", SealedSeed(raw, Codec::Lz4)},
          {"frame/zstd", SealedSeed(raw, Codec::Zstd)},
          {"frame/one-entry", test::ToVector(test::WriteFrame({test::Setattr(1, 2, 1)}).bytes())},
          {"decompress/none", StreamSeed(Codec::None)},
          {"decompress/lz4", StreamSeed(Codec::Lz4)},
          {"decompress/zstd", StreamSeed(Codec::Zstd)}};
}

// Compressed seeds may differ in bytes from one library version to the next, so frames are opened
// rather than compared.
TEST(FuzzCorpus, SeedsFollowTheFormat) {
  for (const auto& [name, bytes] : Seeds()) {
    SCOPED_TRACE(name);
    if (std::getenv("CFS_REPL_WRITE_CORPUS") != nullptr) {
      std::ofstream(CorpusPath(name), std::ios::binary)
          .write(reinterpret_cast<const char*>(bytes.data()),
                 static_cast<std::streamsize>(bytes.size()));
    }
    std::ifstream file(CorpusPath(name), std::ios::binary);
    const std::vector<uint8_t> seed{std::istreambuf_iterator<char>(file), {}};
    if (name.starts_with("frame/")) {
      FrameScratch scratch;
      const Status status = OpenFrame(seed, &scratch).status();
      EXPECT_TRUE(status.ok()) << status.message();
    } else {
      ASSERT_GT(seed.size(), 3u);
      std::vector<uint8_t> out(size_t{seed[1]} * 16);
      EXPECT_TRUE(
          CodecContext().Decompress(static_cast<Codec>(seed[0]), Bytes(seed).subspan(3), out).ok());
    }
  }
}

}  // namespace
}  // namespace cfsrepl
