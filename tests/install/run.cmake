# Installs the library into a fresh prefix, builds the programs here against it and runs them.
#   cmake -D BUILD=… -D SOURCE=… -D MODEL=… -D IMAGE=… -D EXPECTED=… -D VIDEO=ON -P run.cmake

file(REMOVE_RECURSE ${BUILD}/install-test)
set(prefix ${BUILD}/install-test/prefix)
function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix}
  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
run(${CMAKE_COMMAND} -G Ninja -S ${SOURCE} -B ${BUILD}/install-test/build
  -DCMAKE_PREFIX_PATH=${prefix} -DCMAKE_BUILD_TYPE=Release -DWITH_TORCH=ON)
run(${CMAKE_COMMAND} --build ${BUILD}/install-test/build)
foreach(program example frame)
  execute_process(COMMAND ${BUILD}/install-test/build/${program} ${MODEL} ${IMAGE}
    OUTPUT_VARIABLE label OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  if(NOT label STREQUAL EXPECTED)
    message(FATAL_ERROR "${program}: expected '${EXPECTED}', found '${label}'")
  endif()
endforeach()
run(python3 ${SOURCE}/clients.py ${BUILD}/install-test/build/server ${MODEL} ${IMAGE} ${EXPECTED})
# The C interface: from C, and from Python.
foreach(client "${BUILD}/install-test/build/c_client" "python3;${SOURCE}/ctypes_client.py;${prefix}/lib/libvit.so")
  set(arguments ${MODEL} ${IMAGE})
  if(client MATCHES "python3")
    list(APPEND arguments ${EXPECTED})
  endif()
  execute_process(COMMAND ${client} ${arguments}
    OUTPUT_VARIABLE label OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  if(NOT label STREQUAL EXPECTED)
    message(FATAL_ERROR "${client}: expected '${EXPECTED}', found '${label}'")
  endif()
endforeach()
# Without LibTorch, with it, and the installed command.
foreach(program ${BUILD}/install-test/build/example ${prefix}/bin/vit-infer)
  execute_process(COMMAND ldd ${program} OUTPUT_VARIABLE needed COMMAND_ERROR_IS_FATAL ANY)
  # Names alone: an address may hold "c10", a folder "torch".
  string(REGEX MATCHALL "lib[^/ \t\n]+\\.so[^/ \t\n]*" names "${needed}")
  if(names MATCHES "torch|c10" OR NOT names MATCHES "libvit\\.so" OR needed MATCHES "not found")
    message(FATAL_ERROR "${program}: expected libvit and no LibTorch, found ${needed}")
  endif()
endforeach()
execute_process(COMMAND ${BUILD}/install-test/build/modules ${MODEL}
  OUTPUT_VARIABLE found OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
if(NOT found STREQUAL "equal")
  message(FATAL_ERROR "modules: expected 'equal', found '${found}'")
endif()
run(${prefix}/bin/vit-infer -m ${MODEL} ${IMAGE})
# The plug-in for videos and cameras is found beside the installed library.
if(VIDEO)
  execute_process(COMMAND ${prefix}/bin/vit-infer -m ${MODEL} camera:63
    RESULT_VARIABLE code ERROR_VARIABLE said OUTPUT_QUIET)
  if(NOT code EQUAL 2 OR NOT said MATCHES "camera:63: expected a camera")
    message(FATAL_ERROR "vit-infer camera:63: expected exit 2 for want of a camera, found ${code}: ${said}")
  endif()
endif()
