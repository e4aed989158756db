# What the test programs are compiled with: warnings, and the sanitizers that PHI3LAB_SANITIZE names, which want the
# backends compiled with them too (no PHI3LAB_BUILD).
set(PHI3LAB_SANITIZE "" CACHE STRING "Sanitizers to build with, as -fsanitize takes them: address,undefined or thread")

set(cxx COMPILE_LANGUAGE:CXX)
if(MSVC)
  add_compile_definitions(NOMINMAX _CRT_SECURE_NO_WARNINGS)
else()
  add_compile_options("$<$<${cxx}>:-Wall;-Wextra>")
  set(CMAKE_CXX_FLAGS_RELEASE "-O3 -DNDEBUG")
  if(PHI3LAB_SANITIZE)
    set(CMAKE_CXX_FLAGS_RELEASE "-O1 -DNDEBUG")
    add_compile_options(
      "$<$<${cxx}>:-fsanitize=${PHI3LAB_SANITIZE};-fno-omit-frame-pointer;-fno-sanitize-recover=undefined;-g1>")
    add_link_options(-fsanitize=${PHI3LAB_SANITIZE})
  endif()
endif()
