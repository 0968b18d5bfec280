// What the ledger takes for one loss.
#include "state/ledger.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/eviction.h"

namespace cfsrepl {
namespace {

constexpr Inode kFile = 0x3000000000007;
constexpr Origin kEvicted{3, 0xabc};

// A record, at `lsn` of `writer`, that the entry 9 was not sent before `evictor` closed its
// journal.
struct UnsentRecord {
  Origin writer;
  Lsn lsn = 0;
  Hlc hlc = 0;
  SiteId evictor = 0;
  std::string path;
};

bool Merge(Ledger* ledger, const UnsentRecord& record) {
  std::vector<uint8_t> change, eviction, payload;
  EncodePayload(Op::Removexattr, {.key = AsBytes(std::string("user.k"))}, &change);
  EncodeEviction({kEvicted.site, kEvicted.incarnation}, &eviction);
  Conflict conflict;
  conflict.inode = conflict.loser_inode = kFile;
  conflict.lost = Lost::kUnsent;
  conflict.loser = {{100, kEvicted, 9}, Op::Removexattr, false, change};
  conflict.winner = {{200, {record.evictor, 1}, 5}, Op::Evict, false, eviction};
  conflict.path = AsBytes(record.path);
  EncodeConflict(conflict, &payload);
  const EntryHeader header(record.lsn, record.hlc, kFile, 0, 0,
                           static_cast<uint32_t>(payload.size()), 0, 0, record.writer.site,
                           static_cast<uint8_t>(Op::Conflict), kEntrySchemaVersion, 0, 0, 0);
  const bool was_known = ledger->Knows(payload);
  const Result<bool> is_new = ledger->Merge(header, payload, record.writer);
  EXPECT_TRUE(is_new.ok()) << is_new.status().message();
  EXPECT_EQ(is_new.value(), !was_known);
  return is_new.value();
}

TEST(Ledger, AnUnsentEntryIsOneLossWhicheverEvictionItsRecordNames) {
  const UnsentRecord first{{3, 0xbcd}, 7, 300, 1, "/where/it/was"};
  const UnsentRecord second{{3, 0xcde}, 4, 400, 2, ""};
  for (const bool in_order : {true, false}) {
    Ledger ledger;
    EXPECT_TRUE(Merge(&ledger, in_order ? first : second));
    EXPECT_FALSE(Merge(&ledger, in_order ? second : first));
    ASSERT_EQ(ledger.count(), 1u);
    EXPECT_EQ(ledger.open_count(), 1u);
    const auto record = ledger.Find({second.writer, second.lsn});
    ASSERT_NE(record, ledger.end());
    EXPECT_EQ(record->first.id, (LinkId{first.writer, first.lsn}));
    EXPECT_EQ(AsString(record->second.conflict().path), first.path)
        << "all sites show the first record, in whatever order they came";
    EXPECT_EQ(record->second.conflict().winner.stamp.origin.site, first.evictor);
  }
}

}  // namespace
}  // namespace cfsrepl
