#include "vit/pipeline/inputs.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "support/support.h"
#include "vit/core/error.h"
#include "vit/core/file.h"
#include "vit/data/loader.h"
#include "vit/io/npy.h"
#include "vit/io/safetensors.h"

namespace vit::pipeline {
namespace {
namespace fs = std::filesystem;

FileInputOptions small_inputs() {
  FileInputOptions options;
  options.shape = {1, 2, 3};
  options.transform = []() -> const data::EvalTransform& { throw DataError("no transform"); };
  return options;
}

std::vector<std::string> names(data::SampleSource& source) {
  std::vector<std::string> all;
  while (auto input = source.next()) all.push_back(input->name);
  return all;
}

std::vector<std::string> names(std::vector<std::string> arguments) {
  return names(*open_inputs(std::move(arguments), small_inputs()));
}

void touch(const fs::path& path) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << "x";
}

/// What the first input's load says.
std::string first_error(const std::string& argument) {
  auto input = open_inputs({argument}, small_inputs())->next();
  if (!input) return "nothing";
  std::vector<float> chw(6);
  try {
    input->load(chw, nullptr);
  } catch (...) {
    return error_message(std::current_exception());
  }
  return "";
}

void write_array(const fs::path& path, std::int64_t rows) {
  std::vector<float> values(static_cast<std::size_t>(rows * 6));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  io::write_npy(path, io::DType::kF32, {rows, 1, 2, 3}, std::as_bytes(std::span(values)));
}

TEST(Inputs, WalkFoldersInOrder) {
  const testing::TemporaryFolder folder;
  for (const auto* name : {"b/2.png", "b/1.JPG", "b/notes.txt", "a.webp", "c.tif", "b/d/z.bmp"})
    touch(folder / name);
  const auto at = [&](const char* name) { return (folder / name).string(); };
  EXPECT_EQ(names({folder.path().string()}),
            (std::vector<std::string>{at("a.webp"), at("b/1.JPG"), at("b/2.png"), at("b/d/z.bmp"),
                                      at("c.tif")}));
}

TEST(Inputs, FollowLinksButNeverInACircle) {
  const testing::TemporaryFolder folder;
  touch(folder / "a/1.png");
  fs::create_directory_symlink("..", folder / "a/up");
  fs::create_directory_symlink("a", folder / "other");
  const auto found = names({folder.path().string()});
  EXPECT_EQ(found, (std::vector<std::string>{(folder / "a/1.png").string(),
                                             (folder / "other/1.png").string()}));
}

TEST(Inputs, WalkAFolderThatIsNamedLikeAnImage) {
  const testing::TemporaryFolder folder;
  touch(folder / "x.png/1.png");
  EXPECT_EQ(names({(folder / "x.png").string()}).size(), 1U);
  EXPECT_EQ(names({folder.path().string()}).size(), 1U);
}

TEST(Inputs, SayThatAFolderHasNoImages) {
  const testing::TemporaryFolder folder;
  touch(folder / "notes.txt");
  EXPECT_NE(first_error(folder.path().string()).find("expected images"), std::string::npos);
  EXPECT_EQ(names({folder.path().string()}).size(), 1U) << "and say it once";
}

TEST(Inputs, TakeArgumentsFromStandardInput) {
  const testing::TemporaryFolder folder;
  touch(folder / "f/1.png");
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const auto text = "one.png\n\n" + (folder / "f").string() + "\nlast.png";
  ASSERT_EQ(::write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  ::close(ends[1]);
  auto options = small_inputs();
  options.stdin_descriptor = ends[0];
  const auto source = open_inputs({"first.png", "-", "end.png"}, options);
  EXPECT_EQ(names(*source),
            (std::vector<std::string>{"first.png", "one.png", (folder / "f/1.png").string(),
                                      "last.png", "end.png"}));
  ::close(ends[0]);
}

/// The names of a list on standard input, and what it ends with.
struct ListRead {
  std::vector<std::string> names;
  std::string error;
};

ListRead read_list(const std::string& text, bool null_separated = false) {
  const testing::TemporaryFolder folder;
  write_file(folder / "list", text);
  const int descriptor = ::open((folder / "list").c_str(), O_RDONLY);
  auto options = small_inputs();
  options.stdin_descriptor = descriptor;
  options.null_separated = null_separated;
  const auto source = open_inputs({"-"}, options);
  ListRead read;
  try {
    while (auto input = source->next()) read.names.push_back(input->name);
  } catch (const DataError& error) {
    read.error = error.what();
  }
  ::close(descriptor);
  return read;
}

using Names = std::vector<std::string>;

TEST(Lists, UnderstandCarriageReturnsAndAByteOrderMark) {
  EXPECT_EQ(read_list("\xEF\xBB\xBF"
                      "a.png\r\n\r\nb c.png\r\nd.png")
                .names,
            (Names{"a.png", "b c.png", "d.png"}));
  EXPECT_EQ(read_list("\xEF\xBB\xBF\r\n\xEF\xBB\xBF"
                      "a.png\n")
                .names,
            (Names{"\xEF\xBB\xBF"
                   "a.png"}))
      << "only at the beginning";
}

TEST(Lists, MayBeSeparatedByNul) {
  using namespace std::string_literals;
  EXPECT_EQ(read_list("a\n.png\0b.png\r\0c.png"s, true).names,
            (Names{"a\n.png", "b.png\r", "c.png"}));
  const auto empty = read_list("a.png\0\0b.png\0"s, true);
  EXPECT_EQ(empty.names, (Names{"a.png"}));
  EXPECT_NE(empty.error.find("found an empty one"), std::string::npos) << empty.error;
}

TEST(Lists, SayThatNulNeedsAnOption) {
  using namespace std::string_literals;
  for (const auto& text : {"a.png\0b.png\0"s, std::string(1 << 20, '\0')}) {
    const auto read = read_list(text);
    EXPECT_TRUE(read.names.empty());
    EXPECT_NE(read.error.find("-0 reads NUL-separated lists"), std::string::npos) << read.error;
  }
}

TEST(Lists, HaveNoLinesLongerThanAnyPath) {
  const auto read = read_list("a.png\n" + std::string(1 << 20, 'x') + "\nb.png\n");
  EXPECT_EQ(read.names, (Names{"a.png"}));
  EXPECT_NE(read.error.find("found a longer line"), std::string::npos) << read.error;
  EXPECT_EQ(read_list(std::string(60'000, 'x') + "\nb.png\n").names.size(), 2U)
      << "a name that no file can have is that row's error";
}

TEST(Lists, AreNoFolders) {
  const testing::TemporaryFolder folder;
  auto options = small_inputs();
  options.stdin_descriptor = ::open(folder.path().c_str(), O_RDONLY);
  const auto source = open_inputs({"-"}, options);
  EXPECT_THROW(source->next(), IoError);
  ::close(options.stdin_descriptor);
}

TEST(Inputs, TellOfEveryFileAndFolderBeforeTheyAreRead) {
  const testing::TemporaryFolder folder;
  touch(folder / "f/g/1.png");
  write_array(folder / "x.npy", 2);
  std::vector<fs::path> told;
  auto options = small_inputs();
  options.on_file = options.on_folder = [&](const fs::path& path) { told.push_back(path); };
  const auto source =
      open_inputs({(folder / "f").string(), (folder / "x.npy").string(), "one.png"}, options);
  EXPECT_EQ(names(*source).size(), 4U);
  EXPECT_EQ(told, (std::vector<fs::path>{folder / "f", folder / "f/g", folder / "f/g/1.png",
                                         folder / "x.npy", "one.png"}));
  options.on_file = [](const fs::path&) { throw UsageError("the output is also an input"); };
  for (const auto& argument : {folder / "f", folder / "x.npy", fs::path("one.png")}) {
    const auto refused = open_inputs({argument.string()}, options);
    EXPECT_THROW(refused->next(), UsageError) << argument;
  }
}

TEST(Inputs, AreCheckedWhereTheirRowsAreThere) {
  const auto open = [](std::vector<std::string> arguments, std::vector<std::string>& seen) {
    return check_inputs(open_inputs(std::move(arguments), small_inputs()), 2,
                        [&](const std::string& name) { seen.push_back(name); });
  };
  std::vector<std::string> seen;
  EXPECT_EQ(names(*open({"0", "1", "2"}, seen)).size(), 3U);
  EXPECT_EQ(seen, (Names{"0", "1"}));
  const auto few = open({"0"}, seen);
  EXPECT_TRUE(few->next().has_value());
  EXPECT_THROW(few->next(), UsageError);
}

TEST(Inputs, StopWaitingForStandardInputWhenCancelled) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  auto options = small_inputs();
  options.stdin_descriptor = ends[0];
  const auto source = open_inputs({"-"}, options);
  std::thread canceller([&] { source->cancel(); });
  EXPECT_FALSE(source->next().has_value());
  canceller.join();
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(Inputs, GiveTheRowsOfAnArray) {
  const testing::TemporaryFolder folder;
  const auto file = (folder / "x.npy").string();
  write_array(file, 2);
  const auto source = open_inputs({file}, small_inputs());
  EXPECT_EQ(source->next()->name, file + "[0]");
  auto second = source->next();
  EXPECT_EQ(second->name, file + "[1]");
  std::vector<float> chw(6);
  second->load(chw, nullptr);
  EXPECT_EQ(chw, (std::vector<float>{6, 7, 8, 9, 10, 11}));
  EXPECT_FALSE(source->next().has_value());
}

TEST(Inputs, NameAnArrayOfOneRowPlainly) {
  const testing::TemporaryFolder folder;
  write_array(folder / "x.npy", 1);
  EXPECT_EQ(names({(folder / "x.npy").string()}),
            (std::vector<std::string>{(folder / "x.npy").string()}));
}

TEST(Inputs, TakeTheTensorNamedInput) {
  const testing::TemporaryFolder folder;
  const auto file = (folder / "x.safetensors").string();
  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  const auto bytes = std::as_bytes(std::span(values));
  io::write_safetensors(file, {{"input", io::DType::kF32, {1, 1, 2, 3}, [&] { return bytes; }}});
  auto input = open_inputs({file}, small_inputs())->next();
  std::vector<float> chw(6);
  input->load(chw, nullptr);
  EXPECT_EQ(chw, values);
  io::write_safetensors(file, {{"other", io::DType::kF32, {1, 1, 2, 3}, [&] { return bytes; }}});
  EXPECT_NE(first_error(file).find("expected a tensor 'input'"), std::string::npos);
}

TEST(Inputs, RefuseTensorsOfAnotherShapeOrType) {
  const testing::TemporaryFolder folder;
  const auto file = folder / "x.npy";
  const std::vector<double> values(12);
  const auto bytes = std::as_bytes(std::span(values));
  io::write_npy(file, io::DType::kF64, {2, 1, 2, 3}, bytes);
  EXPECT_NE(first_error(file.string()).find("expected F32 [B, 1, 2, 3], found F64 [2, 1, 2, 3]"),
            std::string::npos);
  io::write_npy(file, io::DType::kF32, {4, 1, 3, 2}, bytes);
  EXPECT_NE(first_error(file.string()).find("found F32 [4, 1, 3, 2]"), std::string::npos);
}

TEST(Inputs, KeepTheirOrderAroundABadOne) {
  const testing::TemporaryFolder folder;
  write_array(folder / "x.npy", 1);
  const auto missing = (folder / "gone.npy").string(), file = (folder / "x.npy").string();
  EXPECT_EQ(names({missing, file}), (std::vector<std::string>{missing, file}));
  EXPECT_NE(first_error(missing).find("gone.npy"), std::string::npos);
}

TEST(Slices, CutASourceIntoItsPart) {
  const auto source = slice_inputs(open_inputs({"0", "1", "2", "3", "4"}, small_inputs()), 1, 3);
  EXPECT_EQ(names(*source), (std::vector<std::string>{"1", "2"}));
}

TEST(Shards, CoverEveryInputOnceInWholeBatches) {
  for (const std::int64_t inputs : {0, 1, 7, 8, 100})
    for (const std::int64_t world : {1, 2, 3, 7}) {
      std::int64_t expected = 0;
      for (std::int64_t rank = 0; rank < world; ++rank) {
        const auto [begin, end] = shard_range(inputs, 4, rank, world);
        EXPECT_EQ(begin, expected);
        EXPECT_TRUE(end == inputs || end % 4 == 0);
        expected = end;
      }
      EXPECT_EQ(expected, inputs);
    }
}

}  // namespace
}  // namespace vit::pipeline
