#include "vit/data/augment/policy.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "data/augment/policy_names.h"
#include "vit/core/error.h"

namespace vit::data::augment {
namespace {

/// Places in 0 … count − 1: with repetition, or without and by `weights`, as numpy's `choice`.
std::vector<std::size_t> draw_choices(std::int64_t draws, std::size_t count,
                                      const std::vector<double>& weights, Random& random) {
  std::vector<std::size_t> drawn;
  auto left = weights;
  while (std::ssize(drawn) < draws) {
    if (weights.empty()) {
      drawn.push_back(static_cast<std::size_t>(random.below(count)));
      continue;
    }
    double sum = 0;
    for (const auto weight : left) sum += weight;
    double at = random.uniform(0.0, sum);
    // Rounding may leave `at` past the last: then the last that is still there.
    std::size_t chosen = count;
    for (std::size_t i = 0; i < count; ++i) {
      if (left[i] <= 0.0) continue;
      chosen = i;
      if (at < left[i]) break;
      at -= left[i];
    }
    left[chosen] = 0.0;
    drawn.push_back(chosen);
  }
  return drawn;
}

double finished(Finish finish, double argument, const Image& image, Random& random) {
  switch (finish) {
    case Finish::kNothing:
      return argument;
    case Finish::kTimesWidth:
      return argument * static_cast<double>(image.width);
    case Finish::kTimesHeight:
      return argument * static_cast<double>(image.height);
    case Finish::kRandomBlur:
      return random.uniform(0.1, 2.0 * argument);
    case Finish::kDesaturate:
      return std::clamp(1.0 - argument, 0.0, 1.0);
  }
  return argument;
}

std::vector<float> draw_shares(std::int64_t width, double alpha, Random& random) {
  std::vector<double> gammas(static_cast<std::size_t>(width));
  double sum = 0;
  for (auto& value : gammas) sum += value = random.gamma(alpha);
  std::vector<float> shares;
  // Tiny alphas may give zeros only: then the first takes all.
  for (std::size_t i = 0; i < gammas.size(); ++i)
    shares.push_back(static_cast<float>(sum > 0 ? gammas[i] / sum : (i == 0 ? 1.0 : 0.0)));
  return shares;
}

}  // namespace

AutoAugment::AutoAugment(Policy policy, std::array<std::uint8_t, 3> fill,
                         std::optional<Filter> filter)
    : policy_(std::move(policy)), fill_(fill), filter_(filter) {
  bool geometric = false;
  for (const auto& choice : policy_.choices) {
    auto& steps = steps_.emplace_back();
    for (const auto& one : choice) {
      steps.push_back({find_named_op(one.name), one.prob, one.magnitude});
      geometric = geometric || is_geometric(named_op(steps.back().kind).op);
    }
  }
  if (steps_.empty()) throw UsageError("aa: expected a policy with operations, found none");
  if (!(policy_.alpha > 0.0)) throw UsageError("aa: 'a': expected a number above 0");
  if (geometric && filter && *filter != Filter::kNearest && *filter != Filter::kBilinear &&
      *filter != Filter::kBicubic)
    throw UsageError(
        "aa: an image is turned with nearest, bilinear, bicubic or random interpolation only");
}

void AutoAugment::operator()(Image& image, Random& random) const {
  switch (policy_.kind) {
    case Policy::Kind::kRandAugment:
      for (const auto choice :
           draw_choices(policy_.num_layers, steps_.size(), policy_.weights, random))
        run_choice(choice, image, random);
      break;
    case Policy::Kind::kAutoAugment:
      run_choice(static_cast<std::size_t>(random.below(steps_.size())), image, random);
      break;
    case Policy::Kind::kAugMix:
      run_augmix(image, random);
      break;
  }
}

void AutoAugment::run_choice(std::size_t choice, Image& image, Random& random) const {
  for (const auto& step : steps_[choice]) run(step, image, random);
}

void AutoAugment::run(const Step& step, Image& image, Random& random) const {
  if (step.prob < 1.0 && random.uniform() > step.prob) return;
  const auto& named = named_op(step.kind);
  double magnitude = step.magnitude;
  if (std::isinf(policy_.magnitude_std))
    magnitude = random.uniform(0.0, magnitude);
  else if (policy_.magnitude_std > 0)
    magnitude += policy_.magnitude_std * random.normal();
  magnitude = std::clamp(magnitude, 0.0, policy_.magnitude_max);
  double argument = 0;
  if (named.argument != nullptr)
    argument = named.argument(magnitude, random.uniform() > 0.5, policy_.levels);
  argument = finished(named.finish, argument, image, random);
  Canvas canvas{fill_, Filter::kBicubic};
  if (is_geometric(named.op))
    canvas.filter = filter_                ? *filter_
                    : random.below(2) == 0 ? Filter::kBilinear
                                           : Filter::kBicubic;
  apply(image, named.op, argument, canvas);
}

void AutoAugment::run_augmix(Image& image, Random& random) const {
  const auto shares = draw_shares(policy_.width, policy_.alpha, random);
  const auto share = static_cast<float>(random.beta(policy_.alpha, policy_.alpha));
  std::vector<Image> chains;
  for (std::int64_t i = 0; i < policy_.width; ++i) {
    auto& chain = chains.emplace_back(image);
    const auto depth =
        policy_.depth > 0 ? policy_.depth : 1 + static_cast<std::int64_t>(random.below(3));
    for (const auto choice : draw_choices(depth, steps_.size(), {}, random))
      run_choice(choice, chain, random);
  }
  if (!policy_.blended) {
    image = mix_chains(image, chains, shares, share);
    return;
  }
  const auto steps = blending_weights(shares, share);
  for (std::size_t i = 0; i < chains.size(); ++i) {
    blend(image, chains[i], steps[i]);
    image = std::move(chains[i]);
  }
}

Image mix_chains(const Image& image, std::span<const Image> chains, std::span<const float> weights,
                 float share) {
  std::vector<float> sum(image.pixels.size());
  for (std::size_t i = 0; i < chains.size(); ++i) {
    const auto* pixels = chains[i].pixels.data();
    const float weight = weights[i];
    for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += weight * static_cast<float>(pixels[k]);
  }
  Image mixed(image.height, image.width, image.channels);
  for (std::size_t k = 0; k < sum.size(); ++k)
    mixed.pixels[k] = static_cast<std::uint8_t>(std::clamp(sum[k], 0.0F, 255.0F));
  blend(image, mixed, share);
  return mixed;
}

std::vector<float> blending_weights(std::span<const float> weights, float share) {
  std::vector<float> steps(weights.size());
  float left = 1.0F;
  for (auto i = weights.size(); i-- > 0;) {
    const float step = weights[i] * share / left;
    left *= 1.0F - step;
    steps[i] = step;
  }
  return steps;
}

}  // namespace vit::data::augment
