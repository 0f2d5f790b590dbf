#include "engine/plan.h"

#include <algorithm>

#include "vit/core/error.h"

namespace vit::engine {

bool Plan::has_fixed_scales() const {
  return std::any_of(buffers.begin(), buffers.end(),
                     [](const BufferSpec& buffer) { return buffer.fixed.scale != 0.0F; });
}

Geometry Plan::geometry(std::int64_t height, std::int64_t width) const {
  const auto [own_height, own_width] = model.img_size();
  const auto [patch_height, patch_width] = model.patch_size();
  const bool dynamic = model.dynamic_img_size();
  if (!dynamic && (height != own_height || width != own_width))
    throw DataError("engine: expected an image of {} x {}, found {} x {} (height x width)",
                    own_height, own_width, height, width);
  Geometry geometry;
  geometry.height = height;
  geometry.width = width;
  geometry.grid = patch_grid(model, height, width);
  const bool whole = height % patch_height == 0 && width % patch_width == 0;
  if (geometry.patches() == 0 || (dynamic && !model.dynamic_img_pad() && !whole))
    throw DataError("engine: expected an image of whole {} x {} patches, found {} x {}",
                    patch_height, patch_width, height, width);
  geometry.tokens = model.num_prefix_tokens() + geometry.patches();
  geometry.positions = positions.resampled(geometry.grid);
  return geometry;
}

Demand Plan::demand(const Want& want) const {
  check_want(model, want);
  Demand demand;
  // Whether anything after the blocks is wanted, and the last block that is.
  bool after = want.logits;
  std::int64_t last = want.attention ? model.depth() - 1 : -1;
  const auto need = [&](unsigned needs) { demand.needs |= needs; };
  if (want.logits) need(kLogits | kPooled);
  for (const auto& kind : want.features) {
    const bool cls = kind.kind == FeatureKind::kCls;
    if (kind.kind == FeatureKind::kLayer) {
      need(kLayers);
      last = std::max(last, kind.layer);
      if (kind.layer == model.depth() - 1) need(kAllRows);
      continue;
    }
    after = true;
    if (kind.kind == FeatureKind::kPooled || (cls && model.global_pool() == "token"))
      need(kPooled);
    else
      need(kTokens | kAllRows);
  }
  if (want.attention) need(*want.attention == AttentionMethod::kLast ? kLastMap : kRolloutMap);
  if ((demand.needs & kAllRows) == 0) need(has_kept_rows ? kKeptRows : kAllRows);
  demand.last_stage = after ? model.depth() : last;
  return demand;
}

std::int64_t Plan::scratch(const Geometry& geometry) const {
  std::int64_t most = 0;
  for (const auto* steps : {&image_steps, &batch_steps})
    for (const auto& planned : *steps) most = std::max(most, planned.step->scratch(isa, geometry));
  return most;
}

std::int64_t Plan::size(const BufferSpec& buffer, const Geometry& geometry,
                        std::int64_t batch) const {
  const auto rows = geometry.count(buffer.rows) * (buffer.scope == Scope::kBatch ? batch : 1);
  const auto columns = geometry.count(buffer.columns);
  if (buffer.packed) return kernels::packed_size(isa, rows, columns, buffer.format);
  // Epilogues fetch the rows of a whole tile ahead.
  return (rows + kernels::gemm_shape(isa).rows) * kernels::padded(columns);
}

}  // namespace vit::engine
