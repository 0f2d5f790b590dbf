#include "engine/steps/linear.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "engine/magnitude.h"
#include "vit/core/error.h"
#include "vit/engine/observer.h"

namespace vit::engine {
namespace {

/// Panels that a thread takes at once: few enough that all threads have some, enough that their
/// sums fill the second cache level.
constexpr int kColumnsAtOnce = 192;
constexpr int kStrassenColumnsAtOnce = 768;
/// Calls of a thread where each one splits the rows anew: few, and yet threads that are held up
/// leave some to the others.
constexpr int kSharesOfSplitRows = 2;

/// The row's largest value becomes 127; not a number, where a value is not finite: so is what it
/// multiplies then.
float row_scale(const float* row, std::int64_t count) {
  const float largest = largest_magnitude({row, static_cast<std::size_t>(count)});
  if (!std::isfinite(largest)) return std::nanf("");
  return largest > 0.0F ? largest / 127.0F : 1.0F;
}

/// What is multiplied: weights alone may be narrow, or both factors.
std::string format_text(const kernels::PackedWeight& weight) {
  const char* more = weight.reads == kernels::RowFormat::kFloat32 ? " weights" : "";
  switch (weight.format) {
    case kernels::WeightFormat::kBf16:
      return format(", bf16{}", more);
    case kernels::WeightFormat::kInt8:
      return ", int8";
    case kernels::WeightFormat::kBf16Pair:
      return ", three bf16 products";
    case kernels::WeightFormat::kBf16Triple:
      return ", six bf16 products";
    case kernels::WeightFormat::kFloat32:
      break;
  }
  return "";
}

}  // namespace

LinearPtr pack_linear(Isa isa, const LinearShape& shape, const LinearRows& source) {
  auto result = std::make_shared<Linear>();
  auto& linear = *result;
  linear.in = shape.in;
  linear.out = shape.gated ? shape.n / 2 : shape.n;
  auto& packed = linear.packed =
      kernels::packed_weight(isa, shape.n, shape.in, shape.gated, shape.format);
  if (shape.strassen && kernels::strassen_pays(isa, packed))
    packed = kernels::strassen_weight(isa, packed);
  linear.data = FloatBuffer(kernels::packed_size(isa, packed));
  const std::int64_t columns = kernels::gemm_shape(isa, packed.reads).columns,
                     parts = shape.gated ? 2 : 1;
  if (source.bias) linear.bias = FloatBuffer(packed.panels * columns);
  if (shape.format == kernels::WeightFormat::kInt8)
    linear.scale = FloatBuffer(packed.panels * columns);
  if (kernels::has_scales(packed.reads)) linear.row_sum = FloatBuffer(packed.panels * columns);
  packed.data = linear.data.data();
  packed.bias = linear.bias.data();
  packed.scale = linear.scale.data();
  packed.row_sum = linear.row_sum.data();
  const std::int64_t together = packed.strassen ? 2 : 1;  // panels
  const auto pack_panels = [&](std::int64_t first, std::int64_t last) {
    std::vector<const float*> rows(static_cast<std::size_t>(together * columns));
    for (auto p = first; p < last; ++p) {
      // Of a gated weight every second panel holds values.
      const auto begin = p / parts * columns, base = p % parts * linear.out;
      for (std::int64_t c = 0; c < columns; ++c) {
        const bool there = begin + c < linear.out;
        const auto from = base + begin + c, to = p * columns + c;
        const float* row = there ? source.row(from) : nullptr;
        rows[static_cast<std::size_t>(p % together * columns + c)] = row;
        if (there && source.bias) linear.bias.data()[to] = source.bias(from);
        if (linear.scale.size() > 0)
          linear.scale.data()[to] = row == nullptr ? 1.0F
                                    : source.scale ? source.scale(from)
                                                   : row_scale(row, shape.in);
      }
      if ((p + 1) % together == 0)
        kernels::pack_weight(isa, packed, shape.in, (p + 1 - together) * columns,
                             together * columns, rows.data(), linear.data.data());
    }
  };
  const auto groups = packed.panels / together;
  const auto share = [&](int rank, int count) {
    pack_panels(groups * rank / count * together, groups * (rank + 1) / count * together);
  };
  if (shape.team != nullptr)
    shape.team->run(share);
  else
    share(0, 1);
  return result;
}

double LinearStep::flops(const Geometry& geometry) const {
  return 2.0 * static_cast<double>(geometry.count(rows_)) * static_cast<double>(linear_->packed.n) *
         static_cast<double>(linear_->in);
}

std::string LinearStep::describe() const {
  auto text = format("linear {} -> {}", linear_->in, linear_->out);
  text += format_text(linear_->packed);
  if (options_.calibrated) text += ", calibrated";
  if (options_.strict) text += ", strict";
  if (linear_->packed.strassen) text += ", strassen";
  if (options_.activation != kernels::Activation::kIdentity || options_.gated)
    text += format(", {}{}", kernels::activation_name(options_.activation),
                   options_.gated ? " gate" : "");
  if (options_.scale.size() > 0) text += ", scaled";
  if (options_.addend >= 0) text += ", added";
  if (options_.position) text += ", position added";
  if (options_.rows) text += format(", {} rows", *options_.rows);
  return text;
}

void LinearStep::observe(const Frame& frame, const kernels::PackedRows& in) const {
  std::vector<float> row(static_cast<std::size_t>(in.k));
  for (int r = 0; r < in.rows; ++r) {
    kernels::unpack_row(in, r, row.data());
    const auto values = std::span(row).first(static_cast<std::size_t>(linear_->in));
    for (const auto& parameter : linear_->parameters)
      frame.observer->see(parameter.name, parameter.first_input, values);
  }
}

kernels::GemmCall LinearStep::call(const Frame& frame) const {
  kernels::GemmCall call;
  call.a = frame.packed_view(options_.in);
  if (options_.rows) {
    const int tile = call.a.tile_rows;
    call.a.rows = static_cast<int>(*options_.rows);
    // The layout stays that of all rows.
    call.tiles = (call.a.rows + tile - 1) / tile;
  }
  call.weight = linear_->packed;
  call.scratch = frame.scratch;
  // Rows of a batch come in any number; and the first rows of an image must not depend on whether
  // the others are wanted.
  call.fast_last_row = frame.spec(options_.in).scope == Scope::kImage && !options_.rows;

  auto& epilogue = call.epilogue;
  epilogue.activation = options_.activation;
  epilogue.gated = options_.gated;
  epilogue.scale = options_.scale.data();
  if (frame.spec(options_.out).packed) {
    epilogue.packed = frame.packed_view(options_.out);
  } else {
    const auto out = frame.rows_view(options_.out);
    const auto offset = options_.row_offset * out.ld + options_.column_offset;
    epilogue.rows = out.data + offset;
    epilogue.ld = out.ld;
    if (options_.addend >= 0) epilogue.addend = frame.buffers[options_.addend] + offset;
    if (options_.position) epilogue.addend = frame.geometry->positions.data();
    epilogue.addend_ld = out.ld;
  }
  return call;
}

void LinearStep::run(const Frame& frame) const {
  auto call = this->call(frame);
  if (frame.observer != nullptr) observe(frame, call.a);
  // A gate and its value stay together, and Strassen's pairs.
  const int parts = options_.gated || linear_->packed.strassen ? 2 : 1;
  const int columns_at_once = linear_->packed.strassen ? kStrassenColumnsAtOnce : kColumnsAtOnce;
  const int all = linear_->packed.panels / parts;
  int at_once =
      columns_at_once / kernels::gemm_shape(frame.isa, linear_->packed.reads).columns / parts;
  if (kernels::splits_rows(frame.isa, linear_->packed.reads)) {
    const int shares = kSharesOfSplitRows * frame.group->size();
    at_once = std::max(at_once, (all + shares - 1) / shares);
  }
  frame.group->share(all, at_once, [&](int begin, int end) {
    call.panel_begin = begin * parts;
    call.panel_end = end * parts;
    kernels::gemm(frame.isa, call);
  });
}

}  // namespace vit::engine
