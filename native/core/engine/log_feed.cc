#include "engine/log_feed.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "engine/frame_summary.h"
#include "engine/log_items.h"

namespace cfsrepl {

namespace {

bool IsFrame(const Item& item) {
  return item.kind == kItemLocalFrame || item.kind == kItemRemoteFrame;
}

}  // namespace

void FeedSource::Shut() {
  gate_.Shut();
  std::lock_guard lock(mutex_);
  for (LogFeed* feed : feeds_) {
    feed->reader_.reset();
    feed->record_.reset();
  }
}

LogFeed::LogFeed(std::shared_ptr<FeedSource> source, Position start, VersionVector held)
    : source_(std::move(source)), place_{start.segment, start.offset, 0}, held_(std::move(held)) {
  Gate::Pass pass(&source_->gate_);
  if (!pass.inside()) return;
  reader_ = source_->log_->NewReader();
  std::lock_guard lock(source_->mutex_);
  source_->feeds_.insert(this);
}

LogFeed::~LogFeed() {
  std::lock_guard lock(source_->mutex_);
  source_->feeds_.erase(this);
  reader_.reset();  // under the lock: Shut may be about to do the same
}

Result<std::optional<SealedFrame>> LogFeed::Next(const FeedOptions& options) {
  Gate::Pass pass(&source_->gate_);
  if (!pass.inside() || reader_ == nullptr) return EngineClosed();
  // A frame that another feed sealed from this very place needs no look at the log.
  if (auto sealed = source_->seals_.Find(KeyOf(options)); sealed != nullptr && Lacks(*sealed)) {
    return std::optional<SealedFrame>(Give(*sealed));
  }
  Result<bool> found = FindNext(options);
  if (!found.ok()) return found.status();
  if (!found.value()) return std::optional<SealedFrame>();

  const Item& item = record_->items()[place_.item];
  if (item.kind == kItemRemoteFrame) {
    Result<FrameHead> head = PeekFrameHeader(item.bytes);
    if (!head.ok()) return head.status();
    return std::optional<SealedFrame>(Forward(item, head.value()));
  }
  auto sealed = source_->seals_.GetOrSeal(KeyOf(options), [&] { return SealFrom(options); });
  if (!sealed.ok()) return sealed.status();
  return std::optional<SealedFrame>(Give(*sealed.value()));
}

bool LogFeed::Lacks(const CachedSeal& sealed) const {
  return !held_.Covers(sealed.frame.summary.origin, sealed.frame.summary.last_lsn);
}

SealKey LogFeed::KeyOf(const FeedOptions& options) const {
  return {place_,          options.codec,   options.level,
          options.compact, options.forward, options.raw_bytes_target};
}

SealedFrame LogFeed::Give(const CachedSeal& sealed) {
  place_ = sealed.next;
  held_.Raise(sealed.frame.summary.origin, sealed.frame.summary.last_lsn);
  return sealed.frame;
}

Result<bool> LogFeed::FindNext(const FeedOptions& options) {
  for (;;) {
    Result<std::shared_ptr<const Record>> record = ReadRecord(&place_);
    if (!record.ok()) return record.status();
    if (record.value() == nullptr) return false;
    const auto items = record.value()->items();
    for (; place_.item < items.size(); place_.item++) {
      const Item& item = items[place_.item];
      if (!IsFrame(item)) continue;
      Result<FrameHead> head = PeekFrameHeader(item.bytes);
      if (!head.ok()) return head.status();
      if (Wanted(item, head.value(), options)) return true;
    }
    const Position next = record.value()->ref().next;
    place_ = {next.segment, next.offset, 0};
  }
}

// By some reader, whatever it holds: what one leaves out of a frame that others will be given must
// not depend on what the first of them had.
bool LogFeed::MayBeWanted(const Item& item, const FrameHead& head,
                          const FeedOptions& options) const {
  // A site's earlier incarnations may have come back to it from a peer; they are its own all the
  // same.
  const bool own = item.kind == kItemLocalFrame || head.info.origin.site == source_->site_;
  return own || options.forward;
}

bool LogFeed::Wanted(const Item& item, const FrameHead& head, const FeedOptions& options) const {
  return MayBeWanted(item, head, options) && !held_.Covers(head.info.origin, head.info.last_lsn);
}

SealedFrame LogFeed::Forward(const Item& item, const FrameHead& head) {
  SealedFrame frame;
  frame.owner = record_;
  frame.bytes = item.bytes;
  frame.summary = Summarize(head);
  frame.entries_in = head.entry_count;
  frame.raw_bytes_in = head.raw_bytes;
  held_.Raise(head.info.origin, head.info.last_lsn);
  place_.item++;
  return frame;
}

Result<std::shared_ptr<const Record>> LogFeed::ReadRecord(FeedPlace* place) {
  const Position position{place->segment, place->offset};
  if (record_ != nullptr && record_->ref().position == position) return record_;
  Result<std::shared_ptr<const Record>> record = reader_->ReadAt(position);
  if (!record.ok() || record.value() == nullptr) return record;
  record_ = record.value();
  // The end of a segment stands for the start of the next.
  place->segment = record_->ref().position.segment;
  place->offset = record_->ref().position.offset;
  return record_;
}

Status LogFeed::Take(const Item& item) {
  if (scratches_.size() <= views_.size()) scratches_.push_back(std::make_unique<FrameScratch>());
  // The log's own checksum has just been checked, or the record never left memory.
  Result<FrameView> view =
      OpenFrame(item.bytes, scratches_[views_.size()].get(), Verify::kStructure);
  if (!view.ok()) return view.status();
  for (size_t i = 0; i < view->entries.size(); i++) entries_.push_back(view->entry(i));
  views_.push_back(std::move(view).value());
  return Status::Ok();
}

Status LogFeed::Gather(const FeedOptions& options, FeedPlace* next) {
  views_.clear();
  entries_.clear();
  records_.clear();
  size_t raw_bytes = 0;
  FeedPlace place = place_;
  for (;;) {
    Result<std::shared_ptr<const Record>> record = ReadRecord(&place);
    if (!record.ok()) return record.status();
    if (record.value() == nullptr) break;
    records_.push_back(record.value());
    const auto items = record_->items();
    for (; place.item < items.size(); place.item++) {
      const Item& item = items[place.item];
      if (!IsFrame(item)) continue;
      Result<FrameHead> head = PeekFrameHeader(item.bytes);
      if (!head.ok()) return head.status();
      if (!MayBeWanted(item, head.value(), options)) continue;
      // Another origin's frame, or the next incarnation's, starts a frame of its own.
      const bool follows = item.kind == kItemLocalFrame &&
                           (views_.empty() || views_.back().info.origin == head->info.origin);
      const bool fits = views_.empty() || raw_bytes + head->raw_bytes <= options.raw_bytes_target;
      if (!follows || !fits) {
        *next = place;
        return Status::Ok();
      }
      CFS_RETURN_IF_ERROR(Take(item));
      raw_bytes += head->raw_bytes;
    }
    const Position after = record_->ref().next;
    place = {after.segment, after.offset, 0};
  }
  *next = place;
  return Status::Ok();
}

void LogFeed::FindLearning() {
  constexpr auto kSame = [](const schema::OriginLsn& a, const schema::OriginLsn& b) {
    return a.site() == b.site() && a.incarnation() == b.incarnation() && a.lsn() == b.lsn();
  };
  learned_at_.clear();
  const SeenSection* before = nullptr;
  for (const FrameView& view : views_) {
    for (const SeenSection& section : view.sections) {
      if (before != nullptr && !std::ranges::equal(before->seen, section.seen, kSame)) {
        learned_at_.push_back(std::max(section.from_lsn, view.info.first_lsn));
      }
      before = &section;
    }
  }
}

Result<std::shared_ptr<const CachedSeal>> LogFeed::SealFrom(const FeedOptions& options) {
  auto sealed = std::make_shared<CachedSeal>();
  CFS_RETURN_IF_ERROR(Gather(options, &sealed->next));
  if (options.compact) {
    const ShortLived short_lived =
        source_->single_peer_ && !options.forward ? ShortLived::kVanish : ShortLived::kKeep;
    FindLearning();
    compactor_.Run(views_.front().info.origin, entries_, short_lived, &kept_, learned_at_);
  } else {
    kept_.resize(entries_.size());
    std::iota(kept_.begin(), kept_.end(), 0);
  }
  SealOptions seal_options;
  seal_options.codec = options.codec;
  seal_options.level = options.level;
  auto buffer = std::make_shared<Buffer>();
  Result<SealResult> result = sealer_.Seal(views_, entries_, kept_, seal_options, buffer.get());
  if (!result.ok()) return result.status();

  SealedFrame& frame = sealed->frame;
  frame.bytes = buffer->bytes();
  frame.owner = std::move(buffer);
  frame.summary = Summarize(PeekFrameHeader(frame.bytes).value());
  frame.entries_in = static_cast<uint32_t>(entries_.size());
  std::map<Shard, uint64_t> marks;
  for (const FrameView& view : views_) {
    frame.raw_bytes_in += view.entries.size_bytes() + view.payload.size();
    for (const ShardRange& range : view.shards) marks[range.shard()] = range.last_seq();
  }
  for (const auto& [shard, seq] : marks) frame.shards.push_back({shard, seq});

  SealStats& stats = source_->stats_;
  stats.frames++;
  stats.entries_in += frame.entries_in;
  stats.entries_out += frame.summary.entry_count;
  stats.bytes_in += frame.raw_bytes_in;
  stats.bytes_compacted += frame.summary.raw_bytes;
  stats.bytes_out += frame.bytes.size();
  views_.clear();
  records_.clear();
  return std::shared_ptr<const CachedSeal>(std::move(sealed));
}

}  // namespace cfsrepl
