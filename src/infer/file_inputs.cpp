#include "file_inputs.h"

#include <ATen/ATen.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "vit/core/error.h"
#include "vit/io/npy.h"
#include "vit/io/safetensors.h"
#include "vit/model/weights.h"

namespace vit::infer {
namespace fs = std::filesystem;
namespace {

std::string lower_extension(const fs::path& path) {
  auto extension = path.extension().string();
  for (auto& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return extension;
}

bool is_picture_name(const fs::path& path) {
  static const std::array<const char*, 7> suffixes{".jpg", ".jpeg", ".png", ".webp",
                                                   ".bmp", ".tif",  ".tiff"};
  const auto extension = lower_extension(path);
  return std::any_of(suffixes.begin(), suffixes.end(),
                     [&](const char* suffix) { return extension == suffix; });
}

bool is_folder(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

/// An input that only says what is wrong with it.
Input failed_input(std::string name, std::exception_ptr error) {
  return {std::move(name), -1,
          [error](std::span<float>, data::Image*) { std::rethrow_exception(error); }};
}

class FileInputs : public InputSource {
 public:
  FileInputs(std::vector<std::string> arguments, FileInputOptions options)
      : arguments_(std::move(arguments)), options_(std::move(options)) {}

  std::optional<Input> next() override {
    while (!cancelled()) {
      try {
        if (auto input = next_of_current()) return input;
        auto argument = next_argument();
        if (!argument) return std::nullopt;
        current_ = std::move(*argument);
        if (is_folder(current_)) {
          folder_.emplace(current_);
        } else if (is_tensor_file(current_)) {
          tensors_.emplace(current_, options_.shape);
        } else {
          return picture(current_);
        }
      } catch (...) {
        return failed_input(current_, std::current_exception());
      }
    }
    return std::nullopt;
  }

 private:
  /// From the folder or tensor file that was begun.
  std::optional<Input> next_of_current() {
    if (folder_) {
      if (auto file = folder_->next()) return picture(file->string());
      folder_.reset();
    }
    if (tensors_) {
      if (auto input = tensors_->next()) return input;
      tensors_.reset();
    }
    return std::nullopt;
  }

  std::optional<std::string> next_argument() {
    while (true) {
      if (lines_) {
        while (auto line = lines_->next())
          if (!line->empty()) return line;
        lines_.reset();
      }
      if (position_ == arguments_.size()) return std::nullopt;
      const auto& argument = arguments_[position_++];
      if (argument != "-") return argument;
      lines_.emplace(options_.stdin_descriptor, [this] { return cancelled(); });
    }
  }

  Input picture(const std::string& file) const {
    return {file, -1, [file, &options = options_](std::span<float> chw, data::Image* shown) {
              const auto& transform = options.transform();
              show_picture(file, data::decode_image(file, transform.channels()), transform, chw,
                           shown);
            }};
  }

  std::vector<std::string> arguments_;
  FileInputOptions options_;
  std::size_t position_ = 0;
  std::string current_;
  std::optional<LineReader> lines_;
  std::optional<FolderWalk> folder_;
  std::optional<TensorRows> tensors_;
};

}  // namespace

void show_picture(const std::string& name, const data::Image& image,
                  const data::EvalTransform& transform, std::span<float> chw,
                  data::Image* picture) {
  try {
    transform(image, chw);
    if (picture != nullptr) *picture = transform.crop(image);
  } catch (const DataError& error) {
    throw DataError("{}: {}", name, error.what());
  }
}

bool is_tensor_file(const std::string& file) {
  const auto extension = lower_extension(file);
  return extension == ".npy" || extension == ".safetensors";
}

std::unique_ptr<InputSource> open_inputs(std::vector<std::string> arguments,
                                         FileInputOptions options) {
  return std::make_unique<FileInputs>(std::move(arguments), std::move(options));
}

void FolderWalk::enter(const fs::path& folder) {
  ++found_;  // a folder that cannot be read is no folder without pictures
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0)
    throw IoError("{}: cannot be read: {}", folder.string(), std::strerror(errno));
  Level level;
  level.id = {status.st_dev, status.st_ino};
  const bool circle = std::any_of(levels_.begin(), levels_.end(),
                                  [&](const Level& outer) { return outer.id == level.id; });
  if (circle) {
    --found_;
    return;
  }
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (is_picture_name(it->path()) || is_folder(it->path().string()))
      level.entries.push_back(it->path());
  if (error) throw IoError("{}: cannot be read: {}", folder.string(), error.message());
  --found_;
  std::sort(level.entries.rbegin(), level.entries.rend());
  levels_.push_back(std::move(level));
}

std::optional<fs::path> FolderWalk::next() {
  if (!started_) {
    started_ = true;
    enter(root_);
  }
  while (!levels_.empty()) {
    if (levels_.back().entries.empty()) {
      levels_.pop_back();
      continue;
    }
    auto entry = std::move(levels_.back().entries.back());
    levels_.back().entries.pop_back();
    if (is_folder(entry.string())) {
      enter(entry);
      continue;
    }
    ++found_;
    return entry;
  }
  if (found_++ == 0)
    throw DataError("{}: expected pictures (jpg, jpeg, png, webp, bmp, tif, tiff), found none",
                    root_.string());
  return std::nullopt;
}

bool LineReader::fill() {
  buffer_.erase(0, position_);
  position_ = 0;
  while (!end_ && !cancelled_()) {
    pollfd waited{descriptor_, POLLIN, 0};
    if (::poll(&waited, 1, /*milliseconds=*/100) <= 0) continue;
    std::array<char, 1 << 16> block;
    const auto count = ::read(descriptor_, block.data(), block.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count < 0) throw IoError("standard input: cannot be read: {}", std::strerror(errno));
    end_ = count == 0;
    buffer_.append(block.data(), static_cast<std::size_t>(count));
    return true;
  }
  return false;
}

std::optional<std::string> LineReader::next() {
  while (!cancelled_()) {
    const auto stop = buffer_.find('\n', position_);
    if (stop != std::string::npos || (end_ && position_ < buffer_.size())) {
      auto line = buffer_.substr(position_, stop == std::string::npos ? stop : stop - position_);
      position_ = stop == std::string::npos ? buffer_.size() : stop + 1;
      return line;
    }
    if (!fill()) return std::nullopt;
  }
  return std::nullopt;
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
  const auto tensor = model::to_tensor(entry).contiguous();
  const auto* begin = static_cast<const std::byte*>(tensor.const_data_ptr());
  rows_ = io::memory_bytes({begin, begin + tensor.nbytes()});
}

std::optional<Input> TensorRows::next() {
  if (index_ >= count_) return std::nullopt;
  const auto bytes = rows_.size() / static_cast<std::uint64_t>(count_);
  auto row = rows_.part(static_cast<std::uint64_t>(index_) * bytes, bytes);
  auto name = count_ == 1 ? file_ : format("{}[{}]", file_, index_);
  ++index_;
  return Input{std::move(name), -1, [row = std::move(row)](std::span<float> chw, data::Image*) {
                 row.read(0, std::as_writable_bytes(chw));
               }};
}

}  // namespace vit::infer
