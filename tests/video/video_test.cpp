// Videos that the test writes itself, through the plug-in and through OpenCV.
#include "vit/data/video.h"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <future>
#include <opencv2/imgproc.hpp>
#include <opencv2/videoio.hpp>

#include "support/support.h"
#include "vit/core/error.h"
#include "vit/core/file.h"
#include "vit/opencv.h"
#include "vit/pipeline/inputs.h"

namespace vit::data {
namespace {

using vit::testing::TemporaryFolder;

constexpr int kFrames = 12;
constexpr double kFps = 10;

/// A field of soft colours with a square that moves: no two frames are alike.
cv::Mat drawn(int frame, cv::Size size = {64, 48}) {
  cv::Mat mat(size, CV_8UC3);
  for (int y = 0; y < size.height; ++y)
    for (int x = 0; x < size.width; ++x)
      mat.at<cv::Vec3b>(y, x) =
          cv::Vec3b(static_cast<std::uint8_t>(x * 3), static_cast<std::uint8_t>(y * 4),
                    static_cast<std::uint8_t>(frame * 20));
  cv::rectangle(mat, {frame * 3, 10, 12, 12}, cv::Scalar(255, 255, 255), cv::FILLED);
  return mat;
}

int codec(const char* name) { return cv::VideoWriter::fourcc(name[0], name[1], name[2], name[3]); }

std::filesystem::path write_video(const std::filesystem::path& path, const char* fourcc) {
  cv::VideoWriter writer(path.string(), codec(fourcc), kFps, {64, 48});
  if (!writer.isOpened()) throw IoError("{}: no encoder", path.string());
  for (int i = 0; i < kFrames; ++i) writer.write(drawn(i));
  return path;
}

/// What the plug-in says of a video: its frames, and the error that ended it.
struct Story {
  std::vector<cv::Mat> frames;
  std::vector<double> seconds;
  std::string error;
};

Story read_all(const std::filesystem::path& path) {
  Story story;
  try {
    const auto source = open_video(path);
    while (source->grab()) {
      const auto frame = source->retrieve();
      story.seconds.push_back(source->seconds());
      story.frames.push_back(to_mat(frame.pixels));
    }
  } catch (const DataError& error) {
    story.error = error.what();
  }
  return story;
}

std::vector<cv::Mat> read_by_opencv(const std::filesystem::path& path) {
  std::vector<cv::Mat> frames;
  cv::VideoCapture capture(path.string(), cv::CAP_FFMPEG);
  for (cv::Mat frame; capture.read(frame);) frames.push_back(frame.clone());
  return frames;
}

bool equal(const cv::Mat& a, const cv::Mat& b) {
  return a.size() == b.size() && a.type() == b.type() && cv::norm(a, b, cv::NORM_INF) == 0;
}

class VideoFormats : public ::testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(VideoFormats, GiveEveryFrameThatOpenCvGivesAndWhenItIsShown) {
  const TemporaryFolder folder;
  const auto [name, fourcc] = GetParam();
  const auto path = write_video(folder / name, fourcc);
  const auto story = read_all(path);
  EXPECT_EQ(story.error, "");
  const auto expected = read_by_opencv(path);
  ASSERT_EQ(story.frames.size(), expected.size());
  ASSERT_EQ(story.frames.size(), static_cast<std::size_t>(kFrames));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_TRUE(equal(story.frames[i], expected[i])) << "frame " << i;
    // Containers count time in steps of up to a millisecond.
    EXPECT_NEAR(story.seconds[i], static_cast<double>(i) / kFps, 2e-3);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, VideoFormats,
    ::testing::Values(std::pair("jpeg.avi", "MJPG"), std::pair("mpeg4.mp4", "mp4v"),
                      std::pair("mpeg4.mov", "mp4v"), std::pair("mpeg4.mkv", "mp4v"),
                      std::pair("vp8.webm", "VP80"), std::pair("UPPER.AVI", "MJPG")));

TEST(Video, SaysItsFrameRate) {
  const TemporaryFolder folder;
  EXPECT_EQ(open_video(write_video(folder / "a.avi", "MJPG"))->fps(), kFps);
}

TEST(Video, FramesStayWhenTheSourceGoesOn) {
  const TemporaryFolder folder;
  const auto path = write_video(folder / "a.avi", "MJPG");
  std::vector<Frame> frames;
  {
    const auto source = open_video(path);
    while (source->grab()) frames.push_back(source->retrieve());
  }
  const auto expected = read_by_opencv(path);
  for (std::size_t i = 0; i < frames.size(); ++i)
    EXPECT_TRUE(equal(to_mat(frames[i].pixels), expected[i]));
}

TEST(Video, ThatIsCutShortIsReadUpToThereAndThenAnError) {
  const TemporaryFolder folder;
  for (const auto& [name, fourcc] :
       {std::pair("a.avi", "MJPG"), {"a.mkv", "mp4v"}, {"a.webm", "VP80"}}) {
    const auto path = write_video(folder / name, fourcc);
    const auto whole = read_by_opencv(path);
    std::filesystem::resize_file(path, std::filesystem::file_size(path) * 6 / 10);
    const auto story = read_all(path);
    EXPECT_GT(story.frames.size(), 0U) << name;
    EXPECT_LT(story.frames.size(), whole.size()) << name;
    EXPECT_NE(story.error.find(path.string() + ": cut short after"), std::string::npos)
        << story.error;
    EXPECT_TRUE(equal(story.frames[0], whole[0])) << name;
  }
}

TEST(Video, WithAFrameThatCannotBeDecodedIsReadUpToThere) {
  const TemporaryFolder folder;
  const auto path = write_video(folder / "a.avi", "MJPG");
  auto bytes = read_file(path);
  // The headers of the sixth JPEG: `FF D8` opens it.
  std::size_t at = 0;
  for (int i = 0; i <= 5; ++i) at = bytes.find("\xFF\xD8\xFF", at + 1);
  bytes.replace(at, 400, std::string(400, '\0'));
  std::ofstream(path, std::ios::binary) << bytes;
  const auto story = read_all(path);
  EXPECT_EQ(story.frames.size(), 5U);
  EXPECT_NE(story.error, "");
}

TEST(Video, ThatIsNoneIsOneLineThatSaysWhatItIsNot) {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& name, const std::string& bytes) {
    const auto path = folder / name;
    std::ofstream(path, std::ios::binary) << bytes;
    const auto error = read_all(path).error;
    EXPECT_EQ(error.rfind(path.string() + ": expected a video", 0), 0U) << error;
    EXPECT_EQ(error.find('\n'), std::string::npos);
  };
  refused("empty.mp4", "");
  refused("text.mp4", "no video at all");
  // A playlist and a script name other files and addresses, which a decoder would open.
  refused("playlist.mp4", "#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n");
  refused("script.mkv", "ffconcat version 1.0\nfile 'other.mp4'\n");
  refused("png.avi", "\x89PNG\r\n\x1a\n");
  refused("box.mp4", std::string("\0\0\0\x10", 4) + "ftypisom" + std::string(4, '\0'));
  refused("riff.avi", "RIFF" + std::string("\x04\0\0\0", 4) + "AVI ");
  EXPECT_THROW(open_video(folder / "none.mp4"), IoError);
  EXPECT_THROW(open_video(folder.path()), IoError);
}

TEST(Video, OfFramesThatAreTooLargeIsRefused) {
  const TemporaryFolder folder;
  const auto path = write_video(folder / "a.avi", "MJPG");
  auto bytes = read_file(path);
  const auto patch = [&](std::size_t at) {
    for (const std::size_t field : {at, at + 4})
      bytes.replace(field, 4, std::string("\xE0\x2E\0\0", 4));
  };
  patch(bytes.find("avih") + 8 + 32);
  patch(bytes.find("strf") + 8 + 4);
  // And in every JPEG: height and width of the frame header, 12000 each.
  for (auto at = bytes.find("\xFF\xC0"); at != std::string::npos;
       at = bytes.find("\xFF\xC0", at + 2))
    bytes.replace(at + 5, 4, "\x2E\xE0\x2E\xE0");
  std::ofstream(path, std::ios::binary) << bytes;
  const auto story = read_all(path);
  EXPECT_EQ(story.frames.size(), 0U);
  EXPECT_NE(story.error.find("at most 100000000 pixels"), std::string::npos) << story.error;
}

TEST(Video, WhoseFramesAreLargerThanItSaysIsRefusedBeforeTheyAreKept) {
  const TemporaryFolder folder;
  const auto path = write_video(folder / "a.avi", "MJPG");
  auto bytes = read_file(path);
  for (auto at = bytes.find("\xFF\xC0"); at != std::string::npos;
       at = bytes.find("\xFF\xC0", at + 2))
    bytes.replace(at + 5, 4, "\x2E\xE0\x2E\xE0");
  std::ofstream(path, std::ios::binary) << bytes;
  const auto story = read_all(path);
  EXPECT_EQ(story.frames.size(), 0U);
  EXPECT_NE(story.error, "");
}

TEST(VideoInputs, WaitWhileTooManyFramesAreStillToBeLoaded) {
  using namespace std::chrono_literals;
  const TemporaryFolder folder;
  const auto path = folder / "large.avi";
  const cv::Size size(3000, 3000);  // 27 MB a frame: ten are more than 256 MiB
  {
    cv::VideoWriter writer(path.string(), codec("MJPG"), kFps, size);
    for (int i = 0; i < 11; ++i) writer.write(cv::Mat(size, CV_8UC3, cv::Scalar::all(i)));
  }
  const auto inputs = pipeline::open_inputs({path.string()}, {});
  std::vector<data::Sample> waiting;
  for (int i = 0; i < 10; ++i) {
    auto input = inputs->next();
    ASSERT_TRUE(input.has_value());
    EXPECT_EQ(input->name, path.string() + "#" + std::to_string(i));
    waiting.push_back(std::move(*input));
  }
  auto eleventh = std::async(std::launch::async, [&] { return inputs->next(); });
  EXPECT_EQ(eleventh.wait_for(100ms), std::future_status::timeout);
  waiting.front().load = nullptr;
  const auto input = eleventh.get();
  ASSERT_TRUE(input.has_value());
  EXPECT_EQ(input->name, path.string() + "#10");
}

TEST(VideoInputs, ThatWaitEndWhenCancelled) {
  const TemporaryFolder folder;
  const auto path = write_video(folder / "a.avi", "MJPG");
  const auto inputs = pipeline::open_inputs({path.string()}, {});
  ASSERT_TRUE(inputs->next().has_value());
  inputs->cancel();
  EXPECT_FALSE(inputs->next().has_value());
}

TEST(Camera, ThatIsNotThereIsSaid) {
  try {
    open_camera(63);
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_EQ(std::string(error.what()).rfind("camera:63: expected a camera", 0), 0U);
  }
}

class AnnotatedFormats : public ::testing::TestWithParam<const char*> {};

TEST_P(AnnotatedFormats, HoldEveryFrameWithItsLabel) {
  const TemporaryFolder folder;
  const auto path = folder / GetParam();
  const cv::Size size(320, 240);
  const auto sink = create_video(path, kFps);
  for (int i = 0; i < kFrames; ++i)
    sink->write(view_of(cv::Mat(size, CV_8UC3, cv::Scalar::all(i % 2 == 0 ? 0 : 255))),
                "Sneaker 97.3%");
  sink->finish();
  const auto frames = read_all(path).frames;
  ASSERT_EQ(frames.size(), static_cast<std::size_t>(kFrames));
  for (const auto& frame : frames) {
    EXPECT_EQ(frame.size(), size);
    // The text is bright on a dark box, on black as on white. Encoders blur a little.
    double low = 0;
    double high = 0;
    cv::minMaxLoc(frame(cv::Rect(0, 0, 100, 20)).reshape(1), &low, &high);
    EXPECT_LT(low, 100);
    EXPECT_GT(high, 180);
  }
}

INSTANTIATE_TEST_SUITE_P(All, AnnotatedFormats,
                         ::testing::Values("a.avi", "a.mp4", "a.MP4", "a.mov", "a.mkv"));

TEST(AnnotatedVideo, TakesGreyFramesOddSizesAndAnyText) {
  const TemporaryFolder folder;
  const auto sink = create_video(folder / "a.avi", kFps);
  for (const char* text :
       {"", "café — 猫", "a label that is far too long for a frame so narrow as this"})
    sink->write(view_of(cv::Mat(33, 47, CV_8UC1, cv::Scalar(90))), text);
  EXPECT_THROW(sink->write(view_of(cv::Mat(34, 47, CV_8UC1)), ""), DataError);
  sink->finish();
  EXPECT_EQ(read_all(folder / "a.avi").frames.size(), 3U);
}

TEST(AnnotatedVideo, IsRefusedByANameThatIsNoVideos) {
  EXPECT_THROW(create_video("out.png", kFps), UsageError);
  EXPECT_THROW(create_video("out.webm", kFps), UsageError);
}

}  // namespace
}  // namespace vit::data
