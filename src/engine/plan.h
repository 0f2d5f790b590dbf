// A model as a list of steps and the buffers that they work on.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "engine/step.h"
#include "vit/config/vision_transformer_options.h"
#include "vit/engine/precision.h"
#include "vit/engine/weights.h"

namespace vit::engine {

/// What a call needs of the program, as bits.
enum Need : unsigned {
  kKeptRows = 1U << 0U,  ///< of the last block only the rows that the pooling reads
  kAllRows = 1U << 1U,   ///< all of them; each call has one of the two
  kRowNeeds = kKeptRows | kAllRows,
  kPooled = 1U << 2U,  ///< what the head sees
  kLogits = 1U << 3U,
  kTokens = 1U << 4U,   ///< all tokens after the final norm
  kLayers = 1U << 5U,   ///< outputs of blocks
  kLastMap = 1U << 6U,  ///< the last block's attention
  kRolloutMap = 1U << 7U,
};

struct Demand {
  unsigned needs = 0;
  std::int64_t last_stage = 0;  ///< steps of later stages are left out
};

struct PlannedStep {
  StepPtr step;
  /// Runs where the call has one of the row needs and one of the others; none: always.
  unsigned needs = 0;
  std::int64_t stage = 0;  ///< -1 before the blocks, then the block; after them their count

  bool wanted(const Demand& demand) const {
    const auto has = [&](unsigned some) { return some == 0 || (some & demand.needs) != 0; };
    return stage <= demand.last_stage && has(needs & kRowNeeds) && has(needs & ~kRowNeeds);
  }
};

struct Plan {
  Isa isa = Isa::kPortable;
  Precision precision = Precision::kFp32;
  kernels::WeightFormat format = kernels::WeightFormat::kFloat32;  ///< of the blocks' linear layers
  std::set<std::string> strict_layers;  ///< parameters that fp32x3 leaves in fp32
  config::VisionTransformerOptions model;
  std::vector<BufferSpec> buffers;
  std::vector<PlannedStep> image_steps;  ///< for one image at a time
  std::vector<PlannedStep> batch_steps;  ///< then, for all images of the batch together
  bool has_kept_rows = false;            ///< the last block has a way for the kept rows alone
  Positions positions;

  /// Whether some rows of whole numbers have a scale that is not their own.
  bool has_fixed_scales() const;
  /// Throws DataError where the model does not take images of this size.
  Geometry geometry(std::int64_t height, std::int64_t width) const;
  /// Throws UsageError where the model lacks it.
  Demand demand(const Want& want) const;
  /// Floats of scratch memory that a thread needs.
  std::int64_t scratch(const Geometry& geometry) const;
  /// Floats of a buffer, of the batch's for `batch` images.
  std::int64_t size(const BufferSpec& buffer, const Geometry& geometry, std::int64_t batch) const;
};

struct PlanOptions {
  Isa isa = Isa::kPortable;
  Precision precision = Precision::kFp32;
  bool low_memory = false;
  ThreadTeam* team = nullptr;  ///< packs the weights; null: the calling thread
};

/// Throws DataError where a weight is missing or has another shape, or the options contradict each
/// other.
Plan build_plan(const config::VisionTransformerOptions& options, const WeightLookup& weights,
                const PlanOptions& how);

}  // namespace vit::engine
