// Little-endian writing and bounds-checked reading of small records (log items, checkpoint
// metadata).
#ifndef CFS_REPL_BASE_BYTES_H_
#define CFS_REPL_BASE_BYTES_H_

#include <bit>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "base/types.h"

namespace cfsrepl {

static_assert(std::endian::native == std::endian::little, "the formats are little endian");

inline Bytes AsBytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

inline std::string AsString(Bytes bytes) {
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

class ByteWriter {
 public:
  template <typename T>
  void Put(T value) {
    static_assert(std::is_trivially_copyable_v<T>);
    const size_t at = bytes_.size();
    bytes_.resize(at + sizeof(T));
    std::memcpy(bytes_.data() + at, &value, sizeof(T));
  }
  void PutBytes(Bytes bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  Bytes bytes() const { return bytes_; }
  std::vector<uint8_t> Take() { return std::move(bytes_); }

 private:
  std::vector<uint8_t> bytes_;
};

// Reads past the end give zeroes and make ok() false for good; check it before using what was read.
class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) : bytes_(bytes) {}

  template <typename T>
  T Get() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    if (bytes_.size() - at_ < sizeof(T)) {
      ok_ = false;
      return value;
    }
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }
  Bytes GetBytes(size_t count) {
    if (bytes_.size() - at_ < count) {
      ok_ = false;
      return {};
    }
    Bytes part = bytes_.subspan(at_, count);
    at_ += count;
    return part;
  }
  size_t remaining() const { return bytes_.size() - at_; }
  bool ok() const { return ok_; }
  bool finished() const { return ok_ && at_ == bytes_.size(); }

 private:
  Bytes bytes_;
  size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_BASE_BYTES_H_
