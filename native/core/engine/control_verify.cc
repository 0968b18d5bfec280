#include "engine/control_verify.h"

#include <cstring>
#include <string>
#include <vector>

#include "base/id_map.h"
#include "base/limits.h"
#include "schema/generated/control_generated.h"

namespace cfsrepl {
namespace {

Status TooMany(const char* field, size_t count, size_t count_max) {
  return Status(Code::kTooLarge, "control message: " + std::string(field) + " has " +
                                     std::to_string(count) + ", at most " +
                                     std::to_string(count_max) + " are allowed");
}

Status CheckText(const char* field, const flatbuffers::String* text, size_t bytes_max) {
  if (text != nullptr && text->size() > bytes_max) return TooMany(field, text->size(), bytes_max);
  return Status::Ok();
}

Status CheckBody(const flatbuffers::Vector<uint8_t>* body) {
  if (body != nullptr && body->size() > limits::kComparisonBodyBytesMax) {
    return TooMany("body", body->size(), limits::kComparisonBodyBytesMax);
  }
  return Status::Ok();
}

Status CheckCapabilities(
    const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>* capabilities) {
  if (capabilities == nullptr) return Status::Ok();
  if (capabilities->size() > limits::kCapabilitiesMax) {
    return TooMany("capabilities", capabilities->size(), limits::kCapabilitiesMax);
  }
  for (const flatbuffers::String* capability : *capabilities) {
    CFS_RETURN_IF_ERROR(CheckText("capability", capability, limits::kCapabilityBytesMax));
    if (capability->size() == 0) {
      return Status(Code::kMalformed, "control message: an empty capability");
    }
  }
  return Status::Ok();
}

Status CheckCursors(const flatbuffers::Vector<flatbuffers::Offset<schema::OriginCursor>>* cursors) {
  if (cursors == nullptr) return Status::Ok();
  if (cursors->size() > limits::kOriginsMax) {
    return TooMany("cursors", cursors->size(), limits::kOriginsMax);
  }
  size_t shard_count = 0;
  for (const schema::OriginCursor* cursor : *cursors) {
    if (cursor->site() == 0) return Status(Code::kMalformed, "control message: cursor of site 0");
    if (cursor->lsn() > kLsnMax) {
      return Status(Code::kMalformed, "control message: cursor LSN " +
                                          std::to_string(cursor->lsn()) + " is over 2^48 - 1");
    }
    if (cursor->shards() != nullptr) shard_count += cursor->shards()->size();
  }
  if (shard_count > limits::kShardsMax) return TooMany("shards", shard_count, limits::kShardsMax);
  return Status::Ok();
}

Status CheckHeartbeat(const schema::Heartbeat& heartbeat) {
  if (heartbeat.reached() != nullptr && heartbeat.reached()->size() > limits::kOriginsMax) {
    return TooMany("reached", heartbeat.reached()->size(), limits::kOriginsMax);
  }
  if (heartbeat.known() == nullptr) return Status::Ok();
  size_t count = 0;
  for (const schema::SiteHeld* held : *heartbeat.known()) {
    if (held->site() == 0) return Status(Code::kMalformed, "control message: site 0 is known");
    CFS_RETURN_IF_ERROR(CheckCursors(held->cursors()));
    if (held->cursors() != nullptr) count += held->cursors()->size();
  }
  return count > limits::kOriginsMax ? TooMany("cursors", count, limits::kOriginsMax)
                                     : Status::Ok();
}

// Ranges that mean something: anything else would be taken up differently by each reader.
Status CheckIdRanges(const char* field, const flatbuffers::Vector<const schema::IdRange*>* ranges) {
  if (ranges == nullptr) return Status::Ok();
  if (ranges->size() > limits::kIdRangesMax) {
    return TooMany(field, ranges->size(), limits::kIdRangesMax);
  }
  std::vector<IdRange> read;
  for (const schema::IdRange* range : *ranges) {
    read.push_back({range->from(), range->to(), range->count()});
  }
  const Status status = IdMap::Make(std::move(read), kNoId).status();
  if (status.ok()) return status;
  return Status(Code::kMalformed,
                "control message: " + std::string(field) + ": " + status.message());
}

Status CheckBounds(const schema::Control& control) {
  switch (control.message_type()) {
    case schema::ControlMessage::NONE:
      return Status(Code::kMalformed, "control message: no kind of message is named");
    case schema::ControlMessage::Hello: {
      const schema::Hello& hello = *control.message_as_Hello();
      CFS_RETURN_IF_ERROR(CheckText("software", hello.software(), limits::kSoftwareBytesMax));
      CFS_RETURN_IF_ERROR(CheckCapabilities(hello.capabilities()));
      CFS_RETURN_IF_ERROR(CheckCursors(hello.forgotten()));
      return CheckCursors(hello.cursors());
    }
    case schema::ControlMessage::Ready:
      return CheckCapabilities(control.message_as_Ready()->capabilities());
    case schema::ControlMessage::Ack:
      return CheckCursors(control.message_as_Ack()->cursors());
    case schema::ControlMessage::Heartbeat:
      return CheckHeartbeat(*control.message_as_Heartbeat());
    case schema::ControlMessage::Drain:
      return CheckText("reason", control.message_as_Drain()->reason(),
                       limits::kControlTextBytesMax);
    case schema::ControlMessage::Refuse:
      return CheckText("message", control.message_as_Refuse()->message(),
                       limits::kControlTextBytesMax);
    case schema::ControlMessage::IdMap:
      CFS_RETURN_IF_ERROR(CheckIdRanges("uid", control.message_as_IdMap()->uid()));
      return CheckIdRanges("gid", control.message_as_IdMap()->gid());
    case schema::ControlMessage::Question:
      return CheckBody(control.message_as_Question()->body());
    case schema::ControlMessage::Answer: {
      const schema::Answer& answer = *control.message_as_Answer();
      if (answer.bytes_total() > limits::kComparisonAnswerBytesMax) {
        return TooMany("bytes_total", answer.bytes_total(), limits::kComparisonAnswerBytesMax);
      }
      CFS_RETURN_IF_ERROR(
          CheckText("error_code", answer.error_code(), limits::kCapabilityBytesMax));
      CFS_RETURN_IF_ERROR(
          CheckText("error_message", answer.error_message(), limits::kControlTextBytesMax));
      return CheckBody(answer.body());
    }
    default:
      return Status::Ok();
  }
}

Status VerifyAligned(Bytes message) {
  flatbuffers::Verifier verifier(message.data(), message.size(), limits::kControlDepthMax,
                                 limits::kControlTablesMax);
  if (!schema::VerifyControlBuffer(verifier)) {
    return Status(Code::kMalformed, "control message of " + std::to_string(message.size()) +
                                        " bytes is not a valid Control table");
  }
  return CheckBounds(*schema::GetControl(message.data()));
}

}  // namespace

Status VerifyControl(Bytes message) {
  if (message.size() > limits::kControlBytesMax) {
    return TooMany("body", message.size(), limits::kControlBytesMax);
  }
  constexpr size_t kAlignment = alignof(uint64_t);
  if (reinterpret_cast<uintptr_t>(message.data()) % kAlignment == 0) return VerifyAligned(message);
  // Generated accessors load whole words; a view into the middle of a buffer is copied to where
  // they may.
  std::vector<uint64_t> aligned(message.size() / kAlignment + 1);
  std::memcpy(aligned.data(), message.data(), message.size());
  return VerifyAligned(Bytes(reinterpret_cast<const uint8_t*>(aligned.data()), message.size()));
}

}  // namespace cfsrepl
