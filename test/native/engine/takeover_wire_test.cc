// Answers about a checkpoint that follow no rule.
#include "engine/takeover_wire.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace cfsrepl {
namespace {

TEST(TakeOverWireTest, AnAnswerToAnotherQuestionIsRefused) {
  const TakeOverQuestion part{.asked = TakeOverAsked::kPart, .number = 4, .offset = 8, .bytes = 3};
  const std::vector<uint8_t> bytes{1, 2, 3, 4};
  auto take = [&](uint64_t number, uint64_t offset, size_t count) {
    PartAnswer answer;
    return DecodeAnswer(EncodeAnswer(PartAnswer{number, offset, Bytes(bytes).first(count)}), part,
                        &answer)
        .code();
  };
  EXPECT_EQ(take(4, 8, 3), Code::kOk);
  EXPECT_EQ(take(4, 8, 4), Code::kMalformed);
  EXPECT_EQ(take(5, 8, 3), Code::kMalformed);
  EXPECT_EQ(take(4, 9, 3), Code::kMalformed);
  BeginAnswer begin;
  VersionVector many;
  for (uint64_t i = 0; i <= limits::kOriginsMax; i++) many.Raise({1, i}, 1);
  auto decode = [&](const BeginAnswer& answer) {
    return DecodeAnswer(EncodeAnswer(answer), {}, &begin).code();
  };
  EXPECT_EQ(decode({0, 1000, {}}), Code::kMalformed);
  EXPECT_EQ(decode({1, 1000, many}), Code::kTooLarge);
  EXPECT_EQ(decode({1, 1000, {}}), Code::kOk);
  auto cut = EncodeAnswer(BeginAnswer{1, 1000, {}});
  cut.pop_back();
  EXPECT_EQ(DecodeAnswer(cut, {}, &begin).code(), Code::kMalformed);
}

}  // namespace
}  // namespace cfsrepl
