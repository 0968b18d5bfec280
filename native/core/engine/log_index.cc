#include "engine/log_index.h"

#include <algorithm>

#include "engine/vector_codec.h"

namespace cfsrepl {

void LogIndex::Add(Position position, const VersionVector& held_before) {
  const bool due = points_.empty() || position.segment != points_.back().position.segment ||
                   position.offset - points_.back().position.offset >= kIndexStrideBytes;
  if (!due) return;
  points_.push_back({position, held_before});
  sparse_due_ = true;
}

void LogIndex::AddOwnGroup(Lsn first_lsn, Hlc hlc) {
  if (sparse_due_) sparse_.push_back({first_lsn, hlc});
  sparse_due_ = false;
  recent_.push_back({first_lsn, hlc});
  if (recent_.size() > limits::kRecentGroupsMax) recent_.pop_front();
}

Position LogIndex::StartFor(const VersionVector& held, SiteId site) const {
  auto covered = [&](const Point& point) {
    for (const auto& [origin, lsn] : point.held_before.lsns()) {
      if ((site == 0 || origin.site == site) && !held.Covers(origin, lsn)) return false;
    }
    return true;
  };
  // Vectors only grow along the log, so the covered points are a prefix.
  auto after = std::partition_point(points_.begin(), points_.end(), covered);
  return after == points_.begin() ? Position{} : std::prev(after)->position;
}

Position LogIndex::StartOf(const Origin& origin, Lsn lsn) const {
  auto after = std::partition_point(points_.begin(), points_.end(), [&](const Point& point) {
    return point.held_before.Get(origin) < lsn;
  });
  return after == points_.begin() ? Position{} : std::prev(after)->position;
}

Hlc LogIndex::HlcOf(Lsn lsn) const {
  auto find = [&](const std::deque<OwnGroup>& groups) -> Hlc {
    auto after = std::partition_point(groups.begin(), groups.end(),
                                      [&](const OwnGroup& g) { return g.first_lsn <= lsn; });
    return after == groups.begin() ? 0 : std::prev(after)->hlc;
  };
  const Hlc fine = find(recent_);
  return fine != 0 ? fine : find(sparse_);
}

void LogIndex::Trim(Position oldest) {
  while (!points_.empty() && points_.front().position.segment < oldest.segment) {
    points_.pop_front();
  }
  // One stamp a stride is 16 bytes; keep as many as there are points, and one before them.
  while (sparse_.size() > points_.size() + 1) sparse_.pop_front();
}

std::vector<uint8_t> LogIndex::Encode() const {
  ByteWriter out;
  out.Put<uint32_t>(static_cast<uint32_t>(points_.size()));
  for (const Point& point : points_) {
    out.Put<uint64_t>(point.position.segment);
    out.Put<uint64_t>(point.position.offset);
    PutVersionVector(point.held_before, &out);
  }
  out.Put<uint32_t>(static_cast<uint32_t>(sparse_.size()));
  for (const OwnGroup& group : sparse_) {
    out.Put<uint64_t>(group.first_lsn);
    out.Put<uint64_t>(group.hlc);
  }
  return out.Take();
}

Result<LogIndex> LogIndex::Decode(Bytes bytes) {
  ByteReader in(bytes);
  LogIndex index;
  const uint32_t points = in.Get<uint32_t>();
  for (uint32_t i = 0; i < points && in.ok(); i++) {
    Point point;
    point.position.segment = in.Get<uint64_t>();
    point.position.offset = in.Get<uint64_t>();
    point.held_before = GetVersionVector(&in);
    index.points_.push_back(std::move(point));
  }
  const uint32_t groups = in.Get<uint32_t>();
  for (uint32_t i = 0; i < groups && in.ok(); i++) {
    OwnGroup group;
    group.first_lsn = in.Get<uint64_t>();
    group.hlc = in.Get<uint64_t>();
    index.sparse_.push_back(group);
  }
  if (!in.finished()) return Status(Code::kCorrupt, "the log index does not follow its format");
  return index;
}

}  // namespace cfsrepl
