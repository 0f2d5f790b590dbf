// The command line of vit-convert.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "common/command.h"
#include "vit/model/convert.h"

namespace vit::tools {

struct ConvertArguments {
  std::filesystem::path input, output, labels, report, verify, calibrate;
  model::ConvertOptions options;
  bool inspect = false;
  std::string format = "text";
  std::optional<double> atol;
};

extern const char* const kConvertExamples;

void add_options(Command& command, ConvertArguments& arguments);

/// What the parser cannot see: options that need or exclude each other. Throws UsageError.
void check_arguments(const ConvertArguments& arguments);

}  // namespace vit::tools
