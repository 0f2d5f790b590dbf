#include "model/golden.h"

#include "support/support.h"
#include "vit/io/safetensors.h"
#include "vit/nn/drop_path.h"
#include "vit/nn/dropout.h"

namespace vit::testing {
namespace {

torch::Tensor to_double(const io::TensorEntry& entry) {
  const auto type = entry.dtype == io::DType::kF64 ? at::kDouble : at::kFloat;
  auto tensor = at::empty(entry.shape, type);
  entry.data.read(0, {static_cast<std::byte*>(tensor.data_ptr()), tensor.nbytes()});
  return tensor.to(at::kDouble);
}

}  // namespace

VisionTransformerOptions small_options(std::int64_t depth) {
  return VisionTransformerOptions()
      .img_size({8, 8})
      .patch_size({4, 4})
      .num_classes(5)
      .embed_dim(12)
      .depth(depth)
      .num_heads(3);
}

Golden read_golden(const std::string& name) {
  const auto file = io::read_safetensors(golden_path(name + ".safetensors"));
  Golden golden;
  golden.config = Json::parse(file.metadata.at("config"));
  golden.state_dict = Json::parse(file.metadata.at("state_dict")).get<std::vector<std::string>>();
  for (const auto& entry : file.tensors.entries())
    golden.tensors.emplace(entry.name, to_double(entry));
  return golden;
}

std::vector<std::string> golden_names(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(golden_path(folder)))
    if (entry.path().extension() == ".safetensors")
      names.push_back(folder + "/" + entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

model::VisionTransformer build_golden_model(const Golden& golden, VisionTransformerOptions options,
                                            const model::VisionTransformerLayers& layers) {
  model::VisionTransformer model(std::move(options), at::kDouble, layers);
  const torch::NoGradGuard no_grad;
  std::vector<std::string> names;
  for (auto& [name, tensor] : model::state_dict(*model)) {
    names.push_back(name);
    if (!golden.has("param." + name)) continue;  // the comparison of names below says it
    EXPECT_EQ(tensor.sizes().vec(), golden["param." + name].sizes().vec()) << name;
    tensor.copy_(golden["param." + name]);
  }
  EXPECT_EQ(names, golden.state_dict);
  return model;
}

double relative_difference(const torch::Tensor& a, const torch::Tensor& b) {
  if (!a.defined() || a.sizes() != b.sizes() || !a.isfinite().all().item<bool>())
    return std::numeric_limits<double>::infinity();
  return ((a - b).abs().max() / b.abs().max()).item<double>();
}

void switch_random_parts_off(torch::nn::Module& module) {
  module.apply([](torch::nn::Module& part) {
    if (auto* dropout = dynamic_cast<nn::DropoutImpl*>(&part)) dropout->p = 0.0;
    if (auto* drop_path = dynamic_cast<nn::DropPathImpl*>(&part)) drop_path->drop_prob = 0.0;
  });
}

}  // namespace vit::testing
