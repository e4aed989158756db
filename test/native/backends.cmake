# The backends as a test program links them: the libraries of the build that PHI3LAB_BUILD names (the addon's, as `npm test`
# does), where it has them, else compiled anew. Expects `phi3lab`, the checkout.
set(PHI3LAB_BUILD "" CACHE PATH "A build of the checkout whose libraries are taken")

function(phi3lab_backend name folder)
  find_library(${name}_path NAMES ${name} NO_DEFAULT_PATH NO_CACHE
               PATHS ${PHI3LAB_BUILD}/${folder} ${PHI3LAB_BUILD}/${folder}/Release)
  if(PHI3LAB_BUILD AND ${name}_path)
    find_package(Threads REQUIRED)
    add_library(${name} STATIC IMPORTED)
    set_target_properties(${name} PROPERTIES IMPORTED_LOCATION ${${name}_path})
    target_include_directories(${name} INTERFACE ${phi3lab})
    target_link_libraries(${name} INTERFACE Threads::Threads ${CMAKE_DL_LIBS})
  else()
    add_subdirectory(${phi3lab}/${folder} ${folder})
  endif()
endfunction()

phi3lab_backend(phi3lab_cpu cpu)
if(PHI3LAB_CUDA)
  phi3lab_backend(phi3lab_cuda cuda)
  get_target_property(imported phi3lab_cuda IMPORTED)
  if(imported)
    set_target_properties(phi3lab_cuda PROPERTIES IMPORTED_LINK_INTERFACE_LANGUAGES "CUDA;CXX")
    target_compile_definitions(phi3lab_cuda INTERFACE PHI3LAB_HAS_CUDA=1)
    target_include_directories(phi3lab_cuda SYSTEM INTERFACE ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES})
  endif()
endif()
