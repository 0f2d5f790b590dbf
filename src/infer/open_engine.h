// Which engine answers, and with which model.
#pragma once

#include "vit/engine/module_library.h"
#include "vit/infer/predictor.h"

namespace vit::infer {

/// Throws DataError, IoError, UsageError (an engine, a precision or a device that is not there).
engine::OpenedModel open_engine(const std::filesystem::path& path, const PredictorOptions& options,
                                Log* log);

}  // namespace vit::infer
