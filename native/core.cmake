# The core as a CMake library, cfs_repl_core: for its tests and benchmarks, as the addon is built by
# binding.gyp. SOURCE_ROOT is the checkout. With CORE_OBJECTS, the folder where node-gyp put the addon's
# objects of native/core, it is those, so that what is tried is what ships, and is not compiled twice.
file(GLOB_RECURSE CORE_SOURCES CONFIGURE_DEPENDS "${SOURCE_ROOT}/native/core/*.cc")
set(CORE_OBJECTS "" CACHE PATH "objects to take instead of compiling")

if(CORE_OBJECTS)
  list(TRANSFORM CORE_SOURCES REPLACE "^${SOURCE_ROOT}/native/core/(.*)\\.cc$" "${CORE_OBJECTS}/\\1.o")
  set_source_files_properties(${CORE_SOURCES} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
  add_library(cfs_repl_core STATIC ${CORE_SOURCES})
  set_target_properties(cfs_repl_core PROPERTIES LINKER_LANGUAGE CXX)
else()
  add_library(cfs_repl_core STATIC ${CORE_SOURCES})
  # Half of the time would go to parsing these again and again.
  target_precompile_headers(cfs_repl_core PRIVATE
    <algorithm> <condition_variable> <functional> <map> <memory> <mutex> <string> <vector>
    <absl/container/btree_set.h> <boost/unordered/unordered_flat_map.hpp>)
endif()

find_package(Threads REQUIRED)
target_include_directories(cfs_repl_core PUBLIC "${SOURCE_ROOT}/native" "${SOURCE_ROOT}/native/core")
# Abseil's B-tree is all headers, except that its checks under AddressSanitizer log.
target_link_libraries(cfs_repl_core PUBLIC uring isal lz4 zstd absl_raw_logging_internal
                      Threads::Threads)
