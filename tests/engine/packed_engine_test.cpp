#include "vit/engine/packed_engine.h"

#include <gmock/gmock.h>

#include <thread>

#include "engine/allocations.h"
#include "engine/modules.h"
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

/// A model, images for it, and engines over it.
struct Small {
  VisionTransformerOptions options = small_options();
  Modules modules{options};
  std::vector<float> images = random_images(options, 7);

  PackedEngine engine(int threads, Isa isa = detect_isa()) const {
    return {options, modules.weights(), EngineOptions().isa(isa).threads(threads)};
  }

  /// Of `count` images from the `first` on.
  std::vector<float> logits(const PackedEngine& engine, std::int64_t first,
                            std::int64_t count) const {
    std::vector<float> output(static_cast<std::size_t>(count * kClasses));
    engine.run(images.data() + first * engine.input_size(), count, output.data());
    return output;
  }
};

TEST(PackedEngine, GivesAnImageTheSameBitsInEveryBatchAndOnAnyNumberOfThreads) {
  const Small small;
  for (const auto isa : supported_isas()) {
    const auto one = small.engine(1, isa);
    for (const int threads : {1, 2, 3, 5}) {
      const auto engine = small.engine(threads, isa);
      for (const std::int64_t batch : {1, 2, 3, 7}) {
        const auto together = small.logits(engine, 0, batch);
        for (std::int64_t i = 0; i < batch; ++i) {
          const std::vector<float> found(together.begin() + i * kClasses,
                                         together.begin() + (i + 1) * kClasses);
          EXPECT_EQ(found, small.logits(one, i, 1))
              << isa_name(isa) << ", " << threads << " threads, image " << i << " of " << batch;
        }
      }
    }
  }
}

TEST(PackedEngine, AllocatesNothingAfterTheFirstCallOfABatchSize) {
  const Small small;
  std::vector<float> output(7 * kClasses);
  for (const int threads : {1, 3}) {
    const auto engine = small.engine(threads);
    const auto run = [&](std::int64_t batch) {
      const auto before = allocations();
      engine.run(small.images.data(), batch, output.data());
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
  const auto steps = engine.steps();
  std::vector<std::string> names;
  for (const auto& step : steps) names.push_back(step.name + ": " + step.description);
  EXPECT_THAT(names, testing::IsSupersetOf({"patch_embed.proj: linear 192 -> 40, position added",
                                            "block.0.mlp.fc1: linear 40 -> 160, gelu",
                                            "head: linear 40 -> 11"}));
  std::vector<float> output(3 * kClasses);
  const auto timed = engine.profile(small.images.data(), 3, output.data());
  ASSERT_EQ(timed.size(), steps.size());
  for (const auto& step : timed) EXPECT_GT(step.seconds, 0.0) << step.name;
}

}  // namespace
}  // namespace vit::engine
