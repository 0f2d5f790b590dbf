# cmake --install: headers, the libraries and what find_package(vit) reads.

include(CMakePackageConfigHelpers)
set(vit_config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/vit)

install(TARGETS vit EXPORT vitTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT vitTargets NAMESPACE vit:: DESTINATION ${vit_config_dir})
if(VIT_TORCH)
  install(TARGETS vit_torch EXPORT vitTorchTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT vitTorchTargets NAMESPACE vit:: DESTINATION ${vit_config_dir})
  install(FILES cmake/FindLibTorch.cmake DESTINATION ${vit_config_dir})
endif()
if(VIT_VIDEO)
  install(TARGETS vit_video LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
install(FILES include/vit.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY include/vit DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

configure_package_config_file(cmake/vitConfig.cmake.in ${PROJECT_BINARY_DIR}/vitConfig.cmake
  INSTALL_DESTINATION ${vit_config_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/vitConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/vitConfig.cmake ${PROJECT_BINARY_DIR}/vitConfigVersion.cmake
  DESTINATION ${vit_config_dir})
