// Two sites, a third whose frames reach them, and comparisons of the two without a network.
#ifndef CFS_REPL_TEST_ENGINE_COMPARISON_SUPPORT_H_
#define CFS_REPL_TEST_ENGINE_COMPARISON_SUPPORT_H_

#include <functional>
#include <numeric>

#include "base/buffer.h"
#include "engine/comparison.h"
#include "engine/engine_support.h"
#include "frame/frame_writer.h"
#include "state/entries.h"

namespace cfsrepl {

struct Outcome {
  Status status;
  ComparisonStatus totals;
  std::vector<InodeReport> reports;
};

// `meanwhile` is what happens between two exchanges.
inline Outcome RunComparison(Engine* here, Engine* there, const ComparisonOptions& options = {},
                             const std::function<void()>& meanwhile = nullptr) {
  Outcome outcome;
  auto comparison = here->Compare(options);
  while (auto question = comparison->Next()) {
    auto answer = there->Answer(*question);
    EXPECT_TRUE(answer.ok()) << answer.status().message();
    if (!answer.ok()) break;
    if (meanwhile) meanwhile();
    outcome.status = comparison->Take(answer.value());
    EXPECT_TRUE(outcome.status.ok()) << outcome.status.message();
    if (!outcome.status.ok()) break;
    for (InodeReport& report : comparison->TakeReports()) outcome.reports.push_back(report);
    if (meanwhile) meanwhile();
  }
  outcome.totals = comparison->status();
  return outcome;
}

// A frame of consecutive entries of one origin that keeps only those at `kept`, as if compaction
// had found the others superfluous: whoever takes it holds the whole range all the same.
inline Buffer FrameOf(const std::vector<TestEntry>& entries, const std::vector<uint32_t>& kept) {
  FrameWriter writer;
  writer.Begin(kTestCluster, entries.front().origin, 1);
  EXPECT_TRUE(writer.AddSection(entries.front().header.lsn(), {}).ok());
  for (const TestEntry& entry : entries) writer.Append(entry.header, entry.payload);
  Buffer whole;
  EXPECT_TRUE(writer.Finish(&whole).ok());
  FrameScratch scratch;
  const FrameView view = OpenFrame(whole.bytes(), &scratch).value();
  std::vector<EntryView> views;
  for (size_t i = 0; i < view.entries.size(); i++) views.push_back(view.entry(i));
  Buffer sealed;
  FrameSealer sealer;
  auto result = sealer.Seal(std::span(&view, 1), views, kept, {}, &sealed);
  EXPECT_TRUE(result.ok()) << result.status().message();
  return sealed;
}

inline std::vector<uint32_t> AllOf(const std::vector<TestEntry>& entries) {
  std::vector<uint32_t> kept(entries.size());
  std::iota(kept.begin(), kept.end(), 0u);
  return kept;
}

class ComparisonTest : public ::testing::Test {
 protected:
  void SetUp() override { Open(); }

  void Open() {
    a_ = OpenEngine(SmallOptions(dir_ / "a", 1));
    b_ = OpenEngine(SmallOptions(dir_ / "b", 2));
    // Each other's only peers: what is made and removed within a batch is not sent at all.
    a_->SetPeers({2});
    b_->SetPeers({1});
  }
  void Reopen(bool checkpoint) {
    ASSERT_TRUE(a_->Close(checkpoint).ok());
    ASSERT_TRUE(b_->Close(checkpoint).ok());
    Open();
  }
  void Meet() {
    Replicate(a_.get(), b_.get(), 1);
    Replicate(b_.get(), a_.get(), 2);
  }
  static void Take(Engine* site, const Buffer& frame) {
    const ReceiveResult result = ReceiveAndWait(site, frame.bytes(), 3);
    ASSERT_TRUE(result.status.ok()) << result.status.message();
  }
  // Site 3 wrote all of this, and b never merged what is not in `kept_at_b`.
  void Diverge(const std::vector<TestEntry>& entries, const std::vector<uint32_t>& kept_at_b) {
    Take(a_.get(), FrameOf(entries, AllOf(entries)));
    Take(b_.get(), FrameOf(entries, kept_at_b));
  }
  static void Make(Engine* site, const std::string& path) {
    BatchBuilder batch;
    batch.ByPath(Op::Create, path);
    ASSERT_TRUE(AppendAndWait(site, batch).status.ok());
  }
  static InodeInfo At(Engine* site, const std::string& path) {
    auto info = site->LookupPath(AsBytes(path));
    EXPECT_TRUE(info.ok()) << info.status().message();
    return info.ok() ? info.value() : InodeInfo();
  }
  static void SetMode(Engine* site, const std::string& path, uint32_t mode) {
    BatchBuilder batch;
    batch.SetMode(At(site, path).inode, mode);
    ASSERT_TRUE(AppendAndWait(site, batch).status.ok());
  }
  Outcome Check(Engine* here, Engine* there) { return RunComparison(here, there); }
  Outcome Resync(Engine* here, Engine* there) {
    return RunComparison(here, there, {.peer = 9, .inode = 0, .repair = true});
  }

  TempDir dir_;
  std::shared_ptr<Engine> a_, b_;
  Journal site_3_{3};
};

}  // namespace cfsrepl

#endif  // CFS_REPL_TEST_ENGINE_COMPARISON_SUPPORT_H_
