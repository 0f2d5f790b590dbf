# cmake --install: headers, static libraries and what find_package(vit) reads.

include(CMakePackageConfigHelpers)
set(vit_config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/vit)

install(TARGETS vit ${VIT_ROOMS} EXPORT vitTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/vit DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT vitTargets NAMESPACE vit:: DESTINATION ${vit_config_dir})

configure_package_config_file(cmake/vitConfig.cmake.in ${PROJECT_BINARY_DIR}/vitConfig.cmake
  INSTALL_DESTINATION ${vit_config_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/vitConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/vitConfig.cmake ${PROJECT_BINARY_DIR}/vitConfigVersion.cmake
  cmake/FindLibTorch.cmake cmake/FindWebP.cmake DESTINATION ${vit_config_dir})
