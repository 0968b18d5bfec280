// Taking over checkpoints without a network.
#ifndef CFS_REPL_TEST_ENGINE_TAKEOVER_SUPPORT_H_
#define CFS_REPL_TEST_ENGINE_TAKEOVER_SUPPORT_H_

#include <algorithm>
#include <functional>
#include <map>

#include "engine/engine_support.h"
#include "engine/takeover_wire.h"

namespace cfsrepl {

inline constexpr size_t kPartHeadBytes = 20;  // of an answer, before its bytes of the file

using Answerer = std::function<Result<std::vector<uint8_t>>(Bytes question)>;

// The answers of a site, of which each brings at most so many bytes of the file.
inline Answerer AnswersOf(Engine* site, size_t part_bytes = limits::kTakeOverPartBytesMax) {
  return [=](Bytes question) {
    auto answer = site->Answer(question);
    const bool is_part = DecodeTakeOverQuestion(question)->asked == TakeOverAsked::kPart;
    if (answer.ok() && is_part && answer->size() > kPartHeadBytes + part_bytes) {
      answer.value().resize(kPartHeadBytes + part_bytes);
    }
    return answer;
  };
}

// Until it is done, or something goes wrong.
inline Status Carry(TakeOver* take_over, const Answerer& answer) {
  while (auto question = take_over->Next()) {
    auto answered = answer(*question);
    if (!answered.ok()) return answered.status();
    CFS_RETURN_IF_ERROR(take_over->Take(answered.value()));
  }
  return Status::Ok();
}

inline Status TakeOverFrom(Engine* taker, const Answerer& answer,
                           TakeOverStatus* status = nullptr) {
  auto take_over = taker->StartTakeOver(1);
  if (!take_over.ok()) return take_over.status();
  const Status carried = Carry(take_over.value().get(), answer);
  if (status != nullptr) *status = take_over.value()->status();
  return carried;
}

// As a whole: what the first of two engines holds and shows is what the second does.
inline void ExpectSameLedger(Engine* a, Engine* b) {
  const auto of_a = a->Conflicts({}, 1000).value();
  const auto of_b = b->Conflicts({}, 1000).value();
  ASSERT_EQ(of_a.size(), of_b.size());
  for (size_t i = 0; i < of_a.size(); i++) {
    EXPECT_EQ(of_a[i].place.id, of_b[i].place.id);
    EXPECT_EQ(of_a[i].payload, of_b[i].payload);
    EXPECT_EQ(of_a[i].settled, of_b[i].settled);
  }
}

inline std::map<Origin, Lsn> HeldBy(Engine* engine) {
  std::map<Origin, Lsn> held;
  for (const OriginCursor& cursor : engine->Held(false)) {
    if (cursor.lsn != 0) held[cursor.origin] = cursor.lsn;
  }
  return held;
}

}  // namespace cfsrepl

#endif  // CFS_REPL_TEST_ENGINE_TAKEOVER_SUPPORT_H_
