// The eviction of a site's closed journals, as a journal entry. FORMAT.md, "Eviction", is the
// specification.
#ifndef CFS_REPL_BASE_EVICTION_H_
#define CFS_REPL_BASE_EVICTION_H_

#include <vector>

#include "base/entry.h"
#include "base/status.h"
#include "base/types.h"

namespace cfsrepl {

// The journals of `site` up to and including `incarnation` are closed.
struct EvictionEntry {
  SiteId site = 0;
  uint64_t incarnation = 0;
};

// kMalformed names the field.
Result<EvictionEntry> DecodeEviction(const EntryHeader& header, Bytes payload);
void EncodeEviction(const EvictionEntry& eviction, std::vector<uint8_t>* out);

}  // namespace cfsrepl

#endif  // CFS_REPL_BASE_EVICTION_H_
