// Taking over and adopting on an in-memory disk that is crashed at every operation: all of the
// peer's checkpoint is there afterwards, or none of it, and what was there before in any case.
#include <gtest/gtest.h>

#include <mutex>
#include <set>

#include "base/crash_point.h"
#include "engine/adoption.h"
#include "engine/engine_impl.h"
#include "engine/takeover_support.h"
#include "io/memory_disk.h"

namespace cfsrepl {
namespace {

using Outcome = std::function<bool(size_t)>;

// Of what was unsynced: nothing survives, all, every other thing, the older half, the younger.
const std::vector<Outcome>& Outcomes(size_t unsynced) {
  static size_t count;
  count = unsynced;
  static const std::vector<Outcome> outcomes = {
      [](size_t) { return false; },           [](size_t) { return true; },
      [](size_t i) { return i % 2 == 0; },    [](size_t i) { return i % 2 == 1; },
      [](size_t i) { return i < count / 2; }, [](size_t i) { return i >= count / 2; }};
  return outcomes;
}

EngineOptions Options() { return SmallOptions("b", 2); }

// An engine that owns its disk, which lives as long.
struct OnDisk {
  MemoryDisk* disk = nullptr;
  std::shared_ptr<EngineImpl> engine;
};

OnDisk OpenOn(std::unique_ptr<MemoryDisk> disk) {
  OnDisk opened;
  opened.disk = disk.get();
  auto recovered = Recover(Options(), disk.get(), nullptr);
  EXPECT_TRUE(recovered.ok()) << recovered.status().message();
  if (!recovered.ok()) return opened;
  opened.engine =
      std::make_shared<EngineImpl>(Options(), std::move(disk), std::move(recovered).value());
  opened.engine->Start();
  return opened;
}

std::set<std::string_view>* passed = nullptr;
std::mutex passed_mutex;

class TakeOverCrashTest : public ::testing::Test {
 protected:
  void SetUp() override {
    a_ = OpenEngine(SmallOptions(dir_ / "a", 1));
    for (int i = 0; i < 20; i++) Make(a_.get(), "/f" + std::to_string(i));
    // B has a checkpoint of its own, and an entry that the peer does not hold.
    OnDisk b = OpenOn(std::make_unique<MemoryDisk>());
    Make(b.engine.get(), "/own");
    ASSERT_TRUE(b.engine->Close(true).ok());
    before_ = b.disk->Copy();
  }

  static void Make(Engine* site, const std::string& path) {
    BatchBuilder batch;
    batch.ByPath(Op::Create, path);
    ASSERT_TRUE(AppendAndWait(site, batch).status.ok());
  }
  Status TakeOver(Engine* b) { return TakeOverFrom(b, AnswersOf(a_.get(), 4096)); }
  std::unique_ptr<MemoryDisk> Taken() {
    OnDisk b = OpenOn(before_->Copy());
    EXPECT_TRUE(TakeOver(b.engine.get()).ok());
    EXPECT_TRUE(b.engine->Close(false).ok());
    return b.disk->Copy();
  }

  // Whether it was adopted; what is there must be one or the other.
  bool CheckWhole(std::unique_ptr<MemoryDisk> disk, const std::string& trace) {
    SCOPED_TRACE(trace);
    OnDisk b = OpenOn(std::move(disk));
    if (b.engine == nullptr) return false;
    const auto paths = AllPaths(b.engine.get());
    EXPECT_EQ(b.engine->GetStatus().last_lsn, 1u);
    EXPECT_TRUE(b.engine->LookupPath(AsBytes("/own")).ok());
    if (paths.size() == 1) return false;
    EXPECT_EQ(paths.size(), 21u);
    EXPECT_EQ(HeldBy(b.engine.get()).size(), 2u);
    Make(b.engine.get(), "/goes on");
    return true;
  }

  TempDir dir_;
  std::shared_ptr<Engine> a_;
  std::unique_ptr<MemoryDisk> before_;
};

TEST_F(TakeOverCrashTest, ACrashWhileTakingLeavesAllOrNothing) {
  size_t adopted = 0, not_adopted = 0;
  for (uint64_t operation = 1;; operation++) {
    OnDisk b = OpenOn(before_->Copy());
    b.disk->SetFaults({.crash_at_operation = operation});
    const Status taken = TakeOver(b.engine.get());
    b.disk->CrashNow();
    for (const Outcome& survives : Outcomes(b.disk->unsynced_count())) {
      const bool whole = CheckWhole(b.disk->AfterCrash(survives), std::to_string(operation));
      (whole ? adopted : not_adopted)++;
      EXPECT_TRUE(whole || !taken.ok()) << "it was done";
    }
    if (taken.ok()) break;
    ASSERT_LT(operation, 100u);
  }
  EXPECT_GT(adopted, 0u);
  EXPECT_GT(not_adopted, 0u);
}

TEST_F(TakeOverCrashTest, AnAdoptionThatCrashedIsBegunAgain) {
  const std::unique_ptr<MemoryDisk> taken = Taken();
  for (uint64_t operation = 1;; operation++) {
    const std::unique_ptr<MemoryDisk> disk = taken->Copy();
    const EngineOptions options = Options();
    auto directory =
        DataDir::Open(disk.get(), options.data_dir,
                      {options.cluster, {options.site, 0}, {}, options.shard_count, ""});
    ASSERT_TRUE(directory.ok());
    disk->SetFaults({.crash_at_operation = operation});
    const Status adopted = AdoptTaken(disk.get(), *directory.value());
    disk->CrashNow();
    for (const Outcome& survives : Outcomes(disk->unsynced_count())) {
      EXPECT_TRUE(CheckWhole(disk->AfterCrash(survives), std::to_string(operation)));
    }
    EXPECT_TRUE(CheckWhole(disk->AfterProcessDeath(), std::to_string(operation)));
    if (adopted.ok()) break;
    ASSERT_LT(operation, 100u);
  }
}

TEST_F(TakeOverCrashTest, EveryNamedPointIsPassed) {
  std::set<std::string_view> seen;
  passed = &seen;
  SetCrashPointListener([](std::string_view name) {
    std::lock_guard lock(passed_mutex);  // the log prepares segments on a thread of its own
    passed->insert(name);
  });
  EXPECT_TRUE(CheckWhole(Taken(), "whole"));
  SetCrashPointListener(nullptr);
  std::lock_guard lock(passed_mutex);
  for (std::string_view name : kCrashPoints) {
    if (!name.starts_with("takeover.") && !name.starts_with("adoption.")) continue;
    EXPECT_TRUE(seen.contains(name)) << name;
  }
}

}  // namespace
}  // namespace cfsrepl
