# What every C++ build here is optimised with, and the sanitizers that PHI3LAB_SANITIZE names.
set(PHI3LAB_SANITIZE "" CACHE STRING "Sanitizers to build with, as -fsanitize takes them: address,undefined or thread")
set(cxx COMPILE_LANGUAGE:CXX)
# Sums may be reordered for speed only where a file says so; NaN and infinity keep their meaning everywhere.
set(CMAKE_CXX_FLAGS_RELEASE "-O3 -DNDEBUG")
if(PHI3LAB_SANITIZE)
  # The widest kernels take minutes to compile at -O3 with the sanitizers in them.
  set(CMAKE_CXX_FLAGS_RELEASE "-O1 -DNDEBUG")
  add_compile_options(
    "$<$<${cxx}>:-fsanitize=${PHI3LAB_SANITIZE};-fno-omit-frame-pointer;-fno-sanitize-recover=undefined;-g1>")
  add_link_options(-fsanitize=${PHI3LAB_SANITIZE})
endif()
