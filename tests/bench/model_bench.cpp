// How long the modules take: inference of ViT-B/16 and a training step of ViT-Ti/16.
#include <ATen/Parallel.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/zeros.h>
#include <benchmark/benchmark.h>
#include <c10/core/InferenceMode.h>
#include <torch/optim/adamw.h>

#include "vit/config/registry.h"
#include "vit/core/threads.h"
#include "vit/model/vision_transformer.h"

namespace vit::model {
namespace {

VisionTransformer make(const char* architecture) {
  at::set_num_threads(available_cores());
  return VisionTransformer(config::find_architecture(architecture).model);
}

/// Argument: batch size. Reports images a second.
void forward_vit_base(benchmark::State& state) {
  auto model = make("vit_base_patch16_224");
  model->eval();
  const c10::InferenceMode inference;
  const auto images = at::rand({state.range(0), 3, 224, 224});
  for (auto _ : state) benchmark::DoNotOptimize(model->forward(images).logits);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(forward_vit_base)->Arg(1)->Arg(8)->Unit(benchmark::kMillisecond)->UseRealTime();

/// Forward, loss, backward and AdamW's step. Argument: batch size. Reports images a second.
void train_step_vit_tiny(benchmark::State& state) {
  auto model = make("vit_tiny_patch16_224");
  model->train();
  torch::optim::AdamW optimizer(model->parameters(), 1e-3);
  const auto images = at::rand({state.range(0), 3, 224, 224});
  const auto labels = at::zeros({state.range(0)}, at::kLong);
  for (auto _ : state) {
    optimizer.zero_grad();
    at::cross_entropy_loss(model->forward(images).logits, labels).backward();
    optimizer.step();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(train_step_vit_tiny)->Arg(16)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace vit::model
