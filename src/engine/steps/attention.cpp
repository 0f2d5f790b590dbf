#include "engine/steps/attention.h"

#include <numeric>

#include "vit/core/error.h"

namespace vit::engine {

AttentionStep::AttentionStep(std::string name, AttentionStepOptions options, FloatBuffer query)
    : Step(std::move(name)), options_(options), query_(std::move(query)) {}

std::string AttentionStep::describe() const {
  auto text = format("attention {} heads of {}", options_.heads, options_.d);
  if (options_.bf16) text += options_.packed ? ", bf16, packed" : ", bf16";
  if (options_.queries != kTokenCount) text += format(", {} queries", options_.queries);
  return text;
}

double AttentionStep::flops(const Geometry& geometry) const {
  const auto queries = geometry.count(options_.queries),
             keys = geometry.tokens - options_.key_begin;
  return 2.0 * static_cast<double>(options_.heads * queries * keys * (options_.d + options_.dv));
}

std::int64_t AttentionStep::scratch(Isa isa, const Geometry& geometry) const {
  return kernels::attention_scratch(isa, static_cast<int>(geometry.tokens - options_.key_begin),
                                    static_cast<int>(options_.d), static_cast<int>(options_.dv),
                                    options_.bf16);
}

kernels::AttentionCall AttentionStep::call(const Frame& frame) const {
  const auto heads_of = [&](const HeadColumns& columns, std::int64_t row) {
    kernels::HeadRows heads;
    heads.group_stride = columns.stride;
    heads.group = options_.group;
    heads.head_stride = options_.d;
    if (options_.packed) {
      heads.packed = frame.packed_view(columns.buffer);
      heads.first = columns.first;
      return heads;
    }
    const auto rows = frame.rows_view(columns.buffer);
    heads.data = rows.data + row * rows.ld + columns.first;
    heads.ld = rows.ld;
    return heads;
  };
  kernels::AttentionCall call;
  call.q = query_.size() > 0
               ? kernels::HeadRows{.data = query_.data(), .group_stride = options_.q.stride}
               : heads_of(options_.q, 0);
  call.k = heads_of(options_.k, options_.key_begin);
  call.v = heads_of(options_.v, options_.key_begin);
  call.queries = static_cast<int>(frame.geometry->count(options_.queries));
  call.keys = static_cast<int>(frame.geometry->tokens - options_.key_begin);
  call.d = static_cast<int>(options_.d);
  call.dv = static_cast<int>(options_.dv);
  call.scale = static_cast<float>(options_.scale);
  call.bf16 = options_.bf16;
  call.scratch = frame.scratch;
  return call;
}

kernels::AttentionCall AttentionStep::call_with_output(const Frame& frame) const {
  auto call = this->call(frame);
  const auto& out_spec = frame.spec(options_.out);
  if (out_spec.packed) {
    call.packed = frame.packed_view(options_.out);
  } else {
    const auto out = frame.rows_view(options_.out);
    const bool batch = out_spec.scope == Scope::kBatch;
    call.rows = out.data + (batch ? frame.image * call.queries * out.ld : 0);
    call.ld = out.ld;
  }
  return call;
}

void AttentionStep::run(const Frame& frame) const {
  const auto call = call_with_output(frame);
  // Heads are cut where they would leave a thread without work; keys are then packed again.
  const int tiles = kernels::attention_tiles(frame.isa, call);
  const int heads = static_cast<int>(options_.heads);
  const int threads = frame.group->size();
  const int cuts = std::min(tiles, threads / std::gcd(heads, threads));
  frame.group->share(heads * cuts, 1, [&](int begin, int end) {
    for (int i = begin; i < end; ++i)
      kernels::attention(frame.isa, call, i / cuts, tiles * (i % cuts) / cuts,
                         tiles * (i % cuts + 1) / cuts);
  });
}

}  // namespace vit::engine
