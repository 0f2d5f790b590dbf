# Installs the library into a fresh prefix, builds the programs here against it and runs them.
#   cmake -D BUILD=… -D SOURCE=… -D MODEL=… -D PICTURE=… -D EXPECTED=… -P run.cmake

file(REMOVE_RECURSE ${BUILD}/install-test)
set(prefix ${BUILD}/install-test/prefix)
function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix})
run(${CMAKE_COMMAND} -G Ninja -S ${SOURCE} -B ${BUILD}/install-test/build
  -DCMAKE_PREFIX_PATH=${prefix} -DCMAKE_BUILD_TYPE=Release)
run(${CMAKE_COMMAND} --build ${BUILD}/install-test/build)
execute_process(COMMAND ${BUILD}/install-test/build/example ${MODEL} ${PICTURE}
  OUTPUT_VARIABLE label OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
if(NOT label STREQUAL EXPECTED)
  message(FATAL_ERROR "example: expected '${EXPECTED}', found '${label}'")
endif()
run(python3 ${SOURCE}/clients.py ${BUILD}/install-test/build/server ${MODEL} ${PICTURE} ${EXPECTED})
