// The engine beside the modules on ViT-B/16, and the engine's kernels alone.
#include <ATen/Parallel.h>
#include <ATen/ops/rand.h>
#include <benchmark/benchmark.h>
#include <c10/core/InferenceMode.h>

#include "random_engine.h"
#include "vit/core/threads.h"
#include "vit/kernels/attention.h"
#include "vit/kernels/gemm.h"

namespace vit::bench {
namespace {

constexpr const char* kArchitecture = "vit_base_patch16_224";

/// Argument: batch size. Reports images a second.
void engine_vit_base(benchmark::State& state) {
  const auto engine =
      random_engine(kArchitecture, engine::EngineOptions().threads(available_cores()));
  const auto batch = state.range(0);
  const SameImages images(kArchitecture, batch);
  engine::Output output;
  for (auto _ : state) engine.run(images.input(), {}, output);
  state.SetItemsProcessed(state.iterations() * batch);
}
BENCHMARK(engine_vit_base)->Arg(1)->Arg(8)->Unit(benchmark::kMillisecond)->UseRealTime();

void modules_vit_base(benchmark::State& state) {
  at::set_num_threads(available_cores());
  VisionTransformer model(config::find_architecture(kArchitecture).model);
  model->eval();
  const c10::InferenceMode inference;
  const auto images = at::rand({state.range(0), 3, 224, 224});
  for (auto _ : state) benchmark::DoNotOptimize(model->forward(images).logits);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(modules_vit_base)->Arg(1)->Arg(8)->Unit(benchmark::kMillisecond)->UseRealTime();

/// Arguments: columns of the output, columns of the input. 197 rows on one thread; reports
/// floating-point operations a second.
void gemm_197_rows(benchmark::State& state) {
  const auto isa = detect_isa();
  constexpr std::int64_t kRows = 197;
  const auto n = state.range(0), k = state.range(1);
  std::vector<float> a(kernels::packed_size(isa, kRows, k), 0.5F);
  std::vector<float> out((kRows + 8) * n);
  kernels::GemmCall call;
  call.a = kernels::packed_rows(isa, a.data(), kRows, k);
  call.weight = kernels::packed_weight(isa, n, k);
  std::vector<float> scratch(kernels::gemm_scratch(isa, call.weight));
  const std::vector<float> weight(kernels::packed_size(isa, call.weight), 0.5F);
  call.weight.data = weight.data();
  call.epilogue.rows = out.data();
  call.epilogue.ld = n;
  call.panel_end = call.weight.panels;
  call.fast_last_row = true;
  call.scratch = scratch.data();
  for (auto _ : state) kernels::gemm(isa, call);
  state.counters["FLOP/s"] = benchmark::Counter(2.0 * kRows * static_cast<double>(n * k),
                                                benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(gemm_197_rows)->Args({2304, 768})->Args({768, 768})->Args({3072, 768})->Args({768, 3072});

/// One layer of ViT-B/16 on one thread.
void attention_197_tokens(benchmark::State& state) {
  const auto isa = detect_isa();
  constexpr int kTokens = 197, kHeads = 12, kHeadDim = 64, kDim = kHeads * kHeadDim;
  const std::vector<float> qkv(kTokens * 3 * kDim, 0.1F);
  std::vector<float> out(kernels::packed_size(isa, kTokens, kDim));
  std::vector<float> scratch(kernels::attention_scratch(isa, kTokens, kHeadDim, kHeadDim));
  kernels::AttentionCall call;
  call.q = {qkv.data(), 3 * kDim, kHeadDim};
  call.k = {qkv.data() + kDim, 3 * kDim, kHeadDim};
  call.v = {qkv.data() + 2 * kDim, 3 * kDim, kHeadDim};
  call.queries = call.keys = kTokens;
  call.d = call.dv = kHeadDim;
  call.scale = 0.125F;
  call.packed = kernels::packed_rows(isa, out.data(), kTokens, kDim);
  call.scratch = scratch.data();
  for (auto _ : state)
    for (int head = 0; head < kHeads; ++head)
      kernels::attention(isa, call, head, 0, call.packed.tiles);
  state.counters["FLOP/s"] = benchmark::Counter(4.0 * kTokens * kTokens * kDim,
                                                benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(attention_197_tokens);

}  // namespace
}  // namespace vit::bench
