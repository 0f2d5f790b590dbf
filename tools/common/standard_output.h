// Standard output as a place that may be full, closed, or read no further.
#pragma once

#include <string>

namespace vit::tools {

/// Takes the numbers 0, 1 and 2 where they are closed, so that no file that is opened later gets
/// one of them and what is printed does not end up in it.
void hold_standard_descriptors();

/// Writes out what is buffered of std::cout and stdout. Returns what went wrong since the start of
/// the program; empty: nothing, or only that the reader left (`| head`).
std::string flush_standard_output();

}  // namespace vit::tools
