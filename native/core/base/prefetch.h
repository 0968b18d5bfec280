// Starts loading memory that will be wanted soon.
#ifndef CFS_REPL_BASE_PREFETCH_H_
#define CFS_REPL_BASE_PREFETCH_H_

#include <cstddef>

namespace cfsrepl {

inline constexpr size_t kCacheLineBytes = 64;

// Starts loading the line at `address`, which need not be valid. To the optimizer of GCC 12 a
// function that only prefetches has no effect, so it drops calls of it; hence the empty asm.
inline void PrefetchLine(const void* address) {
  __builtin_prefetch(address);
  asm volatile("" : : "r"(address));
}

}  // namespace cfsrepl

#endif  // CFS_REPL_BASE_PREFETCH_H_
