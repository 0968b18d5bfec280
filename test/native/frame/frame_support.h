// Entries and frames for tests, made in one line.
#ifndef CFS_REPL_TEST_FRAME_FRAME_SUPPORT_H_
#define CFS_REPL_TEST_FRAME_FRAME_SUPPORT_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "base/entry.h"
#include "frame/frame.h"
#include "frame/frame_writer.h"

namespace cfsrepl::test {

inline constexpr Uuid kCluster{0x6ba7b8109dad11d1ull, 0x80b400c04fd430c8ull};
inline constexpr Origin kOrigin{2, 7};

inline Bytes AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// An entry that owns its payload.
struct TestEntry {
  EntryHeader header;
  std::vector<uint8_t> payload;

  EntryView view() const { return {&header, payload}; }
};

// What the header of a test entry says; the rest follows from it.
struct EntrySpec {
  Op op = Op::Setattr;
  Lsn lsn = 1;
  Inode inode = 100;
  uint64_t seq = 0;  // 0: the LSN
  Shard shard = 3;
  uint16_t flags = 0;
  uint8_t schema = kEntrySchemaVersion;
  Origin origin = kOrigin;
};

TestEntry MakeEntry(const EntrySpec& spec, const EntryPayload& parts);
// The same with a payload as given, legal or not.
TestEntry MakeEntry(const EntrySpec& spec, std::vector<uint8_t> payload);

// Attributes with every value set to something telling, and `mask`.
Attributes SomeAttributes(uint32_t mask, uint32_t mode = 0640);

TestEntry Setattr(Lsn lsn, Inode inode, uint32_t mask);
TestEntry Setxattr(Lsn lsn, Inode inode, std::string_view key, std::string_view value);
TestEntry Removexattr(Lsn lsn, Inode inode, std::string_view key);
TestEntry Create(Lsn lsn, Inode inode, Inode parent, std::string_view name);
TestEntry Mkdir(Lsn lsn, Inode inode, Inode parent, std::string_view name);
TestEntry Link(Lsn lsn, Inode inode, Inode parent, std::string_view name);
// `made` is the LSN of the entry of kOrigin that made the link.
TestEntry Unlink(Lsn lsn, Inode inode, Lsn made, Inode parent, std::string_view name);
TestEntry Rmdir(Lsn lsn, Inode inode, Lsn made, Inode parent, std::string_view name);
TestEntry Rename(Lsn lsn, Inode inode, Lsn made, Inode parent, std::string_view name,
                 Inode new_parent, std::string_view new_name, Inode replaced_inode = 0,
                 Lsn replaced_made = 0);

std::vector<EntryView> Views(const std::vector<TestEntry>& entries);

// A raw frame of `entries` with one section that has seen nothing.
Buffer WriteFrame(const std::vector<TestEntry>& entries);

// `frame` with header_crc and body_crc made right again, for tests that break something else.
std::vector<uint8_t> WithRightCrcs(std::vector<uint8_t> frame);

inline std::vector<uint8_t> ToVector(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace cfsrepl::test

#endif  // CFS_REPL_TEST_FRAME_FRAME_SUPPORT_H_
