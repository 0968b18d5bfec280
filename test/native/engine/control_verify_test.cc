// What a peer's control message must be before anything reads it.
#include "engine/control_verify.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "base/id_map.h"
#include "base/limits.h"
#include "schema/generated/control_generated.h"

namespace cfsrepl {
namespace {

using flatbuffers::FlatBufferBuilder;
using schema::ControlMessage;

using Buffer = std::vector<uint8_t>;

Buffer Finish(FlatBufferBuilder& builder, ControlMessage kind, flatbuffers::Offset<void> message) {
  builder.Finish(schema::CreateControl(builder, kind, message));
  return Buffer(builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize());
}

struct HelloParts {
  std::string software = "test 1";
  std::vector<std::string> capabilities = {"forward"};
  size_t cursor_count = 2;
  size_t shards_per_cursor = 3;
  uint16_t cursor_site = 7;
  uint64_t cursor_lsn = 42;
};

Buffer MakeHello(const HelloParts& parts) {
  FlatBufferBuilder builder;
  std::vector<flatbuffers::Offset<schema::OriginCursor>> cursors;
  const std::vector<schema::ShardSeq> shards(parts.shards_per_cursor, schema::ShardSeq(9, 1, 0, 0));
  for (size_t i = 0; i < parts.cursor_count; i++) {
    cursors.push_back(
        schema::CreateOriginCursorDirect(builder, parts.cursor_site, i, parts.cursor_lsn, &shards));
  }
  std::vector<flatbuffers::Offset<flatbuffers::String>> capabilities;
  for (const std::string& name : parts.capabilities) {
    capabilities.push_back(builder.CreateString(name));
  }
  auto hello = schema::CreateHelloDirect(builder, 1, 1, parts.software.c_str(), 1, 2, 3, 4, 5, 6,
                                         &capabilities, 7, 1, 4194432, 16777216, 64, &cursors);
  return Finish(builder, ControlMessage::Hello, hello.Union());
}

Buffer MakeRefuse(const std::string& text) {
  FlatBufferBuilder builder;
  auto refuse = schema::CreateRefuseDirect(builder, schema::RefuseCode::Busy, text.c_str());
  return Finish(builder, ControlMessage::Refuse, refuse.Union());
}

Buffer MakeIdMap(const std::vector<schema::IdRange>& uid, const std::vector<schema::IdRange>& gid) {
  FlatBufferBuilder builder;
  auto map = schema::CreateIdMapDirect(builder, &uid, &gid, 65534, kNoId);
  return Finish(builder, ControlMessage::IdMap, map.Union());
}

uint64_t ReadRanges(const flatbuffers::Vector<const schema::IdRange*>* ranges) {
  uint64_t sum = 0;
  if (ranges == nullptr) return sum;
  for (const schema::IdRange* range : *ranges) sum += range->from() + range->to() + range->count();
  return sum;
}

Buffer MakeQuestion(size_t body_bytes) {
  FlatBufferBuilder builder;
  const std::vector<uint8_t> body(body_bytes, 7);
  auto question = schema::CreateQuestionDirect(builder, 1, &body);
  return Finish(builder, ControlMessage::Question, question.Union());
}

Buffer MakeAnswer(size_t body_bytes, uint32_t bytes_total, const std::string& text) {
  FlatBufferBuilder builder;
  const std::vector<uint8_t> body(body_bytes, 7);
  auto answer =
      schema::CreateAnswerDirect(builder, 1, bytes_total, 0, &body, "CFS_X", text.c_str());
  return Finish(builder, ControlMessage::Answer, answer.Union());
}

// Reads everything a session would read; under AddressSanitizer this proves "inside the buffer".
uint64_t ReadAll(const schema::Control& control) {
  uint64_t sum = 0;
  if (const auto* map = control.message_as_IdMap()) {
    return map->default_uid() + map->default_gid() + ReadRanges(map->uid()) +
           ReadRanges(map->gid());
  }
  const auto* hello = control.message_as_Hello();
  if (hello == nullptr) return sum;
  sum += hello->software()->size() + hello->incarnation() + hello->window_frames();
  if (hello->capabilities() != nullptr) {
    for (const auto* capability : *hello->capabilities()) sum += capability->str().size();
  }
  if (hello->cursors() == nullptr) return sum;
  for (const auto* cursor : *hello->cursors()) {
    sum += cursor->lsn();
    if (cursor->shards() == nullptr) continue;
    // Byte by byte, as JavaScript does: the verifier does not promise that structs are aligned.
    const uint8_t* bytes = cursor->shards()->Data();
    for (size_t i = 0; i < cursor->shards()->size() * sizeof(schema::ShardSeq); i++)
      sum += bytes[i];
  }
  return sum;
}

TEST(ControlVerify, AcceptsAHello) { EXPECT_TRUE(VerifyControl(MakeHello({})).ok()); }

TEST(ControlVerify, AcceptsTheLargestHelloThatTheLimitsAllow) {
  HelloParts parts;
  parts.cursor_count = limits::kOriginsMax;
  parts.shards_per_cursor = 1;
  EXPECT_TRUE(VerifyControl(MakeHello(parts)).ok());
}

TEST(ControlVerify, AcceptsAKindOfMessageFromTheFuture) {
  FlatBufferBuilder builder;
  auto drain = schema::CreateDrainDone(builder);
  const Buffer future = Finish(builder, static_cast<ControlMessage>(200), drain.Union());
  EXPECT_TRUE(VerifyControl(future).ok());
}

TEST(ControlVerify, AcceptsAMessageAtAnyAddress) {
  const Buffer hello = MakeHello({});
  for (size_t shift = 0; shift < 8; shift++) {
    Buffer shifted(shift);
    shifted.insert(shifted.end(), hello.begin(), hello.end());
    EXPECT_TRUE(VerifyControl(Bytes(shifted).subspan(shift)).ok()) << "shift " << shift;
  }
}

TEST(ControlVerify, RefusesWhatIsOverALimitAndNamesIt) {
  struct Case {
    const char* field;
    HelloParts parts;
  };
  std::vector<Case> cases = {
      {"cursors", {}}, {"shards", {}}, {"capabilities", {}}, {"capability", {}}, {"software", {}}};
  cases[0].parts.cursor_count = limits::kOriginsMax + 1;
  cases[0].parts.shards_per_cursor = 0;
  cases[1].parts.cursor_count = 1;
  cases[1].parts.shards_per_cursor = limits::kShardsMax + 1;
  cases[2].parts.capabilities.assign(limits::kCapabilitiesMax + 1, "x");
  cases[3].parts.capabilities = {std::string(limits::kCapabilityBytesMax + 1, 'x')};
  cases[4].parts.software = std::string(limits::kSoftwareBytesMax + 1, 'x');
  for (const Case& c : cases) {
    const Status status = VerifyControl(MakeHello(c.parts));
    EXPECT_NE(status.code(), Code::kOk) << c.field;
    EXPECT_NE(status.message().find(c.field), std::string::npos) << status.message();
  }
  EXPECT_EQ(VerifyControl(MakeRefuse(std::string(limits::kControlTextBytesMax + 1, 'x'))).code(),
            Code::kTooLarge);
}

TEST(ControlVerify, RefusesABodyOverTheLimitUnread) {
  EXPECT_EQ(VerifyControl(Buffer(limits::kControlBytesMax + 1)).code(), Code::kTooLarge);
}

TEST(ControlVerify, RefusesImpossibleCursors) {
  HelloParts no_site;
  no_site.cursor_site = 0;
  EXPECT_EQ(VerifyControl(MakeHello(no_site)).code(), Code::kMalformed);
  HelloParts past_lsn;
  past_lsn.cursor_lsn = kLsnMax + 1;
  EXPECT_EQ(VerifyControl(MakeHello(past_lsn)).code(), Code::kMalformed);
}

TEST(ControlVerify, TakesOnlyMapsOfIdsThatMeanSomething) {
  EXPECT_TRUE(VerifyControl(MakeIdMap({}, {})).ok());
  std::vector<schema::IdRange> most;
  for (uint32_t id = 0; id < limits::kIdRangesMax; id++) most.emplace_back(id, 7, 1);
  EXPECT_TRUE(VerifyControl(MakeIdMap(most, most)).ok());
  most.emplace_back(5000, 7, 1);
  EXPECT_EQ(VerifyControl(MakeIdMap(most, {})).code(), Code::kTooLarge);
  const Status overlap = VerifyControl(MakeIdMap({}, {{1000, 0, 10}, {1009, 0, 1}}));
  EXPECT_EQ(overlap.code(), Code::kMalformed);
  EXPECT_NE(overlap.message().find("gid: the ids 1000 to 1009 and 1009 to 1009 overlap"),
            std::string::npos)
      << overlap.message();
  EXPECT_EQ(VerifyControl(MakeIdMap({{1, 1, 0}}, {})).code(), Code::kMalformed);
  EXPECT_EQ(VerifyControl(MakeIdMap({{kNoId - 1, 0, 2}}, {})).code(), Code::kMalformed);
}

TEST(ControlVerify, RefusesAMessageOfNoKind) {
  FlatBufferBuilder builder;
  auto drain = schema::CreateDrainDone(builder);
  const Buffer none = Finish(builder, ControlMessage::NONE, drain.Union());
  EXPECT_EQ(VerifyControl(none).code(), Code::kMalformed);
}

TEST(ControlVerify, SurvivesEveryTruncation) {
  const Buffer hello = MakeHello({});
  for (size_t bytes = 0; bytes < hello.size(); bytes++) {
    const Buffer cut(hello.begin(), hello.begin() + static_cast<ptrdiff_t>(bytes));
    if (VerifyControl(cut).ok()) ReadAll(*schema::GetControl(cut.data()));
  }
  EXPECT_FALSE(VerifyControl({}).ok());
}

TEST(ControlVerify, WhateverPassesCanBeRead) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const Buffer hello = MakeHello({});
  const Buffer id_map = MakeIdMap({{1, 2, 3}, {1000, 2000, 100}}, {{5, 6, 7}});
  int passed_count = 0;
  for (int round = 0; round < 20000; round++) {
    Buffer mutated = round % 2 == 0 ? hello : id_map;
    for (int flips = 1 + static_cast<int>(random() % 4); flips > 0; flips--) {
      mutated[random() % mutated.size()] = static_cast<uint8_t>(random());
    }
    if (!VerifyControl(mutated).ok()) continue;
    passed_count++;
    ReadAll(*schema::GetControl(mutated.data()));
  }
  EXPECT_GT(passed_count, 0);
}

TEST(ControlVerify, QuestionsAndAnswersAreBounded) {
  const size_t body = limits::kComparisonBodyBytesMax;
  const auto total = static_cast<uint32_t>(limits::kComparisonAnswerBytesMax);
  EXPECT_TRUE(VerifyControl(MakeQuestion(body)).ok());
  EXPECT_EQ(VerifyControl(MakeQuestion(body + 1)).code(), Code::kTooLarge);
  EXPECT_TRUE(VerifyControl(MakeAnswer(body, total, "why")).ok());
  EXPECT_EQ(VerifyControl(MakeAnswer(body + 1, total, "why")).code(), Code::kTooLarge);
  EXPECT_EQ(VerifyControl(MakeAnswer(body, total + 1, "why")).code(), Code::kTooLarge);
  const std::string endless(limits::kControlTextBytesMax + 1, 'x');
  EXPECT_EQ(VerifyControl(MakeAnswer(0, 0, endless)).code(), Code::kTooLarge);
}

}  // namespace
}  // namespace cfsrepl
