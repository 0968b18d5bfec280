// apply(compact(B)) leaves what apply(B) leaves, whatever else is merged before, between or after.
// The judge is a model of the registers in a few lines, and a naive statement of the rule.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "frame/compact.h"
#include "frame/frame_support.h"

namespace cfsrepl {
namespace {

using test::TestEntry;

const Origin kStranger{3, 1};

struct Random {
  explicit Random(uint32_t seed) : engine(seed) {}
  size_t Below(size_t bound) { return engine() % bound; }
  bool OneIn(size_t bound) { return Below(bound) == 0; }
  template <typename T>
  const T& Pick(const std::vector<T>& from) {
    return from[Below(from.size())];
  }
  std::mt19937 engine;
};

// Last-write-wins registers, keyed and valued by text.
class Registers {
 public:
  void Merge(const TestEntry& entry, const Origin& origin) {
    const EntryHeader& header = entry.header;
    const Stamp stamp{header.hlc(), origin, header.lsn()};
    const Op op = static_cast<Op>(header.op());
    const EntryPayload parts = DecodePayload(header, entry.payload).value();
    const std::string inode = std::to_string(header.inode());
    for (uint32_t bit = 1; bit <= kFieldsAll; bit <<= 1) {
      if ((parts.attributes.mask() & bit) == 0) continue;
      Set("field " + inode + " " + std::to_string(bit), stamp, std::to_string(header.lsn()));
    }
    if ((header.flags() & kEntryAssertsLinks) != 0) {
      Set("asserted " + inode, stamp, std::to_string(header.lsn()));
    }
    if (op == Op::Create || op == Op::Mkdir) Set("kind " + inode, stamp, OpName(op));
    if (op == Op::Setxattr || op == Op::Removexattr) {
      Set("xattr " + inode + " " + QuoteBytes(parts.key), stamp,
          op == Op::Setxattr ? QuoteBytes(parts.value) : "removed");
    }
    if (!IsStructural(op)) return;
    const bool removes = op == Op::Unlink || op == Op::Rmdir;
    const bool renames = op == Op::Rename;
    const LinkId link = removes || renames ? parts.link : LinkId{origin, header.lsn()};
    SetLink(header.inode(), link, stamp, removes, renames ? parts.new_parent : parts.parent,
            renames ? parts.new_name : parts.name);
    if (parts.replaced_inode != 0) {
      SetLink(parts.replaced_inode, parts.replaced_link, stamp, true, parts.new_parent,
              parts.new_name);
    }
  }

  // Names that live: of a known kind, and not removed or asserted since, in a directory.
  std::set<std::string> LiveNames() const {
    std::set<std::string> names;
    for (const auto& [key, link] : links_) {
      const std::string inode = std::to_string(std::get<0>(key));
      if (!values_.contains("kind " + inode)) continue;
      if (!values_.contains("kind " + std::to_string(link.parent)) && link.parent != kRootInode) {
        continue;
      }
      if (link.removed && LastAssertion(inode) < link.stamp) continue;
      names.insert(std::to_string(link.parent) + "/" + link.name + " = " + inode);
    }
    return names;
  }
  // All registers but those of the inodes in `without`.
  std::map<std::string, std::string> Values(const std::set<Inode>& without) const {
    std::map<std::string, std::string> values;
    for (const auto& [key, value] : values_) {
      const size_t start = key.find(' ') + 1;
      if (!without.contains(std::stoull(key.substr(start)))) values[key] = value.second;
    }
    for (const auto& [key, link] : links_) {
      if (without.contains(std::get<0>(key))) continue;
      values["link " + std::to_string(std::get<0>(key)) + " " +
             std::to_string(std::get<1>(key).lsn) + " " +
             std::to_string(std::get<1>(key).origin.site)] =
          std::to_string(link.parent) + "/" + link.name + (link.removed ? " removed" : "");
    }
    return values;
  }

 private:
  struct LinkValue {
    Stamp stamp;
    bool removed = false;
    Inode parent = 0;
    std::string name;
  };
  void Set(const std::string& key, const Stamp& stamp, std::string_view value) {
    auto& held = values_[key];
    if (stamp > held.first) held = {stamp, std::string(value)};
  }
  void SetLink(Inode inode, const LinkId& id, const Stamp& stamp, bool removed, Inode parent,
               Bytes name) {
    LinkValue& held = links_[{inode, id}];
    if (stamp > held.stamp) held = {stamp, removed, parent, std::string(name.begin(), name.end())};
  }
  Stamp LastAssertion(const std::string& inode) const {
    auto it = values_.find("asserted " + inode);
    return it == values_.end() ? Stamp{} : it->second.first;
  }

  std::map<std::string, std::pair<Stamp, std::string>> values_;
  std::map<std::tuple<Inode, LinkId>, LinkValue> links_;
};

TestEntry RandomChange(Random* random, Lsn lsn, Inode inode, const Origin& origin,
                       bool may_assert) {
  EntryPayload parts;
  const std::string key(1, static_cast<char>('a' + random->Below(3)));
  parts.key = test::AsBytes(key);
  parts.value = test::AsBytes(key);
  Op op = random->OneIn(3) ? (random->OneIn(2) ? Op::Setxattr : Op::Removexattr) : Op::Setattr;
  parts.attributes = test::SomeAttributes(1 + static_cast<uint32_t>(random->Below(kFieldsAll)));
  const uint16_t flags = may_assert && random->OneIn(2) ? kEntryAssertsLinks : 0;
  return test::MakeEntry({.op = op, .lsn = lsn, .inode = inode, .flags = flags, .origin = origin},
                         parts);
}

// A site's file system as it writes its journal: what is there, so that only what can happen does.
class Site {
 public:
  explicit Site(Random* random) : random_(random) {
    for (Inode inode = 100; inode < 104; ++inode) old_.push_back(inode);
    for (Inode inode : old_) {
      const bool is_directory = inode % 2 == 0;
      Make(inode, is_directory, kRootInode);
    }
    history_size_ = entries_.size();
  }

  void Step() {
    switch (random_->Below(8)) {
      case 0:
      case 1:
        return Make(next_inode_++, random_->OneIn(2), RandomDirectory());
      case 2:
      case 3:
        return Remove();
      case 4:
        return Move();
      default:
        return Touch();
    }
  }

  // The entries before the batch, and the batch.
  std::vector<TestEntry> history() const {
    return {entries_.begin(), entries_.begin() + static_cast<ptrdiff_t>(history_size_)};
  }
  std::vector<TestEntry> batch() const {
    return {entries_.begin() + static_cast<ptrdiff_t>(history_size_), entries_.end()};
  }
  const std::vector<Inode>& old_inodes() const { return old_; }

 private:
  struct Object {
    Lsn made;
    bool is_directory;
    Inode parent;
    std::string name;
  };
  Lsn NextLsn() const { return entries_.size() + 1; }

  void Make(Inode inode, bool is_directory, Inode parent) {
    const Lsn lsn = NextLsn();
    const std::string name = "n" + std::to_string(lsn);
    entries_.push_back(is_directory ? test::Mkdir(lsn, inode, parent, name)
                                    : test::Create(lsn, inode, parent, name));
    objects_[inode] = {lsn, is_directory, parent, name};
  }
  void Remove() {
    if (objects_.empty()) return;
    const Inode inode = RandomObject();
    const Object object = objects_[inode];
    if (HasChildren(inode)) return;
    entries_.push_back(
        object.is_directory
            ? test::Rmdir(NextLsn(), inode, object.made, object.parent, object.name)
            : test::Unlink(NextLsn(), inode, object.made, object.parent, object.name));
    objects_.erase(inode);
    removed_.push_back(inode);
  }
  // Files only, sometimes over another file.
  void Move() {
    if (objects_.empty()) return;
    const Inode inode = RandomObject();
    const Inode target = RandomObject();
    Object& object = objects_[inode];
    if (object.is_directory) return;
    const Lsn lsn = NextLsn();
    const Object over = objects_[target];
    const bool replaces = target != inode && !over.is_directory && random_->OneIn(2);
    const Inode new_parent = replaces ? over.parent : RandomDirectory();
    const std::string new_name = replaces ? over.name : "n" + std::to_string(lsn);
    entries_.push_back(test::Rename(lsn, inode, object.made, object.parent, object.name, new_parent,
                                    new_name, replaces ? target : 0, over.made));
    object.parent = new_parent;
    object.name = new_name;
    if (replaces) objects_.erase(target);
  }
  void Touch() {
    const bool removed = !removed_.empty() && random_->OneIn(8);
    if (!removed && objects_.empty()) return;
    const Inode inode = removed ? random_->Pick(removed_) : RandomObject();
    entries_.push_back(RandomChange(random_, NextLsn(), inode, test::kOrigin, !removed));
  }
  Inode RandomObject() {
    return std::next(objects_.begin(), static_cast<ptrdiff_t>(random_->Below(objects_.size())))
        ->first;
  }
  Inode RandomDirectory() {
    std::vector<Inode> directories = {kRootInode};
    for (const auto& [inode, object] : objects_) {
      if (object.is_directory) directories.push_back(inode);
    }
    return random_->Pick(directories);
  }
  bool HasChildren(Inode inode) const {
    return std::ranges::any_of(objects_,
                               [&](const auto& item) { return item.second.parent == inode; });
  }

  Random* random_;
  std::vector<Inode> old_;
  std::map<Inode, Object> objects_;
  std::vector<Inode> removed_;
  std::vector<TestEntry> entries_;
  size_t history_size_ = 0;
  Inode next_inode_ = 1000;
};

// R4's rule as one would say it, in quadratic time.
bool NaivelySuperseded(const std::vector<TestEntry>& batch, size_t index) {
  const EntryPayload parts = DecodePayload(batch[index].header, batch[index].payload).value();
  const Op op = static_cast<Op>(batch[index].header.op());
  if (IsStructural(op)) return false;
  auto asserts = [&](size_t i) { return (batch[i].header.flags() & kEntryAssertsLinks) != 0; };
  uint32_t left = parts.attributes.mask();
  bool key_left = !SetsOnlyAttributes(op);
  bool assert_left = asserts(index);
  for (size_t i = index + 1; i < batch.size(); ++i) {
    if (batch[i].header.inode() != batch[index].header.inode()) continue;
    const Op later_op = static_cast<Op>(batch[i].header.op());
    const EntryPayload later = DecodePayload(batch[i].header, batch[i].payload).value();
    if (SetsOnlyAttributes(later_op)) left &= ~later.attributes.mask();
    const bool is_xattr = later_op == Op::Setxattr || later_op == Op::Removexattr;
    if (is_xattr && std::ranges::equal(later.key, parts.key)) key_left = false;
    if (!IsStructural(later_op) && asserts(i)) assert_left = false;
  }
  return left == 0 && !key_left && !assert_left;
}

// What strangers write meanwhile about inodes they have heard of.
std::vector<TestEntry> StrangerEntries(Random* random, const std::vector<Inode>& inodes,
                                       Lsn lsn_max) {
  std::vector<TestEntry> entries;
  for (Lsn lsn = 1; lsn <= lsn_max; ++lsn) {
    if (random->OneIn(2)) continue;
    entries.push_back(RandomChange(random, lsn, random->Pick(inodes), kStranger, true));
  }
  return entries;
}

Registers Apply(Random* random, std::vector<TestEntry> own, const std::vector<TestEntry>& others) {
  std::vector<std::pair<const TestEntry*, Origin>> all;
  for (const TestEntry& entry : own) all.emplace_back(&entry, test::kOrigin);
  for (const TestEntry& entry : others) all.emplace_back(&entry, kStranger);
  std::shuffle(all.begin(), all.end(), random->engine);
  Registers registers;
  for (const auto& [entry, origin] : all) registers.Merge(*entry, origin);
  return registers;
}

std::vector<TestEntry> Compact(Compactor* compactor, const std::vector<TestEntry>& batch,
                               ShortLived short_lived, std::vector<uint32_t>* kept) {
  const std::vector<EntryView> views = test::Views(batch);
  compactor->Run(test::kOrigin, views, short_lived, kept);
  EXPECT_TRUE(std::ranges::is_sorted(*kept));
  std::vector<TestEntry> entries;
  for (uint32_t index : *kept) entries.push_back(batch[index]);
  return entries;
}

std::vector<TestEntry> Joined(std::vector<TestEntry> first, const std::vector<TestEntry>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

constexpr uint32_t kRounds = 400;

TEST(CompactProperty, RegistersAreTheSameWhateverElseIsMerged) {
  Compactor compactor;
  for (uint32_t seed = 1; seed <= kRounds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Site site(&random);
    for (size_t step = 0; step < 60; ++step) site.Step();
    const std::vector<TestEntry> batch = site.batch();
    std::vector<Inode> known = site.old_inodes();
    for (const TestEntry& entry : batch) known.push_back(entry.header.inode());
    const auto others = StrangerEntries(&random, known, 60);

    std::vector<uint32_t> kept;
    const auto compacted = Compact(&compactor, batch, ShortLived::kKeep, &kept);
    for (uint32_t i = 0; i < batch.size(); ++i) {
      ASSERT_EQ(!std::ranges::binary_search(kept, i), NaivelySuperseded(batch, i)) << "entry " << i;
    }
    const Registers whole = Apply(&random, Joined(site.history(), batch), others);
    const Registers less = Apply(&random, Joined(site.history(), compacted), others);
    ASSERT_EQ(whole.Values({}), less.Values({}));
    ASSERT_EQ(whole.LiveNames(), less.LiveNames());
  }
  printf("[   COUNT  ] %u batches compacted, registers equal\n", kRounds);
}

// Strangers know nothing of what the batch makes, which is what ShortLived::kVanish asks for.
TEST(CompactProperty, LiveStateIsTheSameWhenObjectsVanish) {
  Compactor compactor;
  size_t vanished_count = 0;
  for (uint32_t seed = 1; seed <= kRounds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Site site(&random);
    for (size_t step = 0; step < 60; ++step) site.Step();
    const std::vector<TestEntry> batch = site.batch();
    const auto others = StrangerEntries(&random, site.old_inodes(), 60);

    std::vector<uint32_t> kept;
    const auto compacted = Compact(&compactor, batch, ShortLived::kVanish, &kept);
    std::set<Inode> vanished;
    for (uint32_t i = 0; i < batch.size(); ++i) {
      const Op op = static_cast<Op>(batch[i].header.op());
      const bool makes = op == Op::Create || op == Op::Mkdir;
      if (makes && !std::ranges::binary_search(kept, i)) vanished.insert(batch[i].header.inode());
    }
    vanished_count += vanished.size();
    for (const TestEntry& entry : compacted) {
      ASSERT_FALSE(vanished.contains(entry.header.inode())) << "LSN " << entry.header.lsn();
    }
    const Registers whole = Apply(&random, Joined(site.history(), batch), others);
    const Registers less = Apply(&random, Joined(site.history(), compacted), others);
    ASSERT_EQ(whole.LiveNames(), less.LiveNames());
    ASSERT_EQ(whole.Values(vanished), less.Values({}));
  }
  EXPECT_GT(vanished_count, kRounds);
  printf("[   COUNT  ] %u batches compacted, %zu objects vanished, live state equal\n", kRounds,
         vanished_count);
}

}  // namespace
}  // namespace cfsrepl
