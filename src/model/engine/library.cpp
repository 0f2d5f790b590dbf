// What libvit asks for by name: vit/engine/module_library.h.
#include <ATen/Context.h>
#include <ATen/Version.h>
#include <c10/util/Exception.h>
#include <torch/version.h>

#include "vit/core/error.h"
#include "vit/engine/module_library.h"
#include "vit/model/module_engine.h"
#include "vit/runtime/device.h"
#include "vit/runtime/failure.h"

namespace vit::model {
namespace {

c10::Device open_device(const engine::ModuleRequest& request, Log* log) {
  const auto& name = request.device;
  if (!request.cuda_index || (name != "auto" && name != "cuda"))
    return runtime::open_device(name, log);
  if (name == "auto" && !runtime::open_device(name, log).is_cuda()) return c10::kCPU;
  return runtime::open_device(format("cuda:{}", *request.cuda_index), log);
}

engine::OpenedModel open_model(const engine::ModuleRequest& request, Log* log) {
  const auto dtype = module_precision(request.precision);  // before a large file is read
  if (request.threads > 0) runtime::set_threads(request.threads);
  LoadOptions load;
  load.architecture = request.architecture;
  load.config_file = request.config_file;
  load.device = open_device(request, log);
  auto loaded = load_model(request.path, load, log);
  // Nobody else has this module: it is converted where it stands, and then shared.
  loaded.model->to(load.device, dtype);
  auto engine = std::make_unique<ModuleEngine>(loaded.model,
                                               ModuleEngineOptions{load.device, request.precision});
  return {std::move(engine), std::move(loaded.config)};
}

engine::OpenedModel open(const engine::ModuleRequest& request, Log* log) {
  try {
    return open_model(request, log);
  } catch (const c10::Error& error) {
    if (const auto known = runtime::explain_failure(error)) throw Error(*known);
    throw DataError("{}", error.what_without_backtrace());
  }
}

std::string versions() {
  const auto problem = runtime::why_no_cuda();
  return format("LibTorch {}\nCPU capability {}\nCUDA {}", TORCH_VERSION, at::get_cpu_capability(),
                problem.empty() ? "available" : "not available: " + problem);
}

}  // namespace
}  // namespace vit::model

extern "C" {
extern const vit::engine::ModuleLibrary vit_module_library_1;
const vit::engine::ModuleLibrary vit_module_library_1{vit::model::open, vit::model::versions};
}
