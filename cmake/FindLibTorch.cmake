# LibTorch's CPU side as imported targets; no CUDA toolkit is asked for.
#
# Looks in LIBTORCH_ROOT (an unpacked LibTorch, or a wheel's torch/ folder), else in .venv.
# Defines LibTorch::c10 and LibTorch::torch_cpu, LibTorch_VERSION and LibTorch_ROOT_DIR.

set(_libtorch_hints "")
if(LIBTORCH_ROOT)
  list(APPEND _libtorch_hints "${LIBTORCH_ROOT}")
elseif(DEFINED ENV{LIBTORCH_ROOT})
  list(APPEND _libtorch_hints "$ENV{LIBTORCH_ROOT}")
else()
  file(GLOB _libtorch_hints "${CMAKE_CURRENT_LIST_DIR}/../.venv/lib/python3*/site-packages/torch")
endif()

find_path(LibTorch_INCLUDE_DIR torch/csrc/api/include/torch/nn/module.h
  PATHS ${_libtorch_hints} PATH_SUFFIXES include NO_DEFAULT_PATH)
find_library(LibTorch_torch_cpu_LIBRARY torch_cpu
  PATHS ${_libtorch_hints} PATH_SUFFIXES lib NO_DEFAULT_PATH)
find_library(LibTorch_c10_LIBRARY c10
  PATHS ${_libtorch_hints} PATH_SUFFIXES lib NO_DEFAULT_PATH)

if(LibTorch_INCLUDE_DIR)
  get_filename_component(LibTorch_ROOT_DIR "${LibTorch_INCLUDE_DIR}" DIRECTORY)
  set(_libtorch_version_header "${LibTorch_INCLUDE_DIR}/torch/headeronly/version.h")
  if(NOT EXISTS "${_libtorch_version_header}")
    set(_libtorch_version_header
      "${LibTorch_INCLUDE_DIR}/torch/csrc/api/include/torch/version.h")
  endif()
  foreach(_part MAJOR MINOR PATCH)
    file(STRINGS "${_libtorch_version_header}" _line
      REGEX "#define TORCH_VERSION_${_part} [0-9]+")
    string(REGEX REPLACE ".* " "" _libtorch_${_part} "${_line}")
  endforeach()
  set(LibTorch_VERSION "${_libtorch_MAJOR}.${_libtorch_MINOR}.${_libtorch_PATCH}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_torch_cpu_LIBRARY LibTorch_c10_LIBRARY LibTorch_INCLUDE_DIR
  VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE
    "Run tools/setup, which puts it into .venv, or set LIBTORCH_ROOT to an unpacked LibTorch.")

if(LibTorch_FOUND AND NOT TARGET LibTorch::torch_cpu)
  add_library(LibTorch::c10 UNKNOWN IMPORTED)
  set_target_properties(LibTorch::c10 PROPERTIES
    IMPORTED_LOCATION "${LibTorch_c10_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES
      "${LibTorch_INCLUDE_DIR};${LibTorch_INCLUDE_DIR}/torch/csrc/api/include")
  add_library(LibTorch::torch_cpu UNKNOWN IMPORTED)
  set_target_properties(LibTorch::torch_cpu PROPERTIES
    IMPORTED_LOCATION "${LibTorch_torch_cpu_LIBRARY}"
    INTERFACE_LINK_LIBRARIES LibTorch::c10)
endif()
mark_as_advanced(LibTorch_INCLUDE_DIR LibTorch_torch_cpu_LIBRARY LibTorch_c10_LIBRARY)
