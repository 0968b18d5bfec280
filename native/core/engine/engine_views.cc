// The engine's looks at the state: lookups, listings, dumps, digests. All under a shared lock.
#include <mutex>
#include <set>
#include <shared_mutex>

#include "engine/comparison_impl.h"
#include "engine/engine_impl.h"
#include "engine/takeover_side.h"
#include "state/digest.h"

namespace cfsrepl {

namespace {

template <typename Source>  // InodeView and DumpedName show the same things under the same names
InodeInfo ToInfo(const Source& source, const IdMaps& id_maps) {
  const InodeAttributes& attributes = source.attributes;
  InodeInfo info;
  info.inode = attributes.inode;
  info.kind = attributes.kind;
  info.mode = attributes.mode;
  const Owner owner = id_maps.Local(attributes.owner_site, {attributes.uid, attributes.gid});
  info.uid = owner.uid;
  info.gid = owner.gid;
  info.size = attributes.size;
  info.extent_ref = attributes.extent_ref;
  info.atime_ns = attributes.atime_ns;
  info.mtime_ns = attributes.mtime_ns;
  info.ctime_ns = attributes.ctime_ns;
  info.rdev = attributes.rdev;
  info.file_flags = attributes.file_flags;
  info.project = attributes.project;
  info.nlink = attributes.nlink;
  info.target = source.target;
  for (const NamedValue& xattr : source.xattrs) info.xattrs.push_back({xattr.key, xattr.value});
  return info;
}

// Every path of a live inode; the root's is "/".
std::vector<std::string> PathsOf(const State& state, const InodeView& view) {
  std::vector<std::string> paths;
  if (view.attributes.inode == kRootInode) paths.push_back("/");
  for (const VisibleLink& link : view.links) {
    Result<std::string> parent = state.PathOf(link.parent);
    if (!parent.ok()) continue;
    const bool at_root = link.parent == kRootInode;
    paths.push_back((at_root ? "" : parent.value()) + "/" + link.name);
  }
  return paths;
}

}  // namespace

Status EngineImpl::SetIdMaps(std::vector<SiteIdMap> maps) {
  std::set<SiteId> sites{options_.site};
  for (const SiteIdMap& map : maps) {
    if (sites.insert(map.site).second) continue;
    return Status(
        Code::kInvalidArgument,
        "a map of ids for site " + std::to_string(map.site) +
            (map.site == options_.site ? ", which is this one" : ", which has one already"));
  }
  parts_.replica->id_maps.Set(std::make_shared<const IdMaps>(std::move(maps)));
  return Status::Ok();
}

Owner EngineImpl::LocalOwner(SiteId writer, const Owner& owner) const {
  return parts_.replica->id_maps.Get()->Local(writer, owner);
}

// The caller holds the lock.
Result<InodeInfo> EngineImpl::Describe(Inode inode) {
  const State& state = *parts_.replica->state;
  Result<InodeView> view = state.GetInode(inode);
  if (!view.ok()) return view.status();
  InodeInfo info = ToInfo(view.value(), *parts_.replica->id_maps.Get());
  info.paths = PathsOf(state, view.value());
  return info;
}

Result<InodeInfo> EngineImpl::Lookup(Inode inode) {
  Gate::Pass pass(&gate_);
  if (!pass.inside()) return EngineClosed();
  std::shared_lock lock(parts_.replica->mutex);
  return Describe(inode);
}

Result<InodeInfo> EngineImpl::LookupPath(Bytes path) {
  Gate::Pass pass(&gate_);
  if (!pass.inside()) return EngineClosed();
  std::shared_lock lock(parts_.replica->mutex);
  Result<NameEntry> entry = parts_.replica->state->ResolvePath(path);
  if (!entry.ok()) return entry.status();
  return Describe(entry->inode);
}

Result<std::vector<NamedInode>> EngineImpl::List(Bytes path, Bytes after, size_t max) {
  Gate::Pass pass(&gate_);
  if (!pass.inside()) return EngineClosed();
  std::shared_lock lock(parts_.replica->mutex);
  const State& state = *parts_.replica->state;
  Result<NameEntry> entry = state.ResolvePath(path);
  if (!entry.ok()) return entry.status();
  if (entry->kind != Kind::kDirectory) {
    return Status(Code::kNotDirectory, QuoteBytes(path) + " is not a directory");
  }
  const auto id_maps = parts_.replica->id_maps.Get();
  std::vector<NamedInode> names;
  for (const ListedName& listed : state.ListDirectory(entry->inode, after, max)) {
    Result<InodeView> view = state.GetInode(listed.entry.inode);
    if (!view.ok()) return view.status();
    names.push_back({listed.name, ToInfo(view.value(), *id_maps)});
  }
  return names;
}

Result<std::vector<NamedInode>> EngineImpl::Dump(Bytes after, size_t max, Ids ids) {
  Gate::Pass pass(&gate_);
  if (!pass.inside()) return EngineClosed();
  std::vector<DumpedName> dumped;
  {
    std::shared_lock lock(parts_.replica->mutex);
    parts_.replica->state->Dump(after, max, &dumped);
  }
  const IdMaps as_written;
  const auto current = parts_.replica->id_maps.Get();
  const IdMaps& id_maps = ids == Ids::kLocal ? *current : as_written;
  std::vector<NamedInode> names;
  names.reserve(dumped.size());
  for (DumpedName& name : dumped) names.push_back({std::move(name.path), ToInfo(name, id_maps)});
  return names;
}

namespace {

RecordedConflict ToRecorded(const LedgerPlace& place, const LedgerRecord& record) {
  return {{place.hlc, place.id}, record.inode,  record.payload, record.settled, record.how,
          record.settled_at,     record.arrival};
}

}  // namespace

Result<std::vector<RecordedConflict>> EngineImpl::Conflicts(const ConflictPlace& after,
                                                            size_t max) {
  Gate::Pass pass(&gate_);
  if (!pass.inside()) return EngineClosed();
  std::shared_lock lock(parts_.replica->mutex);
  const Ledger& ledger = parts_.replica->state->ledger();
  std::vector<RecordedConflict> conflicts;
  for (auto at = ledger.After({after.hlc, after.id}); at != ledger.end(); ++at) {
    if (conflicts.size() >= max) break;
    conflicts.push_back(ToRecorded(at->first, at->second));
  }
  return conflicts;
}

Result<std::vector<RecordedConflict>> EngineImpl::ArrivedConflicts(uint64_t after, size_t max) {
  Gate::Pass pass(&gate_);
  if (!pass.inside()) return EngineClosed();
  std::shared_lock lock(parts_.replica->mutex);
  const Ledger& ledger = parts_.replica->state->ledger();
  std::vector<RecordedConflict> conflicts;
  auto at = ledger.ArrivedAfter(after);
  for (; at != ledger.end() && conflicts.size() < max; at = ledger.ArrivedAfter(after)) {
    after = at->second.arrival;
    conflicts.push_back(ToRecorded(at->first, at->second));
  }
  return conflicts;
}

Result<RecordedConflict> EngineImpl::FindConflict(const LinkId& id) {
  Gate::Pass pass(&gate_);
  if (!pass.inside()) return EngineClosed();
  std::shared_lock lock(parts_.replica->mutex);
  const Ledger& ledger = parts_.replica->state->ledger();
  const auto record = ledger.Find(id);
  if (record == ledger.end()) return NoConflict(id);
  return ToRecorded(record->first, record->second);
}

Result<Digest> EngineImpl::ComputeDigest(bool rescan) {
  Gate::Pass pass(&gate_);
  if (!pass.inside()) return EngineClosed();
  auto root = ComparisonSide(parts_.replica.get(), committer_.get()).Root();
  if (!root.ok()) return root.status();
  const StateDigest& digest = root->digest;
  if (rescan) CFS_RETURN_IF_ERROR(CheckDigest());
  return Digest{digest.sum, digest.inodes, digest.names};
}

// On the engine thread, so that nothing is merged during the whole scan: a digest is of one moment.
Status EngineImpl::CheckDigest() {
  StateDigest kept, scanned;
  CFS_RETURN_IF_ERROR(committer_->Look([&] {
    {
      std::unique_lock lock(parts_.replica->mutex);
      parts_.replica->digest.Settle(SIZE_MAX);
    }
    kept = parts_.replica->digest.digest();
    DigestScan scan(*parts_.replica->state);
    while (!scan.Step(1u << 20)) {
    }
    scanned = scan.digest();
  }));
  if (kept == scanned) return Status::Ok();
  return Status(Code::kCorrupt,
                "the digest that is kept has the sum " + std::to_string(kept.sum) + " over " +
                    std::to_string(kept.inodes) + " inodes, a look at all of them gives " +
                    std::to_string(scanned.sum) + " over " + std::to_string(scanned.inodes));
}

Result<std::vector<uint8_t>> EngineImpl::Answer(Bytes question) {
  Gate::Pass pass(&gate_);
  if (!pass.inside()) return EngineClosed();
  if (IsTakeOverQuestion(question)) {
    return TakeOverSide(fs_.get(), parts_.directory->checkpoint_path(),
                        [this] { return WriteCheckpoint(); })
        .Answer(question);
  }
  return ComparisonSide(parts_.replica.get(), committer_.get()).Answer(question);
}

std::unique_ptr<Comparison> EngineImpl::Compare(const ComparisonOptions& options) {
  return std::make_unique<ComparisonImpl>(options, shared_from_this(), &gate_, parts_.replica.get(),
                                          committer_.get());
}

Result<std::unique_ptr<TakeOver>> EngineImpl::StartTakeOver(SiteId peer) {
  Gate::Pass pass(&gate_);
  if (!pass.inside()) return EngineClosed();
  const TakeOverParts parts{
      fs_.get(),   parts_.directory.get(), parts_.books.get(), parts_.log.get(), &gate_,
      &take_overs_};
  CFS_RETURN_IF_ERROR(CheckMayTakeOver(parts));
  return std::unique_ptr<TakeOver>(std::make_unique<TakeOverImpl>(peer, shared_from_this(), parts));
}

}  // namespace cfsrepl
