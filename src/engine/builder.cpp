#include "engine/builder.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "engine/outliers.h"
#include "vit/core/error.h"
#include "vit/state_dict/weight.h"

namespace vit::engine {

Builder::Builder(const config::VisionTransformerOptions& options, const WeightLookup& weights,
                 const PlanOptions& how)
    : options_(options), weights_(weights), low_memory_(how.low_memory), team_(how.team) {
  plan_.isa = how.isa;
  plan_.precision = how.precision;
  check();
  if (how.precision == Precision::kFp32x3) strict_ = strict_layers(options, weights);
  plan_.format = format_of("block.");
  plan_.model = options;
  activation_ = *kernels::parse_activation(options.act_layer().value_or("gelu"));
}

std::int64_t Builder::num_patches() const {
  // The position embedding's, which counts whole patches.
  const auto [height, width] = options_.img_size();
  const auto [patch_height, patch_width] = options_.patch_size();
  return patch_height > 0 && patch_width > 0 ? height / patch_height * (width / patch_width) : 0;
}

void Builder::check() const {
  const auto expect = [](bool condition, const char* expected, const auto& found) {
    if (!condition) throw DataError("engine: expected {}, found '{}'", expected, found);
  };
  static const std::set<std::string> pools{"", "token", "avg", "avgmax", "max", "map", "prr"};
  const auto& o = options_;
  const auto& pool = o.global_pool();
  const auto act = o.act_layer().value_or("gelu");
  expect(kernels::parse_activation(act).has_value(), "an act_layer that is known", act);
  expect(pools.contains(pool), "global_pool token, avg, avgmax, max, map, prr or ''", pool);
  expect(o.num_heads() > 0 && o.embed_dim() % o.num_heads() == 0,
         "num_heads that divides embed_dim", o.num_heads());
  expect(o.class_token() || pool != "token", "class_token with global_pool", pool);
  expect(num_patches() > 0, "an image of at least one patch", o.img_size()[0]);
  for (const auto& layer :
       {o.norm_layer().value_or("layernorm"), o.embed_norm_layer().value_or("layernorm")})
    expect(layer == "layernorm" || layer == "rmsnorm", "norm_layer layernorm or rmsnorm", layer);
}

Plan Builder::build() {
  image_.rows = kTokenCount;
  kept_.scope = Scope::kBatch;
  embed();
  blocks();
  pool();
  head();
  return std::move(plan_);
}

WeightView Builder::weight(const std::string& name, const std::vector<std::int64_t>& shape) const {
  auto found = weights_(name);
  if (!found) throw DataError("engine: expected tensor '{}' {}, found none", name, shape);
  if (found->shape != shape)
    throw DataError("engine: tensor '{}': expected shape {}, found {}", name, shape, found->shape);
  if (!found->scale.empty() && static_cast<std::int64_t>(found->scale.size()) != shape[0])
    throw DataError("engine: tensor '{}': expected a scale for each of {} rows, found {}", name,
                    shape[0], found->scale.size());
  return *std::move(found);
}

FloatBuffer Builder::vector(const std::string& name, std::int64_t size) const {
  const auto view = weight(name, {size});
  FloatBuffer buffer(kernels::padded(size));
  std::copy(view.data.begin(), view.data.end(), buffer.data());
  return buffer;
}

kernels::WeightFormat Builder::format_of(const std::string& name) const {
  const bool block = name.starts_with("block."), pool = name.starts_with("attn_pool.");
  if (!block && !pool && !name.starts_with("patch_embed.")) return kernels::WeightFormat::kFloat32;
  switch (plan_.precision) {
    case Precision::kFp32x3:
      if (!pool && !strict_.contains(name)) return kernels::WeightFormat::kBf16Pair;
      break;
    case Precision::kBf16:
    case Precision::kInt8: {
      if (block)
        return plan_.precision == Precision::kInt8 ? kernels::WeightFormat::kInt8
                                                   : kernels::WeightFormat::kBf16;
      // Pixels and the pool: in bfloat16 where that is faster.
      const auto rows = kernels::row_format(plan_.isa, kernels::WeightFormat::kBf16);
      return rows == kernels::RowFormat::kFloat32 ? kernels::WeightFormat::kFloat32
                                                  : kernels::WeightFormat::kBf16;
    }
    case Precision::kFp32:
      break;
  }
  // With few rows a product takes as long as reading its weights, and a triple is 6 bytes for 4.
  const bool few_rows = pool && !name.starts_with("attn_pool.kv.");
  return few_rows ? kernels::WeightFormat::kFloat32 : exact_format();
}

kernels::WeightFormat Builder::exact_format() const {
  return plan_.isa >= Isa::kAmx ? kernels::WeightFormat::kBf16Triple
                                : kernels::WeightFormat::kFloat32;
}

void Builder::use_rows_of(kernels::RowFormat format) {
  if (format == row_format_) return;
  row_format_ = format;
  for (auto* stream : {&image_, &kept_}) stream->a = stream->hidden = -1;
}

bool Builder::rows_stay_together(const std::string& name) const {
  return !low_memory_ && needs_ == 0 && name.starts_with("block.");
}

LinearPtr Builder::packed_once(const std::string& key,
                               const std::function<LinearPtr()>& pack) const {
  auto& linear = packed_[key];
  if (!linear) linear = pack();
  return linear;
}

LinearPtr Builder::linear(const std::string& prefix, std::int64_t n, std::int64_t in,
                          bool bias) const {
  return linear_of(prefix, n, in, bias, {{0, n}});
}

LinearPtr Builder::linear_of(const std::string& prefix, std::int64_t n, std::int64_t in, bool bias,
                             const std::vector<Range>& ranges, std::optional<Range> columns) const {
  auto key = prefix;
  for (const auto& range : ranges) key += format("[{}:{}]", range.begin, range.end);
  if (columns) key += format(", [{}:{}]", columns->begin, columns->end);
  return packed_once(key, [&] {
    const auto weights = weight(prefix + "weight", {n, in});
    const auto biases = bias ? weight(prefix + "bias", {n}) : WeightView();
    std::vector<std::int64_t> rows;  // of the result: a row of the weight, or -1
    for (const auto& range : ranges) {
      rows.resize(static_cast<std::size_t>(kernels::padded(static_cast<std::int64_t>(rows.size()))),
                  -1);
      for (auto row = range.begin; row < range.end; ++row) rows.push_back(row);
    }
    const auto [first, last] = columns.value_or(Range{0, in});
    const auto at = [&](std::int64_t i) { return rows[static_cast<std::size_t>(i)]; };
    LinearRows source;
    source.row = [&, column = first](std::int64_t i) {
      return at(i) < 0 ? nullptr : weights.data.data() + at(i) * in + column;
    };
    if (bias)
      source.bias = [&](std::int64_t i) {
        return at(i) < 0 ? 0.0F : biases.data[static_cast<std::size_t>(at(i))];
      };
    if (!weights.scale.empty())
      source.scale = [&](std::int64_t i) {
        return at(i) < 0 ? 1.0F : weights.scale[static_cast<std::size_t>(at(i))];
      };
    auto packed = pack_linear(plan_.isa,
                              {.n = static_cast<std::int64_t>(rows.size()),
                               .in = last - first,
                               .format = format_of(prefix),
                               .strassen = rows_stay_together(prefix),
                               .team = team_},
                              source);
    if (in_blocks()) packed->parameters = {{prefix + "weight", first}};
    return packed;
  });
}

void Builder::set_bias(Linear& linear, const std::string& name, std::int64_t n) const {
  const auto view = weight(name, {n});
  const auto columns = kernels::gemm_shape(plan_.isa, linear.packed.reads).columns;
  linear.bias = FloatBuffer(std::int64_t{linear.packed.panels} * columns);
  std::copy(view.data.begin(), view.data.end(), linear.bias.data());
  linear.packed.bias = linear.bias.data();
}

Norm Builder::norm(const std::string& prefix, std::int64_t columns) const {
  return norm_of(options_.norm_layer().value_or("layernorm"), options_.norm_eps(), prefix, columns);
}

Norm Builder::norm_of(const std::string& kind, double eps, const std::string& prefix,
                      std::int64_t columns) const {
  Norm norm;
  norm.rms = kind == "rmsnorm";
  norm.columns = columns;
  norm.eps = eps;
  norm.gain = vector(prefix + "weight", columns);
  if (!norm.rms) norm.bias = vector(prefix + "bias", columns);
  return norm;
}

BufferId Builder::add_buffer(const BufferSpec& buffer) {
  plan_.buffers.push_back(buffer);
  return static_cast<BufferId>(plan_.buffers.size()) - 1;
}

BufferId Builder::rows_buffer(const Stream& stream, BufferId& id, const char* name,
                              std::int64_t columns) {
  if (id < 0)
    id = add_buffer({.name = name, .scope = stream.scope, .rows = stream.rows, .columns = columns});
  return id;
}

BufferId Builder::packed_buffer(const Stream& stream, BufferId& id, const char* name,
                                std::int64_t columns, const std::string& reader) {
  BufferSpec spec{name, stream.scope, true, row_format_, stream.rows, columns};
  if (strict_.contains(reader)) spec.format = kernels::row_format(plan_.isa, exact_format());
  spec.fixed = fixed_scale(reader);
  // The same memory where it has the format, read by the same scale or another.
  for (std::size_t i = 0; i < plan_.buffers.size(); ++i) {
    const auto& known = plan_.buffers[i];
    const bool same = known.packed && known.name == spec.name && known.scope == spec.scope &&
                      known.format == spec.format && known.rows == spec.rows &&
                      known.columns == spec.columns && known.needs == spec.needs;
    if (same && known.fixed == spec.fixed) return id = static_cast<BufferId>(i);
    if (same && spec.alias < 0) spec.alias = static_cast<BufferId>(i);
  }
  return id = add_buffer(spec);
}

kernels::RowScale Builder::fixed_scale(const std::string& reader) const {
  if (!kernels::has_scales(row_format_)) return {};
  const auto name = format("{}weight{}", reader, state_dict::kInputScale);
  if (!weights_(name)) return {};
  const auto found = weight(name, {2});
  const kernels::RowScale fixed{found.data[0], found.data[1]};
  if (!(fixed.scale > 0.0F) || !std::isfinite(fixed.scale) || !std::isfinite(fixed.offset))
    throw DataError("engine: tensor '{}': expected a positive scale and an offset, found {}, {}",
                    name, fixed.scale, fixed.offset);
  return fixed;
}

void Builder::add(Scope scope, StepPtr step) {
  auto& steps = scope == Scope::kImage ? plan_.image_steps : plan_.batch_steps;
  steps.push_back({std::move(step), needs_, stage_});
}

LinearOptions Builder::annotated(const Linear& linear, LinearOptions options) {
  options.calibrated = plan_.buffers[options.in].fixed.scale != 0.0F;
  options.strict = in_blocks() && plan_.format == kernels::WeightFormat::kBf16Pair &&
                   linear.packed.format != plan_.format;
  if (options.strict)
    for (const auto& parameter : linear.parameters) plan_.strict_layers.insert(parameter.name);
  return options;
}

void Builder::add_linear(Scope scope, const std::string& name, LinearPtr linear,
                         LinearOptions options) {
  const auto rows = options.rows.value_or(plan_.buffers[options.in].rows);
  options = annotated(*linear, std::move(options));
  add(scope, std::make_unique<LinearStep>(name, std::move(linear), std::move(options), rows));
}

void Builder::add_output(const Stream& stream, const std::string& name, LinearPtr linear,
                         BufferId in, const Sink& sink) {
  LinearOptions options;
  options.in = in;
  options.out = sink.out;
  options.addend = sink.addend;
  if (!sink.scale.empty()) options.scale = vector(sink.scale, linear->out);
  add_linear(stream.scope, name, std::move(linear), std::move(options));
}

void Builder::add_norm(const Stream& stream, const std::string& prefix, BufferId in, BufferId out) {
  NormOptions options;
  options.in = in;
  options.out = out;
  add(stream.scope,
      std::make_unique<NormStep>(prefix, norm(prefix, plan_.buffers[in].columns), options));
}

void Builder::add_pack(const Stream& stream, const std::string& name, BufferId in, BufferId out) {
  add(stream.scope, std::make_unique<PackStep>(name, in, out));
}

Plan build_plan(const config::VisionTransformerOptions& options, const WeightLookup& weights,
                const PlanOptions& how) {
  return Builder(options, weights, how).build();
}

}  // namespace vit::engine
