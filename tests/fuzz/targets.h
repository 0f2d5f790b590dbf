// What the fuzzers and the regression test feed: one function a parser.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace vit::fuzz {

/// Reads `input` as a file of one format. Returns when it is read or refused by a DataError of one
/// line; anything else (another exception, a tensor that reaches past its bytes) ends the program.
using Target = void (*)(std::span<const std::byte> input);

/// The target of this name (a folder of the corpus); null where there is none.
Target find_target(std::string_view name);

}  // namespace vit::fuzz
