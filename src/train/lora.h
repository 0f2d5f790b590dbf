// Low-rank updates of a frozen model (Hu et al. 2021).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "vit/model/vision_transformer.h"
#include "vit/nn/linear.h"
#include "vit/train/optimizer.h"
#include "vit/train/train_options.h"

namespace vit::train {

/// W + B·A·alpha/rank of the chosen Linears of every block, as the `peft` package has it: A [rank,
/// in] drawn as it draws Linears, B [out, rank] zero. Everything of the model but its heads is
/// frozen while it lives.
class Lora {
 public:
  /// `model` is on its device. Throws UsageError where a target is no Linear of the blocks.
  Lora(const VisionTransformer& model, const LoraOptions& options, std::uint64_t seed);
  ~Lora();
  Lora(const Lora&) = delete;
  Lora& operator=(const Lora&) = delete;

  /// `block.0.attn.qkv.lora_A`, …: to be trained; to be restored, copied into.
  NamedTensors state() const;

  /// While it lives, the model's weights hold the updates. `lora` may be null.
  class Merged {
   public:
    explicit Merged(Lora* lora);
    ~Merged();
    Merged(const Merged&) = delete;
    Merged& operator=(const Merged&) = delete;

   private:
    void put_back();

    Lora* lora_;
    std::vector<at::Tensor> before_;
  };

 private:
  struct Update {
    std::string name;
    std::shared_ptr<nn::LinearImpl> linear;
    at::Tensor a, b;
  };

  void attach();
  void detach();

  double scale_;
  std::vector<Update> updates_;
  std::vector<at::Tensor> frozen_;
};

}  // namespace vit::train
