// Files written by torch, safetensors and numpy, compared bit by bit (tests/golden/make_io.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "builders.h"
#include "expected.h"
#include "support/support.h"
#include "vit/io/npy.h"
#include "vit/io/safetensors.h"
#include "vit/io/torch_file.h"

namespace vit::io {
namespace {

using testing::data_error;
using testing::expect_golden;
using ::testing::HasSubstr;

std::filesystem::path golden_file(const std::string& file) {
  return vit::testing::golden_path("io/" + file);
}

class TorchFiles : public ::testing::TestWithParam<const char*> {};

TEST_P(TorchFiles, GiveTheTensorsThatTorchLoads) {
  const std::string file = GetParam();
  const auto root = read_torch_file(golden_file(file));
  expect_golden(select_state_dict(root, file, "", {"state_dict_ema", "state_dict", "model"}), file);
}

INSTANTIATE_TEST_SUITE_P(Golden, TorchFiles,
                         ::testing::Values("types.pt", "types_legacy.pth", "strided.pt",
                                           "strided_legacy.pth", "protocol3.pt", "protocol4.pt",
                                           "protocol5.pt", "checkpoint.pt", "checkpoint_legacy.pth",
                                           "parameters.pt"));

TEST(TorchFile, KeepsTheOrderOfTheStateDict) {
  const auto root = read_torch_file(golden_file("checkpoint.pt"));
  const auto table = select_state_dict(root, "checkpoint.pt", "state_dict", {});
  std::vector<std::string> names;
  for (const auto& entry : table.entries()) names.push_back(entry.name);
  EXPECT_EQ(names,
            (std::vector<std::string>{"0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean",
                                      "1.running_var", "1.num_batches_tracked"}));
}

TEST(TorchFile, ReadsWhatStandsBesideTheWeights) {
  for (const auto* file : {"checkpoint.pt", "checkpoint_legacy.pth"}) {
    const auto root = read_torch_file(golden_file(file));
    EXPECT_EQ(std::get<std::int64_t>(root.find("epoch")->value), 3);
    EXPECT_EQ(*root.find("arch")->string(), "vit_tiny");
    EXPECT_EQ(std::get<std::int64_t>(root.find("negative")->value), -(std::int64_t{1} << 40));
    EXPECT_TRUE(std::get<bool>(root.find("flag")->value));
    EXPECT_EQ(std::get<double>((*root.find("betas")->list())[1].value), 0.999);
    EXPECT_EQ(root.find("size")->list()->size(), 2U);
    EXPECT_EQ(root.find("seen")->list()->size(), 2U);
    EXPECT_EQ(std::get<std::int64_t>(root.find("counts")->find("a")->value), 2);
    EXPECT_EQ(root.find("big")->object()->type, "int");
    EXPECT_EQ(root.find("dtype")->object()->type, "torch.float16");
    EXPECT_EQ(root.find("device")->object()->type, "torch.device");
    const auto& arguments = *root.find("args")->object();
    EXPECT_EQ(arguments.type, "argparse.Namespace");
    EXPECT_EQ(*arguments.state.find("model")->string(), "vit");
    EXPECT_TRUE(arguments.state.find("nested")->is_none());
    // The optimiser's state has integer keys.
    const auto& state = *root.find("optimizer")->find("state")->dict();
    EXPECT_EQ(std::get<std::int64_t>(state.front().first.value), 0);
    EXPECT_NE(state.front().second.find("exp_avg")->tensor(), nullptr);
  }
}

TEST(TorchFile, SharesOneStorageAmongItsViews) {
  const auto root = read_torch_file(golden_file("strided.pt"));
  const auto* base = root.find("base")->tensor();
  const auto* row = root.find("row")->tensor();
  EXPECT_EQ(row->data.read_all(),
            base->data.part((2 * 20 + 1 * 5) * 4, row->data.size()).read_all());
  EXPECT_TRUE(base->strides.empty());
  EXPECT_EQ(root.find("transposed")->tensor()->strides, (std::vector<std::int64_t>{1, 20, 5}));
}

TEST(TorchFile, SavedWithoutChecksumsIsRefusedWithAHint) {
  const auto message = data_error([] { read_torch_file(golden_file("no_crc.pt")); });
  EXPECT_THAT(message, HasSubstr("check_crc=false"));
  const auto root = read_torch_file(golden_file("no_crc.pt"), {.check_crc = false});
  expect_golden(select_state_dict(root, "no_crc.pt", "", {}), "no_crc.pt");
}

TEST(TorchFile, NamesWhatItDoesNotSupport) {
  const auto message = [](const char* file) {
    return data_error([&] { read_torch_file(golden_file(file)); });
  };
  EXPECT_THAT(message("module.pt"), HasSubstr("torch.nn.modules.linear.Linear"));
  EXPECT_THAT(message("float8.pt"), HasSubstr("torch.float8_e4m3fn is not supported"));
  EXPECT_THAT(message("complex.pt"), HasSubstr("torch.ComplexFloatStorage is not supported"));
  EXPECT_THAT(message("sparse.pt"), HasSubstr("torch._utils._rebuild_sparse_tensor"));
  EXPECT_THAT(message("script.pt"), HasSubstr("TorchScript"));
  EXPECT_THAT(message("types.safetensors"), HasSubstr("expected a PyTorch file"));
}

TEST(Safetensors, GivesTheTensorsThatItsOwnLibraryLoads) {
  for (const auto* file : {"types.safetensors", "empty.safetensors"})
    expect_golden(read_safetensors(golden_file(file)).tensors, file);
}

TEST(Safetensors, ReadsItsMetadata) {
  const auto file = read_safetensors(golden_file("types.safetensors"));
  EXPECT_EQ(file.metadata, (Metadata{{"format", "pt"}, {"vit.config", "{\"a\": \"\u00fc\"}"}}));
}

TEST(Safetensors, NamesATensorOfATypeThatIsNotSupported) {
  EXPECT_THAT(data_error([] { read_safetensors(golden_file("float8.safetensors")); }),
              HasSubstr("tensor 'w': type 'F8_E4M3' is not supported"));
}

class NpyFiles : public ::testing::TestWithParam<const char*> {};

TEST_P(NpyFiles, GiveTheArrayThatNumpyLoads) {
  const std::string file = std::string(GetParam()) + ".npy";
  TensorTable table(file);
  table.add(read_npy(golden_file(file)));
  expect_golden(table, file);
}

INSTANTIATE_TEST_SUITE_P(Golden, NpyFiles,
                         ::testing::Values("c", "fortran", "big", "big_fortran", "scalar", "empty",
                                           "bool", "u8", "i8", "i64", "f16", "i16_big", "bf16"));

TEST(Npy, NamesWhatItDoesNotSupport) {
  const auto message = [](const char* file) {
    return data_error([&] { read_npy(golden_file(file)); });
  };
  EXPECT_THAT(message("objects.npy"), HasSubstr("Python objects"));
  EXPECT_THAT(message("records.npy"), HasSubstr("records"));
  EXPECT_THAT(message("complex.npy"), HasSubstr("'<c8' is not supported"));
}

TEST(Npz, GivesTheArraysThatNumpyLoads) {
  for (const auto* file : {"stored.npz", "deflated.npz"})
    expect_golden(read_npz(golden_file(file)), file);
}

}  // namespace
}  // namespace vit::io
