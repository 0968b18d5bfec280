// Which inodes changed since somebody last looked: one bit a slot.
#ifndef CFS_REPL_STATE_CHANGED_SLOTS_H_
#define CFS_REPL_STATE_CHANGED_SLOTS_H_

#include <bit>
#include <cstdint>
#include <vector>

namespace cfsrepl {

// One thread at a time.
class ChangedSlots {
 public:
  // Any slot, any number of times. A nanosecond or so.
  void Mark(uint32_t slot) {
    const size_t word = slot / kBits;
    if (word >= words_.size()) [[unlikely]]
      Grow(word);
    const uint64_t bit = uint64_t{1} << (slot % kBits);
    uint64_t& bits = words_[word];
    if ((bits & bit) != 0) return;
    if (bits == 0) {
      const size_t group = word / kBits;
      groups_[group] |= uint64_t{1} << (word % kBits);
      if (group < first_group_) first_group_ = group;
    }
    bits |= bit;
    count_++;
  }

  bool Has(uint32_t slot) const {
    const size_t word = slot / kBits;
    return word < words_.size() && (words_[word] >> (slot % kBits) & 1) != 0;
  }

  uint64_t count() const { return count_; }

  // Unmarks the lowest slot that is marked and returns it; 0 if none is.
  uint32_t TakeFirst() {
    if (count_ == 0) return 0;
    while (groups_[first_group_] == 0) first_group_++;
    const size_t word = first_group_ * kBits + std::countr_zero(groups_[first_group_]);
    uint64_t& bits = words_[word];
    const auto slot = static_cast<uint32_t>(word * kBits + std::countr_zero(bits));
    bits &= bits - 1;
    if (bits == 0) groups_[first_group_] &= groups_[first_group_] - 1;
    count_--;
    return slot;
  }

  uint64_t memory_bytes() const {
    return (words_.capacity() + groups_.capacity()) * sizeof(uint64_t);
  }

 private:
  static constexpr size_t kBits = 64;

  void Grow(size_t word) {
    size_t size = words_.size() + words_.size() / 2 + kBits;
    if (size <= word) size = word + 1;
    words_.resize(size);
    groups_.resize(size / kBits + 1);
  }

  std::vector<uint64_t> words_;
  std::vector<uint64_t> groups_;  // bit n: words_[n] is not 0
  uint64_t count_ = 0;
  size_t first_group_ = 0;  // those before it are 0
};

}  // namespace cfsrepl

#endif  // CFS_REPL_STATE_CHANGED_SLOTS_H_
