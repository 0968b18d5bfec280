// Checkpoint chunks of arbitrary bytes: refused, or merged so that a second time changes nothing
// and every name that it shows can be found.
//
// Input: whole chunks. Lengths and checksums of the first are made right, so that the fuzzer gets
// past them.
#include <cstdlib>
#include <cstring>
#include <vector>

#include "checksum/crc32c.h"
#include "state/checkpoint.h"
#include "state/checkpoint_format.h"
#include "state/digest.h"

namespace cfsrepl {
namespace {

void Require(bool holds) {
  if (!holds) abort();
}

StateDigest DigestOf(const State& state) {
  DigestScan scan(state);
  while (!scan.Step(1000)) {
  }
  return scan.digest();
}

void Seal(std::vector<uint8_t>* input) {
  using namespace checkpoint_format;
  ChunkHeader header;
  if (input->size() < sizeof(header)) return;
  std::memcpy(&header, input->data(), sizeof(header));
  size_t origins_bytes = header.origin_count * sizeof(ChunkOrigin);
  if (input->size() < sizeof(header) + origins_bytes) return;
  header.magic = kChunkMagic;
  header.version = kVersion;
  header.records_bytes = static_cast<uint32_t>(input->size() - sizeof(header) - origins_bytes);
  header.crc = Crc32cExtend(Crc32c(BytesOf(header, offsetof(ChunkHeader, crc))),
                            Bytes(*input).subspan(sizeof(header)));
  std::memcpy(input->data(), &header, sizeof(header));
}

// Every name that shows can be found by its path.
void CheckNames(const State& state) {
  std::vector<DumpedName> names;
  state.Dump({}, 10000, &names);
  Require(names.size() <= state.counters().visible_names);
  for (const DumpedName& name : names) {
    Bytes path(reinterpret_cast<const uint8_t*>(name.path.data()), name.path.size());
    Result<NameEntry> entry = state.ResolvePath(path);
    Require(entry.ok() && entry->inode == name.attributes.inode);
    Require(state.PathOf(entry->inode).ok() && state.IsAncestor(kRootInode, entry->inode));
  }
}

}  // namespace
}  // namespace cfsrepl

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cfsrepl;
  std::vector<uint8_t> chunk(data, data + size);
  Seal(&chunk);
  State state;
  if (!MergeChunks(chunk, &state).ok()) return 0;
  StateDigest digest = DigestOf(state);
  Require(MergeChunks(chunk, &state).ok());
  Require(DigestOf(state) == digest);
  CheckNames(state);
  return 0;
}
