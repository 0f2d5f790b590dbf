#include "vit/pipeline/answer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "support/support.h"
#include "vit/core/error.h"
#include "vit/core/file.h"
#include "vit/data/encode.h"
#include "vit/engine/engine.h"
#include "vit/infer/predictor.h"

namespace vit::pipeline {
namespace {

/// Five tensors for the model below; number `bad` throws.
class FiveInputs : public data::SampleSource {
 public:
  explicit FiveInputs(std::int64_t bad) : bad_(bad) {}
  std::optional<data::Sample> next() override {
    if (number_ == 5) return std::nullopt;
    const auto number = number_++;
    return data::Sample{std::to_string(number), -1, -1,
                        [number, this](std::span<float> chw, data::Image*) {
                          if (number == bad_) throw DataError("{}: bad", number);
                          std::fill(chw.begin(), chw.end(), static_cast<float>(number));
                        }};
  }

 private:
  std::int64_t number_ = 0, bad_;
};

/// Four logits, of which each is one pixel of the image.
class FirstPixels : public engine::Engine {
 public:
  void run(const engine::Input& input, const engine::Want&, engine::Output& output) const override {
    output.logits.resize({input.batch, 4});
    const auto size = input.channels * input.height * input.width;
    for (std::int64_t image = 0; image < input.batch; ++image)
      std::copy_n(input.images + image * size, 4, output.logits.row(image).begin());
  }
  engine::Choices choices() const override { return {"test", "fp32", "none", "cpu", 1}; }
};

Predictor small_predictor() {
  config::ModelConfig config;
  config.model.img_size({16, 16}).patch_size({8, 8}).in_c(1).num_classes(4);
  return Predictor(std::make_unique<FirstPixels>(), config);
}

data::Loader loader_over(std::int64_t bad) {
  data::LoaderOptions options;
  options.shape = {1, 16, 16};
  options.batch_size = 2;
  return data::Loader(std::make_unique<FiveInputs>(bad), options);
}

std::int64_t lines_of(const std::string& text) {
  return std::count(text.begin(), text.end(), '\n');
}

struct Rows {
  testing::TemporaryFolder folder;
  RowOutput output{RowEncoder({RowFormat::kJsonl, {}, 4, false, false, {}}),
                   {folder / "rows.jsonl", false, false, {}}};
  std::string part() const { return read_file(folder / "rows.jsonl.part"); }
};

TEST(Answer, WritesARowForEveryInput) {
  Rows rows;
  auto loader = loader_over(-1);
  const auto result = answer(small_predictor(), loader, {}, {rows.output});
  EXPECT_EQ(result.failed, 0);
  EXPECT_EQ(result.times.inputs, 5);
  EXPECT_EQ(lines_of(rows.part()), 5);
}

TEST(Answer, StopsAtABadInputAfterTheRowsBeforeIt) {
  Rows rows;
  auto loader = loader_over(3);
  EXPECT_THROW(answer(small_predictor(), loader, {}, {rows.output}), DataError);
  EXPECT_EQ(lines_of(rows.part()), 3);
}

TEST(Answer, GoesOnAfterABadInputWhereItIsToBeSkipped) {
  Rows rows;
  auto loader = loader_over(3);
  AnswerOptions options;
  options.skip_errors = true;
  const auto result = answer(small_predictor(), loader, options, {rows.output});
  EXPECT_EQ(result.failed, 1);
  EXPECT_EQ(result.first_error, "3: bad");
  EXPECT_EQ(lines_of(rows.part()), 5);
  EXPECT_NE(rows.part().find("{\"file\":\"3\",\"error\":\"3: bad\"}"), std::string::npos);
}

TEST(Answer, LeavesOutRowsThatAreThereAlready) {
  Rows rows;
  auto loader = loader_over(-1);
  AnswerOptions options;
  options.skip_rows = 1;
  answer(small_predictor(), loader, options, {rows.output});
  EXPECT_EQ(rows.part().rfind("{\"file\":\"1\"", 0), 0U);
}

TEST(Overlay, HasTheImagesSizeAndItsHottestSpotWhereTheMapHas) {
  const data::Image image(32, 48, 1);
  const std::vector<float> map{0, 0, 0, 0, 0, 1};  // [2, 3]
  const auto overlay = overlay_attention(image, map, 2);
  EXPECT_EQ(overlay.height, 32);
  EXPECT_EQ(overlay.width, 48);
  EXPECT_EQ(overlay.channels, 3);
  const auto* cold = overlay.row(0);
  const auto* hot = overlay.row(31) + 47 * 3;
  EXPECT_GT(hot[0], cold[0]) << "red is hot";
  EXPECT_GT(cold[2], hot[2]) << "blue is cold";
}

/// The files in a folder, sorted.
std::vector<std::string> entries(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

TEST(OverlayFolder, NamesOverlaysAfterTheirInputsPath) {
  const testing::TemporaryFolder folder;
  OverlayFolder overlays(folder / "maps", false);
  EXPECT_EQ(overlays.path_of("a/cat.jpg").filename().string().substr(0, 4), "cat-");
  for (const auto* name : {"a/cat.jpg", "b/cat.jpg", "a/cat.png", "a/cat.jpg"}) {
    overlays.write(name, name);
    EXPECT_EQ(read_file(overlays.path_of(name)), name);
  }
  EXPECT_EQ(entries(folder / "maps").size(), 3U) << "an input named twice has one overlay";
  EXPECT_EQ(OverlayFolder(folder / "maps", false).path_of("a/cat.jpg"),
            overlays.path_of("a/cat.jpg"));
  const std::string long_name = std::string(254, 'x') + ".png";
  overlays.write(long_name, "long");
}

TEST(OverlayFolder, ReplacesOnlyWhereItIsTold) {
  const testing::TemporaryFolder folder;
  OverlayFolder(folder / "maps", false).write("cat.jpg", "1");
  OverlayFolder again(folder / "maps", false);
  EXPECT_THROW(again.write("cat.jpg", "2"), IoError);
  OverlayFolder forced(folder / "maps", true);
  forced.write("cat.jpg", "3");
  EXPECT_EQ(read_file(forced.path_of("cat.jpg")), "3");
}

TEST(OverlayFolder, NeverReplacesAnInput) {
  const testing::TemporaryFolder folder;
  FileRoles roles;
  OverlayFolder overlays(folder / "maps", true, &roles);
  write_file(folder / "cat.jpg", "mine");
  roles.reads(folder / "cat.jpg");
  std::filesystem::create_hard_link(folder / "cat.jpg", overlays.path_of("cat.jpg"));
  EXPECT_THROW(overlays.write("cat.jpg", "1"), UsageError);
  EXPECT_EQ(read_file(folder / "cat.jpg"), "mine");
  FileRoles walked;
  walked.reads_tree(folder.path());
  EXPECT_THROW(OverlayFolder(folder / "maps", true, &walked), UsageError);
}

}  // namespace
}  // namespace vit::pipeline
