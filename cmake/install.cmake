# cmake --install: headers, the libraries and what find_package(vit) and pkg-config read.
#
# Components, which package.cmake puts into packages: runtime (vit-infer and its library), video (the
# plug-in), development (headers and what build systems read), torch (all that needs LibTorch).

include(CMakePackageConfigHelpers)
set(vit_config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/vit)
set(vit_doc_dir ${CMAKE_INSTALL_DATADIR}/doc/vit)

install(TARGETS vit EXPORT vitTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  COMPONENT runtime NAMELINK_COMPONENT development)
install(EXPORT vitTargets NAMESPACE vit:: DESTINATION ${vit_config_dir} COMPONENT development)
set(torch_headers torch.h model nn runtime train)
if(VIT_TORCH)
  install(TARGETS vit_torch EXPORT vitTorchTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    COMPONENT torch)
  install(EXPORT vitTorchTargets NAMESPACE vit:: DESTINATION ${vit_config_dir} COMPONENT torch)
  install(FILES cmake/FindLibTorch.cmake DESTINATION ${vit_config_dir} COMPONENT torch)
  foreach(header IN LISTS torch_headers)
    if(IS_DIRECTORY ${PROJECT_SOURCE_DIR}/include/vit/${header})
      install(DIRECTORY include/vit/${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/vit
        COMPONENT torch)
    else()
      install(FILES include/vit/${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/vit
        COMPONENT torch)
    endif()
  endforeach()
endif()
if(VIT_VIDEO)
  install(TARGETS vit_video LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT video)
endif()

install(FILES include/vit.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
list(TRANSFORM torch_headers PREPEND "/")
list(TRANSFORM torch_headers APPEND "$")
list(JOIN torch_headers "|" torch_headers)
install(DIRECTORY include/vit DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development
  REGEX "/include/vit(${torch_headers})" EXCLUDE)

configure_package_config_file(cmake/vitConfig.cmake.in ${PROJECT_BINARY_DIR}/vitConfig.cmake
  INSTALL_DESTINATION ${vit_config_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/vitConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/vitConfig.cmake ${PROJECT_BINARY_DIR}/vitConfigVersion.cmake
  DESTINATION ${vit_config_dir} COMPONENT development)

# Relative to where it lies, so that the tree may be moved.
file(RELATIVE_PATH vit_pc_prefix ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" vit_pc_prefix "${vit_pc_prefix}")
configure_file(cmake/vit.pc.in ${PROJECT_BINARY_DIR}/vit.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/vit.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
  COMPONENT development)

# Our licence, and those of what stands inside the binaries.
install(FILES LICENSE README.md CHANGELOG.md DESTINATION ${vit_doc_dir} COMPONENT runtime)
set(inside libcli11-dev nlohmann-json3-dev)
if(VIT_STATIC_FORMATS)
  list(APPEND inside libdeflate-dev libjpeg62-turbo-dev liblzma-dev libpng-dev libssl-dev libtiff-dev
    libwebp-dev libzstd-dev zlib1g-dev)
endif()
foreach(package IN LISTS inside)
  if(EXISTS /usr/share/doc/${package}/copyright)
    install(FILES /usr/share/doc/${package}/copyright DESTINATION ${vit_doc_dir}/licenses
      RENAME ${package} COMPONENT runtime)
  endif()
endforeach()
