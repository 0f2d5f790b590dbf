#include "open_engine.h"

#include "vit/core/error.h"

namespace vit::infer {

engine::OpenedModel open_engine(const std::filesystem::path& path, const PredictorOptions& options,
                                Log* log) {
  if (options.engine != "auto" && options.engine != "modules")
    throw UsageError("engine: expected auto or modules, found '{}'", options.engine);
  engine::ModuleRequest request;
  request.path = path;
  request.device = options.device;
  request.cuda_index = options.cuda_index;
  request.precision = options.precision;
  request.threads = options.threads;
  request.architecture = options.architecture;
  request.config_file = options.config_file;
  return engine::module_library().open(request, log);
}

}  // namespace vit::infer
