#include <lz4.h>
#include <zstd.h>

#include "codec/codec.h"
#include "entries.h"
#include "measure.h"

namespace cfsrepl::bench {

namespace {

double RateMbs(size_t bytes, const std::function<void()>& once) {
  constexpr double kSeconds = 0.1;
  uint64_t rounds = 0;
  const double start = NowSeconds();
  double elapsed = 0;
  for (; elapsed < kSeconds; elapsed = NowSeconds() - start) {
    once();
    rounds++;
  }
  return static_cast<double>(rounds * bytes) / elapsed / 1e6;
}

std::string Params(Codec codec, const char* direction, size_t raw, size_t stored) {
  return "{\"codec\":\"" + std::string(CodecName(codec)) + "\",\"direction\":\"" + direction +
         "\",\"raw_bytes\":" + std::to_string(raw) + ",\"stored_bytes\":" + std::to_string(stored) +
         "}";
}

}  // namespace

void BenchCodec() {
  std::mt19937_64 random(1);
  const Buffer frame = MakeFrame(&random, 8192, 100000, 1);
  const Bytes raw = frame.bytes().subspan(limits::kFrameHeaderBytes);
  std::vector<uint8_t> stored(raw.size());
  std::vector<uint8_t> out(raw.size());
  CodecContext context;
  auto* src = reinterpret_cast<const char*>(raw.data());
  auto* dst = reinterpret_cast<char*>(stored.data());
  const int raw_bytes = static_cast<int>(raw.size());
  const int room = static_cast<int>(stored.size());

  // The references keep their states between calls too: the comparison is of calls, not
  // allocations.
  std::vector<char> lz4_state(static_cast<size_t>(LZ4_sizeofState()));
  ZSTD_CCtx* zstd_cctx = ZSTD_createCCtx();
  ZSTD_DCtx* zstd_dctx = ZSTD_createDCtx();

  for (const Codec codec : {Codec::Lz4, Codec::Zstd}) {
    const bool lz4 = codec == Codec::Lz4;
    const size_t bytes = context.Compress(codec, 0, raw, stored).value();
    Pair pair = Compare(
        9,
        [&] { return RateMbs(raw.size(), [&] { (void)context.Compress(codec, 0, raw, stored); }); },
        [&] {
          return RateMbs(raw.size(), [&] {
            if (lz4) LZ4_compress_fast_extState(lz4_state.data(), src, dst, raw_bytes, room, 1);
            if (!lz4)
              ZSTD_compressCCtx(zstd_cctx, dst, stored.size(), src, raw.size(), kZstdLevelDefault);
          });
        });
    Print("codec", pair, "MB/s", Params(codec, "compress", raw.size(), bytes),
          lz4 ? "liblz4" : "libzstd");
    (void)context.Compress(codec, 0, raw, stored);
    const Bytes packed = Bytes(stored).first(bytes);
    pair = Compare(
        9,
        [&] { return RateMbs(raw.size(), [&] { (void)context.Decompress(codec, packed, out); }); },
        [&] {
          return RateMbs(raw.size(), [&] {
            if (lz4) {
              LZ4_decompress_safe(dst, reinterpret_cast<char*>(out.data()), static_cast<int>(bytes),
                                  raw_bytes);
            } else {
              ZSTD_decompressDCtx(zstd_dctx, out.data(), out.size(), dst, bytes);
            }
          });
        });
    Print("codec", pair, "MB/s", Params(codec, "decompress", raw.size(), bytes),
          lz4 ? "liblz4" : "libzstd");
  }
  ZSTD_freeCCtx(zstd_cctx);
  ZSTD_freeDCtx(zstd_dctx);
}

}  // namespace cfsrepl::bench
