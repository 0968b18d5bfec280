// Memory in whole huge pages, which spare random access over millions of records most of its
// address translation.
#ifndef CFS_REPL_STATE_HUGE_PAGES_H_
#define CFS_REPL_STATE_HUGE_PAGES_H_

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace cfsrepl {

inline constexpr size_t kHugePageBytes = size_t{2} << 20;

// Zeroed, straight from the kernel: no page is there before it is touched. `bytes` is a multiple of
// 4 KiB; the start is at a huge page's. In small pages if `huge` is false or the kernel refuses.
// Ends the process when memory has run out. Freed with munmap.
inline void* MapHugePages(size_t bytes, bool huge) {
  void* mapped = mmap(nullptr, bytes + kHugePageBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) std::abort();
  // Keep the aligned part.
  char* start = static_cast<char*>(mapped);
  const size_t before = -reinterpret_cast<uintptr_t>(mapped) & (kHugePageBytes - 1);
  char* kept = start + before;
  if (before > 0) munmap(start, before);
  munmap(kept + bytes, kHugePageBytes - before);
  if (huge) (void)madvise(kept, bytes, MADV_HUGEPAGE);
  return kept;
}

}  // namespace cfsrepl

#endif  // CFS_REPL_STATE_HUGE_PAGES_H_
