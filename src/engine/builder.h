// Builds a plan, part by part: build_embed.cpp, build_block.cpp, build_attention.cpp,
// build_mlp.cpp, build_pool.cpp.
#pragma once

#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "engine/plan.h"
#include "engine/steps/attention.h"
#include "engine/steps/attention_map.h"
#include "engine/steps/feature.h"
#include "engine/steps/linear.h"
#include "engine/steps/norm.h"
#include "engine/steps/rows.h"

namespace vit::engine {

/// Buffers of the tokens' way through the blocks: of an image, or of the rows of a batch that are
/// still wanted.
struct Stream {
  Scope scope = Scope::kImage;
  std::int64_t rows = 0;     ///< of each image, as Geometry::count() takes them
  BufferId x = -1;           ///< the tokens, rows
  BufferId spare = -1;       ///< as x, where a block needs both
  BufferId a = -1;           ///< packed [rows, embed_dim]: what a linear layer reads
  BufferId qkv = -1;         ///< rows [rows, 3 padded(embed_dim)]
  BufferId packed_qkv = -1;  ///< bfloat16, by groups of heads: q, k and v of each
  BufferId mixed = -1;       ///< rows [rows, embed_dim]: what attention gives
  BufferId second = -1;      ///< as mixed, of differential attention's second half
  BufferId hidden = -1;      ///< packed [rows, hidden]
  BufferId wide = -1;        ///< rows [rows, hidden], before a norm in the MLP
};

/// Where a branch's last layer leaves its result: out = addend + scale · result.
struct Sink {
  BufferId out = -1;
  BufferId addend = -1;
  std::string scale;  ///< name of a LayerScale's parameter; empty for none
};

/// Branches of a ParallelThingsBlock.
inline constexpr int kParallelThings = 2;

/// What scores of heads this wide are multiplied by, where the model does not say.
inline double head_scale(std::int64_t head_dim) {
  return std::pow(static_cast<double>(head_dim), -0.5);
}

class Builder {
 public:
  Builder(const config::VisionTransformerOptions& options, const WeightLookup& weights,
          const PlanOptions& how);
  Plan build();

 private:
  // Weights, checked. `where` in errors is the parameter's name.
  WeightView weight(const std::string& name, const std::vector<std::int64_t>& shape) const;
  FloatBuffer vector(const std::string& name, std::int64_t size) const;
  /// `prefix`weight [n, in] and, where it has one, `prefix`bias.
  LinearPtr linear(const std::string& prefix, std::int64_t n, std::int64_t in, bool bias) const;
  /// Some of its rows: ranges, each padded, so that each begins at a vector of the result. And some
  /// of its columns.
  struct Range {
    std::int64_t begin = 0, end = 0;
  };
  LinearPtr linear_of(const std::string& prefix, std::int64_t n, std::int64_t in, bool bias,
                      const std::vector<Range>& ranges, std::optional<Range> columns = {}) const;
  struct PartOfWeight {
    std::string prefix;
    std::int64_t n = 0;      ///< rows of the parameter
    std::int64_t first = 0;  ///< of those that count
  };
  LinearPtr gated_linear(const PartOfWeight& gate, const PartOfWeight& value, std::int64_t hidden,
                         bool bias) const;
  /// Packed once, also where several steps use it.
  LinearPtr packed_once(const std::string& key, const std::function<LinearPtr()>& pack) const;
  /// Of the layer with the prefix `name`: of blocks, patches and the map pool as the precision
  /// says.
  kernels::WeightFormat format_of(const std::string& name) const;
  /// Of layers that lose nothing.
  kernels::WeightFormat exact_format() const;
  /// From here on packed buffers are of this format, new ones where they were of another.
  void use_rows_of(kernels::RowFormat format);
  /// Whether a row must be whole before it can be packed for the layer with this parameter.
  bool packs_whole_rows(const std::string& reader) const {
    return kernels::has_scales(row_format_) && fixed_scale(reader).scale == 0.0F;
  }
  /// Of what the layer with this parameter reads; a scale of 0 where each row has its own.
  kernels::RowScale fixed_scale(const std::string& reader) const;
  /// Whether the layer, of those that are being added, always sees all rows of an image: then their
  /// sums may depend on each other.
  bool rows_stay_together(const std::string& name) const;
  void set_bias(Linear& linear, const std::string& name, std::int64_t n) const;
  Norm norm(const std::string& prefix, std::int64_t columns) const;
  Norm norm_of(const std::string& kind, double eps, const std::string& prefix,
               std::int64_t columns) const;

  // Buffers: made at the first use, as most models need few of them.
  BufferId add_buffer(const BufferSpec& buffer);
  BufferId rows_buffer(const Stream& stream, BufferId& id, const char* name, std::int64_t columns);
  BufferId packed_buffer(const Stream& stream, BufferId& id, const char* name, std::int64_t columns,
                         const std::string& reader);
  /// What the layer with the parameter `reader` reads: where that has a fixed scale, under it.
  BufferId a_for(Stream& stream, const std::string& reader) {
    return packed_buffer(stream, stream.a, "a", dim(), reader);
  }
  BufferId mixed_of(Stream& stream) { return rows_buffer(stream, stream.mixed, "mixed", dim()); }
  BufferId spare_of(Stream& stream) { return rows_buffer(stream, stream.spare, "spare", dim()); }

  // Steps. What is added is for calls that have one of `needs_`, or for all where it is 0.
  template <class F>
  void for_calls_with(unsigned needs, const F& f) {
    needs_ = needs;
    f();
    needs_ = 0;
  }
  void add(Scope scope, StepPtr step);
  void add_linear(Scope scope, const std::string& name, LinearPtr linear, LinearOptions options);
  /// Fills in what LinearStep::describe() tells, and remembers layers that stay in float32.
  LinearOptions annotated(const Linear& linear, LinearOptions options);
  /// A linear layer into a sink.
  void add_output(const Stream& stream, const std::string& name, LinearPtr linear, BufferId in,
                  const Sink& sink);
  void add_norm(const Stream& stream, const std::string& prefix, BufferId in, BufferId out);
  void add_pack(const Stream& stream, const std::string& name, BufferId in, BufferId out);

  // Parts of the model.
  void check() const;
  void embed();
  FloatBuffer prefix_rows() const;
  void read_positions();
  void blocks();
  void block(const std::string& prefix, std::int64_t depth);
  void res_post_block(const std::string& prefix, std::int64_t depth);
  void parallel_scaling_block(const std::string& prefix, std::int64_t depth);
  void parallel_things_block(const std::string& prefix, std::int64_t depth);
  /// Reads stream.a, leaves its result in `sink`.
  void attention(Stream& stream, const std::string& prefix, const Sink& sink, std::int64_t depth);
  /// The last block's, where some calls want the kept rows alone; those go on in kept_.
  void last_attention(const std::string& prefix, const std::string& scale);
  /// The layer that makes q, k and v: its name, the buffer that it writes, and the layer itself
  /// where it runs in the step that attends.
  struct Qkv {
    std::string name = {};
    BufferId buffer = -1;
    LinearPtr linear = {};
    LinearOptions options = {};
  };
  /// Attention and its projection, given q, k and v.
  void attend(Stream& stream, Qkv qkv, const std::string& prefix, const Sink& sink,
              std::int64_t depth);
  /// q, k and v are the rows of the parameter from `first` on; it has `n`. Adds the layer, or
  /// leaves it to add_attention() where attention reads it packed.
  Qkv add_qkv(Stream& stream, const std::string& name, const std::string& parameter, std::int64_t n,
              std::int64_t first);
  void add_attention(Stream& stream, const std::string& prefix, Qkv qkv,
                     const AttentionStepOptions& attention);
  /// Where attention writes what the layer with the parameter `reader` reads: becomes stream.a. Not
  /// the buffer that the layer of q, k and v reads, where that runs in the same step.
  BufferId outputs_for(Stream& stream, const Qkv& qkv, const std::string& reader);
  BufferId qkv_rows(Stream& stream);
  /// Packed where attention alone reads it, in bfloat16.
  BufferId qkv_buffer(Stream& stream);
  double attention_scale() const;
  bool attends_in_bf16() const;
  /// Adjacent heads that stand together in a packed buffer.
  int head_group() const { return kernels::packed_group(head_dim()); }
  void qk_norm(Stream& stream, const std::string& prefix, std::int64_t columns,
               std::int64_t query_rows = 0);
  /// From the qkv buffer to stream.mixed.
  void differential_attention(Stream& stream, const std::string& prefix, std::int64_t depth);
  /// The attention's weights, for maps: a share of the mean over all heads.
  void add_weights(const std::string& prefix, const AttentionStepOptions& attention, double factor);
  void add_attention_maps();
  void kept_attention(const std::string& prefix, const std::string& scale);
  /// q, k and v in the buffer `qkv`: one part after the other, each at a vector; in a packed buffer
  /// q, k and v of each group of heads.
  AttentionStepOptions heads(const Stream& stream, BufferId qkv) const;
  std::int64_t part_columns() const { return kernels::padded(dim()); }
  /// Reads stream.a, leaves its result in `sink`.
  void mlp(Stream& stream, const std::string& prefix, const Sink& sink);
  void add_mlp(Stream& stream, const std::string& prefix, LinearPtr first, bool gated, bool bias,
               bool scale_norm, const Sink& sink);
  /// From stream.a to stream.hidden, packed for the layer with the parameter `reader`.
  void add_hidden(Stream& stream, const std::string& name, LinearPtr linear, bool gated,
                  const std::string& reader, const std::string& norm = "");
  /// The parameter of the MLP's first layer.
  std::string first_of_mlp(const std::string& prefix) const;
  void pool();
  void take_tokens();
  void token_features();
  void map_pool();
  void prr_pool();
  void head();
  void distilled_head();
  BufferId add_head_layer(const std::string& name, BufferId in, LinearPtr linear,
                          kernels::Activation activation = kernels::Activation::kIdentity);
  void add_output_step(BufferId in);
  void add_feature(Scope scope, FeatureStep::Options options);

  bool in_blocks() const { return stage_ >= 0 && stage_ < options_.depth(); }
  std::int64_t num_patches() const;
  std::int64_t mlp_hidden() const {
    return static_cast<std::int64_t>(static_cast<double>(dim()) * options_.mlp_ratio());
  }
  std::int64_t dim() const { return options_.embed_dim(); }
  std::int64_t head_dim() const { return options_.embed_dim() / options_.num_heads(); }
  bool use_fc_norm() const;
  bool norms_tokens() const { return options_.final_norm() && !use_fc_norm(); }
  std::int64_t first_pooled_token() const {
    return options_.pool_include_prefix() ? 0 : options_.num_prefix_tokens();
  }
  bool proj_bias() const { return options_.proj_bias().value_or(options_.qkv_bias()); }
  bool mlp_bias() const { return options_.proj_bias().value_or(true); }
  std::string layer_scale(const std::string& prefix) const {
    return options_.init_values() ? prefix + "gamma" : "";
  }
  /// Rows of each image that the pooling reads, where they are the first ones; 0: all.
  std::int64_t kept_rows() const;

  const config::VisionTransformerOptions& options_;
  const WeightLookup& weights_;
  const bool low_memory_;
  std::set<std::string> strict_;  ///< of fp32x3: layers that stay in fp32
  ThreadTeam* const team_;
  Plan plan_;
  kernels::Activation activation_;
  kernels::RowFormat row_format_ = kernels::RowFormat::kFloat32;
  unsigned needs_ = 0;
  std::int64_t stage_ = -1;
  mutable std::map<std::string, LinearPtr> packed_;
  std::set<std::pair<std::int64_t, unsigned>> weights_begun_;  ///< block and row needs
  BufferId unpacked_qkv_ = -1;             ///< for attention weights, where qkv is packed
  std::vector<BufferId> weights_buffers_;  ///< by block: attention weights, mean over heads
  Stream image_;                           ///< all tokens of an image
  Stream kept_;  ///< rows of the batch that the pooling reads, and after it the pooled ones
};

}  // namespace vit::engine
