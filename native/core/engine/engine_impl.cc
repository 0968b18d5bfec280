#include "engine/engine_impl.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <shared_mutex>

#include "base/bytes.h"
#include "base/eviction.h"
#include "engine/fork_check.h"

namespace cfsrepl {

namespace {

constexpr auto kCheckpointPoll = std::chrono::seconds(1);

Status CheckOptions(const EngineOptions& options) {
  if (options.site == 0) return Status(Code::kInvalidArgument, "site is 0, expected 1 to 65535");
  if (options.shard_count == 0 || options.shard_count > limits::kShardsMax) {
    return Status(Code::kInvalidArgument, "shards is " + std::to_string(options.shard_count) +
                                              ", expected 1 to " +
                                              std::to_string(limits::kShardsMax));
  }
  if (options.segment_bytes < limits::kSegmentBytesMin ||
      options.segment_bytes > limits::kSegmentBytesMax ||
      options.segment_bytes % limits::kBlockBytes != 0) {
    return Status(Code::kInvalidArgument, "segment_bytes is " +
                                              std::to_string(options.segment_bytes) +
                                              ", expected a multiple of 4096 from " +
                                              std::to_string(limits::kSegmentBytesMin) + " to " +
                                              std::to_string(limits::kSegmentBytesMax));
  }
  return Status::Ok();
}

Result<std::unique_ptr<FileSystem>> ChooseFileSystem(const std::string& backend) {
  std::string reason;
  if (backend == "auto") return NewBestFileSystem(&reason);
  if (backend == "posix") return NewPosixFileSystem();
  if (backend == "io_uring") return NewUringFileSystem();
  return Status(Code::kInvalidArgument,
                "io_backend is \"" + backend + "\", expected auto, io_uring or posix");
}

std::vector<OriginCursor> ToCursors(const VersionVector& vector) {
  std::vector<OriginCursor> cursors;
  for (const auto& [origin, lsn] : vector.lsns()) cursors.push_back({origin, lsn, {}, 0});
  return cursors;
}

}  // namespace

Result<std::shared_ptr<Engine>> Engine::Open(
    const EngineOptions& options, const std::function<void(const OpenProgress&)>& progress) {
  CFS_RETURN_IF_ERROR(CheckOptions(options));
  auto file_system = ChooseFileSystem(options.io_backend);
  if (!file_system.ok()) return file_system.status();
  auto recovered = Recover(options, file_system.value().get(), progress);
  if (!recovered.ok()) return recovered.status();
  auto engine = std::make_shared<EngineImpl>(options, std::move(file_system).value(),
                                             std::move(recovered).value());
  engine->Start();
  return std::shared_ptr<Engine>(std::move(engine));
}

Status SetAside(const std::string& data_dir, const std::string& into) {
  return SetAsideJournal(NewPosixFileSystem().get(), data_dir, into);
}

EngineImpl::EngineImpl(const EngineOptions& options, std::unique_ptr<FileSystem> file_system,
                       Recovered recovered)
    : options_(options), fs_(std::move(file_system)), parts_(std::move(recovered)) {
  const Identity& identity = parts_.directory->identity();
  checkpointer_ = std::make_unique<Checkpointer>(
      fs_.get(), parts_.directory->checkpoint_path(), identity.cluster, identity.volume,
      parts_.replica.get(), parts_.books.get(), parts_.log.get(), parts_.checkpoint);
  committer_ = std::make_unique<Committer>(identity.cluster, identity.origin, parts_.replica.get(),
                                           parts_.books.get(), parts_.log.get());
  feeds_ = std::make_shared<FeedSource>(parts_.log.get(), options.site, options.seal_cache_bytes);
}

EngineImpl::~EngineImpl() { (void)Close(false); }

void EngineImpl::Start() {
  committer_->Start();
  checkpoint_thread_ = std::thread([this] { RunCheckpoints(); });
}

// ---- writes

Status EngineImpl::Append(Bytes batch, AppendOptions options,
                          std::function<void(AppendResult)> done) {
  return committer_->queue().PushAppend({batch, options, std::move(done)});
}

Status EngineImpl::Receive(Bytes frame, const Origin& from,
                           std::function<void(ReceiveResult)> done) {
  return committer_->queue().PushReceive({frame, from, std::move(done)});
}

void EngineImpl::OnDurable(std::function<void()> listener) {
  committer_->OnDurable(std::move(listener));
}

// ---- cursors and feeds

std::vector<OriginCursor> EngineImpl::Held(bool with_shards) const {
  return parts_.books->Held(with_shards);
}

Result<std::vector<OriginCursor>> EngineImpl::FindForks(const std::vector<OriginCursor>& theirs) {
  Gate::Pass pass(&gate_);
  if (!pass.inside()) return EngineClosed();
  std::vector<OriginCursor> forks;
  for (const OriginCursor& cursor : theirs) {
    const auto place = parts_.books->PlaceOf(cursor.origin, cursor.lsn);
    if (cursor.hlc == 0 || !place.has_value()) continue;
    HlcBounds bounds{place->hlc, place->hlc};
    if (place->hlc == 0) {
      auto found = BoundHlc(parts_.log.get(), place->start, cursor.origin, cursor.lsn);
      if (!found.ok()) return found.status();
      bounds = found.value();
    }
    if (cursor.hlc < bounds.least || cursor.hlc > bounds.most) forks.push_back(cursor);
  }
  return forks;
}

void EngineImpl::SetPeerCursor(const Origin& peer, const std::vector<OriginCursor>& held) {
  parts_.books->RaisePeerCursor(peer, ToVersionVector(held));
}

std::vector<OriginCursor> EngineImpl::PeerCursor(SiteId peer) const {
  return ToCursors(parts_.books->PeerCursor(peer));
}

void EngineImpl::SetPeers(const std::vector<SiteId>& peers) {
  feeds_->set_single_peer(peers.size() == 1);
  parts_.books->SetPeers(peers);
}

void EngineImpl::Forget(const std::vector<OriginCursor>& horizon, Hlc before) {
  committer_->sweeper().Ask(ToVersionVector(horizon), before);
}

Engine::Backlog EngineImpl::BacklogFrom(Lsn held_lsn) const {
  return parts_.books->BacklogFrom(held_lsn);
}

Result<std::unique_ptr<Feed>> EngineImpl::OpenFeed(const std::vector<OriginCursor>& held) {
  return OpenFeedOf(options_.site, held);
}

Result<std::unique_ptr<Feed>> EngineImpl::OpenForwardingFeed(
    const std::vector<OriginCursor>& held) {
  return OpenFeedOf(0, held);
}

// For a reader of `site`'s origins, or of all when it is 0.
Result<std::unique_ptr<Feed>> EngineImpl::OpenFeedOf(SiteId site,
                                                     const std::vector<OriginCursor>& held) {
  const VersionVector vector = ToVersionVector(held);
  Result<Position> start = parts_.books->StartFor(vector, site);
  if (!start.ok()) return start.status();
  return std::unique_ptr<Feed>(std::make_unique<LogFeed>(feeds_, start.value(), vector));
}

uint64_t EngineImpl::NextSeq(Shard shard) const { return parts_.books->NextSeq(shard); }

// ---- checkpoints and collection

void EngineImpl::RunCheckpoints() {
  std::unique_lock lock(checkpoint_mutex_);
  while (!closing_) {
    checkpoint_wanted_.wait_for(lock, kCheckpointPoll);
    if (closing_) break;
    const CheckpointInfo newest = checkpointer_->newest();
    const Position from = newest.position;
    const Position end = parts_.log->end();
    const uint64_t journaled =
        (end.segment - from.segment) * options_.segment_bytes + end.offset - from.offset;
    // A large state is not written anew for every little journal: at most as many bytes of
    // checkpoints as of journal are, and recovery reads at most twice what one checkpoint has.
    if (journaled < std::max(options_.checkpoint_interval_bytes, newest.bytes)) continue;
    lock.unlock();
    // A failure shows in the status as a checkpoint that does not advance; the next poll tries
    // again.
    (void)Checkpoint();
    lock.lock();
  }
}

Status EngineImpl::Checkpoint() {
  Gate::Pass pass(&gate_);
  if (!pass.inside()) return EngineClosed();
  return WriteCheckpoint().status();
}

Result<CheckpointInfo> EngineImpl::WriteCheckpoint() {
  CFS_RETURN_IF_ERROR(checkpointer_->Write([this] { return committer_->stopped(); }));
  return checkpointer_->newest();
}

// The position from which the newest retention_bytes of the journal lie, in whole segments.
Position EngineImpl::RetentionFloor() const {
  const Position end = parts_.log->end();
  const uint64_t kept =
      (options_.retention_bytes + options_.segment_bytes - 1) / options_.segment_bytes;
  return {end.segment > kept ? end.segment - kept : 0, 0};
}

Result<CollectReport> EngineImpl::Collect(bool aggressive, bool audit_only) {
  Gate::Pass pass(&gate_);
  if (!pass.inside()) return EngineClosed();
  CollectReport report;
  Position floor = parts_.books->CollectFloor(checkpointer_->newest().position, &report.held_by);
  if (!aggressive && RetentionFloor() < floor) {
    floor = RetentionFloor();
    report.held_by = "retention";
  }
  auto collected =
      parts_.log->Collect(floor, audit_only ? CollectMode::kAuditOnly : CollectMode::kDelete);
  if (!collected.ok()) return collected.status();
  parts_.books->Trim(parts_.log->oldest());
  report.segments = collected->segments;
  report.bytes = collected->bytes;
  return report;
}

// ---- status

EngineStatus EngineImpl::GetStatus() const {
  Gate::Pass pass(&gate_);
  if (!pass.inside()) return last_status_;
  EngineStatus status;
  status.stopped = committer_->stopped();
  status.io_backend = fs_->backend_name();
  status.origin = parts_.directory->identity().origin;
  status.held = parts_.books->Held(false);
  status.evictions = parts_.books->Evictions();
  status.unheard = parts_.books->UnheardSites();
  status.epoch = parts_.books->epoch();
  status.durable_lsn = parts_.books->durable_lsn();
  status.last_lsn = status.durable_lsn;
  status.last_hlc = parts_.books->last_hlc();
  status.forgotten = committer_->sweeper().forgotten();
  status.forgotten_horizon = ToCursors(parts_.books->forgotten());
  {
    std::shared_lock lock(parts_.replica->mutex);
    const StateCounters counters = parts_.replica->state->counters();
    status.inodes = counters.inodes;
    status.live_inodes = counters.live_inodes;
    status.names = counters.visible_names;
    status.state_bytes = counters.memory_bytes + parts_.replica->digest.memory_bytes();
    const Ledger& ledger = parts_.replica->state->ledger();
    status.conflicts = ledger.count();
    status.conflicts_open = ledger.open_count();
    status.conflicts_recorded = ledger.recorded();
    status.conflicts_evicted = ledger.evicted();
    status.ledger_bytes = ledger.bytes();
    status.ledger_bytes_max = ledger.bytes_max();
  }
  const LogMetrics log = parts_.log->metrics();
  status.disk_full = log.disk_full;
  status.journal_bytes = log.bytes;
  status.journal_segments = log.segments;
  status.journal_oldest_segment = parts_.log->oldest().segment;
  status.journal_position_segment = parts_.log->end().segment;
  status.journal_position_offset = parts_.log->end().offset;
  status.groups = log.appends;
  status.group_bytes = log.bytes_written;
  status.sync_ns = log.commit_ns;
  const CheckpointInfo checkpoint = checkpointer_->newest();
  status.checkpoint_seq = checkpoint.number;
  status.checkpoint_bytes = checkpoint.bytes;
  status.checkpoint_unix_ms = checkpoint.unix_ms;
  const CommitStats& commits = committer_->stats();
  status.entries_appended = commits.entries_appended;
  status.entries_merged = commits.entries_merged;
  status.entries_duplicate = commits.entries_duplicate;
  status.entries_unknown = commits.entries_unknown;
  status.appends_refused = commits.appends_refused;
  status.frames_received = commits.frames_received;
  status.frames_refused = commits.frames_refused;
  status.frames_duplicate = commits.frames_duplicate;
  const SealStats& seals = feeds_->stats();
  status.frames_sealed = seals.frames;
  status.seal_cache_hits = feeds_->cache_hits();
  status.sealed_entries_in = seals.entries_in;
  status.sealed_entries_out = seals.entries_out;
  status.sealed_bytes_in = seals.bytes_in;
  status.sealed_bytes_compacted = seals.bytes_compacted;
  status.sealed_bytes_out = seals.bytes_out;
  status.recovered_entries = parts_.entries;
  status.recovery_ns = parts_.duration_ns;
  status.recovered_torn_bytes = parts_.torn_bytes;
  return status;
}

AppendResult EngineImpl::AppendDurably(Bytes batch) {
  std::promise<AppendResult> appended;
  const Status queued =
      Append(batch, {}, [&](AppendResult result) { appended.set_value(std::move(result)); });
  if (queued.ok()) return appended.get_future().get();
  AppendResult refused;
  refused.status = queued;
  return refused;
}

Result<Lsn> EngineImpl::SettleConflict(const LinkId& id, Settled how) {
  ByteWriter name;
  name.Put(schema::LinkId(id.origin.incarnation, id.lsn, id.origin.site, 0, 0));
  return AppendDecision(Op::Conflictack, name.bytes(), static_cast<uint32_t>(how));
}

Result<Lsn> EngineImpl::Evict(SiteId site, uint64_t incarnation) {
  std::vector<uint8_t> name;
  EncodeEviction({site, incarnation}, &name);
  return AppendDecision(Op::Evict, name, 0);
}

// What an operator decided: an op of one whose name says about what (op_batch.h), in whole words.
Result<Lsn> EngineImpl::AppendDecision(Op op, Bytes about, uint32_t how) {
  OpRecord record{};
  record.record_bytes = static_cast<uint32_t>(sizeof(record) + about.size());
  record.op = static_cast<uint8_t>(op);
  record.name_bytes = static_cast<uint32_t>(about.size());
  record.attributes = Attributes(0, how, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  ByteWriter batch;
  batch.Put(record);
  batch.PutBytes(about);
  const AppendResult result = AppendDurably(batch.bytes());
  if (!result.status.ok()) return result.status;
  return result.last_lsn;
}

Status EngineImpl::RetireIncarnation() {
  Gate::Pass pass(&gate_);
  if (!pass.inside()) return EngineClosed();
  return parts_.directory->RetireIncarnation();
}

Status EngineImpl::Close(bool checkpoint) {
  std::lock_guard lock(close_mutex_);
  if (closed_) return close_status_;
  closed_ = true;
  {
    std::lock_guard wake(checkpoint_mutex_);
    closing_ = true;
  }
  checkpoint_wanted_.notify_all();
  if (checkpoint_thread_.joinable()) checkpoint_thread_.join();
  committer_->Stop();
  if (checkpoint && committer_->stopped().ok()) close_status_ = Checkpoint();
  last_status_ = GetStatus();
  last_status_.stopped = EngineClosed();
  feeds_->Shut();
  gate_.Shut();
  parts_.log.reset();
  parts_.directory.reset();  // and with it the lock
  return close_status_;
}

// ---- frames without an engine

}  // namespace cfsrepl
