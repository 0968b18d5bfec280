#include "base/conflict.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <string>

#include "base/bytes.h"

namespace cfsrepl {
namespace {

static_assert(sizeof(schema::ConflictHead) == 80);
static_assert(sizeof(schema::OriginLsn) == 24);

schema::ConflictSide ToHead(const ConflictSide& side) {
  return {side.stamp.hlc,
          side.stamp.origin.incarnation,
          side.stamp.lsn,
          side.stamp.origin.site,
          static_cast<uint8_t>(side.op),
          static_cast<uint8_t>(side.asserts_links ? kEntryAssertsLinks : 0),
          static_cast<uint32_t>(side.payload.size())};
}

bool IsOfFiles(const schema::ConflictSide& head) {
  return head.op() >= static_cast<uint8_t>(Op::Create) &&
         head.op() < static_cast<uint8_t>(Op::Conflict);
}

// What was not sent lost to the eviction of its journal, anything else to another change.
Status CheckOps(const EntryHeader& header, const schema::ConflictHead& head) {
  if (!IsOfFiles(head.loser())) {
    return MalformedEntry(
        header, "loser.op is " + std::to_string(head.loser().op()) + ", expected 1 to 12");
  }
  const std::string winner = "winner.op is " + std::to_string(head.winner().op());
  if (static_cast<Lost>(head.lost()) != Lost::kUnsent) {
    if (IsOfFiles(head.winner())) return Status::Ok();
    return MalformedEntry(header, winner + ", expected 1 to 12");
  }
  if (static_cast<Op>(head.winner().op()) != Op::Evict) {
    return MalformedEntry(header, winner + ", expected 15 over what was not sent");
  }
  if (head.loser_inode() == header.inode()) return Status::Ok();
  return MalformedEntry(header, "loser_inode is " + std::to_string(head.loser_inode()) +
                                    ", expected that of the entry: it was not sent");
}

// The rules of the op itself hold for each side as if it were an entry.
Status ReadSide(const EntryHeader& header, const char* name, const schema::ConflictSide& head,
                Inode inode, Bytes payload, ConflictSide* out) {
  const std::string who(name);
  if ((head.flags() & ~kEntryAssertsLinks) != 0) {
    return MalformedEntry(header, who + ".flags are " + std::to_string(head.flags()));
  }
  if (head.site() == 0 || head.lsn() == 0 || head.lsn() > kLsnMax) {
    return MalformedEntry(header, who + " has site " + std::to_string(head.site()) + " and LSN " +
                                      std::to_string(head.lsn()) + ", expected both");
  }
  const EntryHeader entry(head.lsn(), head.hlc(), inode, 0, 0,
                          static_cast<uint32_t>(payload.size()), 0, 0, head.site(), head.op(),
                          kEntrySchemaVersion, head.flags(), 0, 0);
  const Status status = ValidatePayload(entry, payload);
  if (!status.ok()) return MalformedEntry(header, who + ": " + status.message());
  *out = {{head.hlc(), {head.site(), head.incarnation()}, head.lsn()},
          static_cast<Op>(head.op()),
          head.flags() != 0,
          payload};
  return Status::Ok();
}

std::vector<schema::OriginLsn> ReadSeen(ByteReader* reader, size_t count) {
  std::vector<schema::OriginLsn> seen(std::min(count, limits::kConflictSeenMax));
  for (auto& origin : seen) origin = reader->Get<schema::OriginLsn>();
  return seen;
}

}  // namespace

Result<Conflict> DecodeConflict(const EntryHeader& header, Bytes payload) {
  ByteReader reader(payload);
  const auto head = reader.Get<schema::ConflictHead>();
  const Bytes loser = reader.GetBytes(head.loser().payload_bytes());
  const Bytes winner = reader.GetBytes(head.winner().payload_bytes());
  Conflict conflict;
  conflict.path = reader.GetBytes(head.path_bytes());
  if (!reader.ok() || head.path_bytes() > limits::kConflictPathBytesMax ||
      head.loser_seen() > limits::kConflictSeenMax ||
      head.winner_seen() > limits::kConflictSeenMax) {
    return MalformedEntry(header, "the payload ends within its parts, or has too many");
  }
  conflict.loser_seen = ReadSeen(&reader, head.loser_seen());
  conflict.winner_seen = ReadSeen(&reader, head.winner_seen());
  if (!reader.finished())
    return MalformedEntry(header, "the payload's length is not that of its parts");
  if (head.lost() < static_cast<uint8_t>(Lost::kFields) ||
      head.lost() > static_cast<uint8_t>(Lost::kUnsent)) {
    return MalformedEntry(header, "lost is " + std::to_string(head.lost()) + ", expected 1 to 6");
  }
  if (head.reserved0() != 0) return MalformedEntry(header, "reserved0 is not 0");
  CFS_RETURN_IF_ERROR(CheckOps(header, head));
  conflict.inode = header.inode();
  conflict.loser_inode = head.loser_inode();
  conflict.lost = static_cast<Lost>(head.lost());
  CFS_RETURN_IF_ERROR(
      ReadSide(header, "loser", head.loser(), head.loser_inode(), loser, &conflict.loser));
  const Inode winner_inode = conflict.lost == Lost::kUnsent ? kRootInode : header.inode();
  CFS_RETURN_IF_ERROR(
      ReadSide(header, "winner", head.winner(), winner_inode, winner, &conflict.winner));
  return conflict;
}

void EncodeConflict(const Conflict& conflict, std::vector<uint8_t>* out) {
  const size_t path_bytes = std::min(conflict.path.size(), limits::kConflictPathBytesMax);
  const size_t loser_seen = std::min(conflict.loser_seen.size(), limits::kConflictSeenMax);
  const size_t winner_seen = std::min(conflict.winner_seen.size(), limits::kConflictSeenMax);
  ByteWriter writer;
  writer.Put(schema::ConflictHead(
      ToHead(conflict.loser), ToHead(conflict.winner), conflict.loser_inode,
      static_cast<uint8_t>(conflict.lost), 0, static_cast<uint16_t>(path_bytes),
      static_cast<uint16_t>(loser_seen), static_cast<uint16_t>(winner_seen)));
  writer.PutBytes(conflict.loser.payload);
  writer.PutBytes(conflict.winner.payload);
  writer.PutBytes(conflict.path.last(path_bytes));
  for (size_t i = 0; i < loser_seen; i++) writer.Put(conflict.loser_seen[i]);
  for (size_t i = 0; i < winner_seen; i++) writer.Put(conflict.winner_seen[i]);
  out->insert(out->end(), writer.bytes().begin(), writer.bytes().end());
}

Result<ConflictAck> DecodeConflictAck(const EntryHeader& header, Bytes payload) {
  ByteReader reader(payload);
  const auto id = reader.Get<schema::LinkId>();
  const auto how = reader.Get<uint64_t>();
  if (!reader.finished()) {
    return MalformedEntry(header, "the payload has " + std::to_string(payload.size()) +
                                      " bytes, expected exactly 32");
  }
  if (id.site() == 0 || id.lsn() == 0 || id.lsn() > kLsnMax || id.reserved0() != 0 ||
      id.reserved1() != 0) {
    return MalformedEntry(header, "the conflict has site " + std::to_string(id.site()) +
                                      " and LSN " + std::to_string(id.lsn()) + ", expected both");
  }
  if (how != static_cast<uint64_t>(Settled::kAcknowledged) &&
      how != static_cast<uint64_t>(Settled::kRestored)) {
    return MalformedEntry(header, "how is " + std::to_string(how) + ", expected 1 or 2");
  }
  return ConflictAck{{{id.site(), id.incarnation()}, id.lsn()}, static_cast<Settled>(how)};
}

void EncodeConflictAck(const ConflictAck& ack, std::vector<uint8_t>* out) {
  ByteWriter writer;
  writer.Put(schema::LinkId(ack.conflict.origin.incarnation, ack.conflict.lsn,
                            ack.conflict.origin.site, 0, 0));
  writer.Put(static_cast<uint64_t>(ack.how));
  out->insert(out->end(), writer.bytes().begin(), writer.bytes().end());
}

Status NoConflict(const LinkId& id) {
  char text[64];
  std::snprintf(text, sizeof(text), "%u.%" PRIx64 ".%" PRIu64, id.origin.site,
                id.origin.incarnation, id.lsn);
  return Status(Code::kNotFound, std::string("conflict ") + text + " is not in the ledger");
}

}  // namespace cfsrepl
