// Timing of one thing beside another, in turns, so that a noisy machine disturbs both alike.
#ifndef CFS_REPL_BENCH_MEASURE_H_
#define CFS_REPL_BENCH_MEASURE_H_

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

namespace cfsrepl::bench {

inline double NowSeconds() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

inline double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Pair {
  double ours = 0;
  double reference = 0;
  double ratio = 0;  // median of the rounds' ratios ours / reference
};

// Runs both `rounds` times in turn. Each returns its rate; more is better. Quotes medians.
inline Pair Compare(int rounds, const std::function<double()>& ours,
                    const std::function<double()>& reference) {
  std::vector<double> mine, theirs, ratios;
  ours();  // warm up
  reference();
  for (int i = 0; i < rounds; i++) {
    mine.push_back(ours());
    theirs.push_back(reference());
    ratios.push_back(mine.back() / theirs.back());
  }
  return {Median(mine), Median(theirs), Median(ratios)};
}

// One object a line, as `npm run bench -- NAME --json` prints it. `params` is a JSON object.
inline void Print(const char* bench, double value, const char* unit, const std::string& params) {
  std::printf("{\"bench\":\"%s\",\"value\":%.6g,\"unit\":\"%s\",\"params\":%s}\n", bench, value,
              unit, params.c_str());
  std::fflush(stdout);
}
inline void Print(const char* bench, const Pair& pair, const char* unit, const std::string& params,
                  const char* reference) {
  std::printf(
      "{\"bench\":\"%s\",\"value\":%.6g,\"unit\":\"%s\",\"params\":%s,"
      "\"reference\":{\"name\":\"%s\",\"value\":%.6g},\"ratio\":%.4g}\n",
      bench, pair.ours, unit, params.c_str(), reference, pair.reference, pair.ratio);
  std::fflush(stdout);
}

void BenchCrc();
void BenchCodec();
void BenchCompact();
void BenchConflict();
void BenchDigest();
void BenchWal(const std::string& directory);
// Times `count` writes of `bytes` plus fdatasync, and prints the latencies in microseconds, one a
// line.
void BareWrites(const std::string& directory, size_t bytes, int count);

}  // namespace cfsrepl::bench

#endif  // CFS_REPL_BENCH_MEASURE_H_
