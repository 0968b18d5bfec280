#include "base/id_map.h"

#include <algorithm>

#include "base/limits.h"

namespace cfsrepl {

namespace {

std::string Describe(const IdRange& range) {
  return std::to_string(range.from) + " to " +
         std::to_string(uint64_t{range.from} + range.count - 1);
}

// The last id is kNoId - 1.
bool Fits(uint32_t first, uint32_t count) { return count <= kNoId - first; }

}  // namespace

Result<IdMap> IdMap::Make(std::vector<IdRange> ranges, uint32_t fallback) {
  if (ranges.size() > limits::kIdRangesMax) {
    return Status(Code::kTooLarge, "a map of " + std::to_string(ranges.size()) +
                                       " ranges of ids, expected at most " +
                                       std::to_string(limits::kIdRangesMax));
  }
  for (const IdRange& range : ranges) {
    if (range.count != 0 && Fits(range.from, range.count) && Fits(range.to, range.count)) continue;
    return Status(Code::kInvalidArgument,
                  "a range of " + std::to_string(range.count) + " ids from " +
                      std::to_string(range.from) + " to " + std::to_string(range.to) +
                      ", expected at least one, and none past " + std::to_string(kNoId - 1));
  }
  std::sort(ranges.begin(), ranges.end(),
            [](const IdRange& a, const IdRange& b) { return a.from < b.from; });
  for (size_t i = 1; i < ranges.size(); i++) {
    const IdRange& before = ranges[i - 1];
    if (ranges[i].from - before.from >= before.count) continue;
    return Status(Code::kInvalidArgument, "the ids " + Describe(before) + " and " +
                                              Describe(ranges[i]) +
                                              " overlap, expected one range for an id");
  }
  IdMap map;
  map.ranges_ = std::move(ranges);
  map.fallback_ = fallback;
  return map;
}

uint32_t IdMap::Map(uint32_t id) const {
  auto after = std::upper_bound(ranges_.begin(), ranges_.end(), id,
                                [](uint32_t at, const IdRange& range) { return at < range.from; });
  if (after != ranges_.begin()) {
    const IdRange& range = *(after - 1);
    if (id - range.from < range.count) return range.to + (id - range.from);
  }
  return fallback_ == kNoId ? id : fallback_;
}

}  // namespace cfsrepl
