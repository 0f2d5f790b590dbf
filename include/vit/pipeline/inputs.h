// What is to be answered, one input after the other, found as it is needed.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "vit/data/eval_transform.h"
#include "vit/data/sample.h"
#include "vit/pipeline/frames.h"

namespace vit::pipeline {

struct FileInputOptions {
  std::array<std::int64_t, 3> shape{3, 224, 224};  ///< [C, H, W] of the model's input
  /// Asked for when the first image comes.
  std::function<const data::EvalTransform&()> transform;
  int stdin_descriptor = 0;
  bool null_separated = false;  ///< the list on standard input, instead of lines
  /// Told of every file and every folder before it is read. A UsageError of theirs ends the stream.
  std::function<void(const std::filesystem::path&)> on_file, on_folder;
  FrameInterval every;  ///< which frames of a video or a camera
};

/// Each argument is an image, a folder (all images under it, sorted folder by folder, links
/// followed but never in a circle), `-` (a list of further ones on standard input, read as they
/// come) or a `.npy` / `.safetensors` (tensor `input`) of float32 [B, C, H, W] that is fed as it
/// is. A video or `camera:N` is each of its frames that `every` picks, named `clip.mp4#12`.
/// Whatever is wrong with one of them is thrown by its Sample's `load`; a list that cannot be
/// read or is none ends the stream: `next` throws IoError, DataError.
std::unique_ptr<data::SampleSource> open_inputs(std::vector<std::string> arguments,
                                                FileInputOptions options);

/// Inputs `begin` … `end` − 1 of another source.
std::unique_ptr<data::SampleSource> slice_inputs(std::unique_ptr<data::SampleSource> source,
                                                 std::int64_t begin, std::int64_t end);

/// The same inputs; `check` is called with the name of each of the first `count` before it is
/// handed out, and what it throws ends the stream. `next` throws UsageError where there are fewer.
std::unique_ptr<data::SampleSource> check_inputs(
    std::unique_ptr<data::SampleSource> source, std::int64_t count,
    std::function<void(const std::string& name)> check);

/// How many inputs are left; uses the source up.
std::int64_t count_inputs(data::SampleSource& source);

/// Which inputs are rank `rank`'s: whole batches next to each other, so that the ranks' outputs,
/// put one behind the other, are one process's output bit for bit.
std::array<std::int64_t, 2> shard_range(std::int64_t inputs, std::int64_t batch_size,
                                        std::int64_t rank, std::int64_t world_size);

}  // namespace vit::pipeline
