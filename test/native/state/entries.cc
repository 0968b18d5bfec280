#include "state/entries.h"

#include <gtest/gtest.h>

#include <cinttypes>
#include <cstdio>

namespace cfsrepl {

TestEntry Journal::Make(Hlc hlc, Inode inode, Op op, const EntryPayload& parts,
                        bool asserts_links) {
  TestEntry entry;
  entry.origin = origin_;
  EncodePayload(op, parts, &entry.payload);
  lsn_++;
  entry.header = EntryHeader(lsn_, hlc, inode, lsn_, 0, static_cast<uint32_t>(entry.payload.size()),
                             0, ShardOf(inode, 256), origin_.site, static_cast<uint8_t>(op),
                             kEntrySchemaVersion, asserts_links ? kEntryAssertsLinks : 0, 0, 0);
  return entry;
}

TestEntry Journal::CreateAs(Hlc hlc, Inode inode, Inode parent, const std::string& name,
                            uint32_t mode, uint32_t rdev) {
  EntryPayload parts;
  parts.attributes = Attributes(kFieldsAll, mode, 0, 0, 0, 0, 0, 0, rdev, 0, 0, 0);
  parts.parent = parent;
  parts.name = AsBytes(name);
  Op op = KindOfMode(mode) == Kind::kDirectory ? Op::Mkdir : Op::Create;
  return Make(hlc, inode, op, parts, true);
}

TestEntry Journal::Create(Hlc hlc, Inode inode, Inode parent, const std::string& name) {
  return CreateAs(hlc, inode, parent, name, 0100644);
}

TestEntry Journal::Mkdir(Hlc hlc, Inode inode, Inode parent, const std::string& name) {
  return CreateAs(hlc, inode, parent, name, 0040755);
}

TestEntry Journal::Symlink(Hlc hlc, Inode inode, Inode parent, const std::string& name,
                           const std::string& target) {
  EntryPayload parts;
  parts.attributes = Attributes(kFieldsAll, 0120777, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  parts.parent = parent;
  parts.name = AsBytes(name);
  parts.target = AsBytes(target);
  return Make(hlc, inode, Op::Symlink, parts, true);
}

TestEntry Journal::Link(Hlc hlc, Inode inode, Inode parent, const std::string& name) {
  EntryPayload parts;
  parts.parent = parent;
  parts.name = AsBytes(name);
  return Make(hlc, inode, Op::Link, parts);
}

TestEntry Journal::Unlink(Hlc hlc, Inode inode, LinkId link, Inode parent,
                          const std::string& name) {
  EntryPayload parts;
  parts.parent = parent;
  parts.link = link;
  parts.name = AsBytes(name);
  return Make(hlc, inode, Op::Unlink, parts);
}

TestEntry Journal::Rmdir(Hlc hlc, Inode inode, LinkId link, Inode parent, const std::string& name) {
  EntryPayload parts;
  parts.parent = parent;
  parts.link = link;
  parts.name = AsBytes(name);
  return Make(hlc, inode, Op::Rmdir, parts);
}

TestEntry Journal::Rename(Hlc hlc, Inode inode, LinkId link, Inode parent, const std::string& name,
                          Inode new_parent, const std::string& new_name, ReplacedName replaced) {
  EntryPayload parts;
  parts.parent = parent;
  parts.new_parent = new_parent;
  parts.link = link;
  parts.replaced_inode = replaced.inode;
  parts.replaced_link = replaced.link;
  parts.name = AsBytes(name);
  parts.new_name = AsBytes(new_name);
  return Make(hlc, inode, Op::Rename, parts);
}

TestEntry Journal::Setattr(Hlc hlc, Inode inode, const Attributes& attributes, bool asserts_links) {
  EntryPayload parts;
  parts.attributes = attributes;
  return Make(hlc, inode, Op::Setattr, parts, asserts_links);
}

TestEntry Journal::Chmod(Hlc hlc, Inode inode, uint32_t mode, bool asserts_links) {
  return Setattr(hlc, inode, Attributes(kFieldMode, mode, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
                 asserts_links);
}

TestEntry Journal::Chown(Hlc hlc, Inode inode, uint32_t uid, uint32_t gid, bool asserts_links) {
  return Setattr(hlc, inode, Attributes(kFieldOwner, 0, uid, gid, 0, 0, 0, 0, 0, 0, 0, 0),
                 asserts_links);
}

TestEntry Journal::Write(Hlc hlc, Inode inode, uint64_t size, int64_t mtime_ns,
                         bool asserts_links) {
  EntryPayload parts;
  parts.attributes =
      Attributes(kFieldSize | kFieldMtime, 0, 0, 0, size, hlc, 0, mtime_ns, 0, 0, 0, 0);
  return Make(hlc, inode, Op::Write, parts, asserts_links);
}

TestEntry Journal::Truncate(Hlc hlc, Inode inode, uint64_t size, bool asserts_links) {
  EntryPayload parts;
  parts.attributes = Attributes(kFieldSize, 0, 0, 0, size, 0, 0, 0, 0, 0, 0, 0);
  return Make(hlc, inode, Op::Truncate, parts, asserts_links);
}

TestEntry Journal::Setxattr(Hlc hlc, Inode inode, const std::string& key, const std::string& value,
                            bool asserts_links) {
  EntryPayload parts;
  parts.key = AsBytes(key);
  parts.value = AsBytes(value);
  return Make(hlc, inode, Op::Setxattr, parts, asserts_links);
}

TestEntry Journal::Removexattr(Hlc hlc, Inode inode, const std::string& key, bool asserts_links) {
  EntryPayload parts;
  parts.key = AsBytes(key);
  return Make(hlc, inode, Op::Removexattr, parts, asserts_links);
}

void Merge(State* state, const TestEntry& entry) {
  Result<OriginIndex> origin = state->Intern(entry.origin);
  ASSERT_TRUE(origin.ok()) << origin.status().message();
  Status status = state->Merge(entry.header, entry.payload, origin.value());
  ASSERT_TRUE(status.ok()) << status.message();
}

void Merge(State* state, const std::vector<TestEntry>& entries) {
  for (const TestEntry& entry : entries) Merge(state, entry);
}

std::vector<std::string> DumpLines(const State& state) {
  std::vector<DumpedName> names;
  state.Dump({}, SIZE_MAX, &names);
  std::vector<std::string> lines;
  for (const DumpedName& name : names) {
    const InodeAttributes& at = name.attributes;
    char text[256];
    std::snprintf(text, sizeof(text),
                  " %" PRIx64 " %06o %u:%u size %" PRIu64 "/%" PRIu64 " times %" PRId64 " %" PRId64
                  " %" PRId64 " rdev %u flags %x project %u nlink %u",
                  at.inode, at.mode, at.uid, at.gid, at.size, at.extent_ref, at.atime_ns,
                  at.mtime_ns, at.ctime_ns, at.rdev, at.file_flags, at.project, at.nlink);
    std::string line = name.path + text;
    if (!name.target.empty()) line += " -> " + name.target;
    for (const NamedValue& xattr : name.xattrs) line += " " + xattr.key + "=" + xattr.value;
    lines.push_back(line);
  }
  return lines;
}

std::vector<std::string> Paths(const State& state) {
  std::vector<DumpedName> names;
  state.Dump({}, SIZE_MAX, &names);
  std::vector<std::string> paths;
  for (const DumpedName& name : names) paths.push_back(name.path);
  return paths;
}

Inode InodeAt(const State& state, const std::string& path) {
  Result<NameEntry> entry = state.ResolvePath(AsBytes(path));
  return entry.ok() ? entry->inode : 0;
}

InodeAttributes AttributesAt(const State& state, const std::string& path) {
  InodeAttributes attributes;
  EXPECT_TRUE(state.GetAttributes(InodeAt(state, path), &attributes)) << "no " << path;
  return attributes;
}

StateDigest DigestOf(const State& state) {
  DigestScan scan(state);
  while (!scan.Step(7)) {
  }
  return scan.digest();
}

}  // namespace cfsrepl
