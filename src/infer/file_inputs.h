// The pieces of open_inputs: folders walked, standard input read, tensor files opened.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vit/infer/inputs.h"
#include "vit/io/byte_range.h"

namespace vit::infer {

/// A picture through `transform` into `chw`, and its 8-bit form into `picture` where asked for.
/// Throws DataError, which `name` opens, where the transform cannot take it.
void show_picture(const std::string& name, const data::Image& image,
                  const data::EvalTransform& transform, std::span<float> chw, data::Image* picture);

/// The pictures under a folder, depth first, in the order of their names. Holds one listing a
/// level, never the whole tree.
class FolderWalk {
 public:
  explicit FolderWalk(std::filesystem::path root) : root_(std::move(root)) {}
  /// The next picture; none at the end. Throws IoError where a folder cannot be listed, DataError
  /// at the end where there was no picture at all.
  std::optional<std::filesystem::path> next();

 private:
  struct Level {
    std::vector<std::filesystem::path> entries;  // last first
    std::pair<std::uint64_t, std::uint64_t> id;  // device and inode
  };

  void enter(const std::filesystem::path& folder);

  std::filesystem::path root_;
  std::vector<Level> levels_;
  bool started_ = false;
  std::int64_t found_ = 0;
};

/// Lines of a descriptor, read as they come; `cancelled` is asked while there is nothing.
class LineReader {
 public:
  LineReader(int descriptor, std::function<bool()> cancelled)
      : descriptor_(descriptor), cancelled_(std::move(cancelled)) {}
  std::optional<std::string> next();

 private:
  bool fill();

  int descriptor_;
  std::function<bool()> cancelled_;
  std::string buffer_;
  std::size_t position_ = 0;
  bool end_ = false;
};

/// The rows of a `.npy` or `.safetensors` file.
class TensorRows {
 public:
  /// Throws DataError where it is not float32 [B, C, H, W] of `shape`, IoError.
  TensorRows(const std::string& file, const std::array<std::int64_t, 3>& shape);
  std::optional<Input> next();

 private:
  std::string file_;
  io::ByteRange rows_;  // float32 [B, C, H, W], contiguous: a row is read when its turn comes
  std::int64_t count_ = 0;
  std::int64_t index_ = 0;
};

bool is_tensor_file(const std::string& file);

}  // namespace vit::infer
