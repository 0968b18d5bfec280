// The engine's part in recording what an evicted site lost without hearing of it.
#include "engine/conflict_batch.h"
#include "engine/engine_impl.h"
#include "engine/unheard.h"

namespace cfsrepl {

Result<uint64_t> EngineImpl::RecordUnheard(SiteId site) {
  Gate::Pass pass(&gate_);
  if (!pass.inside()) return EngineClosed();
  const auto unheard = parts_.books->UnheardOf(site);
  if (!unheard.has_value()) return uint64_t{0};
  // A site whose journal was not kept here for it: what there is.
  const Position start = unheard->start == Position{} ? parts_.log->oldest() : unheard->start;
  UnheardLosses losses(parts_.replica.get(), parts_.log.get(), unheard->closed, start);
  Result<std::deque<ConflictDraft>> drafts = losses.Find();
  if (!drafts.ok()) return drafts.status();
  uint64_t recorded = 0;
  ConflictBatch batch;
  while (!drafts->empty()) {
    batch.Add(drafts->front().inode, drafts->front().payload);
    drafts->pop_front();
    if (!drafts->empty() && batch.bytes().size() < limits::kFrameRawBytesTarget) continue;
    const AppendResult result = AppendDurably(batch.bytes());
    if (!result.status.ok()) return result.status;
    recorded += result.appended;
    batch.Clear();
  }
  parts_.books->NoteRecorded(unheard->closed);
  return recorded;
}

}  // namespace cfsrepl
