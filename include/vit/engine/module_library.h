// How libvit gets the engine that libvit_torch has, without linking it.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "vit/config/model_config.h"
#include "vit/core/log.h"
#include "vit/engine/engine.h"

namespace vit::engine {

/// An engine for the model that it was made of.
struct OpenedModel {
  std::unique_ptr<Engine> engine;
  ModelConfig config;
};

/// What libvit_torch is asked to open.
struct ModuleRequest {
  std::filesystem::path path;         ///< what model::load_model opens
  std::string device = "cpu";         ///< auto, cpu, cuda or cuda:N
  std::optional<int> cuda_index;      ///< the device that `cuda` and an `auto` that finds one mean
  std::string precision = "auto";     ///< auto (fp32), fp32, bf16, fp16
  int threads = 0;                    ///< 0: as they are
  std::string architecture;           ///< where the file does not say
  std::filesystem::path config_file;  ///< where the file does not say
};

/// What libvit_torch offers, under one name that changes with the layout of what passes through.
struct ModuleLibrary {
  /// Throws DataError, IoError, UsageError.
  OpenedModel (*open)(const ModuleRequest& request, Log* log);
  /// Lines of `--version`: LibTorch's version, what it makes of the processor, CUDA or why not.
  std::string (*versions)();
};
constexpr const char* kModuleLibrary = "vit_module_library_1";

/// libvit_torch's, where the program links it; else that of the file `libvit_torch.so` beside
/// libvit's own. Throws UsageError where there is none, saying why.
const ModuleLibrary& module_library();

}  // namespace vit::engine
