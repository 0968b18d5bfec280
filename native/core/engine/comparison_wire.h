// The bytes of questions and answers of a comparison: docs/conduit-protocol.md, "Comparison".
// Nothing is allocated on a stranger's word: counts are checked against the bytes that are there.
#ifndef CFS_REPL_ENGINE_COMPARISON_WIRE_H_
#define CFS_REPL_ENGINE_COMPARISON_WIRE_H_

#include <vector>

#include "base/status.h"
#include "base/types.h"
#include "state/digest_tree.h"

namespace cfsrepl {

enum class Asked : uint8_t {
  kRoot = 1,       // what is held, the digest, and the sums of its nodes
  kLeaves = 2,     // the sums of the leaves of some nodes
  kInodes = 3,     // the inodes of some leaves, and their hashes
  kRegisters = 4,  // the registers of some inodes, and what is held
};

struct Question {
  Asked asked = Asked::kRoot;
  std::vector<uint8_t> nodes;  // kLeaves: ascending
  LeafSet leaves;              // kInodes
  uint32_t slot = 1;           // kInodes: where to go on
  std::vector<Inode> inodes;   // kRegisters
};

std::vector<uint8_t> EncodeQuestion(const Question& question);
// kMalformed, kTooLarge, kUnsupported.
Result<Question> DecodeQuestion(Bytes bytes);

struct RootAnswer {
  VersionVector held;
  StateDigest digest;
  DigestSums sums{};
};

struct LeavesAnswer {
  std::vector<DigestSums> sums;  // in the order of the question's nodes
};

struct InodesAnswer {
  uint32_t next_slot = 0;  // to ask for next; 0: there are no more
  std::vector<InodeHash> inodes;
};

// What an answer says of an inode besides its registers.
enum AnsweredInode : uint8_t {
  kInodeLive = 1u << 0,
  kInodeTooLarge = 1u << 1,  // its registers do not fit an answer
};

struct RegistersAnswer {
  VersionVector held;          // all entries that the registers may come from
  std::vector<uint8_t> flags;  // AnsweredInode, of the first so many of the question's inodes
  std::vector<uint8_t> chunks;
};

std::vector<uint8_t> EncodeAnswer(const RootAnswer& answer);
std::vector<uint8_t> EncodeAnswer(const LeavesAnswer& answer);
std::vector<uint8_t> EncodeAnswer(const InodesAnswer& answer);
std::vector<uint8_t> EncodeAnswer(const RegistersAnswer& answer);

// kMalformed unless the bytes are an answer to `question`, down to the last one. Chunks are not
// looked into.
Status DecodeAnswer(Bytes bytes, const Question& question, RootAnswer* answer);
Status DecodeAnswer(Bytes bytes, const Question& question, LeavesAnswer* answer);
Status DecodeAnswer(Bytes bytes, const Question& question, InodesAnswer* answer);
Status DecodeAnswer(Bytes bytes, const Question& question, RegistersAnswer* answer);

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_COMPARISON_WIRE_H_
