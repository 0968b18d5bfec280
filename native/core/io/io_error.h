// How the io stage words its errors.
#ifndef CFS_REPL_IO_IO_ERROR_H_
#define CFS_REPL_IO_IO_ERROR_H_

#include <string>
#include <string_view>

#include "base/status.h"
#include "base/types.h"

namespace cfsrepl {

// "pwrite of 4096 bytes at 8192 in /x/y: No space left on device", with the code that errno stands
// for.
Status IoError(std::string_view call, const std::string& path, int error_number);
Status IoErrorAt(std::string_view call, const std::string& path, uint64_t offset, size_t bytes,
                 int error_number);

// kIo: the call returned fewer bytes than it was asked for, without an error.
Status ShortWrite(const std::string& path, uint64_t offset, size_t bytes, size_t written);

// kInvalidArgument unless memory, offset and length are multiples of limits::kBlockBytes.
Status CheckAligned(const std::string& path, uint64_t offset, const void* memory, size_t bytes);

}  // namespace cfsrepl

#endif  // CFS_REPL_IO_IO_ERROR_H_
