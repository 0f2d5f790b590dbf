#include "engine/steps/linear.h"

#include "vit/core/error.h"

namespace vit::engine {
namespace {

/// Panels that a thread takes at once: few enough that all threads have some, enough that their
/// sums fill the second cache level.
constexpr int kColumnsAtOnce = 192;

}  // namespace

LinearPtr pack_linear(Isa isa, std::int64_t n, std::int64_t in, bool gated,
                      const std::function<const float*(std::int64_t)>& row,
                      const std::function<float(std::int64_t)>& bias) {
  auto result = std::make_shared<Linear>();
  auto& linear = *result;
  linear.in = in;
  linear.out = gated ? n / 2 : n;
  linear.packed = kernels::packed_weight(isa, n, in, gated);
  linear.data = FloatBuffer(kernels::packed_size(isa, linear.packed));
  const std::int64_t columns = kernels::gemm_shape(isa).columns, parts = gated ? 2 : 1;
  if (bias) linear.bias = FloatBuffer(linear.packed.panels * columns);
  std::vector<const float*> rows(static_cast<std::size_t>(columns));
  for (std::int64_t p = 0; p < linear.packed.panels; ++p) {
    // Of a gated weight every second panel holds values.
    const auto begin = p / parts * columns, base = p % parts * linear.out;
    for (std::int64_t c = 0; c < columns; ++c) {
      const bool there = begin + c < linear.out;
      rows[static_cast<std::size_t>(c)] = there ? row(base + begin + c) : nullptr;
      if (there && bias) linear.bias.data()[p * columns + c] = bias(base + begin + c);
    }
    kernels::pack_weight(isa, linear.packed, in, p * columns, columns, rows.data(),
                         linear.data.data());
  }
  linear.packed.data = linear.data.data();
  linear.packed.bias = linear.bias.data();
  return result;
}

double LinearStep::flops(const Geometry& geometry) const {
  return 2.0 * static_cast<double>(geometry.count(rows_)) * static_cast<double>(linear_->packed.n) *
         static_cast<double>(linear_->in);
}

std::string LinearStep::describe() const {
  auto text = format("linear {} -> {}", linear_->in, linear_->out);
  if (options_.activation != kernels::Activation::kIdentity || options_.gated)
    text += format(", {}{}", kernels::activation_name(options_.activation),
                   options_.gated ? " gate" : "");
  if (options_.scale.size() > 0) text += ", scaled";
  if (options_.addend >= 0) text += ", added";
  if (options_.position) text += ", position added";
  if (options_.rows) text += format(", {} rows", *options_.rows);
  return text;
}

void LinearStep::run(const Frame& frame) const {
  kernels::GemmCall call;
  call.a = frame.packed_view(options_.in);
  if (options_.rows) {
    const int tile = kernels::gemm_shape(frame.isa).rows;
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

  // A gate and its value stay together.
  const int parts = options_.gated ? 2 : 1;
  const int at_once = kColumnsAtOnce / kernels::gemm_shape(frame.isa).columns / parts;
  frame.group->share(linear_->packed.panels / parts, at_once, [&](int begin, int end) {
    call.panel_begin = begin * parts;
    call.panel_end = end * parts;
    kernels::gemm(frame.isa, call);
  });
}

}  // namespace vit::engine
