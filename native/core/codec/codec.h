// None, LZ4 (block format) and Zstd (one frame with its content size), with contexts kept between
// calls.
#ifndef CFS_REPL_CODEC_CODEC_H_
#define CFS_REPL_CODEC_CODEC_H_

#include <memory>
#include <span>
#include <string_view>

#include "base/limits.h"
#include "base/status.h"
#include "base/types.h"
#include "schema/generated/frame_generated.h"

namespace cfsrepl {

using Codec = schema::Codec;

std::string_view CodecName(Codec codec);  // "none", "lz4", "zstd"; "unknown" past the last

inline constexpr int kZstdLevelDefault = 1;

// Compression and decompression memory, made on first use and kept. Owned by one thread at a time.
class CodecContext {
 public:
  CodecContext();
  ~CodecContext();
  CodecContext(CodecContext&&) noexcept;
  CodecContext& operator=(CodecContext&&) noexcept;

  // Compresses `raw` into `out` and returns the bytes written; 0 if the result does not fit in
  // `out`, which is how a caller asks for "only if smaller". `level` is 1 to limits::kZstdLevelMax
  // for Zstd, and 0 is the codec's default; the others have no levels and ignore it.
  // kInvalidArgument for a level or codec out of range; kTooLarge past kFrameRawBytesMax.
  Result<size_t> Compress(Codec codec, int level, Bytes raw, std::span<uint8_t> out);

  // Decompresses untrusted `stored` into all of `out`: kMalformed unless it is one whole stream of
  // exactly out.size() bytes. Never writes outside `out`, never allocates by what `stored` claims.
  // kUnsupported for an unknown codec.
  Status Decompress(Codec codec, Bytes stored, std::span<uint8_t> out);

 private:
  struct Contexts;
  std::unique_ptr<Contexts> contexts_;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_CODEC_CODEC_H_
