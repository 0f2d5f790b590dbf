#include "vit/model/weights.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/support.h"
#include "vit/core/file.h"
#include "vit/io/safetensors.h"
#include "vit/model/convert.h"
#include "vit/model/inspect.h"
#include "vit/model/verify.h"

namespace vit::model {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

ModelConfig small_config() {
  ModelConfig config;
  config.model.img_size({16, 16})
      .patch_size({8, 8})
      .embed_dim(12)
      .depth(2)
      .num_heads(3)
      .num_classes(2);
  config.labels = {"cat", "dog"};
  config.preprocessing.crop_pct = 0.75;
  return config;
}

/// A file of small_config's model, and that model.
struct Saved {
  Saved() { save_model(path, *model, config); }
  testing::TemporaryFolder folder;
  std::filesystem::path path = folder / "model.safetensors";
  ModelConfig config = small_config();
  VisionTransformer model{config.model};
};

io::TensorEntry entry_of(const std::string& name, const torch::Tensor& tensor) {
  const auto plain = tensor.contiguous();
  const auto* begin = static_cast<const std::byte*>(plain.const_data_ptr());
  return {name,
          to_dtype(tensor.scalar_type()),
          tensor.sizes().vec(),
          {},
          io::memory_bytes({begin, begin + plain.nbytes()})};
}

io::TensorTable table_of(const torch::nn::Module& module) {
  io::TensorTable table("table");
  for (const auto& [name, tensor] : state_dict(module)) table.add(entry_of(name, tensor.detach()));
  return table;
}

TEST(ModelFile, GivesBackConfigurationAndWeights) {
  const Saved saved;
  const auto loaded = load_model(saved.path);
  EXPECT_EQ(to_json(loaded.config), to_json(saved.config));
  const auto expected = state_dict(*saved.model);
  const auto found = state_dict(*loaded.model);
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].first, expected[i].first);
    EXPECT_TRUE(found[i].second.equal(expected[i].second)) << found[i].first;
    EXPECT_TRUE(found[i].second.requires_grad()) << found[i].first;
  }
  EXPECT_FALSE(loaded.model->is_training());
}

TEST(ModelFile, DrawsNothingAtRandomWhenLoading) {
  const Saved saved;
  const auto state = at::globalContext().defaultGenerator(at::kCPU).get_state();
  load_model(saved.path);
  EXPECT_TRUE(at::globalContext().defaultGenerator(at::kCPU).get_state().equal(state));
}

TEST(ModelFile, KeepsTheFileWhenLoadedWeightsAreWrittenTo) {
  const Saved saved;
  const auto before = read_file(saved.path);
  {
    const torch::NoGradGuard no_grad;
    load_model(saved.path).model->cls_token.fill_(7);
  }
  EXPECT_EQ(read_file(saved.path), before);
}

TEST(ModelFile, StoresTheTypeThatIsAskedForAndLoadsFloat32) {
  Saved saved;
  const auto path = saved.folder / "half.safetensors";
  save_model(path, *saved.model, saved.config, io::DType::kF16);
  for (const auto& entry : io::read_safetensors(path).tensors.entries())
    EXPECT_EQ(entry.dtype, io::DType::kF16) << entry.name;
  const auto loaded = load_model(path);
  EXPECT_TRUE(loaded.model->pos_embed.equal(saved.model->pos_embed.to(at::kHalf).to(at::kFloat)));
}

TEST(ModelFile, RefusesToStoreWhatFloat16CannotHold) {
  Saved saved;
  {
    const torch::NoGradGuard no_grad;
    saved.model->cls_token.fill_(70000);
  }
  const auto path = saved.folder / "half.safetensors";
  EXPECT_THAT([&] { save_model(path, *saved.model, saved.config, io::DType::kF16); },
              ThrowsMessage<DataError>(HasSubstr("'cls_token': a value does not fit float16")));
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(ModelFile, IsReadWithoutAnArchitectureOnlyWhereItSaysOne) {
  const testing::TemporaryFolder folder;
  const auto path = folder / "bare.safetensors";
  io::write_safetensors(path, {});
  EXPECT_THAT([&] { load_model(path); },
              ThrowsMessage<UsageError>(HasSubstr("give `architecture` or `config_file`")));
  EXPECT_THROW(load_model(folder / "none.safetensors"), IoError);
}

TEST(Assign, PutsWeightsIntoAnotherModel) {
  const VisionTransformer from(small_config().model);
  VisionTransformer to(small_config().model);
  assign_weights(*to, table_of(*from));
  EXPECT_TRUE(to->pos_embed.equal(from->pos_embed));
  EXPECT_TRUE(to->parameters().back().equal(from->parameters().back()));
}

TEST(Assign, NamesWhatIsMissingUnexpectedAndMisshapen) {
  VisionTransformer model(small_config().model);
  io::TensorTable table("table");
  for (const auto& [name, tensor] : state_dict(*model)) {
    if (name == "norm.weight")
      table.add(entry_of("norm.wieght", tensor.detach()));
    else if (name == "head.bias")
      table.add(entry_of(name, at::zeros({3})));
    else if (name == "cls_token")
      table.add(entry_of(name, at::zeros({1, 1, 12}, at::kLong)));
    else
      table.add(entry_of(name, tensor.detach()));
  }
  EXPECT_THAT(
      [&] { assign_weights(*model, table); },
      ThrowsMessage<DataError>(
          "table: the tensors are not the model's: 1 missing (norm.weight [12]); "
          "1 unexpected (norm.wieght, near norm.weight); 2 misshapen (cls_token: expected a "
          "floating-point type, found I64, head.bias: expected shape [2], found [3])"));
}

TEST(Entry, BecomesATensorOfItsOwn) {
  const std::array<float, 6> numbers{0, 1, 2, 3, 4, 5};
  const auto bytes = std::as_bytes(std::span(numbers));
  const auto data = io::memory_bytes({bytes.begin(), bytes.end()});
  const auto tensor = to_tensor({"x", io::DType::kF32, {2, 2}, {1, 2}, data.part(0, 16)});
  EXPECT_EQ(tensor[0][1].item<float>(), 2);
  EXPECT_EQ(tensor[1][1].item<float>(), 3);
  // From an offset that no float32 in memory could have.
  const auto odd = to_tensor({"x", io::DType::kU8, {3}, {}, data.part(7, 3)});
  EXPECT_EQ(odd[0].item<std::uint8_t>(), std::to_integer<std::uint8_t>(bytes[7]));
}

TEST(ModelFile, ThatIsCutShortWhileItIsServedChangesNothing) {
  const Saved saved;
  auto loaded = load_model(saved.path);
  const auto input = torch::rand({1, 3, 16, 16});
  const auto before = loaded.model->forward(input).logits;
  std::filesystem::resize_file(saved.path, 0);
  EXPECT_TRUE(torch::equal(loaded.model->forward(input).logits, before));
}

TEST(ModelFile, ThatIsCutShortWhileItIsReadIsAnError) {
  const Saved saved;
  const auto file = io::read_safetensors(saved.path);
  std::filesystem::resize_file(saved.path, std::filesystem::file_size(saved.path) - 1);
  EXPECT_THROW(to_tensor(file.tensors.entries().back()), IoError);
  VisionTransformer model(saved.config.model);
  EXPECT_THROW(assign_weights(*model, file.tensors), IoError);
}

TEST(ModelFile, ATensorWithoutANameIsNotForgotten) {
  const Saved saved;
  auto table = table_of(*saved.model);
  table.add(entry_of("", torch::zeros({1})));
  VisionTransformer model(saved.config.model);
  EXPECT_THAT([&] { assign_weights(*model, table); },
              ThrowsMessage<DataError>(HasSubstr("1 unexpected ('')")));
}

TEST(Convert, MeanAndStdHaveAValueForEachChannel) {
  const Saved saved;
  for (const std::size_t count : {2, 4}) {
    ConvertOptions options;
    options.preprocessing.mean = std::vector<double>(count, 0.5);
    EXPECT_THAT([&] { convert(saved.path, saved.folder / "out.safetensors", options); },
                ThrowsMessage<UsageError>(HasSubstr("mean: expected 3 values")));
    options.preprocessing.mean.reset();
    options.preprocessing.std = std::vector<double>(count, 0.5);
    EXPECT_THAT([&] { convert(saved.path, saved.folder / "out.safetensors", options); },
                ThrowsMessage<UsageError>(HasSubstr("std: expected 3 values")));
  }
  ConvertOptions options;
  options.preprocessing.mean = {0.25};
  convert(saved.path, saved.folder / "out.safetensors", options);
  EXPECT_THAT(load_model(saved.folder / "out.safetensors").config.preprocessing.mean,
              ElementsAre(0.25, 0.25, 0.25));
}

TEST(Convert, AConfigurationThatIsNoJsonIsSaidInPlainWords) {
  const Saved saved;
  ConvertOptions options;
  options.load.config_file = saved.folder / "labels.txt";
  write_file(options.load.config_file, "cat\ndog\n");
  try {
    convert(saved.path, saved.folder / "out.safetensors", options);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const DataError& error) {
    EXPECT_THAT(error.what(), HasSubstr("labels.txt: expected JSON"));
    EXPECT_THAT(error.what(), ::testing::Not(HasSubstr("json.exception")));
  }
}

TEST(Convert, WritesOverNoneOfItsInputs) {
  const Saved saved;
  write_file(saved.folder / "config.json", to_json(saved.config).dump());
  ConvertOptions options;
  options.force = true;
  options.load.config_file = saved.folder / "config.json";
  EXPECT_THROW(convert(saved.path, saved.path, options), UsageError);
  EXPECT_THROW(convert(saved.path, saved.folder / "config.json", options), UsageError);
  EXPECT_THROW(convert(saved.folder.path(), saved.path, options), UsageError);
  options.to = Dialect::kTimm;
  EXPECT_THROW(convert(saved.path, saved.folder.path(), options), UsageError);
}

TEST(Convert, MakesAModelFileThatGivesTimmsNumbers) {
  const testing::TemporaryFolder folder;
  ConvertOptions options;
  options.load.config_file = testing::golden_path("timm/vit_tiny_cut.json");
  const auto out = folder / "vit.safetensors";
  const auto report = convert(testing::golden_path("timm/vit_tiny_cut.pt"), out, options);
  EXPECT_EQ(report["dialect"], "timm");
  EXPECT_EQ(report["tensors"].size(), 32U);
  const auto loaded = load_model(out);
  EXPECT_EQ(loaded.config.labels.size(), 10U);
  const auto rows = verify(loaded.model, testing::golden_path("timm/vit_tiny_cut_ref.safetensors"));
  ASSERT_EQ(rows.size(), 5U);
  for (const auto& row : rows) EXPECT_TRUE(row.passed) << row.name << " " << row.difference;
}

TEST(Convert, LeavesNothingWhereItRefuses) {
  const testing::TemporaryFolder folder;
  ConvertOptions options;
  options.load.architecture = "vit_tiny_patch16_224";
  EXPECT_THROW(
      convert(testing::golden_path("timm/vit_tiny_cut.pt"), folder / "x.safetensors", options),
      DataError);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Convert, WritesTimmsFolder) {
  const testing::TemporaryFolder folder;
  ConvertOptions options;
  options.load.config_file = testing::golden_path("timm/vit_tiny_cut.json");
  options.to = Dialect::kTimm;
  convert(testing::golden_path("timm/vit_tiny_cut.pt"), folder / "out", options);
  const auto config = Json::parse(read_file(folder / "out" / "config.json"));
  EXPECT_EQ(config["architecture"], "vit_tiny_patch16_224");
  EXPECT_EQ(config["model_args"]["embed_dim"], 32);
  EXPECT_NE(io::read_safetensors(folder / "out" / "model.safetensors")
                .tensors.find("blocks.1.attn.qkv.weight"),
            nullptr);
  EXPECT_NO_THROW(load_model(folder / "out"));
}

TEST(Convert, SaysWhatTimmHasNot) {
  Saved saved;
  saved.config.model.representation_size(5);
  const auto path = saved.folder / "representation.safetensors";
  save_model(path, *VisionTransformer(saved.config.model), saved.config);
  ConvertOptions options;
  options.to = Dialect::kTimm;
  EXPECT_THAT([&] { convert(path, saved.folder / "out", options); },
              ThrowsMessage<DataError>(HasSubstr("no model of timm's is this one")));
  EXPECT_FALSE(std::filesystem::exists(saved.folder / "out"));
}

TEST(Labels, AreLinesOfUtf8) {
  const testing::TemporaryFolder folder;
  write_file(folder / "labels", "cat\r\nd\u00f6g\n");
  EXPECT_THAT(read_labels(folder / "labels"), ElementsAre("cat", "d\u00f6g"));
  write_file(folder / "labels", "cat\n\ndog\n");
  EXPECT_THROW(read_labels(folder / "labels"), DataError);
  write_file(folder / "labels", "c\xff\n");
  EXPECT_THROW(read_labels(folder / "labels"), DataError);
}

TEST(Inspect, SaysWhatAFileIsAndWhetherItFits) {
  const Saved saved;
  const auto inspected = inspect(saved.path);
  EXPECT_EQ(inspected["format"], "safetensors");
  EXPECT_EQ(inspected["dialect"], "native");
  EXPECT_EQ(inspected["model"]["embed_dim"], 12);
  EXPECT_TRUE(inspected["problem"].is_null());
  EXPECT_EQ(inspected["tensors"].size(), state_dict(*saved.model).size());
  LoadOptions other;
  other.architecture = "vit_tiny_patch16_224";
  const auto wrong = inspect(testing::golden_path("timm/vit_tiny_cut.pt"), other);
  EXPECT_THAT(wrong["problem"].get<std::string>(), HasSubstr("misshapen"));
  EXPECT_THAT(inspect_text(wrong), HasSubstr("blocks.1.attn.qkv.weight F32 [96,32]"));
}

}  // namespace
}  // namespace vit::model
