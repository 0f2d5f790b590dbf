# CPack: vit-VERSION-linux-x86_64.tar.gz (unpack anywhere and run), and Debian packages of vit-infer and
# of its plug-in for videos. Nothing in them needs LibTorch.
#
# The C++ runtime stays the system's: exceptions and strings cross from libvit to the programs that
# link it, and OpenCV brings the same runtime into the process.

set(CPACK_PACKAGE_NAME vit)
set(CPACK_PACKAGE_VENDOR vit)
set(CPACK_PACKAGE_CONTACT "The authors of vit")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Vision Transformers: images to classes, features and attention")
set(CPACK_PACKAGE_FILE_NAME vit-${PROJECT_VERSION}-linux-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_PACKAGE_CHECKSUM SHA256)
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_GENERATOR TGZ)
set(CPACK_SOURCE_GENERATOR "")
set(CPACK_STRIP_FILES ON)
set(CPACK_THREADS 0)
set(CPACK_PROJECT_CONFIG_FILE ${PROJECT_SOURCE_DIR}/cmake/package_generator.cmake)

set(CPACK_ARCHIVE_COMPONENT_INSTALL ON)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER ${CPACK_PACKAGE_CONTACT})
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${PROJECT_BINARY_DIR}/lib)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME vit-infer)
set(CPACK_DEBIAN_RUNTIME_DESCRIPTION "vit-infer, and the library of the same in C and C++ programs.")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SUGGESTS vit-infer-video)
set(CPACK_DEBIAN_VIDEO_PACKAGE_NAME vit-infer-video)
set(CPACK_DEBIAN_VIDEO_DESCRIPTION "What vit-infer takes videos and cameras with, through OpenCV.")
set(CPACK_DEBIAN_VIDEO_PACKAGE_DEPENDS "vit-infer (= ${PROJECT_VERSION})")

set(vit_components runtime development)
if(VIT_VIDEO)
  list(APPEND vit_components video)
endif()
set(CPACK_COMPONENTS_ALL ${vit_components})
include(CPack)
