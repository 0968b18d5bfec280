// An engine over a temporary directory, and batches for it, for tests that read like use.
#ifndef CFS_REPL_TEST_ENGINE_SUPPORT_H_
#define CFS_REPL_TEST_ENGINE_SUPPORT_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <future>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "engine/engine.h"

namespace cfsrepl {

inline constexpr Uuid kTestCluster{0x1122334455667788, 0x99aabbccddeeff00};

class TempDir {
 public:
  TempDir() {
    std::string pattern = std::filesystem::temp_directory_path() / "cfs-engine-XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline EngineOptions SmallOptions(const std::string& data_dir, SiteId site) {
  EngineOptions options;
  options.data_dir = data_dir;
  options.cluster = kTestCluster;
  options.site = site;
  options.segment_bytes = limits::kSegmentBytesMin;
  options.disk_reserve_bytes = 1 << 20;
  return options;
}

inline std::shared_ptr<Engine> OpenEngine(const EngineOptions& options) {
  auto engine = Engine::Open(options, nullptr);
  EXPECT_TRUE(engine.ok()) << engine.status().message();
  return engine.ok() ? engine.value() : nullptr;
}

// Builds a batch as bindings/op-batch.ts does.
class BatchBuilder {
 public:
  struct Parts {
    Inode inode = 0;
    Inode parent = 0;
    Inode new_parent = 0;
    std::string name;
    std::string new_name;
    std::string value;
    uint8_t flags = 0;
    uint16_t shard = 0;
    uint64_t seq = 0;
    Attributes attributes;
  };

  BatchBuilder& Add(Op op, const Parts& parts) {
    OpRecord record{};
    const size_t strings = parts.name.size() + parts.new_name.size() + parts.value.size();
    record.record_bytes = static_cast<uint32_t>((sizeof(record) + strings + 7) / 8 * 8);
    record.op = static_cast<uint8_t>(op);
    record.flags = parts.flags;
    record.shard = parts.shard;
    record.seq = parts.seq;
    record.inode = parts.inode;
    record.parent = parts.parent;
    record.new_parent = parts.new_parent;
    record.name_bytes = static_cast<uint32_t>(parts.name.size());
    record.new_name_bytes = static_cast<uint32_t>(parts.new_name.size());
    record.value_bytes = static_cast<uint32_t>(parts.value.size());
    record.attributes = parts.attributes;
    const size_t at = bytes_.size();
    bytes_.resize(at + record.record_bytes);
    std::memcpy(bytes_.data() + at, &record, sizeof(record));
    const std::string all = parts.name + parts.new_name + parts.value;
    std::memcpy(bytes_.data() + at + sizeof(record), all.data(), all.size());
    return *this;
  }

  BatchBuilder& ByPath(Op op, const std::string& path, const std::string& destination = "",
                       const std::string& value = "") {
    Parts parts;
    parts.name = path;
    parts.new_name = destination;
    parts.value = value;
    parts.flags = kOpNameIsPath | kOpDestinationIsPath;
    return Add(op, parts);
  }

  BatchBuilder& SetMode(Inode inode, uint32_t mode) {
    Parts parts;
    parts.inode = inode;
    parts.attributes = Attributes(kFieldMode, mode, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    return Add(Op::Setattr, parts);
  }

  Bytes bytes() const { return bytes_; }

 private:
  std::vector<uint8_t> bytes_;
};

inline AppendResult AppendAndWait(Engine* engine, const BatchBuilder& batch,
                                  AppendOptions options = {}) {
  std::promise<AppendResult> done;
  auto future = done.get_future();
  Status status = engine->Append(batch.bytes(), options,
                                 [&](AppendResult result) { done.set_value(std::move(result)); });
  if (!status.ok()) {
    AppendResult result;
    result.status = status;
    return result;
  }
  return future.get();
}

// Over a session with site `from`; in which incarnation that is matters only to evictions.
inline ReceiveResult ReceiveAndWait(Engine* engine, Bytes frame, SiteId from,
                                    uint64_t incarnation = 1) {
  std::promise<ReceiveResult> done;
  auto future = done.get_future();
  Status status = engine->Receive(frame, {from, incarnation},
                                  [&](ReceiveResult result) { done.set_value(std::move(result)); });
  EXPECT_TRUE(status.ok()) << status.message();
  return future.get();
}

// Sends everything `from` has that `to` lacks. Returns the number of frames.
inline int Replicate(Engine* from, Engine* to, SiteId from_site, const FeedOptions& options = {}) {
  const uint64_t incarnation = from->GetStatus().origin.incarnation;
  auto feed = from->OpenFeed(to->Held(false));
  EXPECT_TRUE(feed.ok()) << feed.status().message();
  if (!feed.ok()) return -1;
  for (int frames = 0;; frames++) {
    auto frame = feed.value()->Next(options);
    EXPECT_TRUE(frame.ok()) << frame.status().message();
    if (!frame.ok() || !frame->has_value()) return frames;
    const ReceiveResult result = ReceiveAndWait(to, frame.value()->bytes, from_site, incarnation);
    EXPECT_TRUE(result.status.ok()) << result.status.message();
  }
}

// Everything `from` has that `to` lacks, whoever wrote it.
inline void Forward(Engine* from, Engine* to) {
  const Origin peer = from->GetStatus().origin;
  auto feed = from->OpenForwardingFeed(to->Held(false));
  ASSERT_TRUE(feed.ok()) << feed.status().message();
  for (;;) {
    auto frame = feed.value()->Next({.forward = true});
    ASSERT_TRUE(frame.ok()) << frame.status().message();
    if (!frame->has_value()) return;
    const ReceiveResult result =
        ReceiveAndWait(to, frame.value()->bytes, peer.site, peer.incarnation);
    EXPECT_TRUE(result.status.ok()) << result.status.message();
  }
}

// All of it, oldest first.
inline std::vector<RecordedConflict> LedgerOf(Engine* engine) {
  auto conflicts = engine->Conflicts({}, 1000);
  EXPECT_TRUE(conflicts.ok());
  return conflicts.value();
}

// The payload must stay where it is.
inline Conflict DecodeRecorded(const RecordedConflict& recorded) {
  const EntryHeader header(recorded.place.id.lsn, recorded.place.hlc, recorded.inode, 0, 0,
                           static_cast<uint32_t>(recorded.payload.size()), 0, 0, 1,
                           static_cast<uint8_t>(Op::Conflict), kEntrySchemaVersion, 0, 0, 0);
  auto conflict = DecodeConflict(header, recorded.payload);
  EXPECT_TRUE(conflict.ok()) << conflict.status().message();
  return conflict.value();
}

inline std::vector<std::string> AllPaths(Engine* engine) {
  std::vector<std::string> paths;
  std::string after;
  for (;;) {
    auto names = engine->Dump(AsBytes(after), 100, Ids::kAsWritten);
    EXPECT_TRUE(names.ok()) << names.status().message();
    if (!names.ok() || names->empty()) return paths;
    for (const NamedInode& name : names.value()) paths.push_back(name.path);
    after = paths.back();
  }
}

inline void ExpectEqualState(Engine* a, Engine* b) {
  EXPECT_EQ(AllPaths(a), AllPaths(b));
  const Digest x = a->ComputeDigest(true).value();
  const Digest y = b->ComputeDigest(true).value();
  EXPECT_EQ(x.sum, y.sum);
  EXPECT_EQ(x.inodes, y.inodes);
  EXPECT_EQ(x.names, y.names);
}

// Two sites that meet when the test says so.
class TwoSitesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    a_ = OpenEngine(SmallOptions(dir_ / "a", 1));
    b_ = OpenEngine(SmallOptions(dir_ / "b", 2));
  }

  // Until both have what the other has, records of conflicts included.
  void Meet() {
    for (int round = 0; round < 3; round++) {
      Replicate(a_.get(), b_.get(), 1);
      Replicate(b_.get(), a_.get(), 2);
    }
    ExpectEqualState(a_.get(), b_.get());
  }

  static AppendResult Do(Engine* site, Op op, const std::string& path, const std::string& to = "",
                         const std::string& value = "") {
    BatchBuilder batch;
    batch.ByPath(op, path, to, value);
    AppendResult result = AppendAndWait(site, batch, {.want_inodes = true});
    EXPECT_TRUE(result.status.ok()) << OpName(op) << " " << path << ": " << result.status.message();
    return result;
  }

  TempDir dir_;
  std::shared_ptr<Engine> a_, b_;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_TEST_ENGINE_SUPPORT_H_
