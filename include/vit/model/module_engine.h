// The modules behind the seam that every forward pass goes through.
#pragma once

#include <c10/core/Device.h>

#include <memory>
#include <string>

#include "vit/engine/engine.h"
#include "vit/model/weights.h"

namespace vit::model {

struct ModuleEngineOptions {
  c10::Device device = c10::kCPU;
  std::string precision = "auto";  ///< auto (fp32), fp32, bf16, fp16
};

/// LibTorch's forward pass, on the CPU or on CUDA. What comes back has been copied to plain memory.
class ModuleEngine final : public engine::Engine {
 public:
  /// Leaves the caller's module as it is: its precision, device and mode. The weights are shared
  /// where they need no conversion, so that training them on shows here. Throws UsageError (a
  /// precision that is not there), also where a child of the module was replaced and the module
  /// would need a conversion.
  explicit ModuleEngine(const VisionTransformer& module, const ModuleEngineOptions& options = {});
  ~ModuleEngine() override;

  void run(const engine::Input& input, const engine::Want& want,
           engine::Output& output) const override;
  engine::Choices choices() const override;

 private:
  struct State;
  std::unique_ptr<const State> state_;
};

/// Throws UsageError where the modules do not run in it.
c10::ScalarType module_precision(const std::string& precision);

}  // namespace vit::model
