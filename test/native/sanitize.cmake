# What the test programs are compiled with: warnings, and native/flags.cmake's; sanitizers want the backends compiled with
# them too (no PHI3LAB_BUILD).
include(${CMAKE_CURRENT_LIST_DIR}/../../native/flags.cmake)
add_compile_options("$<$<${cxx}>:-Wall;-Wextra>")
