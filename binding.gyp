{
  # The addon: the core's sources and the glue, in one shared object that needs nothing but libisal
  # (Debian ships no static one). Core sources know nothing of Node and build the same without it.
  "targets": [
    {
      "target_name": "cfs_repl",
      "sources": ["<!@(find native/core native/addon -name '*.cc' | LC_ALL=C sort)"],
      "include_dirs": [
        "native",
        "native/core",
        "<!(node -p \"require('node-addon-api').include_dir\")",
      ],
      "defines": ["NAPI_VERSION=9", "NAPI_DISABLE_CPP_EXCEPTIONS"],
      "cflags": ["-g1", "-fno-semantic-interposition", "-fvisibility=hidden"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
      # GCC 12 sees overlaps in std::string's own operator+ that are not there (its bug 105329).
      "cflags_cc": [
        "-std=c++20", "-Wall", "-Wextra", "-Werror", "-Wno-restrict", "-fno-exceptions",
      ],
      # Static and hidden, so that no other copy of these libraries in the process (Node's own Zstd,
      # an embedder's LZ4) can stand in for the version this was built with.
      "libraries": ["-l:liburing.a", "-l:liblz4.a", "-l:libzstd.a", "-lisal"],
      "ldflags": ["-Wl,--exclude-libs,ALL"],
    },
  ],
}
