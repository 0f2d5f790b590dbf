// Where a model looked: attention weights and the maps that are made of them.
#pragma once

#include "engine/steps/attention.h"

namespace vit::engine {

/// Adds a share of the heads' mean weights to a buffer of rows [queries, tokens].
class AttentionWeightsStep : public Step {
 public:
  /// `factor`: of the sum over heads. `fresh`: nothing is in the buffer yet.
  AttentionWeightsStep(std::string name, const AttentionStepOptions& attention, double factor,
                       bool fresh, BufferId out);
  std::string describe() const override { return "attention weights, mean over heads"; }
  std::int64_t scratch(Isa isa, const Geometry& geometry) const override;
  void run(const Frame& frame) const override;

 private:
  AttentionStep attention_;
  std::int64_t heads_;
  double factor_;
  bool fresh_;
  BufferId out_;
};

/// How much the model's answer looked at each token, one row: of the last block's weights the class
/// token's row, or the mean of the rows.
class LookStep : public Step {
 public:
  struct Options {
    BufferId weights = -1;
    bool class_token = false;
    bool residual = false;  ///< (A + I) / 2 in place of A
    BufferId out = -1;
  };
  LookStep(std::string name, Options options) : Step(std::move(name)), options_(options) {}
  std::string describe() const override { return "row of attention"; }
  void run(const Frame& frame) const override;

 private:
  Options options_;
};

/// out = in · (A + I) / 2, a row: through one block more, towards the input.
class RolloutStep : public Step {
 public:
  RolloutStep(std::string name, BufferId weights, BufferId in, BufferId out)
      : Step(std::move(name)), weights_(weights), in_(in), out_(out) {}
  std::string describe() const override { return "attention rollout"; }
  void run(const Frame& frame) const override;

 private:
  BufferId weights_, in_, out_;
};

/// The patches' part of a row to the caller, its largest value 1.
class AttentionMapStep : public Step {
 public:
  AttentionMapStep(std::string name, BufferId in) : Step(std::move(name)), in_(in) {}
  std::string describe() const override { return "attention map"; }
  void run(const Frame& frame) const override;

 private:
  BufferId in_;
};

}  // namespace vit::engine
