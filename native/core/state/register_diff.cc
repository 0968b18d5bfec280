#include "state/register_diff.h"

#include <algorithm>
#include <tuple>

#include "base/bytes.h"
#include "state/store.h"

namespace cfsrepl {
namespace {

// One written register.
struct Reading {
  Register which = Register::kExistence;
  std::string key;
  LinkId link;
  Stamp stamp;
  bool removed = false;
  std::string value;  // all of it: for people, but of an xattr the bytes

  auto Place() const { return std::tie(which, key, link); }
};

const char* KindText(Kind kind) {
  switch (kind) {
    case Kind::kFifo:
      return "fifo";
    case Kind::kCharDevice:
      return "character device";
    case Kind::kDirectory:
      return "directory";
    case Kind::kBlockDevice:
      return "block device";
    case Kind::kFile:
      return "file";
    case Kind::kSymlink:
      return "symlink";
    case Kind::kSocket:
      return "socket";
    case Kind::kNone:
      break;
  }
  return "unknown";
}

std::string Octal(uint32_t value) {
  std::string digits;
  for (; value != 0; value >>= 3)
    digits.insert(digits.begin(), static_cast<char>('0' + (value & 7)));
  return "0" + digits;
}

std::string FieldText(const InodeRecord& inode, int field) {
  switch (1u << field) {
    case kFieldMode:
      return Octal(inode.mode);
    case kFieldOwner:
      return "uid " + std::to_string(inode.uid) + ", gid " + std::to_string(inode.gid);
    case kFieldSize:
      return std::to_string(inode.size) + " bytes, extent " + std::to_string(inode.extent_ref);
    case kFieldAtime:
      return std::to_string(inode.atime_ns) + " ns";
    case kFieldMtime:
      return std::to_string(inode.mtime_ns) + " ns";
    default:
      return "flags " + std::to_string(inode.file_flags) + ", project " +
             std::to_string(inode.project);
  }
}

// What RegisterDifference::text shows of a value.
std::string Shown(const Reading& reading) {
  if (reading.which != Register::kXattr || reading.removed) {
    return reading.value.substr(0, limits::kRegisterTextBytesMax);
  }
  const std::string& value = reading.value;
  constexpr size_t kShownBytes = limits::kRegisterTextBytesMax / 4;  // as \xff is shown
  const std::string quoted = QuoteBytes(AsBytes(value).first(std::min(value.size(), kShownBytes)));
  return quoted + " (" + std::to_string(value.size()) + " bytes)";
}

class Reader {
 public:
  explicit Reader(const State& state) : store_(state.store()) {}

  // Sorted by place.
  std::vector<Reading> Read(Inode inode) {
    const uint32_t slot = store_.FindInode(inode);
    if (slot == 0) return {};
    const InodeRecord& record = store_.inodes[slot];
    ReadInode(slot, record);
    for (uint32_t at = record.first_xattr; at != 0; at = store_.xattrs[at].next) {
      ReadXattr(store_.xattrs[at]);
    }
    for (uint32_t at = record.first_link; at != 0; at = store_.links[at].next) {
      ReadLink(store_.links[at]);
    }
    std::sort(readings_.begin(), readings_.end(),
              [](const Reading& a, const Reading& b) { return a.Place() < b.Place(); });
    return std::move(readings_);
  }

 private:
  // Null if the register was never written.
  Reading* Add(Register which, const PackedStamp& stamp) {
    if (!stamp.written()) return nullptr;
    Reading& reading = readings_.emplace_back();
    reading.which = which;
    reading.stamp = store_.origins.Unpack(stamp);
    return &reading;
  }

  void ReadInode(uint32_t slot, const InodeRecord& record) {
    if (Reading* reading = Add(Register::kExistence, record.birth)) {
      reading->value = KindText(record.kind);
      if (record.kind == Kind::kSymlink) {
        reading->value += " to " + QuoteBytes(store_.Target(record));
      } else if (record.special != 0) {
        reading->value += " " + std::to_string(record.special);
      }
    }
    for (int field = 0; field < kFieldCount; field++) {
      const auto which = static_cast<Register>(static_cast<int>(Register::kMode) + field);
      if (Reading* reading = Add(which, record.stamps[field])) {
        reading->value = FieldText(record, field);
        if ((record.asserts_links >> field & 1) != 0) reading->value += " (asserts links)";
      }
    }
    Add(Register::kAsserted, store_.GreatestAssert(slot));
  }

  void ReadXattr(const XattrRecord& xattr) {
    Reading* reading = Add(Register::kXattr, xattr.stamp);
    if (reading == nullptr) return;
    reading->key = AsString(store_.blobs.Get(xattr.key));
    reading->removed = xattr.removed != 0;
    reading->value = reading->removed ? "removed" : AsString(store_.blobs.Get(xattr.value));
  }

  void ReadLink(const LinkRecord& link) {
    Reading* reading = Add(Register::kLink, link.stamp);
    if (reading == nullptr) return;
    reading->link = {store_.origins.Get(link.id.origin()), link.id.lsn()};
    reading->removed = link.Has(kLinkRemoved);
    reading->value = QuoteBytes(store_.Name(link)) + " in inode " +
                     std::to_string(store_.inodes[link.parent].inode) +
                     (reading->removed ? ", removed" : "");
  }

  const Store& store_;
  std::vector<Reading> readings_;
};

RegisterSide SideOf(const Reading& reading) {
  return {reading.stamp, reading.removed, Shown(reading)};
}

bool SameReading(const Reading& a, const Reading& b) {
  return a.stamp == b.stamp && a.removed == b.removed && a.value == b.value;
}

bool IsWritten(const std::vector<Reading>& readings, const Stamp& stamp) {
  return std::any_of(readings.begin(), readings.end(), [&](const Reading& reading) {
    return reading.which < Register::kAsserted && reading.stamp == stamp;
  });
}

// Carries registers of one inode from one State into another.
class Carrier {
 public:
  Carrier(const Store& from, uint32_t slot, State* to) : from_(from), slot_(slot), to_(to) {}

  Status CarryInode(const std::vector<RegisterDifference>& chosen) {
    InodeRecordView view = Values();
    const InodeRecord& record = from_.inodes[slot_];
    for (const RegisterDifference& difference : chosen) {
      const int field = static_cast<int>(difference.which) - static_cast<int>(Register::kMode);
      if (difference.which == Register::kExistence) view.birth = Repack(record.birth);
      if (difference.which == Register::kAsserted) {
        view.asserted = Repack(from_.GreatestAssert(slot_));
      }
      if (field < 0 || field >= kFieldCount) continue;
      view.stamps[field] = Repack(record.stamps[field]);
      view.asserts_links |= record.asserts_links & (1u << field);
    }
    CFS_RETURN_IF_ERROR(status_);
    return to_->MergeInodeRecord(view);
  }

  Status CarryXattr(const std::string& key) {
    const uint32_t at = from_.FindXattr(slot_, AsBytes(key));
    if (at == 0) return Status::Ok();
    const XattrRecord& xattr = from_.xattrs[at];
    const XattrRecordView view{Repack(xattr.stamp), xattr.removed != 0, from_.blobs.Get(xattr.key),
                               from_.blobs.Get(xattr.value)};
    CFS_RETURN_IF_ERROR(status_);
    return to_->MergeXattrRecord(from_.inodes[slot_].inode, view);
  }

  Status CarryLink(const LinkId& id) {
    const uint32_t at =
        from_.FindLink(slot_, PackedSource::Of(from_.origins.Find(id.origin), id.lsn));
    if (at == 0) return Status::Ok();
    const LinkRecord& link = from_.links[at];
    const LinkRecordView view{Repack({link.stamp.hlc, link.id}).source, Repack(link.stamp),
                              link.Has(kLinkRemoved), from_.inodes[link.parent].inode,
                              from_.Name(link)};
    CFS_RETURN_IF_ERROR(status_);
    return to_->MergeLinkRecord(from_.inodes[slot_].inode, view);
  }

 private:
  // Without a stamp: nothing of it is written until one is set.
  InodeRecordView Values() const {
    const InodeRecord& record = from_.inodes[slot_];
    InodeRecordView view;
    view.inode = record.inode;
    view.kind = record.kind;
    view.rdev = from_.Rdev(record);
    view.target = from_.Target(record);
    view.mode = record.mode;
    view.uid = record.uid;
    view.gid = record.gid;
    view.size = record.size;
    view.extent_ref = record.extent_ref;
    view.atime_ns = record.atime_ns;
    view.mtime_ns = record.mtime_ns;
    view.file_flags = record.file_flags;
    view.project = record.project;
    return view;
  }

  PackedStamp Repack(const PackedStamp& stamp) {
    if (!stamp.written()) return {};
    Result<OriginIndex> origin = to_->Intern(from_.origins.Get(stamp.source.origin()));
    if (!origin.ok()) {
      status_ = origin.status();
      return {};
    }
    return {stamp.hlc, PackedSource::Of(origin.value(), stamp.source.lsn())};
  }

  const Store& from_;
  const uint32_t slot_;
  State* const to_;
  Status status_;
};

}  // namespace

const char* RegisterName(Register which) {
  static constexpr const char* kNames[] = {"existence", "mode",  "owner",    "size",  "atime",
                                           "mtime",     "flags", "asserted", "xattr", "link"};
  return kNames[static_cast<size_t>(which)];
}

bool IsLive(const State& state, Inode inode) {
  const uint32_t slot = state.store().FindInode(inode);
  return slot == kRootSlot || (slot != 0 && state.store().inodes[slot].shown_links > 0);
}

std::vector<std::pair<Inode, std::string>> LinkNames(const State& state, Inode inode) {
  const Store& store = state.store();
  std::vector<std::pair<Inode, std::string>> names;
  const uint32_t slot = store.FindInode(inode);
  uint32_t at = slot == 0 ? 0 : store.inodes[slot].first_link;
  for (; at != 0; at = store.links[at].next) {
    const LinkRecord& link = store.links[at];
    if (link.Has(kLinkRemoved) || link.parent == 0) continue;
    names.emplace_back(store.inodes[link.parent].inode, AsString(store.Name(link)));
  }
  return names;
}

std::vector<RegisterDifference> CompareRegisters(const State& ours, const State& theirs,
                                                 Inode inode) {
  const std::vector<Reading> mine = Reader(ours).Read(inode);
  const std::vector<Reading> other = Reader(theirs).Read(inode);
  std::vector<RegisterDifference> differences;
  auto add = [&](const Reading& at) -> RegisterDifference& {
    RegisterDifference& difference = differences.emplace_back();
    difference.which = at.which;
    difference.key = at.key;
    difference.link = at.link;
    return difference;
  };
  auto a = mine.begin();
  auto b = other.begin();
  while (a != mine.end() || b != other.end()) {
    if (b == other.end() || (a != mine.end() && a->Place() < b->Place())) {
      add(*a).ours = SideOf(*a);
      ++a;
    } else if (a == mine.end() || b->Place() < a->Place()) {
      add(*b).theirs = SideOf(*b);
      ++b;
    } else {
      if (!SameReading(*a, *b)) {
        RegisterDifference& difference = add(*a);
        difference.ours = SideOf(*a);
        difference.theirs = SideOf(*b);
      }
      ++a, ++b;
    }
  }
  // Where the greatest asserting stamp is a field's or the existence register's, that one differs.
  std::erase_if(differences, [&](const RegisterDifference& difference) {
    if (difference.which != Register::kAsserted) return false;
    const bool ours_greater = difference.ours.stamp > difference.theirs.stamp;
    return ours_greater ? IsWritten(mine, difference.ours.stamp)
                        : IsWritten(other, difference.theirs.stamp);
  });
  return differences;
}

Status CopyRegisters(const State& from, Inode inode, const std::vector<RegisterDifference>& chosen,
                     State* to) {
  const uint32_t slot = from.store().FindInode(inode);
  if (slot == 0) return Status::Ok();
  Carrier carrier(from.store(), slot, to);
  CFS_RETURN_IF_ERROR(carrier.CarryInode(chosen));
  for (const RegisterDifference& difference : chosen) {
    if (difference.which == Register::kXattr) {
      CFS_RETURN_IF_ERROR(carrier.CarryXattr(difference.key));
    } else if (difference.which == Register::kLink) {
      CFS_RETURN_IF_ERROR(carrier.CarryLink(difference.link));
    }
  }
  return Status::Ok();
}

}  // namespace cfsrepl
