// Runs histories that test/model wrote, on the real code, and prints what each site shows: the
// other half of the comparison with the reference model. A filter: histories in, answers out, one
// line a command, in order. Sites count from 0, frames of an origin from 0.
//
//   history SITES                              forgets everything
//   op SITE CLOCK_US OP INODE A B C MASK MODE UID GID SIZE EXTENT ATIME MTIME FLAGS PROJECT
//                                              A: the object, a path or #inode; B: destination or
//                                              xattr key; C: target or value; "-" for none; a value
//                                              of -1 stays as it is. Prints "refused" or
//                                              "unchanged", or nothing
//   cut SITE                                   ends its group of entries
//   deliver TO ORIGIN FIRST END VANISH         these frames of an origin, as one; VANISH: 0 or 1
//   checkpoint SITE begin|step|end INODES
//   snapshot                                   notes what every site holds
//   forget SITE                                forgets what is gone by the last snapshot, if the
//   site
//                                              holds all that any site held then
//   show SITE                                  prints its visible tree, or "=" if it is the one
//                                              printed last
//   merged SEED                                prints that of all entries merged into an empty
//   state bootstrapped SITE                          prints that of an empty state that was sent
//   its
//                                              registers
//   digests                                    prints "digests equal" or "digests differ": of all
//                                              sites and of the two states above
//   end                                        prints "end"
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstring>
#include <random>
#include <sstream>

#include "base/bytes.h"
#include "model/history_site.h"
#include "state/digest.h"
#include "state/store.h"

namespace cfsrepl {
namespace {

StateDigest DigestOf(const State& state) {
  DigestScan scan(state);
  while (!scan.Step(5)) {
  }
  return scan.digest();
}

const char* KindName(Kind kind) {
  if (kind == Kind::kDirectory) return "directory";
  return kind == Kind::kSymlink ? "symlink" : "file";
}

std::string Describe(const std::string& path, const InodeAttributes& at, const std::string& target,
                     const std::vector<NamedValue>& xattrs) {
  char text[384];
  std::snprintf(text, sizeof(text),
                " %s %" PRIu64 " %o %u/%u %" PRIu64 "/%" PRIu64 " %" PRId64 " %" PRId64 " %u/%u %u",
                KindName(at.kind), at.inode, at.mode & 07777, at.uid, at.gid, at.size,
                at.extent_ref, at.atime_ns, at.mtime_ns, at.file_flags, at.project, at.nlink);
  std::string line = path + text;
  if (!target.empty()) line += " -> " + target;
  for (const NamedValue& xattr : xattrs) line += " " + xattr.key + "=" + xattr.value;
  return line + "\n";
}

std::string DumpOf(const State& state) {
  Result<InodeView> root = state.GetInode(kRootInode);
  Require(root.status(), "root");
  std::string dump = Describe("/", root->attributes, root->target, root->xattrs);
  std::vector<DumpedName> names;
  state.Dump({}, SIZE_MAX, &names);
  for (const DumpedName& name : names) {
    dump += Describe(name.path, name.attributes, name.target, name.xattrs);
  }
  return dump;
}

class Runner {
 public:
  explicit Runner(std::string* out) : out_(out) {}

  void Run(const std::string& line) {
    std::istringstream in(line);
    std::string command;
    in >> command;
    if (command == "history") {
      Begin(Number(&in));
    } else if (command == "op") {
      Op(&in);
    } else if (command == "cut") {
      Site(&in).Cut();
    } else if (command == "deliver") {
      Deliver(&in);
    } else if (command == "checkpoint") {
      Checkpoint(&in);
    } else if (command == "snapshot") {
      snapshot_.clear();
      for (const auto& site : sites_) snapshot_.push_back(site->held());
    } else if (command == "forget") {
      Site(&in).Forget(snapshot_);
    } else if (command == "show") {
      Print(Site(&in).state());
    } else if (command == "merged") {
      ShowMerged(Number(&in));
    } else if (command == "bootstrapped") {
      ShowBootstrapped(Site(&in).state());
    } else if (command == "digests") {
      CompareDigests();
    } else if (command == "end") {
      *out_ += "end\n";
    } else {
      Require(Status(Code::kInvalidArgument, "no such command: " + line), "history");
    }
    if (in.fail()) Require(Status(Code::kInvalidArgument, "cannot read: " + line), "history");
  }

 private:
  static uint64_t Number(std::istringstream* in) {
    int64_t number = 0;
    *in >> number;
    return static_cast<uint64_t>(number);
  }
  static std::string Word(std::istringstream* in) {
    std::string word;
    *in >> word;
    return word == "-" ? "" : word;
  }
  HistorySite& Site(std::istringstream* in) { return *sites_.at(Number(in)); }

  void Begin(size_t count) {
    sites_.clear();
    others_.clear();
    snapshot_.clear();
    last_dump_.clear();
    for (size_t i = 0; i < count; i++) {
      sites_.push_back(std::make_unique<HistorySite>(static_cast<SiteId>(i + 1), &tools_));
    }
  }

  void Op(std::istringstream* in) {
    HistorySite& site = Site(in);
    const auto clock_us = static_cast<int64_t>(Number(in));
    const std::string op_name = Word(in);
    OpRecord record{};
    for (int op = 1; op <= static_cast<int>(Op::MAX); op++) {
      if (OpName(static_cast<schema::Op>(op)) == op_name) record.op = static_cast<uint8_t>(op);
    }
    record.inode = Number(in);
    std::string object = Word(in);
    const std::string other = Word(in), value = Word(in);
    record.flags = kOpNameIsPath | kOpDestinationIsPath;
    if (object.starts_with("#")) {
      record.inode = std::stoull(object.substr(1));
      object.clear();
    }
    record.attributes = ReadAttributes(in);
    record.name_bytes = static_cast<uint32_t>(object.size());
    record.new_name_bytes = static_cast<uint32_t>(other.size());
    record.value_bytes = static_cast<uint32_t>(value.size());
    const std::string strings = object + other + value;
    record.record_bytes = static_cast<uint32_t>((sizeof(record) + strings.size() + 7) / 8 * 8);
    std::vector<uint8_t> batch(record.record_bytes);
    std::memcpy(batch.data(), &record, sizeof(record));
    std::memcpy(batch.data() + sizeof(record), strings.data(), strings.size());

    Result<Admission::Outcome> outcome = site.Append(batch, clock_us);
    if (!outcome.ok()) {
      *out_ += "refused\n";
    } else if (outcome.value() == Admission::Outcome::kUnchanged) {
      *out_ += "unchanged\n";
    }
  }

  // In the order of the line; -1 is kKeep32 or kKeep64 by its bits.
  static Attributes ReadAttributes(std::istringstream* in) {
    uint64_t values[10];
    for (uint64_t& value : values) value = Number(in);
    auto narrow = [&](int i) { return static_cast<uint32_t>(values[i]); };
    return Attributes(narrow(0), narrow(1), narrow(2), narrow(3), values[4], values[5],
                      static_cast<int64_t>(values[6]), static_cast<int64_t>(values[7]), 0,
                      narrow(8), narrow(9), 0);
  }

  void Deliver(std::istringstream* in) {
    HistorySite& to = Site(in);
    HistorySite& origin = Site(in);
    const size_t first = Number(in), end = Number(in);
    const ShortLived short_lived = Number(in) != 0 ? ShortLived::kVanish : ShortLived::kKeep;
    to.Receive(origin.Seal(first, end, short_lived).bytes());
  }

  void Checkpoint(std::istringstream* in) {
    HistorySite& site = Site(in);
    const std::string what = Word(in);
    const size_t inodes = Number(in);
    if (what == "begin") site.BeginCheckpoint();
    if (what == "step") site.StepCheckpoint(inodes);
    if (what == "end") site.EndCheckpoint();
  }

  void Print(const State& state) {
    std::string dump = DumpOf(state);
    *out_ += dump == last_dump_ ? "=\n" : dump;
    last_dump_ = std::move(dump);
  }

  struct AnyEntry {
    const EntryHeader* header;
    Bytes payload;
    const Origin* origin;
  };

  void ShowMerged(uint64_t seed) {
    std::mt19937_64 random(seed);
    std::vector<std::unique_ptr<FrameScratch>> scratches;
    std::vector<AnyEntry> all;
    for (const auto& site : sites_) {
      for (const Buffer& frame : site->frames()) {
        scratches.push_back(std::make_unique<FrameScratch>());
        Result<FrameView> view =
            OpenFrame(frame.bytes(), scratches.back().get(), Verify::kStructure);
        Require(view.status(), "open of a frame");
        for (size_t i = 0; i < view->entries.size(); i++) {
          all.push_back({&view->entries[i], view->entry(i).payload, &site->origin()});
          if (random() % 4 == 0) all.push_back(all.back());
        }
      }
    }
    std::shuffle(all.begin(), all.end(), random);
    auto state = std::make_unique<State>();
    for (const AnyEntry& entry : all) {
      Result<OriginIndex> index = state->Intern(*entry.origin);
      Require(index.status(), "intern");
      Require(state->Merge(*entry.header, entry.payload, index.value()), "merge");
    }
    Print(*state);
    others_.push_back(std::move(state));
  }

  void ShowBootstrapped(const State& from) {
    auto state = std::make_unique<State>();
    const Store& store = from.store();
    // From the last: most inodes come before the directories they are in.
    for (uint32_t slot = store.inodes.end(); slot-- > 1;) {
      if (store.inodes[slot].inode == 0) continue;  // forgotten
      Buffer chunks;
      Require(EncodeInodeChunks(from, store.inodes[slot].inode, &chunks), "encode");
      Require(MergeChunks(chunks.bytes(), state.get()), "merge of chunks");
    }
    Print(*state);
    others_.push_back(std::move(state));
  }

  void CompareDigests() {
    const StateDigest first = DigestOf(sites_.front()->state());
    bool equal = true;
    for (const auto& site : sites_) equal = equal && DigestOf(site->state()) == first;
    for (const auto& state : others_) equal = equal && DigestOf(*state) == first;
    *out_ += equal ? "digests equal\n" : "digests differ\n";
  }

  std::string* const out_;
  HistoryTools tools_;
  std::vector<std::unique_ptr<HistorySite>> sites_;
  std::vector<std::unique_ptr<State>> others_;
  std::vector<VersionVector> snapshot_;
  std::string last_dump_;
};

void WriteAll(const std::string& text) {
  for (size_t at = 0; at < text.size();) {
    const ssize_t written = write(STDOUT_FILENO, text.data() + at, text.size() - at);
    if (written <= 0) std::exit(1);  // whoever asked is gone
    at += static_cast<size_t>(written);
  }
}

// Answers whenever there is nothing left to read, so that the other side may wait for it.
void Serve() {
  std::string out, rest;
  Runner runner(&out);
  std::vector<char> buffer(1 << 16);
  ssize_t count;
  while ((count = read(STDIN_FILENO, buffer.data(), buffer.size())) > 0) {
    rest.append(buffer.data(), static_cast<size_t>(count));
    size_t start = 0;
    for (size_t end; (end = rest.find('\n', start)) != std::string::npos; start = end + 1) {
      runner.Run(rest.substr(start, end - start));
    }
    rest.erase(0, start);
    WriteAll(out);
    out.clear();
  }
}

}  // namespace
}  // namespace cfsrepl

int main() { cfsrepl::Serve(); }
