// Committer: the engine thread. Takes requests in order, turns them into one record, makes it
// durable, answers. It commits inline: a hop to another thread would cost a single append more than
// its write.
#ifndef CFS_REPL_ENGINE_COMMITTER_H_
#define CFS_REPL_ENGINE_COMMITTER_H_

#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "engine/admission.h"
#include "engine/books.h"
#include "engine/replica.h"
#include "engine/request_queue.h"
#include "engine/sweeper.h"
#include "frame/frame.h"
#include "frame/frame_writer.h"
#include "wal/log.h"

namespace cfsrepl {

struct CommitStats {
  std::atomic<uint64_t> entries_appended{0};
  std::atomic<uint64_t> entries_merged{0};
  std::atomic<uint64_t> entries_duplicate{0};
  std::atomic<uint64_t> entries_unknown{0};
  std::atomic<uint64_t> appends_refused{0};
  std::atomic<uint64_t> frames_received{0};
  std::atomic<uint64_t> frames_refused{0};
  std::atomic<uint64_t> frames_duplicate{0};
};

class Committer {
 public:
  // Borrows all; they outlive it. `origin` is this node's journal.
  Committer(const Uuid& cluster, const Origin& origin, Replica* replica, Books* books, Log* log);
  ~Committer();

  void OnDurable(std::function<void()> listener) { on_durable_ = std::move(listener); }
  void Start();
  // Finishes what is queued, then returns. Idempotent.
  void Stop();

  // Run on the engine thread, when what `metadata` says is held is exactly what is merged; return
  // when that is durable. From any other thread. kClosed, kStopped, or what the journal says.
  Status Look(const std::function<void()>& look);
  // `mend` decides what is to be mended here and gives an item for it (replica.h), or nothing.
  Status Mend(const std::function<Result<std::vector<uint8_t>>()>& mend);

  RequestQueue& queue() { return queue_; }
  Sweeper& sweeper() { return sweeper_; }
  const CommitStats& stats() const { return stats_; }
  // Ok, or why nothing is committed any more.
  Status stopped() const;

 private:
  // An append in progress: a large batch takes several groups.
  struct Active {
    Active() {}  // spelled out: clang 14 has none to give std::optional inside the enclosing class
    AppendRequest request;
    AppendResult result;
    size_t offset = 0;   // of the next op in the batch
    uint32_t index = 0;  // of the next op
    bool finished = false;
  };
  enum class Wait { kForWork, kNot };

  void Run();
  bool BuildGroup();
  bool NextRequest(Wait wait);
  bool GroupIsFull() const;
  void Commit();
  void RefuseAll(const Status& why);
  void WriteCursors();
  void ForgetOldConflicts();

  void Append(Active* active);
  bool AppendChunk(Active* active);
  bool AppendOp(const OpView& op, int64_t now_ns, Active* active);
  Status AppendDraft(const Draft& draft, Active* active);
  Status AppendEntry(const Draft& draft);
  void RecordConflicts();
  void ConsumeSeq(const OpView& op);
  void RefuseOp(Active* active, Status status, const OpView* op);
  void FinishAppend(Active* active);
  void CutFrame();
  void BeginFrame();

  void Receive(ReceiveRequest request);
  Result<FrameView> OpenReceived(const ReceiveRequest& request);
  void Answer(LookRequest request);
  void RefuseLook(LookRequest request, const Status& why);
  Status Enqueue(LookRequest request);
  bool WaitForRequest(Request* request);
  void SettleWhileIdle();
  void SettleUnderLoad();
  Status CheckFrame(const FrameView& view, const Origin& from, ReceiveResult* result) const;

  const Uuid cluster_;
  const Origin origin_;
  Replica* const replica_;
  Books* const books_;
  Log* const log_;
  OriginIndex origin_index_ = 0;
  std::function<void()> on_durable_;
  RequestQueue queue_;
  CommitStats stats_;
  std::thread thread_;

  mutable std::mutex stopped_mutex_;
  Status stopped_;

  Sweeper sweeper_;

  // The group being built. Engine thread only.
  Admission admission_;
  std::vector<uint64_t>* seqs_ = nullptr;  // our marks in the metadata
  FrameWriter writer_;
  FrameScratch scratch_;
  std::optional<Active> active_;
  std::optional<ReceiveRequest> pending_receive_;
  std::optional<LookRequest> pending_look_;
  std::deque<std::vector<uint8_t>> mended_;  // items of this group
  Hlc hlc_floor_ = 0;                        // of this chunk: the wall clock
  std::chrono::steady_clock::time_point cursors_due_{};
  std::vector<Item> items_;
  size_t group_bytes_ = 0;
  std::vector<Buffer> frames_;  // reused; the first frames_used_ hold this group's own frames
  size_t frames_used_ = 0;
  Lsn next_lsn_ = 0;
  Lsn group_first_lsn_ = 0;
  Hlc group_first_hlc_ = 0;
  Hlc last_own_hlc_ = 0;      // of the entry before next_lsn_, once this run has made one
  bool seen_changed_ = true;  // other origins moved since the last entry of ours
  bool accepting_ = true;     // the last group was not refused
  std::vector<std::function<void(const Status&)>> answers_;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_COMMITTER_H_
