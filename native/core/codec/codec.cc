#include "codec/codec.h"

#include <lz4.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "base/limits.h"

namespace cfsrepl {
namespace {

static_assert(limits::kFrameRawBytesMax <= LZ4_MAX_INPUT_SIZE);

struct FreeZstd {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

Status UnknownCodec(Code code, Codec codec) {
  return Status(code, "codec is " + std::to_string(static_cast<int>(codec)) +
                          ", this build knows none (0), lz4 (1) and zstd (2)");
}

size_t CompressLz4(void* state, Bytes raw, std::span<uint8_t> out) {
  if (out.empty()) return 0;
  size_t room = std::min(out.size(), static_cast<size_t>(LZ4_COMPRESSBOUND(LZ4_MAX_INPUT_SIZE)));
  int written = LZ4_compress_fast_extState(
      state, reinterpret_cast<const char*>(raw.data()), reinterpret_cast<char*>(out.data()),
      static_cast<int>(raw.size()), static_cast<int>(room), /*acceleration=*/1);
  return written > 0 ? static_cast<size_t>(written) : 0;
}

Status DecompressLz4(Bytes stored, std::span<uint8_t> out) {
  int written = LZ4_decompress_safe(reinterpret_cast<const char*>(stored.data()),
                                    reinterpret_cast<char*>(out.data()),
                                    static_cast<int>(stored.size()), static_cast<int>(out.size()));
  if (written >= 0 && static_cast<size_t>(written) == out.size()) return Status::Ok();
  if (written < 0) {
    return Status(Code::kMalformed, "lz4: the " + std::to_string(stored.size()) +
                                        " stored bytes are no block of at most " +
                                        std::to_string(out.size()) + " bytes");
  }
  return Status(Code::kMalformed, "lz4: the block has " + std::to_string(written) +
                                      " bytes, expected raw_bytes " + std::to_string(out.size()));
}

// One Zstd frame, whole, that says it has exactly out.size() bytes; checked before any is made.
Status CheckZstdFrame(Bytes stored, size_t raw_bytes) {
  uint64_t content = ZSTD_getFrameContentSize(stored.data(), stored.size());
  if (content == ZSTD_CONTENTSIZE_ERROR) {
    return Status(Code::kMalformed, "zstd: the stored bytes start no frame");
  }
  if (content != raw_bytes) {
    std::string said = content == ZSTD_CONTENTSIZE_UNKNOWN ? "no content size"
                                                           : std::to_string(content) + " bytes";
    return Status(Code::kMalformed, "zstd: the frame states " + said + ", expected raw_bytes " +
                                        std::to_string(raw_bytes));
  }
  size_t frame_bytes = ZSTD_findFrameCompressedSize(stored.data(), stored.size());
  if (!ZSTD_isError(frame_bytes) && frame_bytes == stored.size()) return Status::Ok();
  return Status(Code::kMalformed, "zstd: the frame does not end with the " +
                                      std::to_string(stored.size()) + " stored bytes");
}

Status DecompressZstd(ZSTD_DCtx* context, Bytes stored, std::span<uint8_t> out) {
  CFS_RETURN_IF_ERROR(CheckZstdFrame(stored, out.size()));
  size_t written =
      ZSTD_decompressDCtx(context, out.data(), out.size(), stored.data(), stored.size());
  if (!ZSTD_isError(written) && written == out.size()) return Status::Ok();
  return Status(Code::kMalformed,
                std::string("zstd: the frame does not decompress to raw_bytes ") +
                    std::to_string(out.size()) +
                    (ZSTD_isError(written) ? std::string(": ") + ZSTD_getErrorName(written) : ""));
}

}  // namespace

struct CodecContext::Contexts {
  std::vector<uint64_t> lz4;  // LZ4 wants 8-byte alignment
  std::unique_ptr<ZSTD_CCtx, FreeZstd> zstd_compress;
  std::unique_ptr<ZSTD_DCtx, FreeZstd> zstd_decompress;

  void* Lz4State() {
    if (lz4.empty()) lz4.resize((static_cast<size_t>(LZ4_sizeofState()) + 7) / 8);
    return lz4.data();
  }
  ZSTD_CCtx* ZstdCompress() {
    if (!zstd_compress) zstd_compress.reset(ZSTD_createCCtx());
    return zstd_compress.get();
  }
  ZSTD_DCtx* ZstdDecompress() {
    if (!zstd_decompress) zstd_decompress.reset(ZSTD_createDCtx());
    return zstd_decompress.get();
  }
};

CodecContext::CodecContext() : contexts_(std::make_unique<Contexts>()) {}
CodecContext::~CodecContext() = default;
CodecContext::CodecContext(CodecContext&&) noexcept = default;
CodecContext& CodecContext::operator=(CodecContext&&) noexcept = default;

std::string_view CodecName(Codec codec) {
  switch (codec) {
    case Codec::None:
      return "none";
    case Codec::Lz4:
      return "lz4";
    case Codec::Zstd:
      return "zstd";
  }
  return "unknown";
}

Result<size_t> CodecContext::Compress(Codec codec, int level, Bytes raw, std::span<uint8_t> out) {
  if (raw.size() > limits::kFrameRawBytesMax) {
    return Status(Code::kTooLarge, "cannot compress " + std::to_string(raw.size()) +
                                       " bytes, expected at most " +
                                       std::to_string(limits::kFrameRawBytesMax));
  }
  switch (codec) {
    case Codec::None:
      if (raw.size() > out.size()) return size_t{0};
      if (!raw.empty()) std::memcpy(out.data(), raw.data(), raw.size());
      return raw.size();
    case Codec::Lz4:
      return CompressLz4(contexts_->Lz4State(), raw, out);
    case Codec::Zstd: {
      if (level < 0 || level > limits::kZstdLevelMax) {
        return Status(Code::kInvalidArgument, "zstd level is " + std::to_string(level) +
                                                  ", expected 0 (default) to " +
                                                  std::to_string(limits::kZstdLevelMax));
      }
      size_t written =
          ZSTD_compressCCtx(contexts_->ZstdCompress(), out.data(), out.size(), raw.data(),
                            raw.size(), level == 0 ? kZstdLevelDefault : level);
      return ZSTD_isError(written) ? size_t{0} : written;
    }
  }
  return UnknownCodec(Code::kInvalidArgument, codec);
}

Status CodecContext::Decompress(Codec codec, Bytes stored, std::span<uint8_t> out) {
  if (stored.size() > limits::kFrameStoredBytesMax || out.size() > limits::kFrameRawBytesMax) {
    return Status(Code::kTooLarge,
                  "cannot decompress " + std::to_string(stored.size()) + " bytes into " +
                      std::to_string(out.size()) + ", expected at most " +
                      std::to_string(limits::kFrameRawBytesMax) + " on both sides");
  }
  switch (codec) {
    case Codec::None:
      if (stored.size() != out.size()) {
        return Status(Code::kMalformed, "none: " + std::to_string(stored.size()) +
                                            " stored bytes, expected raw_bytes " +
                                            std::to_string(out.size()));
      }
      if (!stored.empty()) std::memcpy(out.data(), stored.data(), stored.size());
      return Status::Ok();
    case Codec::Lz4:
      return DecompressLz4(stored, out);
    case Codec::Zstd:
      return DecompressZstd(contexts_->ZstdDecompress(), stored, out);
  }
  return UnknownCodec(Code::kUnsupported, codec);
}

}  // namespace cfsrepl
