#include "vit/data/mix.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "vit/core/error.h"

namespace vit::data {
namespace {

/// Uniform in {low, …, high − 1}, as numpy's `randint`.
std::int64_t randint(std::int64_t low, std::int64_t high, Random& random) {
  if (low >= high)
    throw UsageError("cutmix: expected room for a box, found sides from {} to {} pixels", low,
                     high);
  return low + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(high - low)));
}

/// `image` takes its draw's part of `other`, as torch does it in float32.
void mix_one(const MixDraw& draw, const BatchShape& shape, const float* other, float* image) {
  if (draw.cutmix) {
    for (std::int64_t c = 0; c < shape.channels; ++c)
      for (auto y = draw.top; y < draw.bottom; ++y) {
        const auto at = (c * shape.height + y) * shape.width + draw.left;
        std::copy_n(other + at, draw.right - draw.left, image + at);
      }
  } else if (draw.lam != 1.0) {
    const auto numel = shape.channels * shape.height * shape.width;
    const auto own = static_cast<float>(draw.lam);
    const auto rest = static_cast<float>(1.0 - draw.lam);
    for (std::int64_t i = 0; i < numel; ++i) image[i] = image[i] * own + other[i] * rest;
  }
}

}  // namespace

const MixDraw& MixPlan::of(std::int64_t i, std::int64_t batch) const {
  if (mode == "batch") return draws.front();
  if (mode == "pair") i = std::min(i, batch - 1 - i);
  return draws[static_cast<std::size_t>(i)];
}

Mixer::Mixer(MixOptions options) : options_(std::move(options)) {
  auto& o = options_;
  check_fields(o);
  if (!o.cutmix_minmax().empty()) {
    const auto& range = o.cutmix_minmax();
    if (range.size() != 2 || !(range[0] >= 0.0 && range[0] < range[1] && range[1] <= 1.0))
      throw UsageError("cutmix_minmax: expected two shares 0 <= low < high <= 1, found {}", range);
    o.cutmix() = 1.0;
  }
  if (!o.enabled()) throw UsageError("mixup: expected mixup or cutmix above 0, found neither");
}

MixPlan Mixer::draw(const BatchShape& shape, Random& random) const {
  if (shape.batch % 2 != 0)
    throw UsageError("mixup: expected an even batch, found {} images", shape.batch);
  MixPlan plan{options_.mode(), {}};
  const auto count = plan.mode == "batch" ? 1 : plan.mode == "pair" ? shape.batch / 2 : shape.batch;
  for (std::int64_t i = 0; i < count; ++i) plan.draws.push_back(draw_one(shape, random));
  return plan;
}

MixDraw Mixer::draw_one(const BatchShape& shape, Random& random) const {
  MixDraw draw;
  if (!(random.uniform() < options_.prob())) return draw;
  const bool both = options_.mixup() > 0 && options_.cutmix() > 0;
  draw.cutmix = both ? random.uniform() < options_.switch_prob() : options_.cutmix() > 0;
  const double alpha = draw.cutmix ? options_.cutmix() : options_.mixup();
  draw.lam = random.beta(alpha, alpha);
  const bool rounded = options_.mode() != "batch";
  // timm keeps the elements' shares in float32.
  if (rounded) draw.lam = static_cast<double>(static_cast<float>(draw.lam));
  if (draw.lam == 1.0) draw.cutmix = false;
  if (draw.cutmix) draw_box(draw, shape, random);
  if (rounded) draw.lam = static_cast<double>(static_cast<float>(draw.lam));
  return draw;
}

void Mixer::draw_box(MixDraw& draw, const BatchShape& shape, Random& random) const {
  const auto share_of = [](std::int64_t side, double share) {
    return static_cast<std::int64_t>(static_cast<double>(side) * share);
  };
  const auto& range = options_.cutmix_minmax();
  if (!range.empty()) {
    const auto h =
        randint(share_of(shape.height, range[0]), share_of(shape.height, range[1]), random);
    const auto w =
        randint(share_of(shape.width, range[0]), share_of(shape.width, range[1]), random);
    draw.top = randint(0, shape.height - h + 1, random);
    draw.left = randint(0, shape.width - w + 1, random);
    draw.bottom = draw.top + h;
    draw.right = draw.left + w;
  } else {
    const double ratio = std::sqrt(1.0 - draw.lam);
    const auto h = share_of(shape.height, ratio);
    const auto w = share_of(shape.width, ratio);
    const auto y = randint(0, shape.height, random);
    const auto x = randint(0, shape.width, random);
    draw.top = std::clamp<std::int64_t>(y - h / 2, 0, shape.height);
    draw.bottom = std::clamp<std::int64_t>(y + (h + 1) / 2, 0, shape.height);
    draw.left = std::clamp<std::int64_t>(x - w / 2, 0, shape.width);
    draw.right = std::clamp<std::int64_t>(x + (w + 1) / 2, 0, shape.width);
  }
  if (options_.correct_lam() || !range.empty()) {
    const auto area = (draw.bottom - draw.top) * (draw.right - draw.left);
    draw.lam = 1.0 - static_cast<double>(area) / static_cast<double>(shape.height * shape.width);
  }
}

void mix_images(const MixPlan& plan, const BatchShape& shape, std::span<float> images) {
  const auto numel = shape.channels * shape.height * shape.width;
  std::vector<float> first;  // as it was, for the second
  for (std::int64_t i = 0; i < shape.batch / 2; ++i) {
    const auto j = shape.batch - 1 - i;
    auto* a = images.data() + i * numel;
    auto* b = images.data() + j * numel;
    first.assign(a, a + numel);
    mix_one(plan.of(i, shape.batch), shape, b, a);
    mix_one(plan.of(j, shape.batch), shape, first.data(), b);
  }
}

void mix_targets(const MixPlan& plan, std::int64_t classes, std::span<float> targets) {
  const auto batch = std::ssize(targets) / classes;
  for (std::int64_t i = 0; i < batch / 2; ++i) {
    const auto j = batch - 1 - i;
    const auto mixed = [&](std::int64_t at, float own, float other) {
      const double lam = plan.of(at, batch).lam;
      return own * static_cast<float>(lam) + other * static_cast<float>(1.0 - lam);
    };
    for (std::int64_t k = 0; k < classes; ++k) {
      auto& a = targets[static_cast<std::size_t>(i * classes + k)];
      auto& b = targets[static_cast<std::size_t>(j * classes + k)];
      const float first = mixed(i, a, b);
      b = mixed(j, b, a);
      a = first;
    }
  }
}

std::vector<float> one_hot(std::span<const std::int64_t> labels, std::int64_t classes,
                           double smoothing) {
  const double off = smoothing / static_cast<double>(classes);
  const auto on = static_cast<float>(1.0 - smoothing + off);
  std::vector<float> targets(labels.size() * static_cast<std::size_t>(classes),
                             static_cast<float>(off));
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0 || labels[i] >= classes)
      throw DataError("a label: expected 0 to {}, found {}", classes - 1, labels[i]);
    targets[i * static_cast<std::size_t>(classes) + static_cast<std::size_t>(labels[i])] = on;
  }
  return targets;
}

}  // namespace vit::data
