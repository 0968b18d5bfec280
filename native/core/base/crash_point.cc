#include "base/crash_point.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>

namespace cfsrepl {
namespace {

// What the environment asked for, read once, before main.
struct Target {
  size_t index = std::size(kCrashPoints);  // none
  long nth = 1;
};

Target ReadTarget() {
  Target target;
  const char* value = getenv("CFS_REPL_CRASH_AT");
  if (value == nullptr || *value == '\0') return target;
  std::string_view name(value);
  if (size_t colon = name.find(':'); colon != name.npos) {
    target.nth = strtol(value + colon + 1, nullptr, 10);
    name = name.substr(0, colon);
  }
  for (size_t i = 0; i < std::size(kCrashPoints); i++) {
    if (kCrashPoints[i] == name) target.index = i;
  }
  if (target.index == std::size(kCrashPoints) || target.nth < 1) {
    fprintf(stderr, "CFS_REPL_CRASH_AT=%s: expected name[:nth] with a name of base/crash_point.h\n",
            value);
    _exit(2);  // a test that asks for a point that is never passed would prove nothing
  }
  return target;
}

const Target target = ReadTarget();
std::atomic<long> passages{0};
std::atomic<void (*)(std::string_view)> listener{nullptr};

}  // namespace

std::atomic<bool> crash_points_armed{target.index != std::size(kCrashPoints)};

void PassCrashPoint(size_t index) {
  if (index == target.index && passages.fetch_add(1) + 1 == target.nth) {
    kill(getpid(), SIGKILL);
    pause();  // the signal may take an instant; nothing must run after the point
  }
  if (auto* call = listener.load()) call(kCrashPoints[index]);
}

void SetCrashPointListener(void (*new_listener)(std::string_view name)) {
  listener = new_listener;
  crash_points_armed = new_listener != nullptr || target.index != std::size(kCrashPoints);
}

}  // namespace cfsrepl
