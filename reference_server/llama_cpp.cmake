# Included by CMake at llama-cpp-python's project(), to leave out what the Python package does not load.
# llama-cpp-python forces the cache entry LLAMA_BUILD_COMMON on; a plain variable goes before it (policy CMP0126).
# Measured with 0.3.36 on two cores: 256 s as it comes, 97 s with this and LLAVA_BUILD=OFF.
set(LLAMA_BUILD_COMMON OFF)
