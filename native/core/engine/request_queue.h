// What waits for the engine thread: batches to append, frames to receive. Bounded in bytes for
// each.
#ifndef CFS_REPL_ENGINE_REQUEST_QUEUE_H_
#define CFS_REPL_ENGINE_REQUEST_QUEUE_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/limits.h"
#include "base/status.h"
#include "engine/engine.h"

namespace cfsrepl {

struct AppendRequest {
  Bytes batch;
  AppendOptions options;
  std::function<void(AppendResult)> done;
};

struct ReceiveRequest {
  Bytes frame;
  Origin from;  // whose session it came over
  std::function<void(ReceiveResult)> done;
};

// A look at all that is merged, between two other requests, when the metadata says exactly what
// that is; it may mend registers.
struct LookRequest {
  // What is to be journaled, and was merged by it; mostly nothing.
  std::function<Result<std::vector<uint8_t>>()> look;
  bool journals = false;
  // When all that it saw is durable, or why that cannot be.
  std::function<void(const Status&)> done;
};

// Exactly one of the three; `done` of the last two tells which.
struct Request {
  AppendRequest append;
  ReceiveRequest receive;
  LookRequest look;
  bool is_receive() const { return receive.done != nullptr; }
  bool is_look() const { return look.done != nullptr; }
};

class RequestQueue {
 public:
  Status PushAppend(AppendRequest request) {
    const size_t bytes = request.batch.size();
    Request wrapped;
    wrapped.append = std::move(request);
    return Push(std::move(wrapped), bytes, &append_bytes_, limits::kAppendQueueBytesMax, "append");
  }
  Status PushReceive(ReceiveRequest request) {
    const size_t bytes = request.frame.size();
    Request wrapped;
    wrapped.receive = std::move(request);
    return Push(std::move(wrapped), bytes, &receive_bytes_, limits::kReceiveQueueBytesMax,
                "receive");
  }

  // Who looks waits for the answer: there are as many as worker threads.
  Status PushLook(LookRequest request) {
    Request wrapped;
    wrapped.look = std::move(request);
    size_t none = 0;
    return Push(std::move(wrapped), 0, &none, 0, "look");
  }

  // The oldest request, waiting for one until `deadline`. False at the deadline or once closed and
  // empty. One thread only.
  bool Pop(Request* out, std::chrono::steady_clock::time_point deadline) {
    const auto start = std::chrono::steady_clock::now();
    if (expect_soon_) LookOut(start + kLookOut);
    std::unique_lock lock(mutex_);
    arrived_.wait_until(lock, deadline, [this] { return closed_ || !requests_.empty(); });
    expect_soon_ = !requests_.empty() && std::chrono::steady_clock::now() - start < kLookOut;
    return PopLocked(out);
  }
  bool TryPop(Request* out) {
    std::lock_guard lock(mutex_);
    return PopLocked(out);
  }

  // A look without the lock: a request that is just coming may not show yet.
  bool empty() const { return waiting_.load(std::memory_order_acquire) == 0; }

  // Nothing gets in any more; what is in can still be popped.
  void Close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
    arrived_.notify_all();
  }
  bool closed() const {
    std::lock_guard lock(mutex_);
    return closed_;
  }

 private:
  // A writer that waits for each answer has its next request here sooner than a sleeping thread
  // wakes up, which takes a fifth of a small commit's time.
  static constexpr std::chrono::microseconds kLookOut{100};

  void LookOut(std::chrono::steady_clock::time_point until) {
    while (waiting_.load(std::memory_order_acquire) == 0 &&
           std::chrono::steady_clock::now() < until) {
      std::this_thread::yield();  // whoever has work goes first
    }
  }

  Status Push(Request request, size_t bytes, size_t* held_bytes, size_t max, const char* name) {
    {
      std::lock_guard lock(mutex_);
      if (closed_) return Status(Code::kClosed, "the engine is closed");
      // An empty queue takes a request of any size, so a large one waits but never starves.
      if (*held_bytes != 0 && *held_bytes + bytes > max) {
        return Status(Code::kQueueFull, std::string("the ") + name + " queue holds " +
                                            std::to_string(*held_bytes) + " bytes, at most " +
                                            std::to_string(max) + "; wait for earlier ones");
      }
      *held_bytes += bytes;
      requests_.push_back(std::move(request));
      waiting_.store(requests_.size(), std::memory_order_release);
    }
    arrived_.notify_one();
    return Status::Ok();
  }
  bool PopLocked(Request* out) {
    if (requests_.empty()) return false;
    *out = std::move(requests_.front());
    requests_.pop_front();
    waiting_.store(requests_.size(), std::memory_order_release);
    if (out->is_receive()) {
      receive_bytes_ -= out->receive.frame.size();
    } else if (!out->is_look()) {
      append_bytes_ -= out->append.batch.size();
    }
    return true;
  }

  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Request> requests_;
  size_t append_bytes_ = 0;
  size_t receive_bytes_ = 0;
  bool closed_ = false;
  std::atomic<size_t> waiting_{0};  // requests_.size(), for a look without the lock
  bool expect_soon_ = false;        // the last request came within kLookOut; Pop's thread only
};

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_REQUEST_QUEUE_H_
