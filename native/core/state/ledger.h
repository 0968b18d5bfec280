// The ledger: every conflict that some site recorded, and what was decided about it since.
//
// A set of journal entries, so merging is idempotent and in any order, and all sites that hold the
// same entries have the same ledger. Bounded: the newest that fit stay, those alone; so what goes
// for want of room does not depend on the order either.
//
// Threads: as State, which has it.
#ifndef CFS_REPL_STATE_LEDGER_H_
#define CFS_REPL_STATE_LEDGER_H_

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <map>
#include <vector>

#include "base/conflict.h"
#include "base/entry.h"
#include "base/status.h"
#include "base/types.h"

namespace cfsrepl {

struct LedgerLimits {
  uint64_t bytes_max = 64ull << 20;
  uint64_t age_us_max = 90ull * 24 * 3600 * 1000000;
};

// One record's place: ascending in time.
struct LedgerPlace {
  Hlc hlc = 0;
  LinkId id;  // the entry that recorded it
  auto operator<=>(const LedgerPlace&) const = default;
};

struct LedgerRecord {
  Inode inode = 0;
  std::vector<uint8_t> payload;  // what DecodeConflict reads, with `header`
  bool settled = false;
  Settled how = Settled::kAcknowledged;
  Stamp settled_at;      // of the latest acknowledgement
  uint64_t arrival = 0;  // the how manieth that this ledger was given

  Conflict conflict() const;  // views into payload
};

class Ledger {
 public:
  void SetLimits(const LedgerLimits& limits);

  // Takes over an entry of op Conflict or Conflictack that ValidatePayload let pass. True if a
  // record is new.
  Result<bool> Merge(const EntryHeader& header, Bytes payload, const Origin& origin);

  // Whether there is a record older than the limits say, at microseconds since the Unix epoch.
  bool HasOlderThan(uint64_t now_us) const;
  void ForgetOld(uint64_t now_us);

  // Ascending from after `after`.
  std::map<LedgerPlace, LedgerRecord>::const_iterator After(const LedgerPlace& after) const {
    return records_.upper_bound(after);
  }
  std::map<LedgerPlace, LedgerRecord>::const_iterator end() const { return records_.end(); }
  // By the id of any entry that recorded it; end() if there is none, or no more.
  std::map<LedgerPlace, LedgerRecord>::const_iterator Find(const LinkId& id) const;

  // The first that arrived after the arrival `after`, in order of arrival; end() if none did.
  std::map<LedgerPlace, LedgerRecord>::const_iterator ArrivedAfter(uint64_t after) const;

  // Whether there is a record of the loss that a conflict's payload tells of.
  bool Knows(Bytes payload) const { return known_.contains(KeyOf(payload)); }

  // Whether some record's loser is a change of `inode`.
  bool IsAbout(Inode inode) const { return losers_.contains(inode); }

  uint64_t count() const { return records_.size(); }
  uint64_t open_count() const { return open_; }  // not settled
  uint64_t bytes() const { return bytes_; }
  uint64_t bytes_max() const { return limits_.bytes_max; }
  // Since this State was made.
  uint64_t evicted() const { return evicted_; }
  uint64_t recorded() const { return recorded_; }

 private:
  // One loss may have been recorded twice: by a site, and again by its next incarnation. An unsent
  // entry is one loss, whichever eviction its record names; there `winner` is none.
  struct LossKey {
    Stamp loser;
    Stamp winner;
    Inode inode = 0;
    Lost lost = Lost::kFields;
    bool operator==(const LossKey&) const = default;
  };
  struct Hash {
    size_t operator()(const LossKey& key) const;
    size_t operator()(const LinkId& id) const;
  };
  struct Known {
    LedgerPlace place;
    std::vector<LinkId> others;  // entries that recorded it, besides the one of the place
  };

  Result<bool> MergeConflict(const EntryHeader& header, Bytes payload, const LinkId& id);
  Status MergeAck(const EntryHeader& header, Bytes payload, const Origin& origin);
  void Settle(LedgerRecord* record, const Stamp& stamp, Settled how);
  void Evict();
  void EvictOldest();
  // Of a conflict's payload.
  static LossKey KeyOf(Bytes payload);
  static uint64_t BytesOf(const LedgerRecord& record);

  LedgerLimits limits_;
  std::map<LedgerPlace, LedgerRecord> records_;
  boost::unordered_flat_map<LossKey, Known, Hash> known_;
  boost::unordered_flat_map<LinkId, LedgerPlace, Hash> places_;
  std::map<uint64_t, LedgerPlace> arrivals_;
  boost::unordered_flat_map<Inode, uint32_t> losers_;  // how many records are about each
  // Acknowledgements that came before what they acknowledge.
  std::map<LinkId, std::pair<Stamp, Settled>> early_acks_;
  uint64_t bytes_ = 0;
  uint64_t open_ = 0;
  uint64_t evicted_ = 0;
  uint64_t recorded_ = 0;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_STATE_LEDGER_H_
