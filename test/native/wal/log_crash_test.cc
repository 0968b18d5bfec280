// A scripted life of a log, crashed at every single operation on the disk, with every outcome the
// disk may have: each subset of the unsynced sectors, sizes and names if there are at most six of
// them. If there are more: each subset of six of them, spread from the first to the last, while the
// rest is lost and while it survives, and seeded random subsets.
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>
#include <set>

#include "base/crash_point.h"
#include "wal/log_support.h"

namespace cfsrepl::test {
namespace {

constexpr size_t kExhaustiveMax = 6;
constexpr size_t kRandomSubsets = 40;
constexpr size_t kLives = 5;
constexpr size_t kAppendsPerLife = 8;

// What the script has been promised: texts in order of append, of which the first `acked` are
// durable.
struct Ledger {
  std::vector<std::string> appended;
  size_t acked = 0;
  uint64_t collected_below = 0;  // segments below may be gone
};

// Forty records of one to nine blocks over several segments, with collections and restarts. Stops
// at the first error, which after a crash is every call's.
void RunScript(MemoryDisk* disk, Ledger* ledger) {
  const size_t sizes[] = {10, 300, 3000, 2400, 20000, 100, 30000, 1, 25000, 700, 1900, 33000, 40};
  size_t next = 0;
  for (size_t life = 0; life < kLives; life++) {
    OpenedLog opened = OpenLog(disk);
    if (!opened.status.ok()) return;
    for (size_t i = 0; i < kAppendsPerLife; i++, next++) {
      ledger->appended.push_back(Text(next, sizes[next % std::size(sizes)]));
      if (!AppendText(opened.log.get(), ledger->appended.back()).ok()) return;
      ledger->acked = ledger->appended.size();
    }
    if (life == 0) continue;
    ledger->collected_below = opened.log->end().segment;
    if (!opened.log->Collect(opened.log->end(), CollectMode::kDelete).ok()) return;
  }
}

// A segment that has its name is whole, so that no commit ever has to make it longer.
void CheckSegmentsAreWhole(MemoryDisk* disk, const std::string& trace) {
  auto names = disk->List("log");
  if (!names.ok()) return;  // not even the directory survived
  for (const std::string& name : names.value()) {
    if (!name.ends_with(".segment")) continue;
    ASSERT_EQ(disk->Contents("log/" + name).size(), kSegmentBytes) << trace << name;
  }
}

// The recovered log must hold a suffix of what was appended that reaches at least to the last
// acknowledged record and at most one further, and it must go on from there.
void CheckRecovered(MemoryDisk* disk, const Ledger& ledger, const std::string& trace) {
  OpenedLog opened = OpenLog(disk, SmallOptions(), {.min_durable_seq = ledger.acked});
  ASSERT_TRUE(opened.status.ok()) << trace << opened.status.message();
  uint64_t last = opened.log->durable_seq();
  ASSERT_GE(last, ledger.acked) << trace;
  ASSERT_LE(last, std::min(ledger.acked + 1, ledger.appended.size())) << trace;
  for (size_t i = 0; i < opened.replayed.size(); i++) {
    ASSERT_EQ(opened.replayed[i], Short(ledger.appended[opened.refs[i].seq - 1])) << trace;
    ASSERT_EQ(opened.refs[i].seq, opened.refs[0].seq + i) << trace;
  }
  bool may_start_later = ledger.collected_below > 1;
  if (!opened.refs.empty() && !may_start_later) {
    ASSERT_EQ(opened.refs[0].seq, 1u) << trace;
  }
  if (last > 0) {
    ASSERT_FALSE(opened.refs.empty()) << trace;
    ASSERT_EQ(opened.refs.back().seq, last) << trace;
  }

  std::vector<std::string> expected = opened.replayed;
  AppendTexts(opened.log.get(), {"after the crash", std::string(20000, 'x')});
  expected.insert(expected.end(), {"after the crash", Short(std::string(20000, 'x'))});
  opened.log.reset();
  auto powerless = disk->AfterCrash([](size_t) { return false; });
  ASSERT_EQ(OpenLog(powerless.get()).replayed, expected) << trace;
}

// All outcomes of this crash, or a sample. Returns how many.
size_t CheckOutcomes(const MemoryDisk& crashed, const Ledger& ledger, uint64_t operation) {
  const size_t unsynced = crashed.unsynced_count();
  const size_t chosen = std::min(unsynced, kExhaustiveMax);
  std::vector<std::vector<bool>> outcomes;
  for (const bool rest_survives : {false, true}) {
    if (rest_survives && chosen == unsynced) break;  // there is no rest
    for (uint64_t bits = 0; bits < uint64_t{1} << chosen; bits++) {
      std::vector<bool> survives(unsynced, rest_survives);
      for (size_t i = 0; i < chosen; i++) {
        survives[chosen == unsynced ? i : i * (unsynced - 1) / (chosen - 1)] = (bits >> i) & 1;
      }
      outcomes.push_back(survives);
    }
  }
  if (unsynced > chosen) {
    std::mt19937_64 random(operation);
    for (size_t n = 0; n < kRandomSubsets; n++) {
      std::vector<bool> survives(unsynced);
      for (size_t i = 0; i < unsynced; i++) survives[i] = random() % 2 == 0;
      outcomes.push_back(survives);
    }
  }
  for (size_t n = 0; n < outcomes.size() && !testing::Test::HasFatalFailure(); n++) {
    auto disk = crashed.AfterCrash([&](size_t i) { return outcomes[n][i]; });
    std::string trace = "crash at operation " + std::to_string(operation) + ", outcome " +
                        std::to_string(n) + " of " + std::to_string(outcomes.size()) + ": ";
    CheckSegmentsAreWhole(disk.get(), trace);
    CheckRecovered(disk.get(), ledger, trace);
  }
  return outcomes.size();
}

TEST(LogCrash, WhateverSurvivesACrashAtAnyOperationNothingAckedIsLostAndNothingInvented) {
  size_t outcomes = 0;
  uint64_t operation = 1;
  for (;; operation++) {
    MemoryDisk disk;
    disk.SetFaults({.crash_at_operation = operation});
    Ledger ledger;
    RunScript(&disk, &ledger);
    if (!disk.crashed()) break;
    outcomes += CheckOutcomes(disk, ledger, operation);
    if (HasFatalFailure()) return;
  }
  printf("[   COUNT  ] %lu crash points, %zu outcomes\n", operation - 1, outcomes);
  EXPECT_GT(outcomes, 1000u);
}

// kill -9 loses nothing that was written, so the next start shows records that were never synced.
// Whatever it shows it may send away and build upon: a power failure must not take that back.
TEST(LogCrash, WhatAStartShowsAfterAKillOutlivesAPowerFailure) {
  size_t starts = 0;
  size_t unacked_shown = 0;
  for (uint64_t operation = 1;; operation++) {
    MemoryDisk disk;
    disk.SetFaults({.crash_at_operation = operation});
    Ledger ledger;
    RunScript(&disk, &ledger);
    if (!disk.crashed()) break;
    const std::string trace = "killed at operation " + std::to_string(operation);
    auto restarted = disk.AfterProcessDeath();
    OpenedLog opened = OpenLog(restarted.get(), SmallOptions(), {.min_durable_seq = ledger.acked});
    ASSERT_TRUE(opened.status.ok()) << trace << opened.status.message();
    if (opened.log->durable_seq() > ledger.acked) unacked_shown++;
    auto powerless = restarted->AfterCrash([](size_t) { return false; });
    OpenedLog again =
        OpenLog(powerless.get(), SmallOptions(), {.min_durable_seq = opened.log->durable_seq()});
    ASSERT_TRUE(again.status.ok()) << trace << again.status.message();
    ASSERT_EQ(again.replayed, opened.replayed) << trace;
    starts++;
  }
  printf("[   COUNT  ] %zu starts after a kill, %zu with records nobody had synced\n", starts,
         unacked_shown);
  EXPECT_GT(unacked_shown, 0u);
}

// The recovery itself may crash, while it cuts a torn tail, and the next one, too.
TEST(LogCrash, ACrashDuringTheRecoveryFromACrashLosesNothing) {
  size_t outcomes = 0;
  MemoryDisk disk;
  Ledger ledger;
  {
    OpenedLog opened = OpenLog(&disk);
    ledger.appended = {"a", Text(1, 30000), Text(2, 20000), Text(3, 2500)};
    for (size_t i = 0; i < 3; i++) {
      ASSERT_TRUE(AppendText(opened.log.get(), ledger.appended[i]).ok());
    }
    ledger.acked = 3;
    disk.SetFaults({.crash_at_operation = 1});
    ASSERT_FALSE(AppendText(opened.log.get(), ledger.appended[3]).ok());
  }
  auto torn = disk.AfterCrash([](size_t i) { return i % 2 == 0; });
  for (uint64_t operation = 1;; operation++) {
    auto copy = torn->Copy();
    copy->SetFaults({.crash_at_operation = operation});
    (void)OpenLog(copy.get());
    if (!copy->crashed()) break;
    outcomes += CheckOutcomes(*copy, ledger, operation);
    if (HasFatalFailure()) return;
  }
  printf("[   COUNT  ] %zu outcomes of crashes during recovery\n", outcomes);
}

std::set<std::string_view>* passed = nullptr;

TEST(LogCrash, TheScriptPassesEveryNamedPointOfTheLog) {
  std::set<std::string_view> seen;
  passed = &seen;
  SetCrashPointListener([](std::string_view name) { passed->insert(name); });
  MemoryDisk disk;
  Ledger ledger;
  RunScript(&disk, &ledger);
  {
    LogOptions options = SmallOptions();
    options.reserve_file_bytes = 8192;
    OpenedLog opened = OpenLog(&disk, options);
    AppendTexts(opened.log.get(), {std::string(50000, 'x'), std::string(50000, 'x'), "torn"});
    Position end = opened.log->end();
    ASSERT_TRUE(opened.log->ReleaseReserve().ok());
    const uint8_t byte = 1;
    disk.Damage(SegmentFile(end.segment), end.offset - 1, Bytes(&byte, 1));
  }
  EXPECT_TRUE(OpenLog(&disk).report.tail_cut);
  SetCrashPointListener(nullptr);
  size_t count = 0;
  for (std::string_view name : kCrashPoints) {
    if (!name.starts_with("log.")) continue;
    EXPECT_TRUE(seen.contains(name)) << name;
    count++;
  }
  printf("[   COUNT  ] %zu named crash points of the log\n", count);
}

TEST(LogCrash, ANamedPointKillsTheProcessAtItsNthPassage) {
  // The environment is read before main, so the test runs itself again.
  if (getenv("CFS_REPL_CRASH_AT") != nullptr) {
    MemoryDisk disk;
    OpenedLog opened = OpenLog(&disk);
    AppendTexts(opened.log.get(), {"a", "b", "c"});
    exit(opened.log->durable_seq() == 3 ? 0 : 1);
  }
  char path[4096];
  ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
  ASSERT_GT(length, 0);
  path[length] = '\0';
  auto run = [&](const std::string& point) {
    std::string command =
        "env -u GTEST_TOTAL_SHARDS -u GTEST_SHARD_INDEX CFS_REPL_CRASH_AT=" + point + " '" + path +
        "' --gtest_filter=LogCrash.ANamedPointKills* >/dev/null 2>&1";
    return system(command.c_str());
  };
  EXPECT_EQ(WEXITSTATUS(run("log.append.after_sync:2")), 128 + SIGKILL);
  EXPECT_EQ(WEXITSTATUS(run("log.append.after_sync:3")),
            0);  // two appends only: the first opens a segment
  EXPECT_EQ(WEXITSTATUS(run("log.no_such_point")), 2);
}

}  // namespace
}  // namespace cfsrepl::test
