// Version vectors and shard marks inside log items and checkpoint metadata.
#ifndef CFS_REPL_ENGINE_VECTOR_CODEC_H_
#define CFS_REPL_ENGINE_VECTOR_CODEC_H_

#include "base/bytes.h"
#include "base/limits.h"

namespace cfsrepl {

inline void PutOrigin(const Origin& origin, ByteWriter* out) {
  out->Put<uint16_t>(origin.site);
  out->Put<uint64_t>(origin.incarnation);
}

inline Origin GetOrigin(ByteReader* in) {
  Origin origin;
  origin.site = in->Get<uint16_t>();
  origin.incarnation = in->Get<uint64_t>();
  return origin;
}

inline void PutVersionVector(const VersionVector& vector, ByteWriter* out) {
  out->Put<uint32_t>(static_cast<uint32_t>(vector.lsns().size()));
  for (const auto& [origin, lsn] : vector.lsns()) {
    PutOrigin(origin, out);
    out->Put<uint64_t>(lsn);
  }
}

// An overlong count reads past the end, which the reader remembers.
inline VersionVector GetVersionVector(ByteReader* in) {
  VersionVector vector;
  const uint32_t count = in->Get<uint32_t>();
  for (uint32_t i = 0; i < count && in->ok(); i++) {
    const Origin origin = GetOrigin(in);
    vector.Raise(origin, in->Get<uint64_t>());
  }
  return vector;
}

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_VECTOR_CODEC_H_
