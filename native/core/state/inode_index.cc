#include "state/inode_index.h"

#include <sys/mman.h>

#include <cstdlib>
#include <random>

#include "state/huge_pages.h"

namespace cfsrepl {
namespace {

constexpr uint32_t kSmallestEntries = 512;  // one 4 KiB page
constexpr uint32_t kLargestEntries = kHugePageBytes / 8;

uint64_t RandomSeed() {
  std::random_device random;
  return uint64_t{random()} << 32 | random();
}

}  // namespace

InodeIndex::InodeIndex(const Slab<InodeRecord>* records)
    : records_(records), seed_(RandomSeed()), directory_{0} {
  tables_.push_back(NewTable(kSmallestEntries, 0));
}

InodeIndex::~InodeIndex() {
  for (const Table& table : tables_) FreeTable(table);
}

void InodeIndex::Add(Inode inode, uint32_t slot) {
  const uint32_t tag = TagOf(inode);
  for (;;) {
    const uint32_t number = directory_[static_cast<uint64_t>(tag) >> directory_shift_];
    Table* table = &tables_[number];
    if (!IsFull(*table)) return Put(table, {tag, slot});
    if (table->mask + 1 < kLargestEntries) {
      Double(number);
    } else {
      Split(number);
    }
  }
}

// Later entries of the probe sequence move up, so that no lookup ends before them (Knuth, The Art
// of Computer Programming, volume 3, section 6.4, algorithm R).
void InodeIndex::Remove(Inode inode, uint32_t slot) {
  const uint32_t tag = TagOf(inode);
  Table* table = &tables_[directory_[static_cast<uint64_t>(tag) >> directory_shift_]];
  const uint32_t mask = table->mask;
  uint32_t hole = tag & mask;
  while (table->entries[hole].slot != slot) hole = (hole + 1) & mask;
  for (uint32_t at = (hole + 1) & mask; table->entries[at].slot != 0; at = (at + 1) & mask) {
    const uint32_t home = table->entries[at].tag & mask;
    if (((at - home) & mask) < ((at - hole) & mask)) continue;  // its home lies behind the hole
    table->entries[hole] = table->entries[at];
    hole = at;
  }
  table->entries[hole] = {};
  table->count--;
}

uint64_t InodeIndex::memory_bytes() const {
  uint64_t bytes = tables_.capacity() * sizeof(Table) + directory_.capacity() * sizeof(uint32_t);
  for (const Table& table : tables_) bytes += (uint64_t{table.mask} + 1) * sizeof(Entry);
  return bytes;
}

InodeIndex::Table InodeIndex::NewTable(uint32_t entries, uint32_t depth) {
  const size_t bytes = entries * sizeof(Entry);
  void* memory = MapHugePages(bytes, bytes == kHugePageBytes);
  return {static_cast<Entry*>(memory), entries - 1, 0, depth};
}

void InodeIndex::FreeTable(const Table& table) {
  munmap(table.entries, (size_t{table.mask} + 1) * sizeof(Entry));
}

// Three quarters: a hit then looks at two or three entries on average, almost always in one line.
bool InodeIndex::IsFull(const Table& table) {
  return table.count >= (uint64_t{table.mask} + 1) / 4 * 3;
}

void InodeIndex::Put(Table* table, Entry entry) {
  uint32_t at = entry.tag & table->mask;
  while (table->entries[at].slot != 0) at = (at + 1) & table->mask;
  table->entries[at] = entry;
  table->count++;
}

void InodeIndex::Double(uint32_t number) {
  const Table from = tables_[number];
  Table to = NewTable((from.mask + 1) * 2, from.depth);
  for (uint32_t at = 0; at <= from.mask; at++) {
    if (from.entries[at].slot != 0) Put(&to, from.entries[at]);
  }
  FreeTable(from);
  tables_[number] = to;
}

void InodeIndex::Split(uint32_t number) {
  const Table from = tables_[number];
  // With as many equal tags as a table holds; the seed keeps anybody from choosing numbers so.
  if (from.depth == 32) std::abort();
  Table halves[2] = {NewTable(kLargestEntries, from.depth + 1),
                     NewTable(kLargestEntries, from.depth + 1)};
  const uint32_t bit = 31 - from.depth;
  for (uint32_t at = 0; at <= from.mask; at++) {
    const Entry entry = from.entries[at];
    if (entry.slot != 0) Put(&halves[entry.tag >> bit & 1], entry);
  }
  FreeTable(from);

  if (directory_.size() == size_t{1} << from.depth) {  // this table has one place in it
    std::vector<uint32_t> twice(directory_.size() * 2);
    for (size_t i = 0; i < twice.size(); i++) twice[i] = directory_[i / 2];
    directory_ = std::move(twice);
    directory_shift_--;
  }
  const uint32_t second = static_cast<uint32_t>(tables_.size());
  tables_[number] = halves[0];
  tables_.push_back(halves[1]);
  for (size_t i = 0; i < directory_.size(); i++) {
    const uint64_t tag = static_cast<uint64_t>(i) << directory_shift_;
    if (directory_[i] == number && (tag >> bit & 1) != 0) directory_[i] = second;
  }
}

}  // namespace cfsrepl
