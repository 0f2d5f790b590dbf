// Attention, plain and differential.
#include <cmath>
#include <numeric>

#include "engine/builder.h"
#include "engine/steps/difference.h"
#include "vit/core/error.h"

namespace vit::engine {
namespace {

double head_scale(std::int64_t head_dim) { return std::pow(static_cast<double>(head_dim), -0.5); }

}  // namespace

AttentionStepOptions Builder::heads(const Stream& stream) const {
  AttentionStepOptions options;
  options.heads = options_.num_heads();
  options.d = options.dv = head_dim();
  options.q = {stream.qkv, 0, head_dim()};
  options.k = {stream.qkv, part_columns(), head_dim()};
  options.v = {stream.qkv, 2 * part_columns(), head_dim()};
  options.queries = stream.rows;
  const bool narrow = plan_.precision == Precision::kBf16 || plan_.precision == Precision::kInt8;
  options.bf16 = narrow && in_blocks() && kernels::multiplies_bf16_attention(plan_.isa);
  // Seed: `qk_scale or head_dim ** -0.5`, so 0 means the default too.
  const auto scale = options_.qk_scale().value_or(0.0);
  options.scale = scale != 0.0 ? scale : head_scale(head_dim());
  return options;
}

void Builder::add_qkv(Stream& stream, const std::string& name, LinearPtr linear) {
  LinearOptions options;
  options.in = stream.a;
  options.out = rows_buffer(stream, stream.qkv, "qkv", 3 * part_columns());
  add_linear(stream.scope, name, std::move(linear), std::move(options));
}

void Builder::qk_norm(Stream& stream, const std::string& prefix, std::int64_t columns,
                      std::int64_t query_rows) {
  if (!options_.qk_norm()) return;
  for (const auto* which : {"q_norm.", "k_norm."}) {
    const bool query = *which == 'q';
    NormOptions options;
    options.in = options.out = stream.qkv;
    options.column_offset = query ? 0 : part_columns();
    options.groups = static_cast<int>(dim() / columns);
    options.row_end = query ? query_rows : 0;
    add(stream.scope,
        std::make_unique<NormStep>(prefix + which, norm(prefix + which, columns), options));
  }
}

void Builder::attention(Stream& stream, const std::string& prefix, const Sink& sink,
                        std::int64_t depth) {
  const auto& kind = options_.attn_layer();
  if (!kind.empty() && kind != "attn" && kind != "diff")
    throw DataError("engine: expected attn_layer attn or diff, found '{}'", kind);
  const auto D = dim();
  add_qkv(stream, prefix + "qkv",
          linear_of(prefix + "qkv.", 3 * D, D, options_.qkv_bias(),
                    {{0, D}, {D, 2 * D}, {2 * D, 3 * D}}));
  attend(stream, prefix, sink, depth);
}

void Builder::attend(Stream& stream, const std::string& prefix, const Sink& sink,
                     std::int64_t depth) {
  const auto D = dim();
  const bool differential = options_.attn_layer() == "diff";
  const auto reader = prefix + "proj.";
  const bool rows = options_.scale_attn_norm() || differential || packs_whole_rows(reader);
  const auto out = rows ? mixed_of(stream) : a_for(stream, reader);
  if (differential) {
    differential_attention(stream, prefix, depth);
  } else {
    qk_norm(stream, prefix, head_dim());
    auto attention = heads(stream);
    attention.out = out;
    add_weights(prefix, attention, 1.0);
    add(stream.scope, std::make_unique<AttentionStep>(prefix + "attention", attention));
  }
  if (options_.scale_attn_norm())
    add_norm(stream, prefix + "norm.", stream.mixed, a_for(stream, reader));
  else if (rows)
    add_pack(stream, prefix + "pack", stream.mixed, a_for(stream, reader));
  add_output(stream, prefix + "proj", linear(reader, D, D, proj_bias()), stream.a, sink);
}

void Builder::differential_attention(Stream& stream, const std::string& prefix,
                                     std::int64_t depth) {
  const auto heads_count = options_.num_heads(), d = head_dim() / 2;
  if (dim() % (2 * heads_count) != 0)
    throw DataError("engine: expected 2 num_heads that divides embed_dim, found {}", heads_count);
  qk_norm(stream, prefix, d);
  rows_buffer(stream, stream.second, "second", dim());
  const auto dot = [&](const char* q, const char* k) {
    const auto a = weight(prefix + q, {d}), b = weight(prefix + k, {d});
    return std::inner_product(a.data.begin(), a.data.end(), b.data.begin(), 0.0);
  };
  const double init = 0.8 - 0.6 * std::exp(-0.3 * static_cast<double>(depth));
  const double rate =
      std::exp(dot("lambda_q1", "lambda_k1")) - std::exp(dot("lambda_q2", "lambda_k2")) + init;
  for (const std::int64_t half : {0, 1}) {
    auto attention = heads(stream);
    attention.d = d;
    attention.q.first += half * d;
    attention.k.first += half * d;
    attention.scale = head_scale(d);
    attention.out = half == 0 ? mixed_of(stream) : stream.second;
    add_weights(prefix, attention, half == 0 ? 1.0 : -rate);
    add(stream.scope, std::make_unique<AttentionStep>(
                          prefix + (half == 0 ? "attention1" : "attention2"), attention));
  }
  add(stream.scope, std::make_unique<DifferenceStep>(prefix + "difference", stream.mixed,
                                                     stream.second, static_cast<float>(rate)));
  auto layer = norm_of("rmsnorm", 1e-5, prefix + "sub_norm.", 2 * d);
  for (std::int64_t c = 0; c < 2 * d; ++c) layer.gain.data()[c] *= static_cast<float>(1.0 - init);
  NormOptions options;
  options.in = options.out = stream.mixed;
  options.groups = static_cast<int>(heads_count);
  add(stream.scope, std::make_unique<NormStep>(prefix + "sub_norm", std::move(layer), options));
}

void Builder::last_attention(const std::string& prefix, const std::string& scale) {
  const auto D = dim();
  rows_buffer(image_, image_.qkv, "qkv", 3 * part_columns());
  // Keys and values of all tokens; queries of the kept ones, or of all.
  const auto add_part = [&](const char* name, const std::vector<Range>& ranges, std::int64_t column,
                            std::optional<std::int64_t> rows) {
    LinearOptions options;
    options.in = image_.a;
    options.out = image_.qkv;
    options.column_offset = column;
    options.rows = rows;
    add_linear(Scope::kImage, prefix + name,
               linear_of(prefix + "qkv.", 3 * D, D, options_.qkv_bias(), ranges),
               std::move(options));
  };
  add_part("qkv[k, v]", {{D, 2 * D}, {2 * D, 3 * D}}, part_columns(), {});
  for_calls_with(kKeptRows, [&] {
    add_part("qkv[q]", {{0, D}}, 0, kept_rows());
    kept_attention(prefix, scale);
  });
  for_calls_with(kAllRows, [&] {
    add_part("qkv[q]", {{0, D}}, 0, {});
    attend(image_, prefix, {image_.x, image_.x, scale}, options_.depth() - 1);
  });
}

void Builder::kept_attention(const std::string& prefix, const std::string& scale) {
  const auto kept = kept_rows(), D = dim();
  qk_norm(image_, prefix, head_dim(), kept);
  kept_.rows = kept;
  rows_buffer(kept_, kept_.x, "kept.x", D);
  auto attention = heads(image_);
  attention.queries = kept;
  attention.out = rows_buffer(kept_, kept_.mixed, "kept.mixed", D);
  add_weights(prefix, attention, 1.0);
  add(Scope::kImage, std::make_unique<AttentionStep>(prefix + "attention", attention));
  add(Scope::kImage, std::make_unique<TakeRowsStep>("kept", image_.x, kept, kept_.x));

  const auto reader = prefix + "proj.";
  const auto a = a_for(kept_, reader);
  if (options_.scale_attn_norm())
    add_norm(kept_, prefix + "norm.", kept_.mixed, a);
  else
    add_pack(kept_, prefix + "pack", kept_.mixed, a);
  add_output(kept_, prefix + "proj", linear(reader, D, D, proj_bias()), a,
             {kept_.x, kept_.x, scale});
}

}  // namespace vit::engine
