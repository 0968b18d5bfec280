#include "frame/frame_support.h"

#include <cstdlib>
#include <cstring>

#include "checksum/crc32c.h"
#include "frame/frame_body.h"

namespace cfsrepl::test {
namespace {

EntryPayload Named(Inode parent, std::string_view name, uint32_t mode = 0) {
  EntryPayload parts;
  if (mode != 0) parts.attributes = SomeAttributes(kFieldsAll, mode);
  parts.parent = parent;
  parts.name = AsBytes(name);
  return parts;
}

TestEntry Remove(Op op, Lsn lsn, Inode inode, Lsn made, Inode parent, std::string_view name) {
  EntryPayload parts = Named(parent, name);
  parts.link = {kOrigin, made};
  return MakeEntry({.op = op, .lsn = lsn, .inode = inode}, parts);
}

}  // namespace

TestEntry MakeEntry(const EntrySpec& spec, std::vector<uint8_t> payload) {
  uint64_t seq = spec.seq == 0 ? spec.lsn : spec.seq;
  EntryHeader header(spec.lsn, spec.lsn << 12, spec.inode, seq, 0,
                     static_cast<uint32_t>(payload.size()), 0, spec.shard, spec.origin.site,
                     static_cast<uint8_t>(spec.op), spec.schema, spec.flags, 0, 0);
  SetHeaderField(&header, kEntryCrcAt, EntryCrc(header, payload));
  return {header, std::move(payload)};
}

TestEntry MakeEntry(const EntrySpec& spec, const EntryPayload& parts) {
  std::vector<uint8_t> payload;
  EncodePayload(spec.op, parts, &payload);
  return MakeEntry(spec, std::move(payload));
}

Attributes SomeAttributes(uint32_t mask, uint32_t mode) {
  return Attributes(mask, mode, 1000, 1001, 4096, 0xabcdef, 1'600'000'000'000'000'001,
                    1'700'000'000'000'000'002, 0, 16, 5, 0);
}

TestEntry Setattr(Lsn lsn, Inode inode, uint32_t mask) {
  EntryPayload parts;
  parts.attributes = SomeAttributes(mask);
  return MakeEntry({.op = Op::Setattr, .lsn = lsn, .inode = inode}, parts);
}

TestEntry Setxattr(Lsn lsn, Inode inode, std::string_view key, std::string_view value) {
  EntryPayload parts;
  parts.key = AsBytes(key);
  parts.value = AsBytes(value);
  return MakeEntry({.op = Op::Setxattr, .lsn = lsn, .inode = inode}, parts);
}

TestEntry Removexattr(Lsn lsn, Inode inode, std::string_view key) {
  EntryPayload parts;
  parts.key = AsBytes(key);
  return MakeEntry({.op = Op::Removexattr, .lsn = lsn, .inode = inode}, parts);
}

TestEntry Create(Lsn lsn, Inode inode, Inode parent, std::string_view name) {
  return MakeEntry({.op = Op::Create, .lsn = lsn, .inode = inode}, Named(parent, name, 0100640));
}

TestEntry Mkdir(Lsn lsn, Inode inode, Inode parent, std::string_view name) {
  return MakeEntry({.op = Op::Mkdir, .lsn = lsn, .inode = inode}, Named(parent, name, 0040750));
}

TestEntry Link(Lsn lsn, Inode inode, Inode parent, std::string_view name) {
  return MakeEntry({.op = Op::Link, .lsn = lsn, .inode = inode}, Named(parent, name));
}

TestEntry Unlink(Lsn lsn, Inode inode, Lsn made, Inode parent, std::string_view name) {
  return Remove(Op::Unlink, lsn, inode, made, parent, name);
}

TestEntry Rmdir(Lsn lsn, Inode inode, Lsn made, Inode parent, std::string_view name) {
  return Remove(Op::Rmdir, lsn, inode, made, parent, name);
}

TestEntry Rename(Lsn lsn, Inode inode, Lsn made, Inode parent, std::string_view name,
                 Inode new_parent, std::string_view new_name, Inode replaced_inode,
                 Lsn replaced_made) {
  EntryPayload parts = Named(parent, name);
  parts.link = {kOrigin, made};
  parts.new_parent = new_parent;
  parts.new_name = AsBytes(new_name);
  parts.replaced_inode = replaced_inode;
  if (replaced_inode != 0) parts.replaced_link = {kOrigin, replaced_made};
  return MakeEntry({.op = Op::Rename, .lsn = lsn, .inode = inode}, parts);
}

std::vector<EntryView> Views(const std::vector<TestEntry>& entries) {
  std::vector<EntryView> views;
  for (const TestEntry& entry : entries) views.push_back(entry.view());
  return views;
}

Buffer WriteFrame(const std::vector<TestEntry>& entries) {
  FrameWriter writer;
  writer.Begin(kCluster, kOrigin, 1);
  Buffer out;
  bool ok = writer.AddSection(entries.at(0).header.lsn(), VersionVector()).ok();
  for (const TestEntry& entry : entries) writer.Append(entry.header, entry.payload);
  ok = ok && writer.Finish(&out).ok();
  if (!ok) std::abort();
  return out;
}

std::vector<uint8_t> WithRightCrcs(std::vector<uint8_t> frame) {
  constexpr size_t kBodyCrcAt = 120;
  constexpr size_t kHeaderCrcAt = 124;
  Bytes bytes = frame;
  uint32_t body_crc = Crc32c(bytes.subspan(limits::kFrameHeaderBytes));
  std::memcpy(frame.data() + kBodyCrcAt, &body_crc, sizeof(body_crc));
  std::memset(frame.data() + kHeaderCrcAt, 0, sizeof(uint32_t));
  uint32_t header_crc = Crc32c(bytes.first(limits::kFrameHeaderBytes));
  std::memcpy(frame.data() + kHeaderCrcAt, &header_crc, sizeof(header_crc));
  return frame;
}

}  // namespace cfsrepl::test
