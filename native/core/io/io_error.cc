#include "io/io_error.h"

#include <cerrno>
#include <cstring>

#include "base/limits.h"

namespace cfsrepl {
namespace {

Code CodeOfErrno(int error_number) {
  switch (error_number) {
    case ENOENT:
      return Code::kNotFound;
    case ENOSPC:
    case EDQUOT:
      return Code::kDiskFull;
    default:
      return Code::kIo;
  }
}

std::string Place(uint64_t offset, size_t bytes, const std::string& path) {
  return " of " + std::to_string(bytes) + " bytes at " + std::to_string(offset) + " in " + path;
}

}  // namespace

Status IoError(std::string_view call, const std::string& path, int error_number) {
  return Status(CodeOfErrno(error_number),
                std::string(call) + " " + path + ": " + strerror(error_number));
}

Status IoErrorAt(std::string_view call, const std::string& path, uint64_t offset, size_t bytes,
                 int error_number) {
  return Status(CodeOfErrno(error_number),
                std::string(call) + Place(offset, bytes, path) + ": " + strerror(error_number));
}

Status ShortWrite(const std::string& path, uint64_t offset, size_t bytes, size_t written) {
  return Status(Code::kIo, "write" + Place(offset, bytes, path) + " stopped after " +
                               std::to_string(written) + " bytes");
}

Status CheckAligned(const std::string& path, uint64_t offset, const void* memory, size_t bytes) {
  constexpr uint64_t kMask = limits::kBlockBytes - 1;
  if (((offset | bytes | reinterpret_cast<uintptr_t>(memory)) & kMask) == 0) return Status::Ok();
  return Status(Code::kInvalidArgument,
                "direct access" + Place(offset, bytes, path) +
                    ": offset, length and memory must be multiples of 4096");
}

}  // namespace cfsrepl
