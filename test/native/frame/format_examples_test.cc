// FORMAT.md prints examples; here they are parsed from it, byte by byte, and decoded.
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "checksum/crc32c.h"
#include "frame/frame.h"
#include "frame/frame_support.h"

namespace cfsrepl {
namespace {

// The bytes of the fenced block "```hex <name>". A line is "<offset>: <bytes> | <comment>".
std::vector<uint8_t> Example(const std::string& name) {
  std::ifstream file(CFS_REPL_SOURCE_DIR "/native/schema/FORMAT.md");
  std::vector<uint8_t> bytes;
  std::string line;
  while (std::getline(file, line) && line != "```hex " + name) continue;
  while (std::getline(file, line) && line != "```") {
    size_t colon = line.find(':');
    EXPECT_EQ(std::stoul(line.substr(0, colon)), bytes.size()) << name << ": " << line;
    std::istringstream words(line.substr(colon + 1, line.find('|') - colon - 1));
    std::string word;
    while (words >> word) bytes.push_back(static_cast<uint8_t>(std::stoul(word, nullptr, 16)));
  }
  EXPECT_FALSE(bytes.empty()) << "FORMAT.md has no example " << name;
  return bytes;
}

EntryHeader HeaderOf(const std::vector<uint8_t>& bytes) {
  EntryHeader header;
  std::memcpy(static_cast<void*>(&header), bytes.data(), sizeof(header));
  return header;
}

std::string Text(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

TEST(FormatExamples, CreateIsAsWritten) {
  std::vector<uint8_t> bytes = Example("entry-create");
  ASSERT_GT(bytes.size(), sizeof(EntryHeader));
  EntryHeader header = HeaderOf(bytes);
  Bytes payload = Bytes(bytes).subspan(sizeof(header));
  EXPECT_EQ(header.lsn(), 41u);
  EXPECT_EQ(header.inode(), 0x0002000000000064u);
  EXPECT_EQ(header.seq(), 5u);
  EXPECT_EQ(header.site(), 2);
  EXPECT_EQ(header.shard(), ShardOf(header.inode(), 256));
  EXPECT_EQ(header.crc(), EntryCrc(header, payload));
  auto parts = DecodePayload(header, payload);
  ASSERT_TRUE(parts.ok()) << parts.status().message();
  EXPECT_EQ(parts->parent, kRootInode);
  EXPECT_EQ(Text(parts->name), "notes");
  EXPECT_EQ(parts->attributes.mask(), kFieldsAll);
  EXPECT_EQ(parts->attributes.mode(), 0100640u);
  EXPECT_EQ(parts->attributes.uid(), 1000u);
}

TEST(FormatExamples, SetattrIsAsWritten) {
  std::vector<uint8_t> bytes = Example("entry-setattr");
  ASSERT_EQ(bytes.size(), sizeof(EntryHeader) + sizeof(Attributes));
  EntryHeader header = HeaderOf(bytes);
  Bytes payload = Bytes(bytes).subspan(sizeof(header));
  EXPECT_EQ(header.lsn(), 42u);
  EXPECT_EQ(header.flags(), kEntryAssertsLinks);
  EXPECT_EQ(header.crc(), EntryCrc(header, payload));
  auto parts = DecodePayload(header, payload);
  ASSERT_TRUE(parts.ok()) << parts.status().message();
  EXPECT_EQ(parts->attributes.mask(), kFieldMode | kFieldMtime);
  EXPECT_EQ(parts->attributes.mode(), 0600u);
}

TEST(FormatExamples, FrameHoldsTheTwoEntries) {
  std::vector<uint8_t> bytes = Example("frame");
  FrameScratch scratch;
  auto opened = OpenFrame(bytes, &scratch);
  ASSERT_TRUE(opened.ok()) << opened.status().message();
  const FrameView& view = opened.value();
  EXPECT_EQ(view.info.cluster, test::kCluster);
  EXPECT_EQ(view.info.origin, (Origin{2, 7}));
  EXPECT_EQ(view.info.epoch, 1u);
  EXPECT_EQ(view.info.first_lsn, 41u);
  EXPECT_EQ(view.info.last_lsn, 42u);
  ASSERT_EQ(view.sections.size(), 1u);
  EXPECT_EQ(view.sections[0].ToVersionVector().Get({1, 3}), 9u);
  ASSERT_EQ(view.shards.size(), 1u);
  EXPECT_EQ(view.shards[0].first_seq(), 5u);
  EXPECT_EQ(view.shards[0].last_seq(), 6u);

  const char* const kNames[] = {"entry-create", "entry-setattr"};
  ASSERT_EQ(view.entries.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    std::vector<uint8_t> alone = Example(kNames[i]);
    EXPECT_EQ(view.entries[i].crc(), HeaderOf(alone).crc());
    EXPECT_TRUE(
        std::ranges::equal(view.entry(i).payload, Bytes(alone).subspan(sizeof(EntryHeader))));
  }
}

TEST(FormatExamples, TheWriterMakesTheSameFrame) {
  std::vector<uint8_t> create = Example("entry-create");
  std::vector<uint8_t> setattr = Example("entry-setattr");
  FrameWriter writer;
  writer.Begin(test::kCluster, {2, 7}, 1);
  VersionVector seen;
  seen.Raise({1, 3}, 9);
  ASSERT_TRUE(writer.AddSection(41, seen).ok());
  writer.Append(HeaderOf(create), Bytes(create).subspan(sizeof(EntryHeader)));
  writer.Append(HeaderOf(setattr), Bytes(setattr).subspan(sizeof(EntryHeader)));
  Buffer frame;
  ASSERT_TRUE(writer.Finish(&frame).ok());
  EXPECT_EQ(test::ToVector(frame.bytes()), Example("frame"));
}

}  // namespace
}  // namespace cfsrepl
