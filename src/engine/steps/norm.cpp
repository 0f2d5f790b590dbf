#include "engine/steps/norm.h"

#include "vit/core/error.h"

namespace vit::engine {

NormStep::NormStep(std::string name, Norm norm, NormOptions options)
    : Step(std::move(name)), norm_(std::move(norm)), options_(options) {}

std::string NormStep::describe() const {
  auto text = format("{} {}", norm_.rms ? "rmsnorm" : "layernorm", norm_.columns);
  if (options_.groups > 1) text += format(", {} groups", options_.groups);
  if (options_.addend >= 0 || options_.position) text += ", added";
  return text;
}

void NormStep::run(const Frame& frame) const {
  const auto in = frame.rows_view(options_.in);
  kernels::NormCall call;
  const auto offset = options_.row_begin * in.ld + options_.column_offset;
  call.x = in.data + offset;
  call.ld = in.ld;
  call.groups = options_.groups;
  call.cols = static_cast<int>(norm_.columns);
  call.gain = norm_.gain.data();
  call.bias = norm_.bias.data();
  call.eps = static_cast<float>(norm_.eps);
  call.rms = norm_.rms;
  if (frame.spec(options_.out).packed) {
    call.packed = frame.packed_view(options_.out);
  } else {
    const auto out = frame.rows_view(options_.out);
    call.rows = out.data + options_.row_begin * out.ld + options_.column_offset;
    call.rows_ld = out.ld;
    if (options_.addend >= 0)
      call.addend =
          frame.buffers[options_.addend] + options_.row_begin * out.ld + options_.column_offset;
    if (options_.position) call.addend = frame.geometry->positions.data();
  }
  const int tile =
      call.packed.data != nullptr ? call.packed.tile_rows : kernels::gemm_shape(frame.isa).rows;
  const auto row_end = options_.row_end != 0 ? options_.row_end : in.rows;
  const int rows = static_cast<int>(row_end - options_.row_begin);
  frame.group->share((rows + tile - 1) / tile, kTilesAtOnce, [&](int begin, int end) {
    kernels::norm(frame.isa, call, begin * tile, std::min(end * tile, rows));
  });
}

}  // namespace vit::engine
