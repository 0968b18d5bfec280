#include "base/conflict.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "base/bytes.h"
#include "base/eviction.h"

namespace cfsrepl {
namespace {

constexpr Inode kFile = 0x3000000000007;
constexpr size_t kWinnerAt = 32;
constexpr size_t kSideFlagsAt = 27;
constexpr size_t kLostAt = 72;

// A setattr of site 3 that was not sent before site 1 closed its journal.
struct UnsentSample {
  UnsentSample() {
    const Attributes mode(kFieldMode, 0600, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    change.resize(sizeof(mode));
    std::memcpy(change.data(), &mode, sizeof(mode));
    EncodeEviction({3, 0xabc}, &eviction);
    conflict.inode = kFile;
    conflict.loser_inode = kFile;
    conflict.lost = Lost::kUnsent;
    conflict.loser = {{100, {3, 0xabc}, 9}, Op::Setattr, true, change};
    conflict.winner = {{200, {1, 0xdef}, 5}, Op::Evict, false, eviction};
    conflict.path = AsBytes(path);
    conflict.loser_seen = {schema::OriginLsn(0xdef, 4, 1, 0, 0)};
  }

  std::vector<uint8_t> Encode() const {
    std::vector<uint8_t> payload;
    EncodeConflict(conflict, &payload);
    return payload;
  }

  std::vector<uint8_t> change, eviction;
  std::string path = "/f";
  Conflict conflict;
};

Result<Conflict> Decode(const std::vector<uint8_t>& payload, Inode inode = kFile) {
  const EntryHeader header(7, 0, inode, 0, 0, static_cast<uint32_t>(payload.size()), 0, 0, 3,
                           static_cast<uint8_t>(Op::Conflict), kEntrySchemaVersion, 0, 0, 0);
  return DecodeConflict(header, payload);
}

std::string WhyNot(const std::vector<uint8_t>& payload, Inode inode = kFile) {
  const Status status = Decode(payload, inode).status();
  EXPECT_EQ(status.code(), Code::kMalformed);
  return status.message();
}

TEST(Conflict, OfWhatWasNotSentComesBackAsItWasWritten) {
  const UnsentSample sample;
  const std::vector<uint8_t> payload = sample.Encode();
  const Result<Conflict> decoded = Decode(payload);
  ASSERT_TRUE(decoded.ok()) << decoded.status().message();
  EXPECT_EQ(decoded->lost, Lost::kUnsent);
  EXPECT_EQ(decoded->inode, kFile);
  EXPECT_EQ(decoded->loser_inode, kFile);
  EXPECT_EQ(decoded->loser.stamp, sample.conflict.loser.stamp);
  EXPECT_EQ(decoded->loser.op, Op::Setattr);
  EXPECT_TRUE(decoded->loser.asserts_links);
  EXPECT_TRUE(std::ranges::equal(decoded->loser.payload, sample.change));
  EXPECT_EQ(decoded->winner.stamp, sample.conflict.winner.stamp);
  EXPECT_EQ(decoded->winner.op, Op::Evict);
  EXPECT_TRUE(std::ranges::equal(decoded->winner.payload, sample.eviction));
  EXPECT_EQ(AsString(decoded->path), "/f");
  ASSERT_EQ(decoded->loser_seen.size(), 1u);
  EXPECT_TRUE(decoded->winner_seen.empty());
}

TEST(Conflict, OnlyAnEvictionWinsOverWhatWasNotSentAndOverNothingElse) {
  UnsentSample sample;
  sample.conflict.lost = Lost::kFields;
  EXPECT_NE(WhyNot(sample.Encode()).find("winner.op is 15, expected 1 to 12"), std::string::npos);
  sample.conflict.lost = Lost::kUnsent;
  sample.conflict.winner.op = Op::Setattr;
  sample.conflict.winner.payload = sample.change;
  EXPECT_NE(WhyNot(sample.Encode()).find("winner.op is 10, expected 15"), std::string::npos);
}

TEST(Conflict, AnEvictionOrAnotherRecordLosesNothing) {
  for (const Op op : {Op::None, Op::Conflict, Op::Conflictack, Op::Evict}) {
    UnsentSample sample;
    sample.conflict.loser.op = op;
    EXPECT_NE(WhyNot(sample.Encode()).find("loser.op is"), std::string::npos);
  }
}

TEST(Conflict, WhatWasNotSentIsOfOneInode) {
  UnsentSample sample;
  sample.conflict.loser_inode = kFile + 1;
  EXPECT_NE(WhyNot(sample.Encode()).find("loser_inode is"), std::string::npos);
  EXPECT_NE(WhyNot(UnsentSample().Encode(), kRootInode).find("loser_inode is"), std::string::npos);
}

TEST(Conflict, ThePartsOfARecordAreThoseOfItsOps) {
  const UnsentSample sample;
  std::vector<uint8_t> payload = sample.Encode();
  payload[kLostAt] = 7;
  EXPECT_NE(WhyNot(payload).find("lost is 7, expected 1 to 6"), std::string::npos);
  payload = sample.Encode();
  payload[kWinnerAt + kSideFlagsAt] = 1;
  EXPECT_NE(WhyNot(payload).find("winner"), std::string::npos);
  UnsentSample cut;
  cut.conflict.winner.payload = Bytes(cut.eviction).first(8);
  EXPECT_NE(WhyNot(cut.Encode()).find("expected exactly 16"), std::string::npos);
  for (size_t size = 0; size < payload.size(); size++) {
    payload = sample.Encode();
    payload.resize(size);
    EXPECT_EQ(Decode(payload).status().code(), Code::kMalformed) << size << " bytes";
  }
}

}  // namespace
}  // namespace cfsrepl
