# The core as a CMake library, cfs_repl_core: for its tests and benchmarks, as the addon is built by
# binding.gyp. SOURCE_ROOT is the checkout. With CORE_OF_ADDON it is the objects that node-gyp made for the
# addon, so that what is tried is what ships, and is not compiled twice.
file(GLOB_RECURSE CORE_SOURCES CONFIGURE_DEPENDS "${SOURCE_ROOT}/native/core/*.cc")
option(CORE_OF_ADDON "take the addon's objects instead of compiling" OFF)

if(CORE_OF_ADDON)
  list(TRANSFORM CORE_SOURCES REPLACE "^${SOURCE_ROOT}/native/core/(.*)\\.cc$"
       "${SOURCE_ROOT}/build/Release/obj.target/cfs_repl/native/core/\\1.o")
  set_source_files_properties(${CORE_SOURCES} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
  add_library(cfs_repl_core STATIC ${CORE_SOURCES})
  set_target_properties(cfs_repl_core PROPERTIES LINKER_LANGUAGE CXX)
else()
  add_library(cfs_repl_core STATIC ${CORE_SOURCES})
  # A third of the time would go to parsing these again and again.
  target_precompile_headers(cfs_repl_core PRIVATE
    <algorithm> <condition_variable> <functional> <map> <memory> <mutex> <string> <vector>
    <absl/container/btree_set.h> <boost/unordered/unordered_flat_map.hpp>)
endif()

find_package(Threads REQUIRED)
target_include_directories(cfs_repl_core PUBLIC "${SOURCE_ROOT}/native" "${SOURCE_ROOT}/native/core")
# Abseil's B-tree is all headers, except that its checks under AddressSanitizer log.
target_link_libraries(cfs_repl_core PUBLIC uring isal lz4 zstd absl_raw_logging_internal
                      Threads::Threads)
