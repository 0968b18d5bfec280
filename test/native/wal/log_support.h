// Logs for tests, made in one line.
#ifndef CFS_REPL_TEST_WAL_LOG_SUPPORT_H_
#define CFS_REPL_TEST_WAL_LOG_SUPPORT_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/memory_disk.h"
#include "wal/log.h"

namespace cfsrepl::test {

inline constexpr Uuid kVolume{0x0011223344556677ull, 0x8899aabbccddeeffull};
inline constexpr uint64_t kSegmentBytes = 64 * 1024;

inline Bytes AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// Small segments, zeroed inline so that a run is repeatable, no reserve file.
inline LogOptions SmallOptions() {
  return LogOptions{.directory = "log",
                    .volume = kVolume,
                    .segment_bytes = kSegmentBytes,
                    .ready_segments = 2,
                    .reserve_bytes = 2 * limits::kBlockBytes,
                    .reserve_file_bytes = 0,
                    .tail_cache_bytes = 64 * 1024,
                    .random_seed = 1,
                    .prepare_inline = true};
}

// What is compared and printed: the text, or its beginning and length if it is long.
inline std::string Short(const std::string& text) {
  return text.size() <= 40 ? text : text.substr(0, 8) + "+" + std::to_string(text.size() - 8);
}

inline std::vector<std::string> Short(std::vector<std::string> texts) {
  for (std::string& text : texts) text = Short(text);
  return texts;
}

// One open log and what its start replayed, as text: a record "abc|de" has the items "abc" and
// "de". Texts are Short.
struct OpenedLog {
  Status status;
  std::unique_ptr<Log> log;
  RecoveryReport report;
  std::vector<std::string> replayed;
  std::vector<RecordRef> refs;
};

inline std::string TextOf(std::span<const Item> items) {
  std::string text;
  for (const Item& item : items) {
    if (&item != items.data()) text += '|';
    text.append(item.bytes.begin(), item.bytes.end());
  }
  return text;
}

inline OpenedLog OpenLog(FileSystem* disk, const LogOptions& options = SmallOptions(),
                         const LogStart& start = {}) {
  OpenedLog opened;
  auto replay = [&](const RecordView& record) {
    opened.replayed.push_back(Short(TextOf(record.items)));
    opened.refs.push_back(record.ref);
    return Status::Ok();
  };
  auto log = Log::Open(options, disk, start, replay, &opened.report);
  opened.status = log.status();
  if (log.ok()) opened.log = std::move(log).value();
  return opened;
}

inline Result<RecordRef> AppendText(Log* log, const std::string& text) {
  Item item{1, AsBytes(text)};
  return log->Append(std::span<const Item>(&item, 1));
}

// Appends each text as a record; the test fails if one cannot.
inline std::vector<RecordRef> AppendTexts(Log* log, const std::vector<std::string>& texts) {
  std::vector<RecordRef> refs;
  for (const std::string& text : texts) {
    auto ref = AppendText(log, text);
    EXPECT_TRUE(ref.ok()) << ref.status().message();
    if (ref.ok()) refs.push_back(ref.value());
  }
  return refs;
}

// "<i>" followed by dashes up to `bytes`.
inline std::string Text(size_t i, size_t bytes) {
  std::string text = std::to_string(i);
  if (text.size() < bytes) text.append(bytes - text.size(), '-');
  return text;
}

inline std::string SegmentFile(uint64_t number) {
  std::string digits = std::to_string(number);
  return "log/" + std::string(12 - digits.size(), '0') + digits + ".segment";
}

}  // namespace cfsrepl::test

#endif  // CFS_REPL_TEST_WAL_LOG_SUPPORT_H_
