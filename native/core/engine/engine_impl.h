// EngineImpl: composes the engine's parts; decides nothing that they could.
#ifndef CFS_REPL_ENGINE_ENGINE_IMPL_H_
#define CFS_REPL_ENGINE_ENGINE_IMPL_H_

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "engine/checkpointer.h"
#include "engine/committer.h"
#include "engine/engine.h"
#include "engine/gate.h"
#include "engine/log_feed.h"
#include "engine/recovery.h"
#include "engine/takeover_impl.h"

namespace cfsrepl {

class EngineImpl final : public Engine {
 public:
  EngineImpl(const EngineOptions& options, std::unique_ptr<FileSystem> file_system,
             Recovered recovered);
  ~EngineImpl() override;
  void Start();

  Status Append(Bytes batch, AppendOptions options,
                std::function<void(AppendResult)> done) override;
  Status Receive(Bytes frame, const Origin& from, std::function<void(ReceiveResult)> done) override;
  void OnDurable(std::function<void()> listener) override;
  std::vector<OriginCursor> Held(bool with_shards) const override;
  Result<std::vector<OriginCursor>> FindForks(const std::vector<OriginCursor>& theirs) override;
  void SetPeerCursor(const Origin& peer, const std::vector<OriginCursor>& held) override;
  std::vector<OriginCursor> PeerCursor(SiteId peer) const override;
  void SetPeers(const std::vector<SiteId>& peers) override;
  void Forget(const std::vector<OriginCursor>& horizon, Hlc before) override;
  Backlog BacklogFrom(Lsn held_lsn) const override;
  Result<std::unique_ptr<Feed>> OpenFeed(const std::vector<OriginCursor>& held) override;
  Result<std::unique_ptr<Feed>> OpenForwardingFeed(const std::vector<OriginCursor>& held) override;

  Status SetIdMaps(std::vector<SiteIdMap> maps) override;
  Owner LocalOwner(SiteId writer, const Owner& owner) const override;
  Result<InodeInfo> Lookup(Inode inode) override;
  Result<InodeInfo> LookupPath(Bytes path) override;
  Result<std::vector<NamedInode>> List(Bytes path, Bytes after, size_t max) override;
  Result<std::vector<NamedInode>> Dump(Bytes after, size_t max, Ids ids) override;
  Result<Digest> ComputeDigest(bool rescan) override;
  Result<std::vector<uint8_t>> Answer(Bytes question) override;
  std::unique_ptr<Comparison> Compare(const ComparisonOptions& options) override;
  Result<std::unique_ptr<TakeOver>> StartTakeOver(SiteId peer) override;

  Result<std::vector<RecordedConflict>> Conflicts(const ConflictPlace& after, size_t max) override;
  Result<std::vector<RecordedConflict>> ArrivedConflicts(uint64_t after, size_t max) override;
  Result<RecordedConflict> FindConflict(const LinkId& id) override;
  Result<Lsn> SettleConflict(const LinkId& id, Settled how) override;
  Result<uint64_t> RecordUnsent(Bytes frame, Engine* before) override;
  Result<Lsn> Evict(SiteId site, uint64_t incarnation) override;
  Result<uint64_t> RecordUnheard(SiteId site) override;
  Status Checkpoint() override;
  Result<CollectReport> Collect(bool aggressive, bool audit_only) override;
  EngineStatus GetStatus() const override;
  uint64_t NextSeq(Shard shard) const override;
  Status RetireIncarnation() override;
  Status Close(bool checkpoint) override;

 private:
  void RunCheckpoints();
  AppendResult AppendDurably(Bytes batch);
  Position RetentionFloor() const;
  Result<Lsn> AppendDecision(Op op, Bytes about, uint32_t how);
  Result<std::unique_ptr<Feed>> OpenFeedOf(SiteId site, const std::vector<OriginCursor>& held);
  Result<InodeInfo> Describe(Inode inode);
  Status CheckDigest();
  Result<CheckpointInfo> WriteCheckpoint();

  const EngineOptions options_;
  const std::unique_ptr<FileSystem> fs_;
  Recovered parts_;
  std::unique_ptr<Checkpointer> checkpointer_;
  std::unique_ptr<Committer> committer_;
  std::shared_ptr<FeedSource> feeds_;
  TakeOverTurn take_overs_;
  mutable Gate gate_;  // calls that use the log or the state are inside

  std::function<void()> on_durable_;
  std::thread checkpoint_thread_;
  std::mutex checkpoint_mutex_;
  std::condition_variable checkpoint_wanted_;
  bool closing_ = false;

  std::mutex close_mutex_;
  bool closed_ = false;
  Status close_status_;
  EngineStatus last_status_;  // once closed
};

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_ENGINE_IMPL_H_
