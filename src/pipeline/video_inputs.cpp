#include "video_inputs.h"

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "vit/core/error.h"

namespace vit::pipeline {
namespace {

constexpr std::int64_t kMostWaitingBytes = std::int64_t{256} << 20;

std::unique_ptr<data::FrameSource> open_frames(const std::string& argument) {
  if (const auto camera = data::camera_number(argument)) return data::open_camera(*camera);
  return data::open_video(argument);
}

}  // namespace

/// Bytes of the frames that were handed out and are still there.
struct VideoInputs::Waiting {
  std::mutex mutex;
  std::condition_variable changed;
  std::int64_t bytes = 0;

  void add(std::int64_t count) {
    {
      const std::lock_guard lock(mutex);
      bytes += count;
    }
    changed.notify_all();
  }
};

bool is_video_argument(const std::string& argument) {
  return data::is_video_name(argument) || data::camera_number(argument).has_value();
}

VideoInputs::VideoInputs(const std::string& argument, const FrameInterval& interval,
                         std::function<const data::EvalTransform&()> transform,
                         std::function<bool()> cancelled)
    : name_(argument),
      source_(open_frames(argument)),
      picker_(interval),
      transform_(std::move(transform)),
      cancelled_(std::move(cancelled)),
      waiting_(std::make_shared<Waiting>()) {}

data::Frame VideoInputs::counted(data::Frame frame) {
  const auto bytes = frame.pixels.height * std::abs(frame.pixels.stride);
  waiting_->add(bytes);
  // The frame goes with the last who looks at it.
  frame.memory = std::shared_ptr<const void>(
      frame.memory.get(),
      [memory = frame.memory, waiting = waiting_, bytes](const void*) { waiting->add(-bytes); });
  return frame;
}

std::optional<data::Sample> VideoInputs::next() {
  using namespace std::chrono_literals;
  {
    std::unique_lock lock(waiting_->mutex);
    while (!waiting_->changed.wait_for(lock, 50ms,
                                       [&] { return waiting_->bytes < kMostWaitingBytes; }))
      if (cancelled_()) return std::nullopt;
  }
  while (!cancelled_() && source_->grab()) {
    const auto number = frame_++;
    if (!picker_.picks(source_->seconds())) continue;
    auto name = format("{}#{}", name_, number);
    return data::Sample{name, -1, -1,
                        [name, frame = counted(source_->retrieve()), transform = transform_](
                            std::span<float> chw, data::Image* shown) {
                          data::preprocess(name, frame.pixels, transform(), chw, shown);
                        }};
  }
  return std::nullopt;
}

}  // namespace vit::pipeline
