# What a library gives to the programs that link it, and what it needs from the system.
#   cmake -D LIBRARY=… -D ALONE=ON -P exports.cmake     ALONE: nothing beside the C++ runtime

execute_process(COMMAND nm -D --defined-only --demangle ${LIBRARY}
  OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(REGEX REPLACE "\n$" "" symbols "${symbols}")
string(REPLACE ";" "," symbols "${symbols}")
string(REPLACE "\n" ";" symbols "${symbols}")
list(LENGTH symbols count)
if(count LESS 100)
  message(FATAL_ERROR "${LIBRARY}: expected its functions, found ${count} symbols")
endif()
foreach(symbol IN LISTS symbols)
  if(NOT symbol MATCHES "vit::" AND NOT symbol MATCHES "^[0-9a-f]* [A-Z] vit_")
    message(FATAL_ERROR "${LIBRARY}: expected the C interface and our own namespace, found ${symbol}")
  endif()
endforeach()

execute_process(COMMAND readelf --dynamic --wide ${LIBRARY}
  OUTPUT_VARIABLE dynamic COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "\\(NEEDED\\)[^\n]*\\[[^\n]*\\]" needed "${dynamic}")
foreach(one IN LISTS needed)
  string(REGEX REPLACE ".*\\[(.*)\\]" "\\1" name "${one}")
  if(ALONE AND NOT name MATCHES "^(libstdc\\+\\+|libm|libgcc_s|libc|ld-linux-x86-64)\\.so\\.")
    message(FATAL_ERROR "${LIBRARY}: expected to need the C++ runtime alone, found ${name}")
  endif()
endforeach()
