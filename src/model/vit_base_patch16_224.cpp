#include <cstdlib>

#include "vit/core/error.h"
#include "vit/model/vision_transformer.h"
#include "vit/model/weights.h"

namespace vit {
namespace {

constexpr const char* kArchitecture = "vit_base_patch16_224.seed";

std::filesystem::path weights_file() {
  const char* folder = std::getenv("VIT_WEIGHTS_DIR");
  return std::filesystem::path(folder != nullptr ? folder : "weights") /
         format("{}.safetensors", kArchitecture);
}

/// Every weight of `from` but the heads', whose class counts differ.
void copy_all_but_heads(const VisionTransformer& from, const VisionTransformer& to) {
  const torch::NoGradGuard no_grad;
  const auto source = model::state_dict(*from);
  auto target = model::state_dict(*to);
  for (std::size_t i = 0; i < target.size(); ++i)
    if (!target[i].first.starts_with("head")) target[i].second.copy_(source.at(i).second);
}

}  // namespace

VisionTransformer vit_base_patch16_224(std::int64_t num_classes, bool pretrained) {
  const auto options = VisionTransformerOptions().num_classes(num_classes);
  if (!pretrained) return VisionTransformer(options);
  const auto file = weights_file();
  if (!std::filesystem::exists(file))
    throw IoError(
        "{}: expected the pretrained weights, found no such file; make it with `vit-convert "
        "CHECKPOINT {} --arch {}`, or set VIT_WEIGHTS_DIR to the folder that holds it",
        file.string(), file.string(), kArchitecture);
  auto loaded = model::load_model(file);
  if (loaded.model->options.num_classes() == num_classes) return loaded.model;
  VisionTransformer fresh(VisionTransformerOptions(loaded.model->options).num_classes(num_classes));
  copy_all_but_heads(loaded.model, fresh);
  fresh->eval();
  return fresh;
}

}  // namespace vit
