// Golden files' contents, as the libraries that own the formats read them.
#pragma once

#include <string>

#include "vit/io/tensor_table.h"

namespace vit::io::testing {

/// The entry's elements in row-major order, whatever its strides.
std::string row_major(const TensorEntry& entry);

/// Compares names, order, types, shapes and bytes with what io/expected.json says of `file`.
void expect_golden(const TensorTable& table, const std::string& file);

}  // namespace vit::io::testing
