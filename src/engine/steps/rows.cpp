#include "engine/steps/rows.h"

#include <cstring>

#include "vit/core/error.h"

namespace vit::engine {
namespace {

void copy_floats(const float* from, std::int64_t count, float* to) {
  std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float));
}

}  // namespace

std::string PatchesStep::describe() const {
  return format("patches of {} x {} from {} channels", options_.patch_height, options_.patch_width,
                options_.channels);
}

std::int64_t PatchesStep::scratch(Isa isa, const Geometry& /*geometry*/) const {
  return kernels::gemm_shape(isa, options_.format).rows *
         kernels::padded(options_.channels * options_.patch_height * options_.patch_width);
}

void PatchesStep::run(const Frame& frame) const {
  const auto& o = options_;
  const auto out = frame.packed_view(o.out);
  const auto across = frame.geometry->grid.width;
  const auto height = frame.geometry->height, width = frame.geometry->width;
  const std::int64_t ld = out.columns, tile = out.tile_rows;
  frame.group->share(out.tiles, kTilesAtOnce, [&](int begin, int end) {
    for (int t = begin; t < end; ++t) {
      for (std::int64_t r = 0; r < tile && t * tile + r < out.rows; ++r) {
        const auto patch = t * tile + r;
        const auto y = patch / across * o.patch_height, x = patch % across * o.patch_width;
        float* row = frame.scratch + r * ld;
        for (std::int64_t c = 0; c < o.channels; ++c)
          for (std::int64_t j = 0; j < o.patch_height; ++j, row += o.patch_width) {
            const auto there = y + j < height ? std::min(o.patch_width, width - x) : 0;
            if (there > 0) copy_floats(frame.input + (c * height + y + j) * width + x, there, row);
            std::fill(row + there, row + o.patch_width, 0.0F);
          }
        std::fill(row, frame.scratch + (r + 1) * ld, 0.0F);
      }
      kernels::pack_rows(frame.isa, frame.scratch, ld, out, t, t + 1);
    }
  });
}

std::string ConstantRowsStep::describe() const { return format("{} constant rows", count_); }

void ConstantRowsStep::run(const Frame& frame) const {
  const auto out = frame.rows_view(out_);
  frame.group->share(1, 1, [&](int, int) { copy_floats(rows_.data(), count_ * out.ld, out.data); });
}

std::string PackStep::describe() const { return "pack"; }

void PackStep::run(const Frame& frame) const {
  const auto in = frame.rows_view(in_);
  const auto out = frame.packed_view(out_);
  frame.group->share(out.tiles, kTilesAtOnce, [&](int begin, int end) {
    const auto row = std::int64_t{begin} * out.tile_rows;
    kernels::pack_rows(frame.isa, in.data + row * in.ld, in.ld, out, begin, end);
  });
}

std::string UnpackStep::describe() const { return "unpack"; }

void UnpackStep::run(const Frame& frame) const {
  const auto in = frame.packed_view(in_);
  const auto out = frame.rows_view(out_);
  constexpr int kRowsAtOnce = 16;
  frame.group->share(in.rows, kRowsAtOnce, [&](int begin, int end) {
    for (int row = begin; row < end; ++row) kernels::unpack_row(in, row, out.data + row * out.ld);
  });
}

std::string TakeRowsStep::describe() const {
  return count_ == kTokenCount ? "take all rows" : format("take {} rows", count_);
}

void TakeRowsStep::run(const Frame& frame) const {
  const auto in = frame.rows_view(in_), out = frame.rows_view(out_);
  const auto count = frame.geometry->count(count_);
  frame.group->share(1, 1, [&](int, int) {
    copy_floats(in.data, count * in.ld, out.data + frame.image * count * out.ld);
  });
}

std::string PoolStep::describe() const {
  return kind_ == Kind::kMean      ? "mean of rows"
         : kind_ == Kind::kMaximum ? "maximum of rows"
                                   : "mean and maximum of rows";
}

void PoolStep::run(const Frame& frame) const {
  const auto in = frame.rows_view(in_), out = frame.rows_view(out_);
  const auto count = static_cast<float>(in.rows - row_begin_);
  frame.group->share(static_cast<int>(in.ld / kernels::kPadding), 16, [&](int begin, int end) {
    for (auto c = begin * kernels::kPadding; c < end * kernels::kPadding; ++c) {
      const float* x = in.data + row_begin_ * in.ld + c;
      float most = *x;
      double sum = 0.0;
      for (auto r = row_begin_; r < in.rows; ++r, x += in.ld) {
        most = std::max(most, *x);
        sum += *x;
      }
      const auto mean = static_cast<float>(sum) / count;
      out.data[frame.image * out.ld + c] = kind_ == Kind::kMean      ? mean
                                           : kind_ == Kind::kMaximum ? most
                                                                     : 0.5F * (mean + most);
    }
  });
}

std::string OutputStep::describe() const { return "output"; }

void OutputStep::run(const Frame& frame) const {
  const auto in = frame.rows_view(in_);
  frame.group->share(static_cast<int>(in.rows), 64, [&](int begin, int end) {
    for (std::int64_t r = begin; r < end; ++r)
      copy_floats(in.data + r * in.ld, in.columns,
                  frame.output->logits.data.data() + r * in.columns);
  });
}

}  // namespace vit::engine
