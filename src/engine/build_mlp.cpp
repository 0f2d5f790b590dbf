// The MLPs, plain and gated.
#include "engine/builder.h"
#include "vit/core/error.h"

namespace vit::engine {

/// act(gate) · value of two linear layers, each `hidden` rows of a parameter.
LinearPtr Builder::gated_linear(const PartOfWeight& gate, const PartOfWeight& value,
                                std::int64_t hidden, bool bias) const {
  return packed_once(gate.prefix + value.prefix, [&] {
    const auto weights_of = [&](const PartOfWeight& rows) {
      return weight(rows.prefix + "weight", {rows.n, dim()});
    };
    const auto biases_of = [&](const PartOfWeight& rows) {
      return bias ? weight(rows.prefix + "bias", {rows.n}) : WeightView();
    };
    const WeightView weights[] = {weights_of(gate), weights_of(value)};
    const WeightView biases[] = {biases_of(gate), biases_of(value)};
    const std::int64_t first[] = {gate.first, value.first};
    LinearRows source;
    source.row = [&](std::int64_t i) {
      const auto part = i / hidden;
      return weights[part].data.data() + (first[part] + i % hidden) * dim();
    };
    const auto value_of = [&](const std::span<const float>& gates,
                              const std::span<const float>& values) {
      return [&first, gates, values, hidden](std::int64_t i) {
        const auto part = i / hidden;
        return (part == 0 ? gates : values)[static_cast<std::size_t>(first[part] + i % hidden)];
      };
    };
    if (bias) source.bias = value_of(biases[0].data, biases[1].data);
    if (!weights[0].scale.empty() && !weights[1].scale.empty())
      source.scale = value_of(weights[0].scale, weights[1].scale);
    auto packed = pack_linear(plan_.isa,
                              {.n = 2 * hidden,
                               .in = dim(),
                               .gated = true,
                               .format = format_of(gate.prefix),
                               .strassen = rows_stay_together(gate.prefix),
                               .team = team_},
                              source);
    if (in_blocks()) packed->parameters.push_back({gate.prefix + "weight", 0});
    if (in_blocks() && value.prefix != gate.prefix)
      packed->parameters.push_back({value.prefix + "weight", 0});
    return packed;
  });
}

std::string Builder::first_of_mlp(const std::string& prefix) const {
  return prefix + (options_.mlp_layer() == "swiglu" ? "fc1_g." : "fc1.");
}

void Builder::mlp(Stream& stream, const std::string& prefix, const Sink& sink) {
  const auto hidden = mlp_hidden(), half = hidden / 2;
  const auto& kind = options_.mlp_layer();
  const bool bias = mlp_bias();
  const auto fc1 = prefix + "fc1.";
  if ((kind == "glumlp" || kind == "swiglu_packed") && hidden % 2 != 0)
    throw DataError("engine: expected an even hidden width to halve, found {}", hidden);
  LinearPtr first;
  if (kind == "mlp")
    first = linear(fc1, hidden, dim(), bias);
  else if (kind == "swiglu")
    first =
        gated_linear({prefix + "fc1_g.", hidden, 0}, {prefix + "fc1_x.", hidden, 0}, hidden, bias);
  else if (kind == "glumlp")
    first = gated_linear({fc1, hidden, half}, {fc1, hidden, 0}, half, bias);
  else if (kind == "swiglu_packed")
    first = gated_linear({fc1, hidden, 0}, {fc1, hidden, half}, half, bias);
  else
    throw DataError("engine: expected mlp_layer mlp, glumlp, swiglu or swiglu_packed, found '{}'",
                    kind);
  add_mlp(stream, prefix, std::move(first), kind != "mlp", bias, options_.scale_mlp_norm(), sink);
}

void Builder::add_hidden(Stream& stream, const std::string& name, LinearPtr linear, bool gated,
                         const std::string& reader, const std::string& norm) {
  const auto columns = linear->out;
  LinearOptions options;
  options.in = stream.a;
  options.activation = activation_;
  options.gated = gated;
  packed_buffer(stream, stream.hidden, "hidden", columns, reader);
  // A product writes rows of the format that it reads.
  const bool same = plan_.buffers[stream.hidden].format == linear->packed.reads;
  const bool whole = !norm.empty() || packs_whole_rows(reader) || !same;
  options.out = whole ? rows_buffer(stream, stream.wide, "wide", columns) : stream.hidden;
  add_linear(stream.scope, name, std::move(linear), std::move(options));
  if (!norm.empty())
    add_norm(stream, norm, stream.wide, stream.hidden);
  else if (whole)
    add_pack(stream, name + ".pack", stream.wide, stream.hidden);
}

void Builder::add_mlp(Stream& stream, const std::string& prefix, LinearPtr first, bool gated,
                      bool bias, bool scale_norm, const Sink& sink) {
  const auto columns = first->out;
  add_hidden(stream, prefix + "fc1", std::move(first), gated, prefix + "fc2.",
             scale_norm ? prefix + "norm." : "");
  add_output(stream, prefix + "fc2", linear(prefix + "fc2.", dim(), columns, bias), stream.hidden,
             sink);
}

}  // namespace vit::engine
