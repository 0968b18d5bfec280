// Maps of ids: which id becomes which, and which maps there are not.
#include "base/id_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "base/limits.h"

namespace cfsrepl {
namespace {

IdMap MapOf(std::vector<IdRange> ranges, uint32_t fallback = kNoId) {
  Result<IdMap> map = IdMap::Make(std::move(ranges), fallback);
  EXPECT_TRUE(map.ok()) << map.status().message();
  return map.ok() ? map.value() : IdMap();
}

TEST(IdMapTest, WithoutRangesEveryIdStays) {
  const IdMap map;
  EXPECT_TRUE(map.changes_nothing());
  for (uint32_t id : {0u, 1000u, kNoId - 1}) EXPECT_EQ(map.Map(id), id);
}

TEST(IdMapTest, ARangeMapsItsIdsAndNoOthers) {
  const IdMap map = MapOf({{1000, 2000, 100}, {0, 5000, 1}, {1100, 7, 2}});
  EXPECT_FALSE(map.changes_nothing());
  EXPECT_EQ(map.Map(0), 5000u);
  EXPECT_EQ(map.Map(1), 1u);
  EXPECT_EQ(map.Map(999), 999u);
  EXPECT_EQ(map.Map(1000), 2000u);
  EXPECT_EQ(map.Map(1099), 2099u);
  EXPECT_EQ(map.Map(1100), 7u);
  EXPECT_EQ(map.Map(1101), 8u);
  EXPECT_EQ(map.Map(1102), 1102u);
  EXPECT_EQ(map.Map(kNoId), kNoId);
}

TEST(IdMapTest, WithAFallbackWhatIsNotListedBecomesIt) {
  const IdMap map = MapOf({{1000, 2000, 1}}, 65534);
  EXPECT_EQ(map.Map(1000), 2000u);
  EXPECT_EQ(map.Map(2000), 65534u);
  EXPECT_EQ(map.Map(0), 65534u);
  EXPECT_EQ(map.Map(kNoId), 65534u);
  EXPECT_FALSE(MapOf({}, 65534).changes_nothing());
}

TEST(IdMapTest, RangesReachTheLastId) {
  const IdMap map = MapOf({{kNoId - 2, 0, 2}, {0, kNoId - 2, 2}});
  EXPECT_EQ(map.Map(kNoId - 1), 1u);
  EXPECT_EQ(map.Map(1), kNoId - 1);
  const IdMap whole = MapOf({{0, 0, kNoId}}, 3);
  EXPECT_EQ(whole.Map(kNoId - 1), kNoId - 1);
  EXPECT_EQ(whole.Map(kNoId), 3u);
}

TEST(IdMapTest, SeveralRangesMayLeadToOneId) {
  const IdMap map = MapOf({{1, 65534, 1}, {2, 65534, 1}});
  EXPECT_EQ(map.Map(1), map.Map(2));
}

TEST(IdMapTest, WhatIsNoMapIsRefused) {
  struct Case {
    std::vector<IdRange> ranges;
    const char* message;
  };
  const Case cases[] = {
      {{{1, 2, 0}}, "a range of 0 ids from 1 to 2, expected at least one"},
      {{{kNoId - 1, 0, 2}}, "none past 4294967294"},
      {{{0, kNoId, 1}}, "none past 4294967294"},
      {{{0, 1, kNoId}}, "none past 4294967294"},
      {{{1000, 0, 100}, {5, 0, 1}, {1099, 500, 1}},
       "the ids 1000 to 1099 and 1099 to 1099 overlap"},
      {{{7, 1, 1}, {7, 1, 1}}, "the ids 7 to 7 and 7 to 7 overlap"},
  };
  for (const Case& bad : cases) {
    const Status status = IdMap::Make(bad.ranges, kNoId).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_NE(status.message().find(bad.message), std::string::npos) << status.message();
  }
  const std::vector<IdRange> many(limits::kIdRangesMax + 1);
  EXPECT_EQ(IdMap::Make(many, kNoId).status().code(), Code::kTooLarge);
}

TEST(IdMapTest, EveryIdIsMappedAsByALookThroughAllRanges) {
  const uint32_t seed = std::random_device()();
  std::mt19937 random(seed);
  for (int round = 0; round < 200; round++) {
    std::vector<IdRange> ranges;
    uint32_t next = random() % 5;
    for (size_t i = random() % 20; i > 0; i--) {
      const uint32_t count = 1 + random() % 8;
      ranges.push_back({next, static_cast<uint32_t>(random() % 1000), count});
      next += count + random() % 3;
    }
    std::shuffle(ranges.begin(), ranges.end(), random);
    const uint32_t fallback = random() % 2 == 0 ? kNoId : 65534;
    const IdMap map = MapOf(ranges, fallback);
    for (uint32_t id = 0; id < next + 3; id++) {
      uint32_t expected = fallback == kNoId ? id : fallback;
      for (const IdRange& range : ranges) {
        if (id >= range.from && id < range.from + range.count) {
          expected = range.to + (id - range.from);
        }
      }
      ASSERT_EQ(map.Map(id), expected) << "id " << id << ", seed " << seed;
    }
  }
}

}  // namespace
}  // namespace cfsrepl
