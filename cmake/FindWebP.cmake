# libwebp and its demuxer as imported targets (Debian's libwebp has no CMake files of its own).
#
# Defines WebP::webp and WebP::webpdemux.

find_path(WebP_INCLUDE_DIR webp/demux.h)
find_library(WebP_webp_LIBRARY webp)
find_library(WebP_webpdemux_LIBRARY webpdemux)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(WebP
  REQUIRED_VARS WebP_webp_LIBRARY WebP_webpdemux_LIBRARY WebP_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "Debian's package is libwebp-dev, which tools/setup installs.")

if(WebP_FOUND AND NOT TARGET WebP::webpdemux)
  add_library(WebP::webp UNKNOWN IMPORTED)
  set_target_properties(WebP::webp PROPERTIES
    IMPORTED_LOCATION "${WebP_webp_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${WebP_INCLUDE_DIR}")
  add_library(WebP::webpdemux UNKNOWN IMPORTED)
  set_target_properties(WebP::webpdemux PROPERTIES
    IMPORTED_LOCATION "${WebP_webpdemux_LIBRARY}"
    INTERFACE_LINK_LIBRARIES WebP::webp)
endif()
mark_as_advanced(WebP_INCLUDE_DIR WebP_webp_LIBRARY WebP_webpdemux_LIBRARY)
