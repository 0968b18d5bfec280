// core_bench crc | codec | compact | conflict | digest | wal DIR | bare DIR BYTES COUNT
#include <cstdlib>
#include <string_view>

#include "measure.h"

int main(int argc, char** argv) {
  using namespace cfsrepl::bench;
  const std::string_view name = argc > 1 ? argv[1] : "";
  if (name == "crc" && argc == 2) {
    BenchCrc();
  } else if (name == "codec" && argc == 2) {
    BenchCodec();
  } else if (name == "compact" && argc == 2) {
    BenchCompact();
  } else if (name == "conflict" && argc == 2) {
    BenchConflict();
  } else if (name == "digest" && argc == 2) {
    BenchDigest();
  } else if (name == "wal" && argc == 3) {
    BenchWal(argv[2]);
  } else if (name == "bare" && argc == 5) {
    BareWrites(argv[2], std::strtoul(argv[3], nullptr, 10), std::atoi(argv[4]));
  } else {
    std::fprintf(stderr,
                 "usage: core_bench crc | codec | compact | conflict | digest | wal DIR | bare DIR "
                 "BYTES COUNT\n");
    return 2;
  }
  return 0;
}
