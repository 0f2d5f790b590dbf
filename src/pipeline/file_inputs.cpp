#include "file_inputs.h"

#include <algorithm>
#include <exception>
#include <filesystem>
#include <span>

#include "list_reader.h"
#include "video_inputs.h"
#include "vit/core/error.h"
#include "vit/core/paths.h"
#include "vit/data/folder_walk.h"
#include "vit/io/npy.h"
#include "vit/io/safetensors.h"

namespace vit::pipeline {
namespace {

/// An input that only says what is wrong with it.
data::Sample failed_input(std::string name, std::exception_ptr error) {
  return {std::move(name), -1, -1,
          [error](std::span<float>, data::Image*) { std::rethrow_exception(error); }};
}

class FileInputs : public data::SampleSource {
 public:
  FileInputs(std::vector<std::string> arguments, FileInputOptions options)
      : arguments_(std::move(arguments)), options_(std::move(options)) {}

  /// What is wrong with one input is thrown by its load; what is wrong with a list, and what
  /// `on_file` and `on_folder` refuse (a UsageError), ends the stream.
  std::optional<data::Sample> next() override {
    while (!cancelled()) {
      try {
        if (auto input = next_of_current()) return input;
      } catch (const UsageError&) {
        throw;
      } catch (...) {
        video_.reset();  // a video that breaks off has no more frames
        return failed_input(current_, std::current_exception());
      }
      auto argument = next_argument();
      if (!argument) return std::nullopt;
      current_ = std::move(*argument);
      if (auto input = begin_current()) return input;
    }
    return std::nullopt;
  }

 private:
  /// From the folder or tensor file that was begun.
  std::optional<data::Sample> next_of_current() {
    if (folder_) {
      if (auto file = next_of_folder()) return image(file->string());
    }
    if (tensors_) {
      if (auto input = tensors_->next()) return input;
      tensors_.reset();
    }
    if (video_) {
      if (auto input = video_->next()) return input;
      video_.reset();
    }
    return std::nullopt;
  }

  /// None at the end. Throws DataError where there was no image at all: a folder that cannot be
  /// read is no folder without images.
  std::optional<std::filesystem::path> next_of_folder() {
    ++found_;
    if (auto file = folder_->next()) return file;
    folder_.reset();
    if (found_ == 1)
      throw DataError("{}: expected images (jpg, jpeg, png, webp, bmp, tif, tiff), found none",
                      current_);
    return std::nullopt;
  }

  /// None where what is in it comes one by one.
  std::optional<data::Sample> begin_current() {
    if (data::is_folder(current_)) {
      found_ = 0;
      folder_.emplace(current_, data::FolderWalkOptions{.entering = options_.on_folder});
      return std::nullopt;
    }
    const bool video = is_video_argument(current_);
    if (!video && !is_tensor_file(current_)) return image(current_);
    if (options_.on_file) options_.on_file(current_);
    try {
      if (video)
        video_.emplace(current_, options_.every, options_.transform,
                       [this] { return cancelled(); });
      else
        tensors_.emplace(current_, options_.shape);
    } catch (const UsageError&) {
      throw;  // no such camera, no plug-in
    } catch (...) {
      return failed_input(current_, std::current_exception());
    }
    return std::nullopt;
  }

  std::optional<std::string> next_argument() {
    while (true) {
      if (list_) {
        if (auto name = list_->next()) return name;
        list_.reset();
      }
      if (position_ == arguments_.size()) return std::nullopt;
      const auto& argument = arguments_[position_++];
      if (argument != "-") return argument;
      list_.emplace(ListOptions{options_.stdin_descriptor, options_.null_separated,
                                [this] { return cancelled(); }});
    }
  }

  data::Sample image(const std::string& file) const {
    if (options_.on_file) options_.on_file(file);
    return {file, -1, -1, [file, &options = options_](std::span<float> chw, data::Image* shown) {
              const auto& transform = options.transform();
              data::preprocess(file, data::decode_image(file, transform.channels()), transform, chw,
                               shown);
            }};
  }

  std::vector<std::string> arguments_;
  FileInputOptions options_;
  std::size_t position_ = 0;
  std::string current_;
  std::optional<ListReader> list_;
  std::optional<data::FolderWalk> folder_;
  std::int64_t found_ = 0;  // of it: images, and folders that could not be read
  std::optional<TensorRows> tensors_;
  std::optional<VideoInputs> video_;
};

}  // namespace

bool is_tensor_file(const std::string& file) {
  const auto extension = lower_extension(file);
  return extension == ".npy" || extension == ".safetensors";
}

std::unique_ptr<data::SampleSource> open_inputs(std::vector<std::string> arguments,
                                                FileInputOptions options) {
  return std::make_unique<FileInputs>(std::move(arguments), std::move(options));
}

TensorRows::TensorRows(const std::string& file, const std::array<std::int64_t, 3>& shape)
    : file_(file) {
  io::TensorEntry entry;
  if (lower_extension(file) == ".npy") {
    entry = io::read_npy(file);
  } else {
    const auto opened = io::read_safetensors(file);
    const auto* found = opened.tensors.find("input");
    if (found == nullptr) throw DataError("{}: expected a tensor 'input', found none", file);
    entry = *found;
  }
  if (entry.dtype != io::DType::kF32 || entry.shape.size() != 4 ||
      !std::equal(shape.begin(), shape.end(), entry.shape.begin() + 1))
    throw DataError("{}: expected F32 [B, {}, {}, {}], found {} {}", file, shape[0], shape[1],
                    shape[2], io::name_of(entry.dtype), entry.shape);
  count_ = entry.shape[0];
  rows_ = entry.data;
  if (entry.strides.empty()) return;
  rows_ = io::memory_bytes(io::read_contiguous(entry));
}

std::optional<data::Sample> TensorRows::next() {
  if (index_ >= count_) return std::nullopt;
  const auto bytes = rows_.size() / static_cast<std::uint64_t>(count_);
  auto row = rows_.part(static_cast<std::uint64_t>(index_) * bytes, bytes);
  auto name = count_ == 1 ? file_ : format("{}[{}]", file_, index_);
  ++index_;
  return data::Sample{std::move(name), -1, -1,
                      [row = std::move(row)](std::span<float> chw, data::Image*) {
                        row.read(0, std::as_writable_bytes(chw));
                      }};
}

}  // namespace vit::pipeline
