# The image formats' libraries, zlib, and libcrypto for its SHA-256, as Formats::<name>.
#
# With VIT_STATIC_FORMATS they are linked into libvit statically, and its version script hides them: a
# program may link another libpng beside it, and none of them is needed at run time. They are the
# system's own archives (Debian's -dev packages hold them), so that the system's updates reach the
# next build. Without it the system's shared libraries are linked.

include(CheckCXXSourceCompiles)

find_package(ZLIB REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(JPEG REQUIRED)
find_package(PNG REQUIRED)
find_package(TIFF 4.5 REQUIRED)
find_package(WebP REQUIRED)

# Each archive before those that it needs. libtiff and libwebp need the optional ones or not, as the
# system built them; libtiff's JBIG, LERC and WebP are left out (static_formats.cpp).
set(vit_format_archives tiff png webpdemux webp jpeg z crypto)
set(vit_optional_archives lzma zstd deflate sharpyuv)

foreach(name IN LISTS vit_format_archives vit_optional_archives)
  find_library(VIT_${name}_ARCHIVE lib${name}.a)
  mark_as_advanced(VIT_${name}_ARCHIVE)
endforeach()

# vit_archives(VARIABLE name...): the archives of these names that there are.
function(vit_archives variable)
  set(found)
  foreach(name IN LISTS ARGN)
    if(VIT_${name}_ARCHIVE)
      list(APPEND found ${VIT_${name}_ARCHIVE})
    endif()
  endforeach()
  set(${variable} ${found} PARENT_SCOPE)
endfunction()

# Whether all that the archives need is there.
function(vit_check_static_formats)
  foreach(name IN LISTS vit_format_archives)
    if(NOT VIT_${name}_ARCHIVE)
      set(VIT_STATIC_FORMATS_LINK OFF PARENT_SCOPE)
      return()
    endif()
  endforeach()
  vit_archives(archives tiff png webpdemux webp ${vit_optional_archives} jpeg z crypto)
  set(CMAKE_REQUIRED_LIBRARIES ${archives} m ${CMAKE_DL_LIBS} Threads::Threads)
  set(CMAKE_REQUIRED_INCLUDES ${JPEG_INCLUDE_DIRS} ${PNG_INCLUDE_DIRS} ${TIFF_INCLUDE_DIRS}
    ${WebP_INCLUDE_DIR} ${OPENSSL_INCLUDE_DIR})
  set(CMAKE_REQUIRED_QUIET ON)
  check_cxx_source_compiles("
    #include <cstdio>
    #include <jpeglib.h>
    #include <openssl/sha.h>
    #include <png.h>
    #include <tiffio.h>
    #include <webp/demux.h>
    extern \"C\" {
    int TIFFInitJBIG(TIFF*, int) { return 0; }
    int TIFFInitLERC(TIFF*, int) { return 0; }
    int TIFFInitWebP(TIFF*, int) { return 0; }
    }
    int main() {
      jpeg_error_mgr errors;
      return jpeg_std_error(&errors) == nullptr || SHA256_Init(nullptr) == 0 ||
             TIFFIsCODECConfigured(1) == 0 || WebPGetDemuxVersion() == 0 ||
             png_access_version_number() == 0;
    }" VIT_STATIC_FORMATS_LINK)
endfunction()

vit_check_static_formats()
option(VIT_STATIC_FORMATS "Link the image formats' libraries into libvit statically"
  ${VIT_STATIC_FORMATS_LINK})

if(NOT VIT_STATIC_FORMATS)
  message(STATUS "Image formats: the system's shared libraries")
  foreach(pair jpeg=JPEG::JPEG png=PNG::PNG tiff=TIFF::TIFF webp=WebP::webpdemux zlib=ZLIB::ZLIB
      crypto=OpenSSL::Crypto)
    string(REPLACE "=" ";" pair ${pair})
    list(GET pair 0 name)
    list(GET pair 1 library)
    add_library(Formats::${name} ALIAS ${library})
  endforeach()
  return()
endif()

if(NOT VIT_STATIC_FORMATS_LINK)
  message(FATAL_ERROR "VIT_STATIC_FORMATS: expected archives (.a) of libjpeg, libpng, libtiff, "
    "libwebp, zlib and libcrypto and of what they need; Debian's packages are in tools/setup")
endif()
message(STATUS "Image formats: static, hidden in libvit")

# Debian's archives are compiled for programs (-fPIE). In a shared library that hides them all of
# it links but one thing: libc's variable `stderr` is reached as if it were the program's own. A
# copy of the archive has it renamed, to a variable that static_formats.cpp defines.
set(vit_formats_dir ${CMAKE_CURRENT_BINARY_DIR}/formats)
file(MAKE_DIRECTORY ${vit_formats_dir})
set(vit_linked_archives)
foreach(name IN LISTS vit_format_archives vit_optional_archives)
  if(VIT_${name}_ARCHIVE)
    set(linked ${vit_formats_dir}/lib${name}.a)
    add_custom_command(OUTPUT ${linked}
      COMMAND ${CMAKE_OBJCOPY} --redefine-sym stderr=formats_stderr ${VIT_${name}_ARCHIVE} ${linked}
      DEPENDS ${VIT_${name}_ARCHIVE} VERBATIM)
    list(APPEND vit_linked_archives ${linked})
    set(VIT_${name}_ARCHIVE ${linked})
  endif()
endforeach()
add_custom_target(vit_formats DEPENDS ${vit_linked_archives})

# vit_add_format(NAME archive...): what links it needs these archives, in this order.
function(vit_add_format name)
  vit_archives(archives ${ARGN})
  add_library(vit_format_${name} INTERFACE)
  add_library(Formats::${name} ALIAS vit_format_${name})
  add_dependencies(vit_format_${name} vit_formats)
  target_link_libraries(vit_format_${name} INTERFACE ${archives} m ${CMAKE_DL_LIBS})
  target_include_directories(vit_format_${name} SYSTEM INTERFACE ${JPEG_INCLUDE_DIRS}
    ${PNG_INCLUDE_DIRS} ${TIFF_INCLUDE_DIRS} ${WebP_INCLUDE_DIR} ${ZLIB_INCLUDE_DIRS}
    ${OPENSSL_INCLUDE_DIR})
endfunction()
vit_add_format(jpeg jpeg)
vit_add_format(png png z)
vit_add_format(webp webpdemux webp sharpyuv)
vit_add_format(tiff tiff lzma zstd deflate jpeg z)
vit_add_format(zlib z)
vit_add_format(crypto crypto)
set(vit_static_formats_source ${CMAKE_CURRENT_LIST_DIR}/static_formats.cpp)
