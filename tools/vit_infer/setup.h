// What the modes share: the predictor, how inputs are loaded, writing a report.
#pragma once

#include <memory>
#include <string>

#include "common/command.h"
#include "options.h"
#include "vit/data/loader.h"
#include "vit/data/step_times.h"
#include "vit/infer/predictor.h"

namespace vit::tools {

infer::Predictor open_predictor(Command& command, const InferOptions& options);

data::LoaderOptions loader_options(Command& command, const InferOptions& options,
                                   const infer::Predictor& predictor);

/// `text` to `file` (as a whole), or to standard output where it is empty.
void write_report(const std::filesystem::path& file, const std::string& text);

/// `--profile`: on stderr, as a table or as one object of the log.
void report_profile(Command& command, const data::StepTimes& times);

/// 0, or what a stop by a signal or inputs that failed make of it.
int exit_code(bool stopped, std::int64_t failed);

}  // namespace vit::tools
