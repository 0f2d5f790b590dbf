#include "vit/data/video.h"

#include <gtest/gtest.h>

#include "vit/core/error.h"

namespace vit::data {
namespace {

TEST(VideoName, IsToldByItsSuffix) {
  for (const char* name : {"a.mp4", "b/c.AVI", "d.mkv", "e.f.mov", "g.WebM"})
    EXPECT_TRUE(is_video_name(name)) << name;
  for (const char* name : {"a.png", "mp4", "a.mp4.txt", "", "a.gif"})
    EXPECT_FALSE(is_video_name(name)) << name;
}

TEST(CameraNumber, FollowsTheColon) {
  EXPECT_EQ(camera_number("camera:0"), 0);
  EXPECT_EQ(camera_number("camera:12"), 12);
  EXPECT_EQ(camera_number("./camera:0"), std::nullopt);
  EXPECT_EQ(camera_number("camera"), std::nullopt);
  for (const char* text : {"camera:", "camera:x", "camera:-1", "camera:1x", "camera:99999999999"})
    EXPECT_THROW(camera_number(text), UsageError) << text;
}

}  // namespace
}  // namespace vit::data
