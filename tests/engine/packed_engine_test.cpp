#include "vit/engine/packed_engine.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <thread>

#include "engine/allocations.h"
#include "engine/modules.h"
#include "engine/ways.h"
#include "vit/core/error.h"

namespace vit::engine {
namespace {

using config::VisionTransformerOptions;

/// Small, but with a last tile of one token and columns that fill no panel.
VisionTransformerOptions small_options() {
  return VisionTransformerOptions()
      .img_size({32, 32})
      .patch_size({8, 8})
      .num_classes(11)
      .embed_dim(40)
      .depth(2)
      .num_heads(2)
      .patch_norm(false);
}

constexpr std::int64_t kClasses = 11;

Want everything() {
  Want want;
  want.features = {{FeatureKind::kCls},
                   {FeatureKind::kMean},
                   {FeatureKind::kTokens},
                   {FeatureKind::kPooled},
                   {FeatureKind::kLayer, 0}};
  want.attention = AttentionMethod::kRollout;
  return want;
}

/// A model, images for it, and engines over it.
struct Small {
  VisionTransformerOptions options = small_options();
  Modules modules{options};
  Images images{options, 7};

  PackedEngine engine(int threads, Isa isa = detect_isa(),
                      Precision precision = Precision::kFp32) const {
    return {options, modules.weights(),
            EngineOptions().isa(isa).precision(precision).threads(threads).share_from(0)};
  }

  /// Of `count` images from the `first` on.
  std::vector<float> logits(const PackedEngine& engine, std::int64_t first,
                            std::int64_t count) const {
    Output output;
    engine.run(images.from(first, count), Want(), output);
    return output.logits.data;
  }
};

/// The wider one's products are Strassen's, where those are faster.
class PackedEngineOfWidth : public testing::TestWithParam<std::int64_t> {};
INSTANTIATE_TEST_SUITE_P(Widths, PackedEngineOfWidth, testing::Values(40, 256));

TEST(PackedEngine, SumsByStrassensProductsOnlyWhereALayerAlwaysSeesWholeImages) {
  const Small small{VisionTransformerOptions(small_options()).embed_dim(256)};
  const auto strassen_steps = [](const PackedEngine& engine) {
    std::vector<std::string> names;
    for (const auto& step : engine.steps(Want()))
      if (step.description.find("strassen") != std::string::npos) names.push_back(step.name);
    return names;
  };
  for (const auto isa : supported_isas()) {
    auto options = EngineOptions().isa(isa).threads(1);
    const PackedEngine engine(small.options, small.modules.weights(), options);
    if (engine.isa() == Isa::kAvx2 || engine.isa() == Isa::kAvx512)
      EXPECT_THAT(strassen_steps(engine),
                  testing::ElementsAre("block.0.attn.qkv", "block.0.attn.proj", "block.0.mlp.fc1",
                                       "block.0.mlp.fc2", "block.1.attn.qkv[k, v]"));
    else
      EXPECT_THAT(strassen_steps(engine), testing::IsEmpty());
    const PackedEngine low_memory(small.options, small.modules.weights(), options.low_memory(true));
    EXPECT_THAT(strassen_steps(low_memory), testing::IsEmpty());
    EXPECT_LE(low_memory.isa(), Isa::kAvx512);
  }
}

TEST(PackedEngine, TakesTheFastestLevelForTheModelsWidth) {
  for (const std::int64_t width : {192, 384}) {
    const Small small{VisionTransformerOptions(small_options()).embed_dim(width).depth(1)};
    const PackedEngine engine(small.options, small.modules.weights());
    const bool six = width == 384 && detect_isa() >= Isa::kAmx;
    EXPECT_EQ(engine.isa(), six ? Isa::kAmx : std::min(detect_isa(), Isa::kAvx512)) << width;
  }
}

TEST_P(PackedEngineOfWidth, GivesAnImageTheSameBitsInEveryBatchAndOnAnyNumberOfThreads) {
  const Small small{VisionTransformerOptions(small_options()).embed_dim(GetParam())};
  for (const auto& [isa, precision] : ways()) {
    const auto one = small.engine(1, isa, precision);
    for (const int threads : {1, 2, 3, 5}) {
      const auto engine = small.engine(threads, isa, precision);
      for (const std::int64_t batch : {1, 2, 3, 7}) {
        const auto together = small.logits(engine, 0, batch);
        for (std::int64_t i = 0; i < batch; ++i) {
          const std::vector<float> found(together.begin() + i * kClasses,
                                         together.begin() + (i + 1) * kClasses);
          EXPECT_EQ(found, small.logits(one, i, 1))
              << isa_name(isa) << ", " << precision_name(precision) << ", " << threads
              << " threads, image " << i << " of " << batch;
        }
      }
    }
  }
}

TEST(PackedEngine, GivesTheSameBitsWhereThreadsHaveMoreHeadsThanOthers) {
  Small small;
  small.options.embed_dim(13 * 32).num_heads(13);
  small.modules = Modules(small.options);
  for (const auto& [isa, precision] : ways()) {
    const auto expected = small.logits(small.engine(1, isa, precision), 0, 1);
    EXPECT_EQ(small.logits(small.engine(3, isa, precision), 0, 1), expected)
        << isa_name(isa) << ", " << precision_name(precision);
  }
}

TEST_P(PackedEngineOfWidth, GivesAValueTheSameBitsWhateverElseIsWanted) {
  const Small small{VisionTransformerOptions(small_options()).embed_dim(GetParam())};
  const auto all = everything();
  for (const auto& [isa, precision] : ways()) {
    const auto engine = small.engine(2, isa, precision);
    Output together, alone;
    engine.run(small.images.from(0, 3), all, together);
    EXPECT_EQ(together.logits.data, small.logits(engine, 0, 3));
    for (std::size_t i = 0; i < all.features.size(); ++i) {
      engine.run(small.images.from(0, 3), Want{.logits = false, .features = {all.features[i]}},
                 alone);
      EXPECT_TRUE(alone.logits.data.empty());
      EXPECT_EQ(alone.features.at(0).data, together.features[i].data) << "feature " << i;
    }
    for (const auto method : {AttentionMethod::kRollout, AttentionMethod::kLast}) {
      auto want = all;
      want.attention = method;
      engine.run(small.images.from(0, 3), want, together);
      engine.run(small.images.from(0, 3), Want{.logits = false, .attention = method}, alone);
      EXPECT_EQ(alone.attention.data, together.attention.data);
      EXPECT_EQ(alone.attention.shape, (std::vector<std::int64_t>{3, 4, 4}));
    }
  }
}

TEST_P(PackedEngineOfWidth, ForgetsAnImageThatIsNoNumber) {
  const Small small{VisionTransformerOptions(small_options()).embed_dim(GetParam())};
  for (const auto& [isa, precision] : ways()) {
    const auto engine = small.engine(1, isa, precision);
    Output expected, found;
    engine.run(small.images.from(0, 2), everything(), expected);
    Images bad(small.options, 2);
    std::fill(bad.pixels().begin(), bad.pixels().end(), std::numeric_limits<float>::quiet_NaN());
    engine.run(bad.all(), everything(), found);
    EXPECT_TRUE(std::isnan(found.logits.data[0]))
        << isa_name(isa) << ", " << precision_name(precision);
    engine.run(small.images.from(0, 2), everything(), found);
    EXPECT_EQ(found.logits.data, expected.logits.data);
    EXPECT_EQ(found.attention.data, expected.attention.data);
  }
}

TEST(PackedEngine, RefusesImagesAndWishesThatTheModelDoesNotTake) {
  const Small small;
  const auto engine = small.engine(1);
  const auto message = [&](const Input& input, const Want& want) -> std::string {
    Output output;
    try {
      engine.run(input, want, output);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  auto input = small.images.from(0, 1);
  EXPECT_EQ(message(input, Want{.features = {{FeatureKind::kLayer, 2}}}),
            "features: expected a layer from 0 to 1, found 2");
  input.height = 40;
  EXPECT_EQ(message(input, Want()),
            "engine: expected an image of 32 x 32, found 40 x 32 (height x width)");
  input.channels = 1;
  EXPECT_EQ(message(input, Want()), "engine: expected images of 3 channels, found 1");
}

TEST(PackedEngine, AllocatesNothingAfterTheFirstCallOfABatchSize) {
  const Small small;
  Output output;
  for (const auto& [isa, precision] : ways())
    for (const int threads : {1, 3}) {
      const auto& want = threads == 1 ? everything() : Want();
      const auto engine = small.engine(threads, isa, precision);
      const auto run = [&](std::int64_t batch) {
        const auto before = allocations();
        engine.run(small.images.from(0, batch), want, output);
        return allocations() - before;
      };
      EXPECT_GT(run(5), 0) << "the counter counts";
      for (const std::int64_t batch : {5, 4, 1, 5}) EXPECT_EQ(run(batch), 0) << "batch " << batch;
    }
}

TEST(PackedEngine, AnswersSeveralCallersAtTheSameTime) {
  const Small small;
  const auto engine = small.engine(2);
  const auto expected = small.logits(engine, 0, 3);
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&] {
      for (int i = 0; i < 20; ++i)
        if (small.logits(engine, 0, 3) != expected) ++wrong;
    });
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
}

TEST(PackedEngine, SharesATeamWithAnotherEngine) {
  const Small small;
  const auto team = std::make_shared<ThreadTeam>(2);
  const PackedEngine one(small.options, small.modules.weights(), EngineOptions().team(team));
  const PackedEngine two(small.options, small.modules.weights(), EngineOptions().team(team));
  EXPECT_EQ(one.threads(), 2);
  EXPECT_EQ(small.logits(one, 0, 2), small.logits(two, 0, 2));
}

TEST(PackedEngine, LeavesASmallImageToOneThread) {
  const Small small;
  const auto threads_of = [&](const EngineOptions& options, std::int64_t batch) {
    const PackedEngine engine(small.options, small.modules.weights(), options);
    Output output;
    std::map<std::int64_t, std::set<int>> threads;  // by image, of the steps for one image
    const auto profile = engine.profile(small.images.from(0, batch), {}, output);
    for (const auto& event : profile->events)
      if (!profile->steps[event.step].per_batch) threads[event.image].insert(event.thread);
    return threads;
  };
  const auto options = EngineOptions().threads(2);
  for (const auto& [image, threads] : threads_of(options, 3))
    EXPECT_EQ(threads.size(), 1U) << image;
  EXPECT_EQ(threads_of(options, 1).at(0).size(), 1U);
  EXPECT_EQ(threads_of(EngineOptions(options).share_from(0), 1).at(0).size(), 2U);
}

TEST(PackedEngine, NamesATensorThatIsMissingOrHasAnotherShape) {
  const Small small;
  const auto weights = small.modules.weights();
  const auto message = [&](const VisionTransformerOptions& changed, const WeightLookup& lookup) {
    try {
      PackedEngine(changed, lookup, EngineOptions().threads(1));
    } catch (const DataError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(message(small.options,
                    [&](const std::string& name) {
                      return name == "block.1.mlp.fc2.bias" ? std::nullopt : weights(name);
                    }),
            "engine: expected tensor 'block.1.mlp.fc2.bias' [40], found none");
  EXPECT_EQ(message(small_options().num_classes(12), weights),
            "engine: tensor 'head.weight': expected shape [12, 40], found [11, 40]");
  EXPECT_EQ(message(small_options().num_heads(3), weights),
            "engine: expected num_heads that divides embed_dim, found '3'");
}

TEST(PackedEngine, ReportsItsStepsAndTheirTimes) {
  const Small small;
  const auto engine = small.engine(2);
  const auto steps = engine.steps({});
  std::vector<std::string> names;
  for (const auto& step : steps) names.push_back(step.name + ": " + step.description);
  const std::string products = detect_isa() >= Isa::kAmx ? ", six bf16 products" : "";
  EXPECT_THAT(names, testing::IsSupersetOf(
                         {"patch_embed.proj: linear 192 -> 40" + products + ", position added",
                          "block.0.mlp.fc1: linear 40 -> 160" + products + ", gelu",
                          std::string("head: linear 40 -> 11")}));
  Output output;
  const auto timed = engine.profile(small.images.from(0, 3), Want(), output).value();
  ASSERT_EQ(timed.steps.size(), steps.size());
  for (const auto& step : timed.steps) EXPECT_GT(step.seconds, 0.0) << step.name;
  // Three images on two threads: one each, and one that both share; and the batch's steps on both.
  const auto per_batch = std::count_if(steps.begin(), steps.end(),
                                       [](const StepReport& step) { return step.per_batch; });
  const auto per_image = static_cast<std::ptrdiff_t>(steps.size()) - per_batch;
  EXPECT_EQ(static_cast<std::ptrdiff_t>(timed.events.size()), 4 * per_image + 2 * per_batch);
  for (const auto& event : timed.events) {
    EXPECT_GE(event.begin, 0.0);
    EXPECT_LE(event.begin + event.seconds, timed.seconds);
  }
}

}  // namespace
}  // namespace vit::engine
