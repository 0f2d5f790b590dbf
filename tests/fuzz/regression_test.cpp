// The committed corpus, one test a target: what once was found stays found.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "targets.h"
#include "vit/core/file.h"

namespace vit::fuzz {
namespace {

class Corpus : public ::testing::TestWithParam<const char*> {};

TEST_P(Corpus, IsReadOrRefused) {
  const auto read = find_target(GetParam());
  ASSERT_NE(read, nullptr);
  const auto folder = std::filesystem::path(VIT_FUZZ_CORPUS) / GetParam();
  int count = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    SCOPED_TRACE(file.path().filename().string());
    const auto contents = read_file(file.path());
    EXPECT_NO_THROW(read(std::as_bytes(std::span(contents))));
    ++count;
  }
  EXPECT_GT(count, 0) << "no corpus at " << folder;
}

// What a fuzzer does first: each file cut short, and with one byte changed.
TEST_P(Corpus, IsReadOrRefusedWhenItIsDamaged) {
  const auto read = find_target(GetParam());
  const auto folder = std::filesystem::path(VIT_FUZZ_CORPUS) / GetParam();
  constexpr std::size_t kPlaces = 200;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    SCOPED_TRACE(file.path().filename().string());
    const auto contents = read_file(file.path());
    const auto step = std::max<std::size_t>(contents.size() / kPlaces, 1);
    for (std::size_t at = 0; at < contents.size(); at += step) {
      EXPECT_NO_THROW(read(std::as_bytes(std::span(contents)).first(at)));
      for (const char changed : {'\0', '\x7f', '\xff'}) {
        auto damaged = contents;
        damaged[at] = changed;
        EXPECT_NO_THROW(read(std::as_bytes(std::span(damaged))));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Fuzz, Corpus,
                         ::testing::Values("safetensors", "torch", "pickle", "zip", "npz", "npy",
                                           "idx", "json", "image", "tar"),
                         [](const auto& target) { return std::string(target.param); });

}  // namespace
}  // namespace vit::fuzz
