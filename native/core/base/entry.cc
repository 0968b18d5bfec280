#include "base/entry.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include "base/conflict.h"
#include "base/eviction.h"

namespace cfsrepl {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the formats are little endian, unswapped");

constexpr uint32_t kPermissionBits = 07777;
constexpr uint16_t kKnownFlags = kEntryAssertsLinks;

// Reads a payload front to back. The caller has checked that the fixed part is there.
class Cursor {
 public:
  explicit Cursor(Bytes bytes) : bytes_(bytes) {}

  template <typename T>
  T Take() {
    T value;
    std::memcpy(&value, bytes_.data(), sizeof(value));
    bytes_ = bytes_.subspan(sizeof(value));
    return value;
  }
  Bytes TakeBytes(size_t count) {
    Bytes taken = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return taken;
  }
  size_t left() const { return bytes_.size(); }

 private:
  Bytes bytes_;
};

// The lengths of the fixed parts, without the strings that follow them.
constexpr size_t kCreateFixedBytes = 64 + 8 + 2;
constexpr size_t kSymlinkFixedBytes = 64 + 8 + 2 + 2;
constexpr size_t kLinkFixedBytes = 8 + 2;
constexpr size_t kUnlinkFixedBytes = 8 + 24 + 2;
constexpr size_t kRenameFixedBytes = 8 + 8 + 24 + 8 + 24 + 2 + 2;
constexpr size_t kSetxattrFixedBytes = 2 + 4;
constexpr size_t kRemovexattrFixedBytes = 2;

Status NeedFixed(const EntryHeader& header, Bytes payload, size_t fixed_bytes) {
  if (payload.size() >= fixed_bytes) return Status::Ok();
  return MalformedEntry(header, "the payload has " + std::to_string(payload.size()) +
                                    " bytes, expected at least " + std::to_string(fixed_bytes));
}

// `string_bytes` is the sum of the lengths that the fixed part announces.
Status NeedExactly(const EntryHeader& header, const Cursor& cursor, size_t string_bytes) {
  if (cursor.left() == string_bytes) return Status::Ok();
  return MalformedEntry(header, "the payload has " + std::to_string(cursor.left()) +
                                    " bytes after its fixed part, expected " +
                                    std::to_string(string_bytes) + " by its lengths");
}

Status CheckHeader(const EntryHeader& header, Bytes payload) {
  if (header.schema() != kEntrySchemaVersion) {
    if (header.schema() == 0) return MalformedEntry(header, "schema is 0, expected 1 or more");
    return Status(Code::kUnsupported, "entry LSN " + std::to_string(header.lsn()) + " has schema " +
                                          std::to_string(header.schema()) +
                                          ", this build knows up to " +
                                          std::to_string(kEntrySchemaVersion));
  }
  if (header.op() > static_cast<uint8_t>(Op::MAX)) {
    return Status(Code::kUnsupported, "entry LSN " + std::to_string(header.lsn()) + " has op " +
                                          std::to_string(header.op()) +
                                          ", this build knows up to " +
                                          std::to_string(static_cast<int>(Op::MAX)));
  }
  if (header.op() == 0) return MalformedEntry(header, "op is 0, expected 1 or more");
  if ((header.flags() & ~kKnownFlags) != 0) {
    return MalformedEntry(header, "flags are " + std::to_string(header.flags()) +
                                      ", expected no bit but those of " +
                                      std::to_string(kKnownFlags));
  }
  if ((header.reserved0() | header.reserved1()) != 0) {
    return MalformedEntry(header, "a reserved field of the header is not 0");
  }
  if (header.inode() == 0) return MalformedEntry(header, "inode is 0, expected 1 or more");
  if (header.payload_bytes() != payload.size()) {
    return MalformedEntry(header, "payload_bytes is " + std::to_string(header.payload_bytes()) +
                                      ", expected " + std::to_string(payload.size()));
  }
  return Status::Ok();
}

// The attributes of write, truncate and setattr.
Status CheckChange(const EntryHeader& header, const Attributes& attributes) {
  uint32_t mask = attributes.mask();
  if ((mask & ~kFieldsAll) != 0 || mask == 0) {
    return MalformedEntry(header, "mask is " + std::to_string(mask) + ", expected 1 to " +
                                      std::to_string(kFieldsAll));
  }
  if (static_cast<Op>(header.op()) != Op::Setattr && (mask & kFieldSize) == 0) {
    return MalformedEntry(header,
                          "mask " + std::to_string(mask) + " has no size, which the op must set");
  }
  if ((mask & kFieldMode) != 0 && (attributes.mode() & ~kPermissionBits) != 0) {
    return MalformedEntry(header, "mode is " + std::to_string(attributes.mode()) +
                                      ", expected permission bits alone (up to 4095)");
  }
  if (attributes.rdev() != 0)
    return MalformedEntry(header, "rdev is not 0, but only create sets it");
  if (attributes.reserved() != 0)
    return MalformedEntry(header, "reserved of the attributes is not 0");
  return Status::Ok();
}

bool KindAgrees(Op op, Kind kind) {
  if (op == Op::Mkdir) return kind == Kind::kDirectory;
  if (op == Op::Symlink) return kind == Kind::kSymlink;
  return kind == Kind::kFile || kind == Kind::kFifo || kind == Kind::kSocket ||
         kind == Kind::kCharDevice || kind == Kind::kBlockDevice;
}

// The attributes of create, mkdir and symlink.
Status CheckBirth(const EntryHeader& header, const Attributes& attributes) {
  if ((attributes.mask() & ~kFieldsAll) != 0) {
    return MalformedEntry(header, "mask is " + std::to_string(attributes.mask()) +
                                      ", expected at most " + std::to_string(kFieldsAll));
  }
  Kind kind = KindOfMode(attributes.mode());
  if ((attributes.mode() >> 16) != 0 || !KindAgrees(static_cast<Op>(header.op()), kind)) {
    return MalformedEntry(header, "mode is " + std::to_string(attributes.mode()) +
                                      ", whose type bits the op cannot make");
  }
  bool is_device = kind == Kind::kCharDevice || kind == Kind::kBlockDevice;
  if (attributes.rdev() != 0 && !is_device) {
    return MalformedEntry(header, "rdev is not 0, but the mode is of no device");
  }
  if (attributes.reserved() != 0)
    return MalformedEntry(header, "reserved of the attributes is not 0");
  return Status::Ok();
}

Status CheckNamedInode(const EntryHeader& header) {
  if (header.inode() != kRootInode) return Status::Ok();
  return MalformedEntry(header, "inode is the root, which has no name to change");
}

Status CheckParent(const EntryHeader& header, std::string_view field, Inode parent) {
  if (parent == 0) return MalformedEntry(header, std::string(field) + " is 0, expected an inode");
  if (parent != header.inode()) return Status::Ok();
  return MalformedEntry(header, std::string(field) + " is the inode itself");
}

Status CheckName(const EntryHeader& header, std::string_view field, Bytes name) {
  Status status = ValidateName(name);
  if (status.ok()) return status;
  return MalformedEntry(header, std::string(field) + ": " + status.message());
}

Status TakeLinkId(const EntryHeader& header, std::string_view field, bool may_be_none,
                  Cursor* cursor, LinkId* link) {
  auto stored = cursor->Take<schema::LinkId>();
  *link = {{stored.site(), stored.incarnation()}, stored.lsn()};
  if (stored.reserved0() != 0 || stored.reserved1() != 0) {
    return MalformedEntry(header, std::string(field) + ": a reserved field is not 0");
  }
  if (may_be_none) {
    if (*link == LinkId{}) return Status::Ok();
    return MalformedEntry(header, std::string(field) + " is given, but replaced_inode is 0");
  }
  if (link->origin.site == 0 || link->lsn == 0 || link->lsn > kLsnMax) {
    return MalformedEntry(header,
                          std::string(field) + " has site " + std::to_string(link->origin.site) +
                              " and LSN " + std::to_string(link->lsn) +
                              ", expected a site and an LSN of at least 1 and at most 2^48-1");
  }
  return Status::Ok();
}

Status DecodeBirth(const EntryHeader& header, Bytes payload, EntryPayload* out) {
  bool is_symlink = static_cast<Op>(header.op()) == Op::Symlink;
  CFS_RETURN_IF_ERROR(
      NeedFixed(header, payload, is_symlink ? kSymlinkFixedBytes : kCreateFixedBytes));
  Cursor cursor(payload);
  out->attributes = cursor.Take<Attributes>();
  out->parent = cursor.Take<uint64_t>();
  size_t name_bytes = cursor.Take<uint16_t>();
  size_t target_bytes = is_symlink ? cursor.Take<uint16_t>() : 0;
  CFS_RETURN_IF_ERROR(NeedExactly(header, cursor, name_bytes + target_bytes));
  out->name = cursor.TakeBytes(name_bytes);
  out->target = cursor.TakeBytes(target_bytes);
  CFS_RETURN_IF_ERROR(CheckBirth(header, out->attributes));
  CFS_RETURN_IF_ERROR(CheckNamedInode(header));
  CFS_RETURN_IF_ERROR(CheckParent(header, "parent", out->parent));
  CFS_RETURN_IF_ERROR(CheckName(header, "name", out->name));
  if (!is_symlink) return Status::Ok();
  if (target_bytes == 0 || target_bytes > limits::kSymlinkTargetBytesMax) {
    return MalformedEntry(header, "target has " + std::to_string(target_bytes) +
                                      " bytes, expected 1 to " +
                                      std::to_string(limits::kSymlinkTargetBytesMax));
  }
  if (std::memchr(out->target.data(), 0, target_bytes) != nullptr) {
    return MalformedEntry(header, "target " + QuoteBytes(out->target) + " has a NUL byte");
  }
  return Status::Ok();
}

Status DecodeLink(const EntryHeader& header, Bytes payload, EntryPayload* out) {
  CFS_RETURN_IF_ERROR(NeedFixed(header, payload, kLinkFixedBytes));
  Cursor cursor(payload);
  out->parent = cursor.Take<uint64_t>();
  size_t name_bytes = cursor.Take<uint16_t>();
  CFS_RETURN_IF_ERROR(NeedExactly(header, cursor, name_bytes));
  out->name = cursor.TakeBytes(name_bytes);
  CFS_RETURN_IF_ERROR(CheckNamedInode(header));
  CFS_RETURN_IF_ERROR(CheckParent(header, "parent", out->parent));
  return CheckName(header, "name", out->name);
}

Status DecodeUnlink(const EntryHeader& header, Bytes payload, EntryPayload* out) {
  CFS_RETURN_IF_ERROR(NeedFixed(header, payload, kUnlinkFixedBytes));
  Cursor cursor(payload);
  out->parent = cursor.Take<uint64_t>();
  CFS_RETURN_IF_ERROR(TakeLinkId(header, "link", false, &cursor, &out->link));
  size_t name_bytes = cursor.Take<uint16_t>();
  CFS_RETURN_IF_ERROR(NeedExactly(header, cursor, name_bytes));
  out->name = cursor.TakeBytes(name_bytes);
  CFS_RETURN_IF_ERROR(CheckNamedInode(header));
  CFS_RETURN_IF_ERROR(CheckParent(header, "parent", out->parent));
  return CheckName(header, "name", out->name);
}

Status DecodeRename(const EntryHeader& header, Bytes payload, EntryPayload* out) {
  CFS_RETURN_IF_ERROR(NeedFixed(header, payload, kRenameFixedBytes));
  Cursor cursor(payload);
  out->parent = cursor.Take<uint64_t>();
  out->new_parent = cursor.Take<uint64_t>();
  CFS_RETURN_IF_ERROR(TakeLinkId(header, "link", false, &cursor, &out->link));
  out->replaced_inode = cursor.Take<uint64_t>();
  CFS_RETURN_IF_ERROR(
      TakeLinkId(header, "replaced_link", out->replaced_inode == 0, &cursor, &out->replaced_link));
  size_t name_bytes = cursor.Take<uint16_t>();
  size_t new_name_bytes = cursor.Take<uint16_t>();
  CFS_RETURN_IF_ERROR(NeedExactly(header, cursor, name_bytes + new_name_bytes));
  out->name = cursor.TakeBytes(name_bytes);
  out->new_name = cursor.TakeBytes(new_name_bytes);
  CFS_RETURN_IF_ERROR(CheckNamedInode(header));
  if (out->replaced_inode == kRootInode) {
    return MalformedEntry(header, "replaced_inode is the root, which has no name to replace");
  }
  CFS_RETURN_IF_ERROR(CheckParent(header, "parent", out->parent));
  CFS_RETURN_IF_ERROR(CheckParent(header, "new_parent", out->new_parent));
  CFS_RETURN_IF_ERROR(CheckName(header, "name", out->name));
  return CheckName(header, "new_name", out->new_name);
}

Status DecodeXattr(const EntryHeader& header, Bytes payload, EntryPayload* out) {
  bool is_set = static_cast<Op>(header.op()) == Op::Setxattr;
  CFS_RETURN_IF_ERROR(
      NeedFixed(header, payload, is_set ? kSetxattrFixedBytes : kRemovexattrFixedBytes));
  Cursor cursor(payload);
  size_t key_bytes = cursor.Take<uint16_t>();
  size_t value_bytes = is_set ? cursor.Take<uint32_t>() : 0;
  CFS_RETURN_IF_ERROR(NeedExactly(header, cursor, key_bytes + value_bytes));
  out->key = cursor.TakeBytes(key_bytes);
  out->value = cursor.TakeBytes(value_bytes);
  if (key_bytes == 0 || key_bytes > limits::kXattrKeyBytesMax) {
    return MalformedEntry(header, "key has " + std::to_string(key_bytes) +
                                      " bytes, expected 1 to " +
                                      std::to_string(limits::kXattrKeyBytesMax));
  }
  if (std::memchr(out->key.data(), 0, key_bytes) != nullptr) {
    return MalformedEntry(header, "key " + QuoteBytes(out->key) + " has a NUL byte");
  }
  if (value_bytes > limits::kXattrValueBytesMax) {
    return MalformedEntry(header, "value has " + std::to_string(value_bytes) +
                                      " bytes, expected at most " +
                                      std::to_string(limits::kXattrValueBytesMax));
  }
  return Status::Ok();
}

Status DecodeChange(const EntryHeader& header, Bytes payload, Attributes* attributes) {
  if (payload.size() != sizeof(Attributes)) {
    return MalformedEntry(header, "the payload has " + std::to_string(payload.size()) +
                                      " bytes, expected exactly " +
                                      std::to_string(sizeof(Attributes)));
  }
  std::memcpy(static_cast<void*>(attributes), payload.data(), sizeof(Attributes));
  return CheckChange(header, *attributes);
}

// Everything but write, truncate and setattr; the header has been checked.
Status DecodeRest(const EntryHeader& header, Bytes payload, EntryPayload* out) {
  switch (static_cast<Op>(header.op())) {
    case Op::Create:
    case Op::Mkdir:
    case Op::Symlink:
      return DecodeBirth(header, payload, out);
    case Op::Link:
      return DecodeLink(header, payload, out);
    case Op::Unlink:
    case Op::Rmdir:
      return DecodeUnlink(header, payload, out);
    case Op::Rename:
      return DecodeRename(header, payload, out);
    case Op::Setxattr:
    case Op::Removexattr:
      return DecodeXattr(header, payload, out);
    case Op::Conflict:
      return DecodeConflict(header, payload).status();
    case Op::Conflictack:
      return DecodeConflictAck(header, payload).status();
    case Op::Evict:
      return DecodeEviction(header, payload).status();
    case Op::None:
    case Op::Write:
    case Op::Truncate:
    case Op::Setattr:
      break;
  }
  return DecodeChange(header, payload, &out->attributes);
}

template <typename T>
T Load(Bytes bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

// True for a write, truncate or setattr that breaks no rule: most entries, told without a copy or a
// Status. What this does not pass, CheckHeader and DecodeChange judge and explain.
bool IsLegalChange(const EntryHeader& header, Bytes payload) {
  const Op op = static_cast<Op>(header.op());
  if (header.schema() != kEntrySchemaVersion || !SetsOnlyAttributes(op)) return false;
  if (payload.size() != sizeof(Attributes) || header.payload_bytes() != payload.size())
    return false;
  const uint32_t mask = Load<uint32_t>(payload, 0);
  const uint32_t mode = Load<uint32_t>(payload, 4);
  const uint32_t rdev = Load<uint32_t>(payload, 48);
  const uint32_t reserved = Load<uint32_t>(payload, 60);
  const uint32_t required = op == Op::Setattr ? mask : mask & kFieldSize;
  const uint32_t forbidden = (mask & ~kFieldsAll) | rdev | reserved |
                             (header.flags() & ~kKnownFlags) |
                             ((mask & kFieldMode) != 0 ? mode & ~kPermissionBits : 0);
  const bool reserved_is_zero = (header.reserved0() | header.reserved1()) == 0;
  return forbidden == 0 && required != 0 && reserved_is_zero && header.inode() != 0;
}

}  // namespace

Status MalformedEntry(const EntryHeader& header, const std::string& what) {
  return Status(Code::kMalformed, "entry LSN " + std::to_string(header.lsn()) + " (" +
                                      std::string(OpName(static_cast<Op>(header.op()))) +
                                      "): " + what);
}

Result<EntryPayload> DecodePayload(const EntryHeader& header, Bytes payload) {
  Result<EntryPayload> decoded{EntryPayload{}};
  if (IsLegalChange(header, payload)) {
    std::memcpy(static_cast<void*>(&decoded->attributes), payload.data(), sizeof(Attributes));
    return decoded;
  }
  Status status = CheckHeader(header, payload);
  if (status.ok()) status = DecodeRest(header, payload, &decoded.value());
  if (!status.ok()) decoded = std::move(status);
  return decoded;
}

Status ValidatePayload(const EntryHeader& header, Bytes payload) {
  if (IsLegalChange(header, payload)) return Status::Ok();
  CFS_RETURN_IF_ERROR(CheckHeader(header, payload));
  EntryPayload unused;
  return DecodeRest(header, payload, &unused);
}

Status ValidateName(Bytes name) {
  if (name.empty() || name.size() > limits::kNameBytesMax) {
    return Status(Code::kInvalidArgument, "name " + QuoteBytes(name) + " has " +
                                              std::to_string(name.size()) +
                                              " bytes, expected 1 to 255");
  }
  std::string_view text(reinterpret_cast<const char*>(name.data()), name.size());
  if (text == "." || text == "..") {
    return Status(Code::kInvalidArgument, "name " + QuoteBytes(name) + " is reserved");
  }
  for (uint8_t byte : name) {
    if (byte != '/' && byte != 0) continue;
    return Status(Code::kInvalidArgument, "name " + QuoteBytes(name) + " has a " +
                                              (byte == 0 ? "NUL byte" : "slash") +
                                              ", expected neither '/' nor NUL");
  }
  return Status::Ok();
}

std::string QuoteBytes(Bytes bytes) {
  constexpr size_t kShownBytesMax = 64;
  constexpr char kHex[] = "0123456789abcdef";
  std::string text = "\"";
  for (uint8_t byte : bytes.first(std::min(bytes.size(), kShownBytesMax))) {
    if (byte == '"' || byte == '\\') {
      text += '\\';
      text += static_cast<char>(byte);
    } else if (byte >= 0x20 && byte < 0x7f) {
      text += static_cast<char>(byte);
    } else {
      text += "\\x";
      text += kHex[byte >> 4];
      text += kHex[byte & 15];
    }
  }
  text += '"';
  if (bytes.size() > kShownBytesMax) text += "...";
  return text;
}

std::string_view OpName(Op op) {
  switch (op) {
    case Op::None:
      return "none";
    case Op::Create:
      return "create";
    case Op::Mkdir:
      return "mkdir";
    case Op::Symlink:
      return "symlink";
    case Op::Link:
      return "link";
    case Op::Unlink:
      return "unlink";
    case Op::Rmdir:
      return "rmdir";
    case Op::Rename:
      return "rename";
    case Op::Write:
      return "write";
    case Op::Truncate:
      return "truncate";
    case Op::Setattr:
      return "setattr";
    case Op::Setxattr:
      return "setxattr";
    case Op::Removexattr:
      return "removexattr";
    case Op::Conflict:
      return "conflict";
    case Op::Conflictack:
      return "conflictack";
    case Op::Evict:
      return "evict";
  }
  return "unknown";
}

}  // namespace cfsrepl
