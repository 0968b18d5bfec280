// A conflict, and its acknowledgement, as journal entries. FORMAT.md, "Conflicts", is the
// specification; docs/convergence.md says what a conflict is and who records it.
#ifndef CFS_REPL_BASE_CONFLICT_H_
#define CFS_REPL_BASE_CONFLICT_H_

#include <vector>

#include "base/entry.h"
#include "base/status.h"
#include "base/types.h"

namespace cfsrepl {

// What the loser no longer has.
enum class Lost : uint8_t {
  kFields = 1,  // the registers in the mask of its attributes
  kXattr = 2,
  kLink = 3,       // where a name of the inode is, or that it was removed
  kName = 4,       // the bare name, to another link: it shows under one that has its identity in it
  kExistence = 5,  // what the inode is: kind, device number, target of a symlink
  kUnsent = 6,     // all of it: its journal was closed before anybody else had it
};

// One of the two changes, as an operation that would make it again.
struct ConflictSide {
  Stamp stamp;
  Op op = Op::None;  // 1 to 12; of the winner over what was not sent: evict
  bool asserts_links = false;
  Bytes payload;  // of `op`: what DecodePayload reads
};

struct Conflict {
  Inode inode = 0;  // what the winner changed
  Inode loser_inode = 0;
  Lost lost = Lost::kFields;
  ConflictSide loser;
  ConflictSide winner;
  Bytes path;  // where it was found; empty if it had no path any more, its end if it is long
  // What each writer had seen of other origins, its own left out; cut at kConflictSeenMax.
  std::vector<schema::OriginLsn> loser_seen;
  std::vector<schema::OriginLsn> winner_seen;
};

// Views point into the payload. kMalformed names the field.
Result<Conflict> DecodeConflict(const EntryHeader& header, Bytes payload);
// Cuts path and contexts to what limits.h allows.
void EncodeConflict(const Conflict& conflict, std::vector<uint8_t>* out);

enum class Settled : uint8_t { kAcknowledged = 1, kRestored = 2 };

struct ConflictAck {
  LinkId conflict;  // the entry that recorded it
  Settled how = Settled::kAcknowledged;
};
Result<ConflictAck> DecodeConflictAck(const EntryHeader& header, Bytes payload);
void EncodeConflictAck(const ConflictAck& ack, std::vector<uint8_t>* out);

// kNotFound, with the id as operators write it: SITE.INCARNATION.LSN, in hexadecimal the second.
Status NoConflict(const LinkId& id);

}  // namespace cfsrepl

#endif  // CFS_REPL_BASE_CONFLICT_H_
