// Attention, plain and differential.
#include <cmath>
#include <numeric>
#include <utility>

#include "engine/builder.h"
#include "engine/steps/difference.h"
#include "engine/steps/heads.h"
#include "vit/core/error.h"

namespace vit::engine {

double Builder::attention_scale() const {
  // Seed: `qk_scale or head_dim ** -0.5`, so 0 means the default too.
  const auto scale = options_.qk_scale().value_or(0.0);
  return scale != 0.0 ? scale : head_scale(head_dim());
}

bool Builder::attends_in_bf16() const {
  const bool narrow = plan_.precision == Precision::kBf16 || plan_.precision == Precision::kInt8;
  return narrow && in_blocks() && static_cast<float>(attention_scale()) > 0.0F &&
         kernels::multiplies_bf16_attention(plan_.isa);
}

AttentionStepOptions Builder::heads(const Stream& stream, BufferId qkv) const {
  AttentionStepOptions options;
  options.heads = options_.num_heads();
  options.d = options.dv = head_dim();
  options.packed = plan_.buffers[qkv].packed;
  if (options.packed) options.group = head_group();
  const auto group = options.group * head_dim();
  const auto stride = options.packed ? 3 * group : group;
  const auto part = options.packed ? group : part_columns();
  options.q = {qkv, 0, stride};
  options.k = {qkv, part, stride};
  options.v = {qkv, 2 * part, stride};
  options.queries = stream.rows;
  options.scale = attention_scale();
  options.bf16 = attends_in_bf16();
  return options;
}

BufferId Builder::qkv_rows(Stream& stream) {
  const auto rows = rows_buffer(stream, stream.qkv, "qkv", 3 * part_columns());
  // Never in use together, and the packed ones are the shorter.
  if (stream.packed_qkv >= 0) plan_.buffers[stream.packed_qkv].alias = rows;
  return rows;
}

BufferId Builder::qkv_buffer(Stream& stream) {
  const bool differential =
      options_.attn_layer() == "diff" || options_.block_fn() == "DiffParallelScalingBlock";
  const bool normed = differential || options_.qk_norm();
  if (normed || !attends_in_bf16() || options_.num_heads() % head_group() != 0)
    return qkv_rows(stream);
  if (stream.packed_qkv < 0)
    stream.packed_qkv = add_buffer({"qkv.packed", stream.scope, /*packed=*/true,
                                    kernels::RowFormat::kBf16, stream.rows, 3 * part_columns()});
  return stream.packed_qkv;
}

Builder::Qkv Builder::add_qkv(Stream& stream, const std::string& name, const std::string& parameter,
                              std::int64_t n, std::int64_t first) {
  Qkv qkv;
  qkv.name = name;
  qkv.buffer = qkv_buffer(stream);
  qkv.options.in = stream.a;
  qkv.options.out = qkv.buffer;
  const auto D = dim(), d = head_dim();
  std::vector<Range> ranges;
  const auto add_parts = [&](std::int64_t begin, std::int64_t count) {
    for (const auto part : {0, 1, 2}) {
      const auto from = first + part * D + begin;
      ranges.push_back({from, from + count});
    }
  };
  const bool packed = plan_.buffers[qkv.buffer].packed;
  if (packed)
    for (std::int64_t begin = 0, group = head_group() * d; begin < D; begin += group)
      add_parts(begin, group);
  else
    add_parts(0, D);
  auto linear = linear_of(parameter, n, D, options_.qkv_bias(), ranges);
  if (packed)
    qkv.linear = std::move(linear);
  else
    add_linear(stream.scope, name, std::move(linear), std::move(qkv.options));
  return qkv;
}

BufferId Builder::outputs_for(Stream& stream, const Qkv& qkv, const std::string& reader) {
  return packed_buffer(stream, stream.a, qkv.linear ? "heads" : "a", dim(), reader);
}

void Builder::add_attention(Stream& stream, const std::string& prefix, Qkv qkv,
                            const AttentionStepOptions& attention) {
  if (qkv.linear) {
    auto product = annotated(*qkv.linear, std::move(qkv.options));
    add(stream.scope, std::make_unique<HeadsStep>(qkv.name + ", attention", std::move(qkv.linear),
                                                  std::move(product), stream.rows, attention));
  } else {
    add(stream.scope, std::make_unique<AttentionStep>(prefix + "attention", attention));
  }
  add_weights(prefix, attention, 1.0);
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
  auto qkv = add_qkv(stream, prefix + "qkv", prefix + "qkv.", 3 * dim(), 0);
  attend(stream, std::move(qkv), prefix, sink, depth);
}

void Builder::attend(Stream& stream, Qkv qkv, const std::string& prefix, const Sink& sink,
                     std::int64_t depth) {
  const auto D = dim();
  const bool differential = options_.attn_layer() == "diff";
  const auto reader = prefix + "proj.";
  const bool rows = options_.scale_attn_norm() || differential || packs_whole_rows(reader);
  const auto out = rows ? mixed_of(stream) : outputs_for(stream, qkv, reader);
  if (differential) {
    differential_attention(stream, prefix, depth);
  } else {
    qk_norm(stream, prefix, head_dim());
    auto attention = heads(stream, qkv.buffer);
    attention.out = out;
    add_attention(stream, prefix, std::move(qkv), attention);
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
    auto attention = heads(stream, stream.qkv);
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
  qkv_rows(image_);
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
    attend(image_, {.buffer = image_.qkv}, prefix, {image_.x, image_.x, scale},
           options_.depth() - 1);
  });
}

void Builder::kept_attention(const std::string& prefix, const std::string& scale) {
  const auto kept = kept_rows(), D = dim();
  qk_norm(image_, prefix, head_dim(), kept);
  kept_.rows = kept;
  rows_buffer(kept_, kept_.x, "kept.x", D);
  auto attention = heads(image_, image_.qkv);
  attention.queries = kept;
  attention.out = rows_buffer(kept_, kept_.mixed, "kept.mixed", D);
  add_attention(image_, prefix, {.buffer = image_.qkv}, attention);
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
