// Bodies that no writer of ours would make, with every checksum right: what a hostile peer could
// send.
#include "frame/frame_body.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "checksum/crc32c.h"
#include "frame/frame.h"
#include "frame/frame_support.h"

namespace cfsrepl {
namespace {

using schema::OriginLsn;
using test::TestEntry;

struct Section {
  Lsn from_lsn;
  std::vector<OriginLsn> seen;
};

// A body in parts, all legal until a test changes one. Covers LSN 5 to 7.
struct Parts {
  FrameHead head;
  std::vector<EntryHeader> headers;
  std::vector<uint8_t> payload;
  std::vector<Section> sections = {{5, {OriginLsn(3, 9, 1, 0, 0), OriginLsn(1, 4, 2, 0, 0)}},
                                   {7, {OriginLsn(3, 10, 1, 0, 0), OriginLsn(1, 4, 2, 0, 0)}}};
  std::vector<ShardRange> shards = {ShardRange(5, 6, 3, 0, 0), ShardRange(1, 1, 9, 0, 0)};

  void Add(const TestEntry& entry) {
    headers.push_back(entry.header);
    SetHeaderField(&headers.back(), kPayloadOffsetAt, static_cast<uint32_t>(payload.size()));
    payload.insert(payload.end(), entry.payload.begin(), entry.payload.end());
  }
};

Parts LegalParts() {
  Parts parts;
  parts.head.info = {test::kCluster, test::kOrigin, 1, 5, 7, 7 << 12, 0, 0, 0};
  parts.Add(test::Setattr(5, 100, kFieldMode));
  parts.Add(test::Setxattr(7, 100, "user.k", "v"));
  return parts;
}

std::vector<uint8_t> FrameAround(FrameHead head, Bytes body) {
  head.raw_bytes = static_cast<uint32_t>(body.size());
  head.stored_bytes = head.raw_bytes;
  std::vector<uint8_t> frame(limits::kFrameHeaderBytes);
  frame.insert(frame.end(), body.begin(), body.end());
  WriteFrameHeader(head, frame.data());
  return frame;
}

// Built by the FlatBuffers library, in its order of things rather than ours.
std::vector<uint8_t> Build(const Parts& parts) {
  flatbuffers::FlatBufferBuilder builder;
  std::vector<flatbuffers::Offset<schema::VersionVectorSection>> sections;
  for (const Section& section : parts.sections) {
    auto seen = builder.CreateVectorOfStructs(section.seen);
    sections.push_back(schema::CreateVersionVectorSection(builder, section.from_lsn, seen));
  }
  auto seen = builder.CreateVector(sections);
  auto shards = builder.CreateVectorOfStructs(parts.shards);
  auto payload = builder.CreateVector(parts.payload);
  auto entries = builder.CreateVectorOfStructs(parts.headers);
  builder.Finish(schema::CreateFrameBody(builder, entries, payload, seen, shards));
  FrameHead head = parts.head;
  head.entry_count = static_cast<uint32_t>(parts.headers.size());
  return FrameAround(head, {builder.GetBufferPointer(), builder.GetSize()});
}

Status OpenStatus(Bytes frame) {
  FrameScratch scratch;
  return OpenFrame(frame, &scratch).status();
}

TEST(FrameBody, AnyLegalFlatBufferIsRead) {
  std::vector<uint8_t> frame = Build(LegalParts());
  FrameScratch scratch;
  auto opened = OpenFrame(frame, &scratch);
  ASSERT_TRUE(opened.ok()) << opened.status().message();
  EXPECT_EQ(opened->entries.size(), 2u);
  ASSERT_EQ(opened->sections.size(), 2u);
  EXPECT_EQ(opened->sections[1].ToVersionVector().Get({1, 3}), 10u);
  EXPECT_EQ(opened->SectionIndexOf(5), 0u);
  EXPECT_EQ(opened->SectionIndexOf(6), 0u);
  EXPECT_EQ(opened->SectionIndexOf(7), 1u);
  EXPECT_EQ(opened->shards.size(), 2u);
}

EntryHeader Altered(const EntryHeader& header, const std::function<void(uint8_t*)>& change) {
  EntryHeader altered = header;
  change(reinterpret_cast<uint8_t*>(&altered));
  return altered;
}

template <typename T>
void AlterEntry(Parts* parts, size_t index, size_t at, T value) {
  parts->headers[index] = Altered(parts->headers[index], [&](uint8_t* bytes) {
    std::memcpy(bytes + at, &value, sizeof(value));
  });
}

struct Refusal {
  const char* rule;
  std::function<void(Parts*)> change;
  Code code;
  const char* message_part;
};

void ExpectRefused(const Refusal& refusal) {
  SCOPED_TRACE(refusal.rule);
  Parts parts = LegalParts();
  refusal.change(&parts);
  Status status = OpenStatus(Build(parts));
  EXPECT_EQ(CodeName(status.code()), CodeName(refusal.code)) << status.message();
  EXPECT_NE(status.message().find(refusal.message_part), std::string::npos) << status.message();
}

TEST(FrameBody, EveryRuleOfEntriesIsChecked) {
  const Code kBad = Code::kMalformed;
  const Refusal kRefusals[] = {
      {"below the range", [](Parts* p) { AlterEntry<uint64_t>(p, 0, 0, 4); }, kBad, "lsn is 4"},
      {"past the range", [](Parts* p) { AlterEntry<uint64_t>(p, 1, 0, 8); }, kBad, "lsn is 8"},
      {"same LSN", [](Parts* p) { AlterEntry<uint64_t>(p, 1, 0, 5); }, kBad, "expected 6 to 7"},
      {"HLC goes back", [](Parts* p) { AlterEntry<uint64_t>(p, 1, 8, 1); }, kBad, "hlc is 1"},
      {"HLC past the greatest", [](Parts* p) { AlterEntry<uint64_t>(p, 1, 8, 7 << 13); }, kBad,
       "hlc is 57344"},
      {"offset 0", [](Parts* p) { AlterEntry<uint32_t>(p, 1, 32, 0); }, kBad, "payload_offset"},
      {"offset -1", [](Parts* p) { AlterEntry<uint32_t>(p, 1, 32, ~0u); }, kBad, "payload_offset"},
      {"length 0", [](Parts* p) { AlterEntry<uint32_t>(p, 0, 36, 0); }, Code::kChecksum, "crc"},
      {"length -1", [](Parts* p) { AlterEntry<uint32_t>(p, 0, 36, ~0u); }, kBad, "payload_bytes"},
      {"length past the area", [](Parts* p) { AlterEntry<uint32_t>(p, 1, 36, 99); }, kBad,
       "payload_bytes is 99"},
      {"another CRC", [](Parts* p) { AlterEntry<uint32_t>(p, 1, 40, 1); }, Code::kChecksum,
       "entry LSN 7: crc is 1"},
      {"shard", [](Parts* p) { AlterEntry<uint16_t>(p, 0, 44, 4096); }, kBad, "shard is 4096"},
      {"another site", [](Parts* p) { AlterEntry<uint16_t>(p, 0, 46, 9); }, kBad, "site is 9"},
      {"payload nobody has", [](Parts* p) { p->payload.push_back(0); }, kBad, "payload has"},
      {"area cut", [](Parts* p) { p->payload.pop_back(); }, kBad, "payload_bytes"},
  };
  for (const Refusal& refusal : kRefusals) ExpectRefused(refusal);
  printf("[   COUNT  ] %zu broken rules of a frame's entries\n", std::size(kRefusals));
}

TEST(FrameBody, EveryRuleOfSectionsIsChecked) {
  const Code kBad = Code::kMalformed;
  auto seen = [](OriginLsn origin) {
    return [=](Parts* parts) { parts->sections[0].seen = {origin}; };
  };
  const Refusal kRefusals[] = {
      {"none", [](Parts* p) { p->sections.clear(); }, kBad, "no version vector section"},
      {"starts late", [](Parts* p) { p->sections[0].from_lsn = 6; }, kBad, "expected 0 to 5"},
      {"not ascending", [](Parts* p) { p->sections[1].from_lsn = 5; }, kBad, "expected 6 to 7"},
      {"past the range", [](Parts* p) { p->sections[1].from_lsn = 8; }, kBad, "from_lsn"},
      {"too many",
       [](Parts* p) {
         p->sections.resize(limits::kFrameSectionsMax + 1, {6, {}});
       },
       kBad, "at most 4096 sections"},
      {"too many origins", [](Parts* p) { p->sections[0].seen.resize(limits::kOriginsMax + 1); },
       Code::kTooLarge, "4097 origins"},
      {"no site", seen(OriginLsn(1, 1, 0, 0, 0)), kBad, "ascending"},
      {"origins not ascending",
       [](Parts* p) { std::swap(p->sections[0].seen[0], p->sections[0].seen[1]); }, kBad,
       "ascending"},
      {"one origin twice", [](Parts* p) { p->sections[0].seen[1] = p->sections[0].seen[0]; }, kBad,
       "ascending"},
      {"own origin", seen(OriginLsn(7, 1, 2, 0, 0)), kBad, "own origin"},
      {"no LSN", seen(OriginLsn(1, 0, 1, 0, 0)), kBad, "lsn is 0"},
      {"LSN past the last", seen(OriginLsn(1, kLsnMax + 1, 1, 0, 0)), kBad, "lsn is"},
      {"reserved", seen(OriginLsn(1, 1, 1, 1, 0)), kBad, "reserved"},
      {"reserved", seen(OriginLsn(1, 1, 1, 0, 1)), kBad, "reserved"},
  };
  for (const Refusal& refusal : kRefusals) ExpectRefused(refusal);
  printf("[   COUNT  ] %zu broken rules of a frame's sections\n", std::size(kRefusals));
}

TEST(FrameBody, EveryRuleOfShardsIsChecked) {
  const Code kBad = Code::kMalformed;
  const Refusal kRefusals[] = {
      {"not ascending", [](Parts* p) { std::swap(p->shards[0], p->shards[1]); }, kBad,
       "shard is 3"},
      {"one twice", [](Parts* p) { p->shards[1] = p->shards[0]; }, kBad, "shard is 3"},
      {"unknown", [](Parts* p) { p->shards[1] = ShardRange(1, 1, 4096, 0, 0); }, kBad, "4096"},
      {"reversed", [](Parts* p) { p->shards[0] = ShardRange(6, 5, 3, 0, 0); }, kBad, "first_seq"},
      {"reserved", [](Parts* p) { p->shards[0] = ShardRange(5, 6, 3, 1, 0); }, kBad, "reserved"},
  };
  for (const Refusal& refusal : kRefusals) ExpectRefused(refusal);
  printf("[   COUNT  ] %zu broken rules of a frame's shards\n", std::size(kRefusals));
}

TEST(FrameBody, EntryCountIsWhatTheBodyHas) {
  Parts parts = LegalParts();
  std::vector<uint8_t> frame = Build(parts);
  FrameHead head = PeekFrameHeader(frame).value();
  for (uint32_t count : {0u, 1u, 3u}) {
    head.entry_count = count;
    Status status = OpenStatus(FrameAround(head, Bytes(frame).subspan(limits::kFrameHeaderBytes)));
    EXPECT_EQ(status.code(), Code::kMalformed);
    EXPECT_NE(status.message().find("entry_count"), std::string::npos) << status.message();
  }
}

// 4096 sections that all point at one list of thousands of origins would cost a reader millions of
// steps for a few bytes each.
TEST(FrameBody, SectionsMayNotShareTheirLists) {
  Parts parts = LegalParts();
  std::vector<OriginLsn> many;
  for (uint64_t i = 1; i <= 1000; ++i) many.emplace_back(i, 1, 1, 0, 0);
  flatbuffers::FlatBufferBuilder builder;
  auto seen = builder.CreateVectorOfStructs(many);
  std::vector<flatbuffers::Offset<schema::VersionVectorSection>> sections;
  parts.head.info.last_lsn = 5000;
  for (Lsn lsn = 5; lsn < 105; ++lsn) {
    sections.push_back(schema::CreateVersionVectorSection(builder, lsn, seen));
  }
  auto section_list = builder.CreateVector(sections);
  auto payload = builder.CreateVector(parts.payload);
  auto entries = builder.CreateVectorOfStructs(parts.headers);
  builder.Finish(schema::CreateFrameBody(builder, entries, payload, section_list));
  parts.head.entry_count = 2;
  Status status =
      OpenStatus(FrameAround(parts.head, {builder.GetBufferPointer(), builder.GetSize()}));
  EXPECT_EQ(status.code(), Code::kMalformed);
  EXPECT_NE(status.message().find("overlap"), std::string::npos) << status.message();
}

TEST(FrameBody, OptionalListsMayBeLeftOut) {
  Parts parts = LegalParts();
  flatbuffers::FlatBufferBuilder builder;
  std::vector<flatbuffers::Offset<schema::VersionVectorSection>> sections = {
      schema::CreateVersionVectorSection(builder, 5)};
  auto section_list = builder.CreateVector(sections);
  auto payload = builder.CreateVector(parts.payload);
  auto entries = builder.CreateVectorOfStructs(parts.headers);
  builder.Finish(schema::CreateFrameBody(builder, entries, payload, section_list));
  parts.head.entry_count = 2;
  Status status =
      OpenStatus(FrameAround(parts.head, {builder.GetBufferPointer(), builder.GetSize()}));
  EXPECT_TRUE(status.ok()) << status.message();
}

TEST(FrameBody, AMalformedPayloadIsRefusedANewerOneKept) {
  Parts parts = LegalParts();
  parts.headers.clear();
  parts.payload.clear();
  parts.Add(test::MakeEntry({.lsn = 5, .schema = 2}, std::vector<uint8_t>{1, 2, 3}));
  parts.Add(test::MakeEntry({.op = static_cast<Op>(200), .lsn = 6}, std::vector<uint8_t>{}));
  parts.Add(test::Setattr(7, 100, kFieldMode));
  std::vector<uint8_t> frame = Build(parts);
  FrameScratch scratch;
  auto opened = OpenFrame(frame, &scratch);
  ASSERT_TRUE(opened.ok()) << opened.status().message();
  EXPECT_EQ(opened->unsupported_count, 2u);

  parts.headers.pop_back();
  parts.payload.erase(parts.payload.begin() + 3, parts.payload.end());
  parts.Add(test::Setattr(7, 100, 1u << 9));
  Status status = OpenStatus(Build(parts));
  EXPECT_EQ(status.code(), Code::kMalformed);
  EXPECT_NE(status.message().find("entry LSN 7 (setattr): mask"), std::string::npos);
}

TEST(SectionList, DropsWhatSaysTheSameAndReplacesWhatHoldsForNothing) {
  SectionList sections;
  const std::vector<OriginLsn> one = {OriginLsn(1, 5, 1, 0, 0)};
  const std::vector<OriginLsn> two = {OriginLsn(1, 6, 1, 0, 0)};
  ASSERT_TRUE(sections.Add(1, one).ok());
  ASSERT_TRUE(sections.Add(4, one).ok());
  EXPECT_EQ(sections.size(), 1u);
  ASSERT_TRUE(sections.Add(5, two).ok());
  EXPECT_EQ(sections.size(), 2u);
  ASSERT_TRUE(sections.Add(5, one).ok());
  EXPECT_EQ(sections.size(), 1u);
  EXPECT_EQ(sections.Add(0, one).code(), Code::kInvalidArgument);
}

TEST(SectionList, IsBounded) {
  SectionList sections;
  for (Lsn lsn = 1; lsn <= limits::kFrameSectionsMax; ++lsn) {
    const std::vector<OriginLsn> seen = {OriginLsn(1, lsn, 1, 0, 0)};
    ASSERT_TRUE(sections.Add(lsn, seen).ok());
  }
  EXPECT_EQ(sections.Add(limits::kFrameSectionsMax + 1, {}).code(), Code::kTooLarge);
  sections.Clear();
  std::vector<OriginLsn> origins(limits::kOriginsMax + 1);
  EXPECT_EQ(sections.Add(1, origins).code(), Code::kTooLarge);
}

}  // namespace
}  // namespace cfsrepl
