#include "vit/pipeline/frames.h"

#include <gtest/gtest.h>

#include <vector>

#include "vit/core/error.h"

namespace vit::pipeline {
namespace {

/// Numbers of the frames that are picked of `seconds`, one a frame.
std::vector<std::size_t> picked(const FrameInterval& interval, const std::vector<double>& seconds) {
  FramePicker picker(interval);
  std::vector<std::size_t> frames;
  for (std::size_t i = 0; i < seconds.size(); ++i)
    if (picker.picks(seconds[i])) frames.push_back(i);
  return frames;
}

TEST(FrameInterval, IsANumberOfFramesOrOfSeconds) {
  EXPECT_EQ(parse_frame_interval("10").frames, 10);
  EXPECT_EQ(parse_frame_interval("10").seconds, 0);
  EXPECT_EQ(parse_frame_interval("0.5s").seconds, 0.5);
  EXPECT_EQ(parse_frame_interval("2s").seconds, 2);
  for (const char* text :
       {"", "0", "-1", "1.5", "s", "0s", "-1s", "nans", "infs", "1e10s", "2 s", "x", "10000000000"})
    EXPECT_THROW(parse_frame_interval(text), UsageError) << text;
}

TEST(FramePicker, TakesEachNthFrameFromTheFirst) {
  EXPECT_EQ(picked({3}, std::vector<double>(8)), (std::vector<std::size_t>{0, 3, 6}));
  EXPECT_EQ(picked({1}, std::vector<double>(3)), (std::vector<std::size_t>{0, 1, 2}));
}

TEST(FramePicker, TakesTheFirstFrameAtOrAfterEachMultipleOfItsSeconds) {
  EXPECT_EQ(picked({1, 0.5}, {0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2}),
            (std::vector<std::size_t>{0, 3, 5}));
  // Half a second, said with an error of the last bits.
  EXPECT_EQ(picked({1, 0.5}, {0, 0.25, 0.49999999, 0.75}), (std::vector<std::size_t>{0, 2}));
}

TEST(FramePicker, TakesNoFrameTwiceWhereFramesAreRare) {
  EXPECT_EQ(picked({1, 0.1}, {0, 1, 1.05, 2}), (std::vector<std::size_t>{0, 1, 3}));
}

}  // namespace
}  // namespace vit::pipeline
