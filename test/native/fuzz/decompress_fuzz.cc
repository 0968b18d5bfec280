// Streams from nowhere: nothing is written outside the output, and what we compress comes back.
// Input: a byte for the codec, two for raw_bytes in units of 16, then the stored bytes.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "codec/codec.h"

namespace cfsrepl {
namespace {

constexpr size_t kPrefixBytes = 3;

void RoundTrip(CodecContext* context, Codec codec, Bytes raw) {
  std::vector<uint8_t> stored(raw.size() * 2 + 64);
  auto written = context->Compress(codec, 0, raw, stored);
  if (!written.ok() || written.value() == 0) std::abort();
  std::vector<uint8_t> back(raw.size());
  if (!context->Decompress(codec, Bytes(stored).first(written.value()), back).ok()) std::abort();
  if (!std::ranges::equal(back, raw)) std::abort();
}

void Fuzz(Bytes input) {
  static CodecContext context;
  uint16_t units;
  std::memcpy(&units, input.data() + 1, sizeof(units));
  const Codec codec = static_cast<Codec>(input[0] % 4);  // one past the last
  const Bytes stored = input.subspan(kPrefixBytes);
  std::vector<uint8_t> out(size_t{units} * 16);  // ASan guards its ends
  (void)context.Decompress(codec, stored, out);
  if (codec <= Codec::MAX && !stored.empty()) RoundTrip(&context, codec, stored);
}

}  // namespace
}  // namespace cfsrepl

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size >= cfsrepl::kPrefixBytes) cfsrepl::Fuzz({data, size});
  return 0;
}
