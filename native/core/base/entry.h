// A journal entry in memory and on disk: header, attributes, and the payload layouts of all
// ops. FORMAT.md, "Entries", is the specification. Encoding and decoding live here because frames
// (which compact by field), state (which merges by field) and the engine (which writes) must agree.
#ifndef CFS_REPL_BASE_ENTRY_H_
#define CFS_REPL_BASE_ENTRY_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/status.h"
#include "base/types.h"
#include "schema/generated/entry_generated.h"

namespace cfsrepl {

using EntryHeader = schema::EntryHeader;
using Attributes = schema::Attributes;
using Op = schema::Op;

static_assert(sizeof(EntryHeader) == 64);
static_assert(sizeof(Attributes) == 64);
static_assert(sizeof(schema::LinkId) == 24);

inline constexpr uint8_t kEntrySchemaVersion = 1;

// Where fields that change when an entry is placed into a frame lie in its header.
inline constexpr size_t kPayloadOffsetAt = 32;
inline constexpr size_t kPayloadBytesAt = 36;
inline constexpr size_t kEntryCrcAt = 40;

// Attributes.mask: which registers the op writes. Values that travel together share a register.
enum Field : uint32_t {
  kFieldMode = 1u << 0,   // mode: permission bits (07777)
  kFieldOwner = 1u << 1,  // uid and gid
  kFieldSize = 1u << 2,   // size and extent_ref
  kFieldAtime = 1u << 3,
  kFieldMtime = 1u << 4,
  kFieldFlags = 1u << 5,  // file_flags and project
  kFieldsAll = (1u << 6) - 1,
};
inline constexpr int kFieldCount = 6;

// EntryHeader.flags.
enum EntryFlag : uint16_t {
  // The writer knew of no removed link of this inode, so the change (of fields or of an xattr)
  // asserts that its links live: against a concurrent unlink the greater stamp wins.
  kEntryAssertsLinks = 1u << 0,
};

// What a name refers to, from the type bits of mode (S_IFMT >> 12), so they print and compare
// alike.
enum class Kind : uint8_t {
  kNone = 0,
  kFifo = 1,
  kCharDevice = 2,
  kDirectory = 4,
  kBlockDevice = 6,
  kFile = 8,
  kSymlink = 10,
  kSocket = 12,
};
inline Kind KindOfMode(uint32_t mode) { return static_cast<Kind>((mode >> 12) & 15); }
inline uint32_t ModeOfKind(Kind kind) { return static_cast<uint32_t>(kind) << 12; }

// A link's identity: the op that made the name (create, mkdir, symlink or link).
struct LinkId {
  Origin origin;
  Lsn lsn = 0;
  auto operator<=>(const LinkId&) const = default;
};

// The decoded payload. Views point into the entry's payload; nothing is copied.
struct EntryPayload {
  Attributes attributes;     // create mkdir symlink write truncate setattr
  Inode parent = 0;          // create mkdir symlink link unlink rmdir rename
  Inode new_parent = 0;      // rename
  LinkId link;               // unlink rmdir rename: which name; else the entry itself makes it
  Inode replaced_inode = 0;  // rename onto an existing name, else 0
  LinkId replaced_link;
  Bytes name;      // create mkdir symlink link unlink rmdir rename
  Bytes new_name;  // rename
  Bytes target;    // symlink
  Bytes key;       // setxattr removexattr
  Bytes value;     // setxattr
};

// A header and its payload bytes, wherever they lie.
struct EntryView {
  const EntryHeader* header = nullptr;
  Bytes payload;
};

// Checks every rule of FORMAT.md for the op (lengths exact, names legal, mask known, kinds agree)
// and decodes. kMalformed names the field, what it is and what was expected. kUnsupported for an op
// or schema newer than this build, which callers keep and forward but do not merge.
Result<EntryPayload> DecodePayload(const EntryHeader& header, Bytes payload);

// The same checks without the parts, for who only passes entries on.
Status ValidatePayload(const EntryHeader& header, Bytes payload);

// kMalformed, naming the entry by LSN and op.
Status MalformedEntry(const EntryHeader& header, const std::string& what);

// Appends the payload for `op` to *out. The caller has validated the parts.
void EncodePayload(Op op, const EntryPayload& parts, std::vector<uint8_t>* out);

// 1 to 255 bytes, no '/', no NUL, not "." or "..". The message quotes the name and the rule broken.
Status ValidateName(Bytes name);

// Bytes as an operator can read them: printable ASCII as is, the rest as \xNN, quoted, cut at 64.
std::string QuoteBytes(Bytes bytes);

// The op that makes an object of this kind.
inline Op BirthOpOf(Kind kind) {
  if (kind == Kind::kDirectory) return Op::Mkdir;
  return kind == Kind::kSymlink ? Op::Symlink : Op::Create;
}

// True if `op` changes names (create mkdir symlink link unlink rmdir rename).
inline bool IsStructural(Op op) { return op >= Op::Create && op <= Op::Rename; }

// True if the whole payload of `op` is one Attributes (write truncate setattr).
inline bool SetsOnlyAttributes(Op op) { return op >= Op::Write && op <= Op::Setattr; }

std::string_view OpName(Op op);  // "create", ...; "unknown" past the last

}  // namespace cfsrepl

#endif  // CFS_REPL_BASE_ENTRY_H_
