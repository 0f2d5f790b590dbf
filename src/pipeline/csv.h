// Fields of comma-separated values.
#pragma once

#include <string>

namespace vit::pipeline {

/// RFC 4180: quoted where it holds a comma, a quote or an end of line.
std::string csv_field(const std::string& text);

}  // namespace vit::pipeline
