// The example of a segment in the format's specification, decoded by the code and by a whole start.
#include "wal/log_format.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <sstream>

#include "checksum/crc32c.h"
#include "wal/log_support.h"

namespace cfsrepl::test {
namespace {

// The fenced block "```hex segment": lines of "<offset>: <bytes> | <comment>", zeroes left out.
std::vector<uint8_t> ExampleSegment() {
  std::vector<uint8_t> bytes(16384);
  size_t lines = 0;
  std::ifstream file(CFS_REPL_SOURCE_DIR "/native/schema/FORMAT.md");
  std::string line;
  while (std::getline(file, line) && line != "```hex segment") continue;
  while (std::getline(file, line) && line != "```") {
    size_t at = std::stoul(line, nullptr, 16);
    std::istringstream words(line.substr(line.find(':') + 1, line.find('|') - line.find(':') - 1));
    std::string word;
    while (words >> word) bytes.at(at++) = static_cast<uint8_t>(std::stoul(word, nullptr, 16));
    lines++;
  }
  if (lines > 0) return bytes;
  ADD_FAILURE() << "no example of a segment in the specification";
  return bytes;
}

TEST(LogFormat, TheSpecificationsExampleIsALog) {
  std::vector<uint8_t> example = ExampleSegment();
  SegmentHeader header = DecodeSegmentHeader(example).value();
  EXPECT_EQ(header.segment, 1u);
  EXPECT_EQ(header.incarnation, 0x0123456789abcdefu);
  EXPECT_EQ(header.segment_bytes, example.size());

  MemoryDisk disk;
  ASSERT_TRUE(disk.MakeDirectory("log").ok());
  auto file = disk.Open(SegmentFile(1), OpenMode::kCreate);
  ASSERT_TRUE(file.value()->WriteAt(0, example).ok());
  OpenedLog opened = OpenLog(&disk);
  ASSERT_TRUE(opened.status.ok()) << opened.status.message();
  EXPECT_EQ(opened.replayed, (std::vector<std::string>{"hello|", "durable!"}));
  EXPECT_FALSE(opened.report.tail_cut);
}

TEST(LogFormat, TheCodeWritesTheSpecificationsExample) {
  std::vector<uint8_t> example = ExampleSegment();
  std::vector<uint8_t> written(example.size());
  SegmentHeader segment{.volume = kVolume,
                        .segment = 1,
                        .incarnation = 0x0123456789abcdef,
                        .first_seq = 1,
                        .segment_bytes = example.size()};
  EncodeSegmentHeader(segment, std::span(written).first(4096));
  RecordHeader first{.seq = 1, .segment = 1, .incarnation = segment.incarnation, .block = 1};
  const Item items[] = {{1, AsBytes("hello")}, {7, {}}};
  EncodeRecord(kVolume, items, &first, std::span(written).subspan(4096, 4096));
  RecordHeader second{.seq = 2,
                      .segment = 1,
                      .incarnation = segment.incarnation,
                      .durable_seq = 1,
                      .previous_crc = first.header_crc,
                      .block = 2};
  const Item item{2, AsBytes("durable!")};
  EncodeRecord(kVolume, {&item, 1}, &second, std::span(written).subspan(8192, 4096));
  EXPECT_EQ(written, example);
}

TEST(LogFormat, OnlySegmentNamesAreSegments) {
  EXPECT_EQ(SegmentOfName("000000000042.segment"), 42u);
  for (const char* name : {"000000000000.segment", "42.segment", "00000000004x.segment",
                           "000000000042.preparing", "000000000042.segment2", "reserve", ""}) {
    EXPECT_EQ(SegmentOfName(name), 0u) << name;
  }
  EXPECT_EQ(SegmentPath("log", 42), "log/000000000042.segment");
}

TEST(LogFormat, ItemLengthsThatExceedTheBodyAreRefusedThoughTheCrcMatches) {
  const Item item{1, AsBytes("abcdefgh")};
  for (uint32_t length : {9u, 17u, 4088u, 0x7fffffffu, 0xfffffff8u, 0xffffffffu}) {
    std::vector<uint8_t> record(4096);
    RecordHeader header{.seq = 1, .segment = 1, .incarnation = 5, .block = 1};
    EncodeRecord(kVolume, {&item, 1}, &header, record);
    // A record whose one item is itself an item header of that length.
    ItemHeader bad{.length = length, .kind = 1};
    memcpy(record.data() + 64, &bad, sizeof(bad));
    std::vector<Item> items;
    Status status = DecodeItems(kVolume, header, record, &items);
    EXPECT_EQ(status.code(), Code::kChecksum);
    const uint64_t seed[3] = {kVolume.hi, kVolume.lo, header.incarnation};
    std::vector<uint8_t> covered(reinterpret_cast<const uint8_t*>(seed),
                                 reinterpret_cast<const uint8_t*>(seed) + sizeof(seed));
    covered.insert(covered.end(), record.begin() + 64, record.end());
    header.body_crc = Crc32c(covered);
    status = DecodeItems(kVolume, header, record, &items);
    EXPECT_EQ(status.code(), Code::kMalformed) << length;
  }
}

}  // namespace
}  // namespace cfsrepl::test
