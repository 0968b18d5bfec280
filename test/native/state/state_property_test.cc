// Random sets of entries: merged in any order, any number of times, the state is the same, and the
// tree it keeps current equals the one computed naively from the registers.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "state/reference_tree.h"
#include "state/wild_history.h"

namespace cfsrepl {
namespace {

constexpr int kHistories = 1000;
constexpr int kOrdersOfEach = 4;

TEST(StatePropertyTest, AnyOrderAndDuplicationGivesTheTreeOfTheRegisters) {
  const uint64_t base_seed = std::random_device()();
  std::printf("%d histories from seed %llu\n", kHistories,
              static_cast<unsigned long long>(base_seed));
  for (int i = 0; i < kHistories; i++) {
    const uint64_t seed = base_seed + static_cast<uint64_t>(i);
    WildHistory history(seed);
    VisibleNames expected = ReferenceNames(history.entries());
    std::vector<TestEntry> entries = history.entries();
    std::vector<std::string> lines;
    StateDigest digest;
    for (int order = 0; order < kOrdersOfEach; order++) {
      State state;
      for (const TestEntry& entry : entries) {
        Merge(&state, entry);
        if (history.random()() % 4 == 0) {
          Merge(&state, entries[history.random()() % entries.size()]);
        }
      }
      SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + Describe(entries));
      ASSERT_EQ(NamesOf(state, history.inodes()), expected);
      if (order == 0) {
        lines = DumpLines(state);
        digest = DigestOf(state);
      }
      ASSERT_EQ(DumpLines(state), lines);
      ASSERT_EQ(DigestOf(state), digest);
      ASSERT_EQ(state.counters().visible_names, expected.size());
      std::shuffle(entries.begin(), entries.end(), history.random());
    }
  }
}

// Not just at the end: each entry leaves the tree that the entries so far define.
TEST(StatePropertyTest, TheTreeIsCurrentAfterEveryEntry) {
  const uint64_t base_seed = std::random_device()();
  std::printf("seed %llu\n", static_cast<unsigned long long>(base_seed));
  for (uint64_t seed = base_seed; seed < base_seed + 400; seed++) {
    WildHistory history(seed);
    State state;
    std::vector<TestEntry> merged;
    for (const TestEntry& entry : history.entries()) {
      Merge(&state, entry);
      merged.push_back(entry);
      SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + Describe(merged));
      ASSERT_EQ(NamesOf(state, history.inodes()), ReferenceNames(merged));
    }
  }
}

}  // namespace
}  // namespace cfsrepl
