// Steps that move rows about: pixels to patches, constant rows, packing, pooling, output.
#pragma once

#include <string>
#include <vector>

#include "engine/memory.h"
#include "engine/step.h"

namespace vit::engine {

/// The image's pixels [in_c, height, width] as packed rows, one a patch; zeros beyond the image.
class PatchesStep : public Step {
 public:
  struct Options {
    std::int64_t channels = 0, patch_height = 0, patch_width = 0;
    kernels::RowFormat format = kernels::RowFormat::kFloat32;  ///< of `out`
    BufferId out = -1;
  };
  PatchesStep(std::string name, Options options) : Step(std::move(name)), options_(options) {}
  std::string describe() const override;
  std::int64_t scratch(Isa isa, const Geometry& geometry) const override;
  void run(const Frame& frame) const override;

 private:
  Options options_;
};

/// Writes constant rows into the first rows of a buffer.
class ConstantRowsStep : public Step {
 public:
  ConstantRowsStep(std::string name, FloatBuffer rows, std::int64_t count, BufferId out)
      : Step(std::move(name)), rows_(std::move(rows)), count_(count), out_(out) {}
  std::string describe() const override;
  void run(const Frame& frame) const override;

 private:
  FloatBuffer rows_;
  std::int64_t count_;
  BufferId out_;
};

/// Rows of a buffer to packed rows.
class PackStep : public Step {
 public:
  PackStep(std::string name, BufferId in, BufferId out)
      : Step(std::move(name)), in_(in), out_(out) {}
  std::string describe() const override;
  void run(const Frame& frame) const override;

 private:
  BufferId in_, out_;
};

/// Packed rows of a buffer, not of whole numbers, to rows of another.
class UnpackStep : public Step {
 public:
  UnpackStep(std::string name, BufferId in, BufferId out)
      : Step(std::move(name)), in_(in), out_(out) {}
  std::string describe() const override;
  void run(const Frame& frame) const override;

 private:
  BufferId in_, out_;
};

/// Copies an image's first rows to its rows of a batch's buffer. `count` as Geometry::count() takes
/// it.
class TakeRowsStep : public Step {
 public:
  TakeRowsStep(std::string name, BufferId in, std::int64_t count, BufferId out)
      : Step(std::move(name)), in_(in), count_(count), out_(out) {}
  std::string describe() const override;
  void run(const Frame& frame) const override;

 private:
  BufferId in_;
  std::int64_t count_;
  BufferId out_;
};

/// Mean, maximum, or half of both, of an image's rows from `row_begin` on, to its row of a batch's
/// buffer.
class PoolStep : public Step {
 public:
  enum class Kind { kMean, kMaximum, kBoth };
  PoolStep(std::string name, Kind kind, BufferId in, std::int64_t row_begin, BufferId out)
      : Step(std::move(name)), kind_(kind), in_(in), row_begin_(row_begin), out_(out) {}
  std::string describe() const override;
  void run(const Frame& frame) const override;

 private:
  Kind kind_;
  BufferId in_;
  std::int64_t row_begin_;
  BufferId out_;
};

/// The batch's rows, without padding, to the caller's logits.
class OutputStep : public Step {
 public:
  OutputStep(std::string name, BufferId in) : Step(std::move(name)), in_(in) {}
  std::string describe() const override;
  void run(const Frame& frame) const override;

 private:
  BufferId in_;
};

}  // namespace vit::engine
