// Attention weights and maps.
#include <utility>

#include "engine/builder.h"
#include "vit/core/error.h"

namespace vit::engine {

void Builder::add_weights(const std::string& prefix, const AttentionStepOptions& attention,
                          double factor) {
  auto options = attention;
  options.bf16 = false;
  const bool last = stage_ + 1 == options_.depth();
  // Of the last block the map needs no more than the class token's row.
  if (last && options_.class_token()) options.queries = 1;
  const unsigned needs = kRolloutMap | (last ? kLastMap : 0U);
  auto& buffer = weights_buffers_[static_cast<std::size_t>(stage_)];
  // The kept rows' way and that of all are two programs: each begins afresh.
  const bool fresh = weights_begun_.insert({stage_, needs_ & kRowNeeds}).second;
  if (buffer < 0)
    buffer = add_buffer({.name = format("block.{}.weights", stage_),
                         .rows = options.queries,
                         .columns = kTokenCount,
                         .needs = needs});
  if (options_.block_fn() == "ParallelThingsBlock") factor /= kParallelThings;
  const auto outer = std::exchange(needs_, (needs_ & kRowNeeds) | needs);
  if (attention.packed) {
    options.packed = false;
    if (unpacked_qkv_ < 0)
      unpacked_qkv_ = add_buffer({.name = "qkv.unpacked",
                                  .rows = kTokenCount,
                                  .columns = 3 * part_columns(),
                                  .needs = needs});
    plan_.buffers[unpacked_qkv_].needs |= needs;
    add(Scope::kImage,
        std::make_unique<UnpackStep>(prefix + "unpack", attention.q.buffer, unpacked_qkv_));
    for (auto* part : {&options.q, &options.k, &options.v}) part->buffer = unpacked_qkv_;
  }
  add(Scope::kImage,
      std::make_unique<AttentionWeightsStep>(prefix + "weights", options, factor, fresh, buffer));
  needs_ = outer;
}

void Builder::add_attention_maps() {
  const auto row = [&](const char* name) {
    return add_buffer(
        {.name = name, .rows = 1, .columns = kTokenCount, .needs = kLastMap | kRolloutMap});
  };
  if (weights_buffers_.empty()) return;
  auto look = row("look"), next = row("look.next");
  const auto last = weights_buffers_.back();
  const auto start = [&](bool residual) {
    add(Scope::kImage, std::make_unique<LookStep>(
                           "attention", LookStep::Options{.weights = last,
                                                          .class_token = options_.class_token(),
                                                          .residual = residual,
                                                          .out = look}));
  };
  const auto finish = [&] {
    add(Scope::kImage, std::make_unique<AttentionMapStep>("attention", look));
  };
  for_calls_with(kLastMap, [&] {
    start(false);
    finish();
  });
  for_calls_with(kRolloutMap, [&] {
    start(true);
    for (auto block = weights_buffers_.size() - 1; block-- > 0;) {
      add(Scope::kImage, std::make_unique<RolloutStep>(format("rollout.{}", block),
                                                       weights_buffers_[block], look, next));
      std::swap(look, next);
    }
    finish();
  });
}

}  // namespace vit::engine
