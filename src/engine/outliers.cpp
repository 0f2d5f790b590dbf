#include "engine/outliers.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "vit/core/error.h"
#include "vit/kernels/activation.h"

namespace vit::engine {
namespace {

/// Squares of results over those of their differences from token to token.
constexpr double kMostCancelled = 4.0;
/// Of one input in the squares of results.
constexpr double kMostShare = 0.5;

/// Mean and variance of each of some values.
struct Spread {
  std::vector<double> mean, variance;

  std::size_t size() const { return mean.size(); }
  double square(std::size_t i) const { return mean[i] * mean[i] + variance[i]; }
};

struct Rows {
  std::size_t begin = 0, end = 0;
};

Spread part_of(const Spread& whole, Rows part) {
  const auto cut = [&](const std::vector<double>& values) {
    return std::vector(values.begin() + static_cast<std::ptrdiff_t>(part.begin),
                       values.begin() + static_cast<std::ptrdiff_t>(part.end));
  };
  return {cut(whole.mean), cut(whole.variance)};
}

/// Of activation(x) where x is normal: at sixteen points of the same probability.
Spread activated(const Spread& x, kernels::Activation activation) {
  constexpr float kPoints[] = {0.0784F, 0.2372F, 0.4023F, 0.5791F,
                               0.7764F, 1.0100F, 1.3180F, 1.8627F};
  constexpr std::size_t kCount = 2 * std::size(kPoints);
  std::vector<float> values(x.size() * kCount);
  for (std::size_t i = 0; i < x.size(); ++i)
    for (std::size_t p = 0; p < kCount; ++p) {
      const double side = p % 2 == 0 ? 1.0 : -1.0;
      values[i * kCount + p] =
          static_cast<float>(x.mean[i] + side * kPoints[p / 2] * std::sqrt(x.variance[i]));
    }
  kernels::activate(Isa::kPortable, activation, values.data(),
                    static_cast<std::int64_t>(values.size()), values.data());
  Spread result;
  for (std::size_t i = 0; i < x.size(); ++i) {
    double sum = 0.0, squares = 0.0;
    for (std::size_t p = 0; p < kCount; ++p) {
      const double y = values[i * kCount + p];
      sum += y;
      squares += y * y;
    }
    const double mean = sum / kCount;
    result.mean.push_back(mean);
    result.variance.push_back(std::max(squares / kCount - mean * mean, 0.0));
  }
  return result;
}

/// Of products of values that are independent.
Spread multiplied(const Spread& x, const Spread& y) {
  Spread result;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double mean = x.mean[i] * y.mean[i];
    result.mean.push_back(mean);
    result.variance.push_back(x.square(i) * y.square(i) - mean * mean);
  }
  return result;
}

class Search {
 public:
  Search(const config::VisionTransformerOptions& options, const WeightLookup& weights)
      : options_(options), weights_(weights) {}

  std::set<std::string> run() {
    for (std::int64_t i = 0; i < options_.depth(); ++i) {
      const auto block = format("block.{}.", i);
      if (options_.block_fn() == "ParallelThingsBlock") {
        for (const char* things : {"0.", "1."}) {
          const auto attends = block + "attns." + things, feeds = block + "ffns." + things;
          attention(attends + "attn.", normed(attends + "norm."));
          mlp(feeds + "mlp.", normed(feeds + "norm."));
        }
      } else if (options_.block_fn() == "Block") {
        attention(block + "attn.", normed(block + "norm1."));
        mlp(block + "mlp.", normed(block + "norm2."));
      } else if (options_.block_fn() == "ResPostBlock") {
        for (const char* name :
             {"attn.qkv.", "attn.proj.", "mlp.fc1.", "mlp.fc1_g.", "mlp.fc1_x.", "mlp.fc2."})
          strict_.insert(block + name);
      } else {
        parallel_scaling(block);
      }
    }
    return std::move(strict_);
  }

 private:
  Spread normed(const std::string& norm) const {
    const auto gain = weights_(norm + "weight"), bias = weights_(norm + "bias");
    Spread spread;
    if (!gain) return spread;  // an error, which building reports
    for (std::size_t i = 0; i < gain->data.size(); ++i) {
      spread.mean.push_back(bias && i < bias->data.size() ? bias->data[i] : 0.0);
      spread.variance.push_back(std::pow(double{gain->data[i]}, 2));
    }
    return spread;
  }

  /// The layer's results; it becomes strict where `x`, its inputs, has outliers.
  Spread linear(const std::string& layer, const Spread& x) {
    const auto weight = weights_(layer + "weight"), bias = weights_(layer + "bias");
    Spread y;
    if (!weight || weight->shape.size() != 2 ||
        weight->shape[1] != static_cast<std::int64_t>(x.size()))
      return y;  // an error, which building reports
    const auto rows = static_cast<std::size_t>(weight->shape[0]);
    std::vector<double> squares(x.size());  // of each input's weights
    for (std::size_t n = 0; n < rows; ++n) {
      const auto row = weight->data.subspan(n * x.size(), x.size());
      double mean = bias && n < bias->data.size() ? bias->data[n] : 0.0, variance = 0.0;
      for (std::size_t i = 0; i < row.size(); ++i) {
        const double w = row[i];
        mean += w * x.mean[i];
        variance += w * w * x.variance[i];
        squares[i] += w * w;
      }
      y.mean.push_back(mean);
      y.variance.push_back(variance);
    }
    if (has_outliers(x, squares)) strict_.insert(layer);
    return y;
  }

  static bool has_outliers(const Spread& x, const std::vector<double>& squares) {
    double all = 0.0, differences = 0.0, largest = 0.0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double share = squares[i] * x.square(i);
      all += share;
      differences += squares[i] * x.variance[i];
      largest = std::max(largest, share);
    }
    return all > kMostCancelled * differences || largest > kMostShare * all;
  }

  void attention(const std::string& prefix, const Spread& x) {
    const auto qkv = linear(prefix + "qkv.", x);
    if (qkv.size() != 3 * x.size()) return;
    // A mean over tokens of v has the mean of v, and no larger spread.
    const auto v = part_of(qkv, {2 * x.size(), 3 * x.size()});
    linear(prefix + "proj.", options_.scale_attn_norm() ? normed(prefix + "norm.") : v);
  }

  void mlp(const std::string& prefix, const Spread& x) {
    const auto& kind = options_.mlp_layer();
    const auto activation = *kernels::parse_activation(options_.act_layer().value_or("gelu"));
    Spread hidden;
    if (kind == "mlp") {
      hidden = activated(linear(prefix + "fc1.", x), activation);
    } else if (kind == "swiglu") {
      // One product of both.
      hidden = multiplied(activated(linear(prefix + "fc1_g.", x), activation),
                          linear(prefix + "fc1_x.", x));
      if (strict_.contains(prefix + "fc1_x.")) strict_.insert(prefix + "fc1_g.");
    } else {
      const auto both = linear(prefix + "fc1.", x);
      const auto half = both.size() / 2;
      auto gate = part_of(both, {0, half}), value = part_of(both, {half, 2 * half});
      if (kind == "glumlp") std::swap(gate, value);
      hidden = multiplied(activated(gate, activation), value);
    }
    linear(prefix + "fc2.", options_.scale_mlp_norm() ? normed(prefix + "norm.") : hidden);
  }

  /// Everything from one layer; v and the hidden values go through one layer or two.
  void parallel_scaling(const std::string& block) {
    const auto both = linear(block + "in_proj.", normed(block + "in_norm."));
    const auto dim = static_cast<std::size_t>(options_.embed_dim());
    if (both.size() < 3 * dim) return;
    const auto activation = *kernels::parse_activation(options_.act_layer().value_or("gelu"));
    auto before = part_of(both, {0, both.size() - 3 * dim});
    if (const auto bias = weights_(block + "mlp_bias"); bias)
      for (std::size_t i = 0; i < std::min(before.size(), bias->data.size()); ++i)
        before.mean[i] += bias->data[i];
    const auto hidden = activated(before, activation);
    const auto v = part_of(both, {both.size() - dim, both.size()});
    if (options_.block_fn() == "ParallelScalingBlock") {
      linear(block + "attn_out_proj.", v);
      linear(block + "mlp_out_proj.", hidden);
      return;
    }
    auto all = v;
    all.mean.insert(all.mean.end(), hidden.mean.begin(), hidden.mean.end());
    all.variance.insert(all.variance.end(), hidden.variance.begin(), hidden.variance.end());
    linear(block + "out_proj.", all);
  }

  const config::VisionTransformerOptions& options_;
  const WeightLookup& weights_;
  std::set<std::string> strict_;
};

}  // namespace

std::set<std::string> strict_layers(const config::VisionTransformerOptions& options,
                                    const WeightLookup& weights) {
  return Search(options, weights).run();
}

}  // namespace vit::engine
