// Checkpoints: whole, taken while the state changes, cut, damaged; and chunks by themselves.
#include "state/checkpoint.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <sstream>

#include "checksum/crc32c.h"
#include "state/entries.h"

namespace cfsrepl {
namespace {

using File = std::vector<uint8_t>;

ReadSource SourceOf(const File& file) {
  return [&file](uint64_t offset, std::span<uint8_t> out) -> Result<size_t> {
    // Short reads are legal.
    size_t left = offset < file.size() ? file.size() - offset : 0;
    size_t count = std::min({out.size(), left, size_t{100000}});
    std::copy_n(file.begin() + static_cast<long>(offset), count, out.begin());
    return count;
  };
}

CheckpointHeader SomeHeader() { return {{1, 2}, {3, 4}, 5, 6, 7, {'m', 'e', 't', 'a'}}; }

// `between` runs between steps of `step_inodes`, when the state is not locked.
File Write(
    const State& state, size_t step_inodes = 1000, const std::function<void()>& between = [] {}) {
  File file;
  CheckpointWriter writer(&state, SomeHeader(), [&](Bytes bytes) {
    file.insert(file.end(), bytes.begin(), bytes.end());
    return Status::Ok();
  });
  EXPECT_TRUE(writer.Start().ok());
  for (bool done = false; !done; between()) {
    done = writer.Step(step_inodes);
    EXPECT_TRUE(writer.Flush().ok());
  }
  EXPECT_TRUE(writer.Finish().ok());
  EXPECT_EQ(writer.bytes_written(), file.size());
  return file;
}

Status Load(const File& file, State* state) {
  return LoadCheckpoint(SourceOf(file), state, nullptr).status();
}

void ExpectEqual(const State& a, const State& b) {
  EXPECT_EQ(DumpLines(a), DumpLines(b));
  EXPECT_EQ(DigestOf(a), DigestOf(b));
  EXPECT_EQ(a.counters().inodes, b.counters().inodes);
  EXPECT_EQ(a.counters().links, b.counters().links) << "tombstones are kept";
  EXPECT_EQ(a.counters().xattrs, b.counters().xattrs);
}

// Something of everything: all ops, conflicts, tombstones, placeholders, long names, large xattrs.
std::vector<TestEntry> History(int count, uint64_t seed) {
  std::mt19937_64 random(seed);
  Journal journals[] = {Journal(1), Journal(2, ~uint64_t{0}), Journal(3)};
  struct Name {
    Inode inode;
    LinkId link;
  };
  std::vector<Name> names;
  std::vector<Inode> directories{kRootInode};
  std::vector<TestEntry> entries;
  for (int i = 0; i < count; i++) {
    Journal& journal = journals[random() % 3];
    Hlc hlc = 0x1000 * (1 + random() % 1000);
    Inode parent = directories[random() % directories.size()];
    std::string name(1 + random() % (random() % 8 == 0 ? 255 : 3),
                     static_cast<char>('a' + random() % 3));
    size_t kind = names.empty() ? 0 : random() % 12;
    if (kind < 4) {
      Inode inode = journal.Mint();
      TestEntry entry = kind == 0   ? journal.Mkdir(hlc, inode, parent, name)
                        : kind == 1 ? journal.Symlink(hlc, inode, parent, name, "to " + name)
                                    : journal.Create(hlc, inode, parent, name);
      if (kind == 0) directories.push_back(inode);
      names.push_back({inode, entry.link()});
      entries.push_back(entry);
      continue;
    }
    Name target = names[random() % names.size()];
    if (parent == target.inode) parent = kRootInode;
    switch (kind) {
      case 4:
        entries.push_back(journal.Link(hlc, target.inode, parent, name));
        break;
      case 5:
        entries.push_back(journal.Unlink(hlc, target.inode, target.link, parent, name));
        break;
      case 6:
        entries.push_back(
            journal.Rename(hlc, target.inode, target.link, parent, "a", parent, name));
        break;
      case 7:
        entries.push_back(
            journal.Setxattr(hlc, target.inode, "user." + name.substr(0, 2),
                             std::string(random() % (random() % 50 ? 60 : 65537), 'v')));
        break;
      case 8:
        entries.push_back(journal.Removexattr(hlc, target.inode, "user.a"));
        break;
      case 9:
        entries.push_back(journal.Chmod(hlc, journal.Mint(), 0600));
        break;
      default:
        entries.push_back(journal.Write(hlc, target.inode, random(), 1));
        break;
    }
  }
  return entries;
}

TEST(CheckpointTest, AnEmptyStateSurvives) {
  State state, loaded;
  File file = Write(state);
  ASSERT_TRUE(Load(file, &loaded).ok());
  ExpectEqual(state, loaded);
}

TEST(CheckpointTest, TheHeaderComesBack) {
  State state, loaded;
  File file = Write(state);
  for (const Result<CheckpointHeader>& header :
       {ReadCheckpointHeader(SourceOf(file)), LoadCheckpoint(SourceOf(file), &loaded, nullptr)}) {
    ASSERT_TRUE(header.ok()) << header.status().message();
    EXPECT_EQ(header->cluster, (Uuid{1, 2}));
    EXPECT_EQ(header->volume, (Uuid{3, 4}));
    EXPECT_EQ(header->segment, 5u);
    EXPECT_EQ(header->offset, 6u);
    EXPECT_EQ(header->record_seq, 7u);
    EXPECT_EQ(header->engine_metadata, (std::vector<uint8_t>{'m', 'e', 't', 'a'}));
  }
}

TEST(CheckpointTest, EverythingComesBack) {
  State state, loaded;
  Merge(&state, History(16000, 1));
  File file = Write(state);
  uint64_t progress = 0;
  ASSERT_TRUE(LoadCheckpoint(SourceOf(file), &loaded, [&](uint64_t bytes) {
                EXPECT_GT(bytes, progress);
                progress = bytes;
              }).ok());
  EXPECT_GT(progress, limits::kCheckpointChunkBytesTarget) << "of more than one chunk";
  ExpectEqual(state, loaded);
  EXPECT_TRUE(Load(file, &loaded).ok());
  ExpectEqual(state, loaded);
}

TEST(CheckpointTest, AnInodeOfManyLinksAndXattrsIsSpreadOverRecordsAndChunks) {
  State state, loaded;
  Journal journal(1);
  Inode f = journal.Mint(), g = journal.Mint();
  Merge(&state, {journal.Create(1, f, 1, "f"), journal.Create(1, g, 1, "g")});
  const std::string long_name(200, 'n');
  for (Hlc i = 0; i < 6000; i++) {
    Merge(&state, journal.Link(i, f, 1, std::to_string(i) + long_name));
  }
  for (int i = 0; i < 30; i++) {
    Merge(&state, journal.Setxattr(2, g, "user." + std::to_string(i), std::string(65536, 'v')));
  }
  File file = Write(state);
  EXPECT_GT(file.size(), limits::kCheckpointChunkBytesMax);
  ASSERT_TRUE(Load(file, &loaded).ok());
  EXPECT_EQ(DigestOf(loaded), DigestOf(state));
  EXPECT_EQ(AttributesAt(loaded, "/f").nlink, 6001u);
  EXPECT_EQ(loaded.GetInode(g)->xattrs.size(), 30u);
}

TEST(CheckpointTest, TakenWhileWritingWithItsTailEqualsReplay) {
  const uint64_t seed = std::random_device()();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  constexpr uint64_t kRounds = 10;
  for (uint64_t round = 0; round < kRounds; round++) {
    SCOPED_TRACE("seed " + std::to_string(seed + round));
    std::vector<TestEntry> entries = History(1500, seed + round);
    State state, loaded;
    size_t merged = 500;
    Merge(&state, std::vector<TestEntry>(entries.begin(), entries.begin() + 500));
    File file = Write(state, 3, [&] {
      for (int i = 0; i < 4 && merged < entries.size(); i++) Merge(&state, entries[merged++]);
    });
    Merge(&state,
          std::vector<TestEntry>(entries.begin() + static_cast<long>(merged), entries.end()));
    ASSERT_TRUE(Load(file, &loaded).ok());
    Merge(&loaded, std::vector<TestEntry>(entries.begin() + 500, entries.end()));
    ExpectEqual(state, loaded);
  }
  std::printf("[   COUNT  ] %llu checkpoints taken while writing, each with its tail\n",
              static_cast<unsigned long long>(kRounds));
}

TEST(CheckpointTest, ACutFileIsCorruptWhereverItIsCut) {
  State state;
  Merge(&state, History(200, 2));
  File file = Write(state);
  for (size_t bytes = 0; bytes < file.size(); bytes += 1 + bytes % 61) {
    State loaded;
    EXPECT_EQ(Load(File(file.begin(), file.begin() + static_cast<long>(bytes)), &loaded).code(),
              Code::kCorrupt)
        << bytes;
  }
  State loaded;
  file.push_back(0);
  EXPECT_EQ(Load(file, &loaded).code(), Code::kCorrupt) << "bytes after the footer";
}

TEST(CheckpointTest, AChangedBitAnywhereIsNoticed) {
  State state;
  Merge(&state, History(60, 3));
  const File file = Write(state);
  for (size_t at = 0; at < file.size(); at += 1 + at % 7) {
    File damaged = file;
    damaged[at] ^= static_cast<uint8_t>(1u << (at % 8));
    State loaded;
    Code code = Load(damaged, &loaded).code();
    // A version is looked at before the checksum that covers it.
    EXPECT_TRUE(code == Code::kCorrupt || code == Code::kUnsupported) << at;
  }
}

// Behind a right checksum nothing is trusted either.
TEST(CheckpointTest, AChunkWithChangedBytesAndARightChecksumDoesNoHarm) {
  State state;
  std::vector<TestEntry> entries = History(40, 4);
  Merge(&state, entries);
  Buffer chunks;
  ASSERT_TRUE(EncodeInodeChunks(state, entries[0].inode(), &chunks).ok());
  const File chunk(chunks.data(), chunks.data() + chunks.size());
  const uint64_t seed = std::random_device()();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  int refused = 0;
  for (int i = 0; i < 20000; i++) {
    File changed = chunk;
    for (uint64_t n = 1 + random() % 3; n > 0; n--) {
      changed[random() % changed.size()] = static_cast<uint8_t>(random());
    }
    uint32_t crc = Crc32cExtend(Crc32c(Bytes(changed).first(20)), Bytes(changed).subspan(24));
    std::memcpy(changed.data() + 20, &crc, sizeof(crc));
    State merged;
    if (!MergeChunks(changed, &merged).ok()) refused++;
    (void)DigestOf(merged);
  }
  EXPECT_GT(refused, 1000);
}

TEST(CheckpointTest, ChunksOfSingleInodesInAnyOrderGiveTheState) {
  std::vector<TestEntry> entries = History(600, 5);
  State state, repaired;
  Merge(&state, entries);
  std::vector<Inode> inodes{kRootInode};
  for (const TestEntry& entry : entries) inodes.push_back(entry.inode());
  std::shuffle(inodes.begin(), inodes.end(), std::mt19937_64(6));
  for (Inode inode : inodes) {
    Buffer chunks;
    ASSERT_TRUE(EncodeInodeChunks(state, inode, &chunks).ok());
    ASSERT_TRUE(MergeChunks(chunks.bytes(), &repaired).ok());
    ASSERT_EQ(MergeChunks(chunks.bytes().first(chunks.size() - 1), &repaired).code(),
              Code::kMalformed);
  }
  ExpectEqual(state, repaired);
  Buffer none;
  EXPECT_EQ(EncodeInodeChunks(state, 424242, &none).code(), Code::kNotFound);
}

Result<File> Rewrite(const File& file, const CheckpointHeader& header) {
  File out;
  const Status status = RewriteCheckpoint(SourceOf(file), file.size(), header, [&](Bytes bytes) {
    out.insert(out.end(), bytes.begin(), bytes.end());
    return Status::Ok();
  });
  if (!status.ok()) return status;
  return out;
}

TEST(CheckpointTest, UnderAnotherHeaderItIsAsWholeAsBefore) {
  State state;
  Merge(&state, History(16000, 7));
  const File file = Write(state);
  for (const size_t metadata_bytes : {size_t{0}, size_t{4}, size_t{3000}}) {
    CheckpointHeader header{{1, 2}, {8, 9}, 10, 11, 12, File(metadata_bytes, 'x')};
    const Result<File> rewritten = Rewrite(file, header);
    ASSERT_TRUE(rewritten.ok()) << rewritten.status().message();
    State loaded;
    const auto read = LoadCheckpoint(SourceOf(rewritten.value()), &loaded, nullptr);
    ASSERT_TRUE(read.ok()) << read.status().message();
    EXPECT_EQ(read->volume, header.volume);
    EXPECT_EQ(read->segment, header.segment);
    EXPECT_EQ(read->offset, header.offset);
    EXPECT_EQ(read->record_seq, header.record_seq);
    EXPECT_EQ(read->engine_metadata, header.engine_metadata);
    ExpectEqual(state, loaded);
  }
}

TEST(CheckpointTest, WhatIsNotWholeIsNotRewritten) {
  State state;
  File file = Write(state);
  for (size_t bytes = 0; bytes < file.size(); bytes++) {
    const File cut(file.begin(), file.begin() + static_cast<long>(bytes));
    EXPECT_EQ(Rewrite(cut, SomeHeader()).status().code(), Code::kCorrupt) << bytes;
  }
  file.back() ^= 1;
  EXPECT_EQ(Rewrite(file, SomeHeader()).status().code(), Code::kCorrupt);
}

TEST(CheckpointTest, AWriteErrorIsReported) {
  State state;
  int writes = 0;
  CheckpointWriter writer(&state, SomeHeader(), [&](Bytes) {
    return ++writes == 3 ? Status(Code::kDiskFull, "no space") : Status::Ok();
  });
  ASSERT_TRUE(writer.Start().ok());
  ASSERT_TRUE(writer.Step(10));
  EXPECT_EQ(writer.Finish().code(), Code::kDiskFull);
}

TEST(CheckpointTest, ReadErrorsArePassedOn) {
  State state;
  Status status =
      LoadCheckpoint(
          [](uint64_t, std::span<uint8_t>) -> Result<size_t> { return Status(Code::kIo, "EIO"); },
          &state, nullptr)
          .status();
  EXPECT_EQ(status.code(), Code::kIo);
}

// The hex dump behind the marker in FORMAT.md.
File ExampleInDocument(const std::string& marker) {
  std::ifstream in(CFS_REPL_SOURCE_DIR "/native/schema/FORMAT.md");
  std::stringstream text;
  text << in.rdbuf();
  std::string document = text.str();
  size_t at = document.find("<!-- example:" + marker + " -->");
  if (at == std::string::npos) {
    ADD_FAILURE() << "no example " << marker;
    return {};
  }
  at = document.find('\n', document.find("```hex", at));
  std::istringstream lines(document.substr(at + 1, document.find("```", at) - at - 1));
  File bytes;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string word;
    words >> word;  // the offset
    while (words >> word) bytes.push_back(static_cast<uint8_t>(std::stoi(word, nullptr, 16)));
  }
  return bytes;
}

TEST(CheckpointTest, TheExampleInTheDocumentIsWhatIsWrittenAndRead) {
  State state;
  Journal journal(1, 0xabc);
  for (int i = 0; i < 4; i++) (void)journal.Chmod(1, 1, 0755);  // LSN 1 to 4 went elsewhere
  EntryPayload parts;
  parts.attributes =
      Attributes(kFieldMode | kFieldOwner | kFieldSize, 0100644, 7, 8, 9, 0, 0, 0, 0, 0, 0, 0);
  parts.parent = kRootInode;
  const std::string name = "f";
  parts.name = AsBytes(name);
  Merge(&state, journal.Make(0x1000, 0x1000000000002, Op::Create, parts));

  File file;
  CheckpointWriter writer(&state,
                          {{0x0011223344556677, 0x8899aabbccddeeff},
                           {0xffeeddccbbaa9988, 0x7766554433221100},
                           3,
                           4096,
                           17,
                           {'m', 'e', 't', 'a'}},
                          [&](Bytes bytes) {
                            file.insert(file.end(), bytes.begin(), bytes.end());
                            return Status::Ok();
                          });
  ASSERT_TRUE(writer.Start().ok());
  ASSERT_TRUE(writer.Step(10));
  ASSERT_TRUE(writer.Finish().ok());

  std::string hex;
  for (size_t i = 0; i < file.size(); i++) {
    char text[32];
    if (i % 16 == 0) {
      std::snprintf(text, sizeof(text), "%s%04zx ", i == 0 ? "" : "\n", i);
      hex += text;
    }
    std::snprintf(text, sizeof(text), " %02x", file[i]);
    hex += text;
  }
  File example = ExampleInDocument("checkpoint");
  EXPECT_EQ(example, file) << "the document should have\n" << hex;

  State loaded;
  ASSERT_TRUE(Load(example, &loaded).ok());
  ExpectEqual(state, loaded);
}

}  // namespace
}  // namespace cfsrepl
